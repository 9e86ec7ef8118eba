use std::sync::Arc;

use domain::{Lane, PersonId, Timestamp, Version};
use proto::Event;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{Connection as _, Transaction};
use uuid::Uuid;

use crate::error::Error;
use crate::outbox;
use crate::store::Inner;

/// A transaction that also publishes.
///
/// Dropped without [`Tx::commit`] it leaves nothing behind, neither state nor events.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    store: Arc<Inner>,
    now: Timestamp,
    outgoing: Vec<Outgoing>,
}

/// An event that waits for its transaction to commit.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: Uuid,
    pub(crate) lane: Lane,
    pub(crate) subject: String,
    pub(crate) subject_id: String,
    pub(crate) kind: &'static str,
    pub(crate) person: Option<PersonId>,
    pub(crate) payload: Vec<u8>,
}

impl Tx {
    pub(crate) async fn begin(store: Arc<Inner>) -> Result<Self, Error> {
        let inner = store.pool.begin().await.map_err(Error::during("begin a transaction"))?;
        let now = store.clock.now();
        Ok(Self { inner, store, now, outgoing: Vec::new() })
    }

    /// The instant at which the transaction began: the `now` of everything it decides.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The epoch of the versions it writes.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.store.epoch
    }

    /// Returns the version that follows another in this service's epoch.
    #[must_use]
    pub fn next_version(&self, version: Version) -> Version {
        version.next(self.store.epoch)
    }

    /// Makes an id for a new row.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.store.clock.new_id()
    }

    /// Where statements run.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Queues an event; it is written to the outbox when the transaction commits.
    ///
    /// # Errors
    /// When the event lacks what every event needs.
    pub fn publish<E: Event>(&mut self, event: &E) -> Result<(), Error> {
        let subject = event.subject().map_err(|source| Error::Event { event: E::TYPE, source })?;
        self.outgoing.push(Outgoing {
            id: self.new_id(),
            lane: subject.lane,
            subject: subject.address(E::row()),
            subject_id: subject.id,
            kind: E::TYPE,
            person: subject.person,
            payload: event.encode_to_vec(),
        });
        Ok(())
    }

    /// Begins a part of the transaction that can be undone alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn savepoint(&mut self) -> Result<Transaction<'_, Postgres>, Error> {
        self.inner.begin().await.map_err(Error::during("set a savepoint"))
    }

    /// Writes the queued events and commits them together with everything else.
    ///
    /// # Errors
    /// When the database refuses; then nothing has happened.
    pub async fn commit(mut self) -> Result<(), Error> {
        if !self.outgoing.is_empty() {
            let outgoing = std::mem::take(&mut self.outgoing);
            outbox::insert(&mut self.inner, &outgoing, self.now, traceparent()).await?;
        }
        self.inner.commit().await.map_err(Error::during("commit"))?;
        self.store.committed.send_modify(|commits| *commits = commits.wrapping_add(1));
        Ok(())
    }
}

/// The W3C trace context under which the events are caused.
fn traceparent() -> Option<String> {
    telemetry::traceparent()
}
