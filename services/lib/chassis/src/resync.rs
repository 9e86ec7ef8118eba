//! Tells a service's whole state again in an epoch that was raised.
//!
//! A database that was restored from a backup has forgotten versions that it has told. In a raised
//! epoch every subject's present state is told once more, and beats whatever was told before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Rejection;
use store::epochs::{self, Resync as Progress};
use store::{Store, Tx};
use uuid::Uuid;

use crate::driver::Driver;

/// One part of a service's state: subjects of one kind.
pub trait Republish: Send + Sync + 'static {
    /// What it is, for logs.
    const WHAT: &'static str;

    /// Publishes the present state of up to `limit` subjects, in the order of their keys, and gives
    /// them versions of the transaction's epoch. Those that have one were told already.
    fn batch(
        &self,
        tx: &mut Tx,
        after: Uuid,
        limit: u16,
    ) -> impl Future<Output = Result<Told, Rejection>> + Send;
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Events that were published.
    pub events: usize,
    /// The last key, if there may be more behind it.
    pub next: Option<Uuid>,
}

impl Told {
    /// What a batch came to that asked for subjects with these keys and no more than `limit`.
    #[must_use]
    pub fn of(keys: &[Uuid], limit: u16) -> Self {
        let full = keys.len() >= usize::from(limit);
        Self { events: keys.len(), next: keys.last().copied().filter(|_last| full) }
    }
}

/// Drives the telling; a service names the parts of its state in an order that never changes.
pub struct Resync {
    store: Store,
    parts: Vec<Box<dyn Part>>,
    /// The epoch only changes with a new start, so what is finished stays so.
    finished: AtomicBool,
}

impl std::fmt::Debug for Resync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resync({} parts)", self.parts.len())
    }
}

trait Part: Send + Sync {
    fn what(&self) -> &'static str;

    fn batch<'a>(&'a self, tx: &'a mut Tx, after: Uuid, limit: u16) -> Batch<'a>;
}

type Batch<'a> = Pin<Box<dyn Future<Output = Result<Told, Rejection>> + Send + 'a>>;

impl<R: Republish> Part for R {
    fn what(&self) -> &'static str {
        R::WHAT
    }

    fn batch<'a>(&'a self, tx: &'a mut Tx, after: Uuid, limit: u16) -> Batch<'a> {
        Box::pin(Republish::batch(self, tx, after, limit))
    }
}

/// Subjects told in one transaction.
const SUBJECTS: u16 = 200;
/// While more events wait for the broker nothing is added: there is no hurry.
const PENDING_MAX: u64 = 5_000;

impl Resync {
    /// Tells nothing yet.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), parts: Vec::new(), finished: AtomicBool::new(false) }
    }

    /// Tells another part, after those named before.
    #[must_use]
    pub fn tell<R: Republish>(mut self, part: R) -> Self {
        self.parts.push(Box::new(part));
        self
    }

    async fn step(&self, tx: &mut Tx) -> Result<(), Rejection> {
        let Some(mut progress) = epochs::lock_unfinished(tx).await? else { return Ok(()) };
        if progress.epoch != tx.epoch() {
            // Another replica was started in a later epoch; it tells.
            return Ok(());
        }
        let Some(part) = self.parts.get(usize::from(progress.part)) else {
            progress.finished = true;
            let Progress { epoch, events, .. } = progress;
            tracing::info!(epoch, events, "everything was told again: {events} events");
            return Ok(epochs::advance(tx, &progress).await?);
        };
        let told = part.batch(tx, progress.told_to, SUBJECTS).await?;
        progress.events += u64::try_from(told.events).unwrap_or_default();
        match told.next {
            Some(next) => progress.told_to = next,
            None => {
                tracing::info!(epoch = progress.epoch, "{} were told again", part.what());
                progress.part += 1;
                progress.told_to = Uuid::nil();
            }
        }
        Ok(epochs::advance(tx, &progress).await?)
    }
}

impl Driver for Resync {
    type Job = ();
    type Outcome = ();

    const NAME: &'static str = "resync";
    const AT_ONCE: u16 = 1;

    // The row of the epoch says by itself how far it was told, so there is nothing to lease.
    async fn lease(&self, tx: &mut Tx, _limit: u16) -> Result<Vec<()>, Rejection> {
        if self.finished.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let latest = epochs::latest(self.store.pool()).await?;
        if latest.finished || latest.epoch != tx.epoch() {
            self.finished.store(true, Ordering::Relaxed);
            return Ok(Vec::new());
        }
        let (pending, _oldest) = store::outbox::backlog(self.store.pool()).await?;
        Ok(if pending > PENDING_MAX { Vec::new() } else { vec![()] })
    }

    async fn act(&self, jobs: &[()]) -> Vec<()> {
        jobs.to_vec()
    }

    async fn record(&self, tx: &mut Tx, _done: &[((), ())]) -> Result<(), Rejection> {
        self.step(tx).await
    }
}
