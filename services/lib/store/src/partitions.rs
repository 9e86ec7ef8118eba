//! Daily partitions of outbox and inbox, by the millisecond that begins every event id.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use domain::{Date, Timestamp};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use jiff_sqlx::ToSqlx as _;
use proto::catalogue::{self, Service, StreamRow};
use sqlx::Row as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::error::Error;

/// Partitions are made this many days ahead.
const DAYS_AHEAD: i32 = 2;
/// What is kept beyond the streams' maximum age: the outbox seven days, the inbox one more.
const OUTBOX_EXTRA_DAYS: i32 = 7;
const INBOX_EXTRA_DAYS: i32 = 8;

/// Remembers which partitions exist, so that the usual case costs no query.
#[derive(Debug)]
pub(crate) struct Partitions {
    outbox_days: i32,
    inbox_days: i32,
    known: Mutex<BTreeSet<(&'static str, Date)>>,
}

/// Returns the UTC day on which an event id was made, or `None` if it is not a UUID version 7.
#[must_use]
pub fn day_of(id: Uuid) -> Option<Date> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    if id.get_version_num() != 7 {
        return None;
    }
    let seconds = i64::try_from(seconds).ok()?;
    let instant = Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
    Some(instant.to_zoned(TimeZone::UTC).date())
}

impl Partitions {
    /// Keeps what is published as long as its own stream may need it, and what was handled a day
    /// longer than any publisher it hears from can publish it again.
    pub(crate) fn new(service: Service) -> Self {
        let published = catalogue::stream_of(service).map_or(0, |row| row.max_age_days);
        let heard = catalogue::consumers_of(service)
            .filter_map(|row| StreamRow::named(row.stream))
            .map(|row| row.max_age_days)
            .max()
            .unwrap_or(0);
        Self {
            outbox_days: i32::from(published) + OUTBOX_EXTRA_DAYS,
            inbox_days: i32::from(heard) + INBOX_EXTRA_DAYS,
            known: Mutex::new(BTreeSet::new()),
        }
    }

    /// Makes today's partitions and those of the next days.
    ///
    /// Tomorrow's must be there as well: a transaction that begins before midnight may make an id
    /// after it.
    pub(crate) async fn ensure_around(&self, pool: &PgPool, now: Timestamp) -> Result<(), Error> {
        let today = now.to_zoned(TimeZone::UTC).date();
        if self.knows("outbox", today) && self.knows("outbox", today.saturating_add(1.day())) {
            return Ok(());
        }
        let days: BTreeSet<Date> =
            (0..=DAYS_AHEAD).map(|ahead| today.saturating_add(ahead.days())).collect();
        self.ensure(pool, "outbox", &days).await?;
        self.ensure(pool, "inbox", &days).await
    }

    /// Makes the inbox's partitions for days of events that arrived; says which days are out of
    /// bounds: older than the inbox's retention, or in a future that no clock of the mesh has seen.
    pub(crate) async fn ensure_inbox(
        &self,
        pool: &PgPool,
        now: Timestamp,
        days: &BTreeSet<Date>,
    ) -> Result<BTreeSet<Date>, Error> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let oldest = today.saturating_sub(self.inbox_days.days());
        let newest = today.saturating_add(DAYS_AHEAD.days());
        let (inside, outside): (BTreeSet<Date>, BTreeSet<Date>) =
            days.iter().partition(|day| (oldest..=newest).contains(*day));
        self.ensure(pool, "inbox", &inside).await?;
        Ok(outside)
    }

    async fn ensure(
        &self,
        pool: &PgPool,
        table: &'static str,
        days: &BTreeSet<Date>,
    ) -> Result<(), Error> {
        let missing: Vec<Date> =
            days.iter().copied().filter(|day| !self.knows(table, *day)).collect();
        for day in missing {
            create(pool, table, day).await?;
            self.lock_known().insert((table, day));
        }
        Ok(())
    }

    /// Drops whole days past their retention; a day that still has pending events stays.
    pub(crate) async fn drop_old(&self, pool: &PgPool, now: Timestamp) -> Result<(), Error> {
        let today = now.to_zoned(TimeZone::UTC).date();
        for (table, kept) in [("outbox", self.outbox_days), ("inbox", self.inbox_days)] {
            let limit = today.saturating_sub(kept.days());
            for day in existing(pool, table).await? {
                if day >= limit || (table == "outbox" && has_pending(pool, day).await?) {
                    continue;
                }
                sqlx::query("SELECT drop_day($1, $2)")
                    .bind(table)
                    .bind(day.to_sqlx())
                    .execute(pool)
                    .await
                    .map_err(Error::during("drop an old partition"))?;
                self.lock_known().remove(&(table, day));
            }
        }
        Ok(())
    }

    fn knows(&self, table: &'static str, day: Date) -> bool {
        self.lock_known().contains(&(table, day))
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, BTreeSet<(&'static str, Date)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn create(pool: &PgPool, table: &'static str, day: Date) -> Result<(), Error> {
    sqlx::query("SELECT make_day($1, $2, $3, $4)")
        .bind(table)
        .bind(day.to_sqlx())
        .bind(first_id(day))
        .bind(first_id(day.saturating_add(1.day())))
        .execute(pool)
        .await
        .map_err(Error::during("make a day's partition"))?;
    Ok(())
}

async fn existing(pool: &PgPool, table: &'static str) -> Result<Vec<Date>, Error> {
    let rows = sqlx::query(
        "SELECT c.relname::text AS name FROM pg_inherits i
           JOIN pg_class c ON c.oid = i.inhrelid
           JOIN pg_class p ON p.oid = i.inhparent
          WHERE p.relname = $1 AND c.relkind = 'r' ORDER BY 1",
    )
    .bind(table)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list a table's partitions"))?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let name: String = row.get("name");
            Date::strptime("%Y%m%d", name.rsplit('_').next()?).ok()
        })
        .collect())
}

async fn has_pending(pool: &PgPool, day: Date) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox_pending WHERE id >= $1 AND id < $2)")
        .bind(first_id(day))
        .bind(first_id(day.saturating_add(1.day())))
        .fetch_one(pool)
        .await
        .map_err(Error::during("look for pending events of a day"))
}

/// The smallest id that can be made on a day.
fn first_id(day: Date) -> Uuid {
    first_id_at(
        day.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()).unwrap_or_default(),
    )
}

/// The smallest id that can be made at an instant.
pub(crate) fn first_id_at(instant: Timestamp) -> Uuid {
    let millis = instant.as_millisecond();
    Uuid::from_u128(u128::from(u64::try_from(millis).unwrap_or_default()) << 80)
}
