//! Work that has fallen due: lease, act, record.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::Rejection;
use store::{Store, Tx};
use tokio_util::sync::CancellationToken;

/// Drives work that has fallen due, a batch at a time.
///
/// Replicas share the work by leases (`FOR UPDATE SKIP LOCKED`): a lease that is not recorded runs
/// out, and somebody else takes the job.
pub trait Driver: Send + Sync + 'static {
    /// One thing to do.
    type Job: Send + Sync;
    /// What became of it.
    type Outcome: Send + Sync;

    /// `<service>.<what>`, for spans and logs.
    const NAME: &'static str;
    /// Jobs leased at once.
    const AT_ONCE: u16;
    /// Batches in hand at once.
    const WORKERS: usize = 1;

    /// Leases jobs that are due, the leaver lane first.
    fn lease(
        &self,
        tx: &mut Tx,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<Self::Job>, Rejection>> + Send;

    /// Touches the outside world. No transaction is open. One outcome per job, in order.
    fn act(&self, jobs: &[Self::Job]) -> impl Future<Output = Vec<Self::Outcome>> + Send;

    /// Records the outcomes, unless a job changed hands meanwhile.
    fn record(
        &self,
        tx: &mut Tx,
        done: &[(Self::Job, Self::Outcome)],
    ) -> impl Future<Output = Result<(), Rejection>> + Send;
}

/// How often due work is looked for when no commit of this process asks for it.
const INTERVAL: Duration = Duration::from_millis(200);
/// Commits that follow each other closely are answered by one look.
const GATHER: Duration = Duration::from_millis(4);
/// Attempts to record what was done; after that the lease runs out and the job is done again.
const RECORD_ATTEMPTS: u32 = 8;

pub(crate) type Driving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A driver with its types erased.
pub(crate) trait AnyDriver: Send + Sync {
    fn spawn(self: Arc<Self>, store: Store, drain: CancellationToken) -> Vec<Driving>;

    fn turn<'a>(&'a self, store: &'a Store) -> Turn<'a>;
}

pub(crate) type Turn<'a> = Pin<Box<dyn Future<Output = Result<bool, Rejection>> + Send + 'a>>;

impl<D: Driver> AnyDriver for D {
    fn spawn(self: Arc<Self>, store: Store, drain: CancellationToken) -> Vec<Driving> {
        (0..D::WORKERS)
            .map(|_| {
                let (driver, store, drain) = (Arc::clone(&self), store.clone(), drain.clone());
                Box::pin(async move { drive(&*driver, &store, &drain).await }) as Driving
            })
            .collect()
    }

    fn turn<'a>(&'a self, store: &'a Store) -> Turn<'a> {
        Box::pin(turn(self, store))
    }
}

async fn drive<D: Driver>(driver: &D, store: &Store, drain: &CancellationToken) {
    let mut commits = store.commits();
    while !drain.is_cancelled() {
        commits.mark_unchanged();
        let worked = match turn(driver, store).await {
            Ok(worked) => worked,
            Err(rejection) => {
                tracing::warn!(driver = D::NAME, "{} is tried again: {rejection}", D::NAME);
                false
            }
        };
        if worked {
            continue;
        }
        tokio::select! {
            () = drain.cancelled() => {}
            _changed = commits.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// One batch; says whether there was anything to do.
async fn turn<D: Driver>(driver: &D, store: &Store) -> Result<bool, Rejection> {
    let mut tx = store.begin().await?;
    let jobs = driver.lease(&mut tx, D::AT_ONCE).await?;
    if jobs.is_empty() {
        return Ok(false);
    }
    tx.commit().await?;
    let outcomes = driver.act(&jobs).await;
    let done: Vec<(D::Job, D::Outcome)> = jobs.into_iter().zip(outcomes).collect();
    let mut pause = Duration::from_millis(100);
    for attempt in 1..=RECORD_ATTEMPTS {
        match record(driver, store, &done).await {
            Ok(()) => return Ok(true),
            Err(rejection @ Rejection::Park { .. }) => {
                tracing::error!(driver = D::NAME, "{} cannot record: {rejection}", D::NAME);
                return Err(rejection);
            }
            Err(rejection @ (Rejection::Retry { .. } | Rejection::RetryAt { .. })) => {
                tracing::warn!(driver = D::NAME, attempt, "{} records again: {rejection}", D::NAME);
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
    Err(Rejection::Retry { reason: "what was done could not be recorded".to_owned() })
}

async fn record<D: Driver>(
    driver: &D,
    store: &Store,
    done: &[(D::Job, D::Outcome)],
) -> Result<(), Rejection> {
    let mut tx = store.begin().await?;
    driver.record(&mut tx, done).await?;
    tx.commit().await?;
    Ok(())
}
