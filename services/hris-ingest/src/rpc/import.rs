//! The import request: the file comes in, progress and a summary go out.
//!
//! Everything happens within the stream of answers. A file is read while it arrives. A client that goes
//! away before it is staged cancels the import; afterwards the driver applies it, whoever watches.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::RunId;
use futures::{Stream, StreamExt as _, future, stream};
use proto::hris::v1 as wire;
use store::Store;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::upload::{self, Opened, status};
use super::{Rpc, holds, internal, summary};
use crate::import::{self, Error, Order, Progress, Spool, Stage};
use crate::mapping::Source;
use crate::run::{self, State};

/// Reports that the client has not read yet; further progress is not told.
const REPORTS: usize = 64;
/// How often a run is looked at that another process may be applying.
const LOOK: Duration = Duration::from_millis(500);

type Report = Result<wire::ImportResponse, Status>;

/// What goes out.
pub(crate) type Reports = Pin<Box<dyn Stream<Item = Report> + Send>>;

/// Reads what is to be imported; the rest happens as the reports are read.
pub(super) async fn begin(
    rpc: Rpc,
    mut parts: Streaming<wire::ImportRequest>,
) -> Result<Reports, Status> {
    let Opened { permit, announced, order, source } = upload::open(&rpc, &mut parts).await?;
    rpc.abandoned.give_up(&rpc.store).await.map_err(status)?;
    import::check(&rpc.store, &source, &order).await.map_err(status)?;

    let (sender, receiver) = mpsc::channel(REPORTS);
    let work = Box::pin(async move {
        let outcome = carry_out(&rpc, parts, announced, (&source, &order), &sender).await;
        if sender.send(outcome).await.is_err() {
            tracing::debug!("nobody reads the import's outcome");
        }
        drop(permit);
    });
    let quiet = stream::once(work).filter_map(|()| future::ready(None));
    Ok(Box::pin(stream::select(ReceiverStream::new(receiver), quiet)))
}

async fn carry_out(
    rpc: &Rpc,
    parts: Streaming<wire::ImportRequest>,
    announced: u64,
    (source, order): (&Source, &Order),
    reports: &mpsc::Sender<Report>,
) -> Report {
    let tell = |progress: Progress| {
        let told = reports.try_send(Ok(told(progress)));
        if told.is_err() {
            tracing::trace!("progress is not read and not told");
        }
    };
    let spool = |error| status(Error::Spool(error));
    let arriving = Spool::create(rpc.config.spool_folder.as_deref()).map_err(spool)?;
    let file = arriving.incoming();
    let id = import::open(&rpc.store, source, order).await.map_err(status)?;
    let mut watched = Watched { abandoned: &rpc.abandoned, run: Some(id) };
    let receiving = upload::receive(rpc.config.file_bytes_max, parts, announced, arriving, &tell);
    let staging = Box::pin(import::stage_as(id, &rpc.store, &rpc.config, order, &file, &tell));
    let staged = upload::meanwhile(receiving, staging).await;
    watched.run = None;
    staged?;
    let run = watch(rpc, id, &tell).await?;
    match run.error {
        None => {
            let held = match run.state {
                State::Held => Some(holds::held(&rpc.store, run.id).await?),
                State::Staging | State::Applying | State::Finished | State::Failed => None,
            };
            let summary = wire::ImportSummary { held, ..summary(&run) };
            let report = wire::import_response::Report::Summary(summary);
            Ok(wire::ImportResponse { report: Some(report) })
        }
        Some(error) => Err(Status::failed_precondition(error)),
    }
}

/// Runs whose sender has gone away. They are given up when the next file comes, before their leases end.
#[derive(Debug, Clone, Default)]
pub(super) struct Abandoned {
    runs: Arc<Mutex<Vec<RunId>>>,
}

/// A run that is abandoned unless it is read to its end.
struct Watched<'a> {
    abandoned: &'a Abandoned,
    run: Option<RunId>,
}

impl Abandoned {
    fn runs(&self) -> MutexGuard<'_, Vec<RunId>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn give_up(&self, store: &Store) -> Result<(), Error> {
        let runs = self.runs().clone();
        for run in runs {
            import::give_up(store, run).await?;
            self.runs().retain(|abandoned| *abandoned != run);
        }
        Ok(())
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.abandoned.runs().extend(self.run);
    }
}

/// Waits until the driver has applied a run, here or in another process, or it is held.
async fn watch(rpc: &Rpc, id: RunId, tell: import::Tell<'_>) -> Result<run::Run, Status> {
    let mut commits = rpc.store.commits();
    loop {
        commits.mark_unchanged();
        let run = match run::table::find(rpc.store.pool(), id).await {
            Ok(run) => run,
            Err(error) if error.is_transient() => {
                // The run goes on once the database is back, and so does whoever watches it.
                tracing::warn!(run.id = %id, "run {id}: {}", domain::Rejection::retry(error));
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(error) => return Err(internal(error)),
        };
        let run = run.ok_or_else(|| Status::not_found(format!("run {id} is gone")))?;
        let total = run.content.workers + run.content.unchanged;
        let done = run.tally.people();
        if run.state != State::Held {
            tell(Progress { stage: Stage::Apply, done, total: total.max(done) });
        }
        match run.state {
            State::Held | State::Finished | State::Failed => return Ok(run),
            State::Staging | State::Applying => {}
        }
        // The outcome does not matter: either way it is time to look.
        drop(timeout(LOOK, commits.changed()).await);
    }
}

fn told(progress: Progress) -> wire::ImportResponse {
    let Progress { stage, done, total } = progress;
    let progress = wire::ImportProgress { stage: stage.as_str().to_owned(), done, total };
    wire::ImportResponse { report: Some(wire::import_response::Report::Progress(progress)) }
}
