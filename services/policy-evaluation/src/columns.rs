//! Everybody in memory: what people who are employed are, and what they hold.
//!
//! A cache of the tables, kept by each process and brought up to date when it is asked. It reads
//! only who has changed since: every write of a person carries its transaction's number, and below
//! the number that is asked for first, all transactions have ended.
//!
//! Invariants:
//! - whatever was committed before an answer's `read_at` is in the answer;
//! - an answer is not older than [`AGE_MAX`]: without one that young there is none.

mod people;

use std::time::Duration;

use domain::{PersonId, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use store::{Store, Tx};
use tokio::sync::{RwLock, RwLockReadGuard};
use uuid::Uuid;

use crate::person::table::changes::{self, Change};
use crate::timeline::{Key, table as timelines};

pub(crate) use people::{Agreement, Count, People, Values};

/// How far an answer may be behind the tables.
const AGE_MAX: SignedDuration = SignedDuration::from_secs(5);
/// How long a question waits for the cache to be brought up to date.
const WAIT: Duration = Duration::from_secs(1);
/// People read in one transaction.
const PAGE: u16 = 1000;

/// One process's cache of everybody.
#[derive(Debug, Default)]
pub(crate) struct Columns(RwLock<Cache>);

/// People, and how far they are read.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) people: People,
    /// Every transaction below this number is in.
    pub(crate) sequence: i64,
    /// When that was so; none before everybody was read once.
    pub(crate) read_at: Option<Timestamp>,
    pass: Option<Pass>,
}

/// One way through who has changed; it goes on where it was interrupted.
#[derive(Debug, Clone, Copy)]
struct Pass {
    /// Below it all transactions had ended when the pass began.
    horizon: i64,
    began_at: Timestamp,
    /// The last person that was read.
    after: Uuid,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "this replica has read {read} people and is not through yet, {why}; ask again in a moment"
    )]
    Loading { read: usize, why: String },
    #[error(
        "this replica is {age_ms} ms behind the tables and may be {max_ms} ms behind, {why}; ask \
         again, or ask another replica",
        max_ms = AGE_MAX.as_millis()
    )]
    Stale { age_ms: i128, why: String },
}

impl Columns {
    /// Brings the cache up to date and returns it.
    ///
    /// # Errors
    /// When that fails and the cache is older than an answer may be.
    pub(crate) async fn fresh(
        &self,
        store: &Store,
        zone: &TimeZone,
    ) -> Result<RwLockReadGuard<'_, Cache>, Error> {
        let refreshed = tokio::time::timeout(WAIT, async {
            let mut cache = self.0.write().await;
            cache.refresh(store, zone).await?;
            Ok(cache.downgrade())
        });
        let why = match refreshed.await {
            Ok(Ok(cache)) => return Ok(cache),
            Ok(Err(error)) => failed(error),
            Err(_elapsed) => format!("which took longer than {} s", WAIT.as_secs()),
        };
        let cache = self.0.read().await;
        cache.check(store.clock().now(), why)?;
        Ok(cache)
    }
}

/// Says why the cache could not be brought up to date; what else there is to say is for the log.
fn failed(error: store::Error) -> String {
    let rejection = domain::Rejection::from(error);
    tracing::warn!("people in memory are not brought up to date: {rejection}");
    "because the database does not answer".to_owned()
}

impl Cache {
    fn check(&self, now: Timestamp, why: String) -> Result<(), Error> {
        let Some(read_at) = self.read_at else {
            return Err(Error::Loading { read: self.people.len(), why });
        };
        let age = now.duration_since(read_at);
        match age > AGE_MAX {
            true => Err(Error::Stale { age_ms: age.as_millis(), why }),
            false => Ok(()),
        }
    }

    async fn refresh(&mut self, store: &Store, zone: &TimeZone) -> Result<(), store::Error> {
        // Wherever an interrupted pass stopped, whoever changed since it began is in the next one.
        let interrupted = self.pass.is_some();
        while !self.step(store, zone).await? {}
        if interrupted {
            while !self.step(store, zone).await? {}
        }
        Ok(())
    }

    /// Reads one page; says whether it was the last one of its pass.
    async fn step(&mut self, store: &Store, zone: &TimeZone) -> Result<bool, store::Error> {
        let mut tx = store.begin().await?;
        let pass = match self.pass {
            Some(pass) => pass,
            None => Pass {
                began_at: tx.now(),
                horizon: changes::horizon(&mut tx).await?,
                after: Uuid::nil(),
            },
        };
        if pass.horizon < self.sequence {
            // Another server than before: its transactions are numbered anew.
            tracing::warn!("transactions are numbered anew: everybody is read again");
            *self = Self::default();
        }
        let written = changes::since(&mut tx, self.sequence, pass.after, PAGE).await?;
        let unread: Vec<PersonId> =
            written.iter().filter(|change| !self.has(change)).map(|change| change.person).collect();
        self.read(&mut tx, zone, &unread).await?;
        let last = written.last().filter(|_last| written.len() == usize::from(PAGE));
        match last {
            Some(last) => self.pass = Some(Pass { after: last.person.0, ..pass }),
            None => {
                self.pass = None;
                self.sequence = pass.horizon;
                self.read_at = Some(pass.began_at);
            }
        }
        Ok(last.is_none())
    }

    fn has(&self, change: &Change) -> bool {
        self.people.changed_in(change.person) == Some(change.changed_in)
    }

    async fn read(
        &mut self,
        tx: &mut Tx,
        zone: &TimeZone,
        people: &[PersonId],
    ) -> Result<(), store::Error> {
        if people.is_empty() {
            return Ok(());
        }
        let changed = changes::read(tx, people).await?;
        let keys: Vec<Key> = changed.values().map(|one| one.key).collect();
        let known = timelines::read(tx, &keys).await?;
        let now = tx.now();
        for one in changed.into_values() {
            let Some(known) = known.get(&one.key) else { continue };
            let profiles = rules::profiles(&known.timeline, zone, now);
            self.people.replace(&one, profiles.into_iter().map(|(_id, profile)| profile));
        }
        Ok(())
    }
}
