//! SQL for `timers`: instants at which something falls due. They survive restarts, and late ones
//! run at once.

use domain::{Lane, Timestamp};
use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use uuid::Uuid;

use crate::error::Error;
use crate::tx::Tx;

/// One thing that falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// What it is for; one timer per kind and key.
    pub key: Uuid,
    /// The lane it is taken in.
    pub lane: Lane,
    /// When it falls due.
    pub due_at: Timestamp,
}

/// Sets timers; one that exists is moved and loses its lease.
///
/// # Errors
/// When the database is out of reach.
pub async fn set(tx: &mut Tx, kind: &'static str, timers: &[Timer]) -> Result<(), Error> {
    if timers.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = timers.iter().map(|timer| timer.key).collect();
    let lanes: Vec<i16> = timers.iter().map(|timer| timer.lane.rank()).collect();
    let due: Vec<jiff_sqlx::Timestamp> =
        timers.iter().map(|timer| timer.due_at.to_sqlx()).collect();
    sqlx::query(
        "INSERT INTO timers (kind, key, lane, due_at)
         SELECT $1, key, lane, due_at
           FROM UNNEST($2::uuid[], $3::smallint[], $4::timestamptz[]) AS t (key, lane, due_at)
          ORDER BY key
         ON CONFLICT (kind, key) DO UPDATE
            SET lane = excluded.lane, due_at = excluded.due_at, leased_until = NULL",
    )
    .bind(kind)
    .bind(keys)
    .bind(lanes)
    .bind(due)
    .execute(tx.connection())
    .await
    .map_err(Error::during("set timers"))?;
    Ok(())
}

/// Removes timers.
///
/// # Errors
/// When the database is out of reach.
pub async fn clear(tx: &mut Tx, kind: &'static str, keys: &[Uuid]) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM timers WHERE kind = $1 AND key = ANY($2)")
        .bind(kind)
        .bind(keys)
        .execute(tx.connection())
        .await
        .map_err(Error::during("clear timers"))?;
    Ok(())
}

/// Leases timers that are due, the leaver lane first; nobody else gets them before the lease ends.
///
/// # Errors
/// When the database is out of reach.
pub async fn lease(
    tx: &mut Tx,
    kind: &'static str,
    lease: SignedDuration,
    limit: u16,
) -> Result<Vec<Timer>, Error> {
    let now = tx.now();
    let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
    let rows: Vec<(Uuid, i16, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "UPDATE timers t SET leased_until = $3
           FROM (SELECT kind, key FROM timers
                  WHERE kind = $1 AND due_at <= $2
                    AND (leased_until IS NULL OR leased_until <= $2)
                  ORDER BY lane, due_at LIMIT $4 FOR UPDATE SKIP LOCKED) due
          WHERE t.kind = due.kind AND t.key = due.key
         RETURNING t.key, t.lane, t.due_at",
    )
    .bind(kind)
    .bind(now.to_sqlx())
    .bind(until.to_sqlx())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lease timers"))?;
    Ok(rows
        .into_iter()
        .map(|(key, lane, due_at)| Timer {
            key,
            lane: Lane::from_rank(lane),
            due_at: due_at.to_jiff(),
        })
        .collect())
}

/// Returns how many timers of any kind are overdue at `now`.
///
/// # Errors
/// When the database is out of reach.
pub async fn overdue(pool: &sqlx::PgPool, now: Timestamp) -> Result<u64, Error> {
    let timers: i64 = sqlx::query_scalar("SELECT count(*) FROM timers WHERE due_at <= $1")
        .bind(now.to_sqlx())
        .fetch_one(pool)
        .await
        .map_err(Error::during("count overdue timers"))?;
    Ok(u64::try_from(timers).unwrap_or_default())
}
