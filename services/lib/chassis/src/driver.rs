//! Work that has fallen due: lease, act, record.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{PersonId, Rejection};
use store::{Store, Tx};
use telemetry::{Description, Role, Traced};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

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
    /// How often the lease of a batch in hand is made longer. A short lease that is kept lets
    /// somebody else take over soon after its holder has died.
    const KEEP_EVERY: Option<Duration> = None;

    /// Whom a job concerns and what made it due; `None` when that is nobody in particular.
    fn cause<'a>(&self, _job: &'a Self::Job) -> Option<Cause<'a>> {
        None
    }

    /// Leases jobs that are due, the leaver lane first.
    fn lease(
        &self,
        tx: &mut Tx,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<Self::Job>, Rejection>> + Send;

    /// Touches the outside world. No transaction is open. One outcome per job, in order.
    fn act(&self, jobs: &[Self::Job]) -> impl Future<Output = Vec<Self::Outcome>> + Send;

    /// Makes the lease of a batch in hand longer.
    fn keep(
        &self,
        _tx: &mut Tx,
        _jobs: &[Self::Job],
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        std::future::ready(Ok(()))
    }

    /// Records the outcomes, unless a job changed hands meanwhile.
    fn record(
        &self,
        tx: &mut Tx,
        done: &[(Self::Job, Self::Outcome)],
    ) -> impl Future<Output = Result<(), Rejection>> + Send;
}

/// Why a job is done.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// Whom the job concerns: what is recorded about them is caused by the job.
    pub person: PersonId,
    /// The W3C trace context that was kept when the job was left to be done; without one the job
    /// begins a trace of its own.
    pub traceparent: Option<&'a str>,
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
    // The jobs have spans of their own, linked to this one.
    let span = tracing::info_span!("drive", otel.name = D::NAME, batch.jobs = jobs.len());
    if let [job] = jobs.as_slice()
        && let Some(Cause { traceparent: Some(alone), .. }) = driver.cause(job)
    {
        telemetry::follow(&span, alone);
    }
    work(driver, store, jobs).instrument(span).await
}

async fn work<D: Driver>(driver: &D, store: &Store, jobs: Vec<D::Job>) -> Result<bool, Rejection> {
    let traced: Vec<Option<Traced>> = jobs.iter().map(|job| traced(driver, job)).collect();
    let outcomes = act(driver, store, &jobs).await;
    let done: Vec<(D::Job, D::Outcome)> = jobs.into_iter().zip(outcomes).collect();
    let mut pause = Duration::from_millis(100);
    for attempt in 1..=RECORD_ATTEMPTS {
        match record(driver, store, &done, &traced).await {
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

/// The span of one job, from its lease to its record; none when nothing is exported.
fn traced<D: Driver>(driver: &D, job: &D::Job) -> Option<Traced> {
    if !telemetry::is_traced() {
        return None;
    }
    let Cause { person, traceparent } = driver.cause(job)?;
    telemetry::begin(Role::Internal, traceparent, || Description {
        name: format!("do {}", D::NAME).into(),
        attributes: vec![("person.id", person.to_string().into())],
    })
}

/// Acts, and keeps the lease meanwhile.
async fn act<D: Driver>(driver: &D, store: &Store, jobs: &[D::Job]) -> Vec<D::Outcome> {
    let Some(every) = D::KEEP_EVERY else { return driver.act(jobs).await };
    let keeping = async {
        loop {
            tokio::time::sleep(every).await;
            if let Err(rejection) = keep(driver, store, jobs).await {
                tracing::warn!(driver = D::NAME, "{} cannot keep its lease: {rejection}", D::NAME);
            }
        }
    };
    tokio::select! {
        outcomes = driver.act(jobs) => outcomes,
        never = keeping => never,
    }
}

async fn keep<D: Driver>(driver: &D, store: &Store, jobs: &[D::Job]) -> Result<(), Rejection> {
    let mut tx = store.begin().await?;
    driver.keep(&mut tx, jobs).await?;
    tx.commit().await?;
    Ok(())
}

async fn record<D: Driver>(
    driver: &D,
    store: &Store,
    done: &[(D::Job, D::Outcome)],
    traced: &[Option<Traced>],
) -> Result<(), Rejection> {
    let mut tx = store.begin().await?;
    for ((job, _outcome), traced) in done.iter().zip(traced) {
        let Some(Cause { person, traceparent }) = driver.cause(job) else { continue };
        let own = traced.as_ref().map(Traced::traceparent);
        if let Some(cause) = own.or_else(|| traceparent.map(str::to_owned)) {
            tx.set_cause(person, cause);
        }
    }
    driver.record(&mut tx, done).await?;
    tx.commit().await?;
    Ok(())
}
