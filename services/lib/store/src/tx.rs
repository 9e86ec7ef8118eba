use std::sync::Arc;

use domain::{Lane, PersonId, Timestamp, Version};
use proto::Event;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{Connection as _, Transaction};
use uuid::Uuid;

use crate::causes::Causes;
use crate::error::Error;
use crate::outbox;
use crate::store::Inner;
use crate::whole::to_its_end;

/// A transaction that also publishes.
///
/// Dropped without [`Tx::commit`] it leaves nothing behind, neither state nor events.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    store: Arc<Inner>,
    now: Timestamp,
    outgoing: Vec<Outgoing>,
    causes: Causes,
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
    pub(crate) traceparent: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// Begins a transaction, to its end even if nobody waits for it any more.
pub(crate) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    const DURING: &str = "begin a transaction";
    let pool = pool.clone();
    to_its_end(DURING, async move { pool.begin().await.map_err(Error::during(DURING)) }).await
}

impl Tx {
    pub(crate) async fn begin(store: Arc<Inner>) -> Result<Self, Error> {
        let inner = begin(&store.pool).await?;
        let now = store.clock.now();
        Ok(Self { inner, store, now, outgoing: Vec::new(), causes: Causes::default() })
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

    /// Says under which W3C trace context what concerns a person is caused.
    pub fn set_cause(&mut self, person: PersonId, traceparent: impl Into<String>) {
        self.causes.set(person, traceparent.into());
    }

    /// Begins a trace as the cause of what concerns a person: where a change is learnt, so that a
    /// trace is one person's change and not a whole batch.
    pub fn begin_trace(&mut self, person: PersonId) {
        self.causes.begin(person);
    }

    /// Returns the trace context under which what concerns a person is caused, for work that is
    /// left to be done later.
    #[must_use]
    pub fn cause(&self, person: PersonId) -> Option<String> {
        self.causes.of(Some(person))
    }

    /// Where statements run.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Queues an event; it is written to the outbox when the transaction commits, under the trace
    /// context that caused it.
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
            traceparent: self.causes.of(subject.person),
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
            outbox::insert(&mut self.inner, &outgoing, self.now).await?;
        }
        self.inner.commit().await.map_err(Error::during("commit"))?;
        self.store.committed.send_modify(|commits| *commits = commits.wrapping_add(1));
        Ok(())
    }
}
