//! The import request: the file comes in, progress and a summary go out.
//!
//! Everything happens within the stream of answers. A file is read while it arrives. A client that goes
//! away before it is staged cancels the import; afterwards the driver applies it, whoever watches.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::RunId;
use futures::{Stream, StreamExt as _, future, stream};
use proto::convert;
use proto::hris::v1 as wire;
use store::Store;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::{Rpc, holds, internal, summary};
use crate::facts::Contract;
use crate::import::{self, Error, Order, Progress, Spool, Stage};
use crate::reader;
use crate::run::{self, State};

/// How long the next part of a file may take.
const PART: Duration = Duration::from_secs(60);
/// How long a whole file may take: meanwhile no other file of its source is read.
const FILE: Duration = Duration::from_secs(3_600);
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
    let permit = rpc.imports.clone().try_acquire_owned().map_err(|_error| {
        Status::resource_exhausted("too many files are being imported: try again later")
    })?;
    let Some(wire::import_request::Part::Open(open)) = next(&mut parts).await? else {
        return Err(Status::invalid_argument("the first message does not open the import"));
    };
    let (announced, order) = (open.size_bytes, order(open)?);
    let source = order.source(&rpc.config).map_err(|error| status(error.into()))?;
    rpc.abandoned.give_up(&rpc.store).await.map_err(status)?;
    import::check(&rpc.store, &source, &order).await.map_err(status)?;
    let limit = rpc.config.file_bytes_max;
    if announced > limit {
        return Err(status(Error::FileTooLarge { limit }));
    }

    let (sender, receiver) = mpsc::channel(REPORTS);
    let work = Box::pin(async move {
        let outcome = carry_out(&rpc, parts, announced, &order, &sender).await;
        if sender.send(outcome).await.is_err() {
            tracing::debug!("nobody reads the import's outcome");
        }
        drop(permit);
    });
    let quiet = stream::once(work).filter_map(|()| future::ready(None));
    Ok(Box::pin(stream::select(ReceiverStream::new(receiver), quiet)))
}

fn order(open: wire::OpenImport) -> Result<Order, Status> {
    let contract = match open.contract() {
        wire::FileContract::Full => Contract::Full,
        wire::FileContract::Partial => Contract::Partial,
        wire::FileContract::Unspecified => {
            return Err(Status::invalid_argument(
                "whether the file is full or partial must be stated",
            ));
        }
    };
    let snapshot_date = convert::date("snapshot_date", open.snapshot_date.as_ref())
        .map_err(|error| Status::invalid_argument(error.to_string()))?
        .ok_or_else(|| {
            Status::invalid_argument("the day for which the file speaks must be stated")
        })?;
    Ok(Order {
        mapping: open.mapping,
        file_name: open.file_name,
        contract,
        snapshot_date,
        author: Some(open.author).filter(|author| !author.is_empty()),
        notify: open.notify,
    })
}

async fn carry_out(
    rpc: &Rpc,
    parts: Streaming<wire::ImportRequest>,
    announced: u64,
    order: &Order,
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
    let source = order.source(&rpc.config).map_err(|error| status(error.into()))?;
    let id = import::open(&rpc.store, &source, order).await.map_err(status)?;
    let mut watched = Watched { abandoned: &rpc.abandoned, run: Some(id) };
    let receiving = receive(rpc.config.file_bytes_max, parts, announced, arriving, &tell);
    let staging = import::stage_as(id, &rpc.store, &rpc.config, order, &file, &tell);
    tokio::pin!(receiving, staging);
    let mut received = None;
    let staged = loop {
        tokio::select! {
            biased;
            result = &mut receiving, if received.is_none() => received = Some(result),
            result = &mut staging => break result,
        }
    };
    watched.run = None;
    match (received, staged) {
        // What has not arrived cannot have been read: this is why.
        (Some(Err(error)), _) => return Err(error),
        (Some(Ok(())) | None, Err(error)) => return Err(status(error)),
        (Some(Ok(())) | None, Ok(())) => {}
    }
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
        let runs = std::mem::take(&mut *self.runs());
        for run in runs {
            import::give_up(store, run).await?;
        }
        Ok(())
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.abandoned.runs().extend(self.run);
    }
}

/// Keeps the file as it arrives, to be read meanwhile.
async fn receive(
    limit: u64,
    mut parts: Streaming<wire::ImportRequest>,
    announced: u64,
    spool: Spool,
    tell: import::Tell<'_>,
) -> Result<(), Status> {
    let arrived = timeout(FILE, arrive(limit, &mut parts, announced, &spool, tell)).await;
    let arrived = arrived.unwrap_or_else(|_elapsed| {
        Err(Status::deadline_exceeded(format!("the file took more than {}s", FILE.as_secs())))
    });
    let written = spool.finish(arrived.is_ok()).await;
    arrived?;
    written.map_err(|error| status(Error::Spool(error)))
}

async fn arrive(
    limit: u64,
    parts: &mut Streaming<wire::ImportRequest>,
    announced: u64,
    spool: &Spool,
    tell: import::Tell<'_>,
) -> Result<(), Status> {
    let mut received = 0;
    while let Some(part) = next(parts).await? {
        let wire::import_request::Part::Content(content) = part else {
            return Err(Status::invalid_argument("only the first message opens the import"));
        };
        received += u64::try_from(content.len()).unwrap_or(u64::MAX);
        if received > limit {
            return Err(status(Error::FileTooLarge { limit }));
        }
        if !spool.add(content).await {
            // It could not be written; why is known when it is finished.
            return Ok(());
        }
        tell(Progress { stage: Stage::Receive, done: received, total: announced.max(received) });
    }
    if announced > 0 && received != announced {
        return Err(status(Error::Incomplete { received, announced }));
    }
    Ok(())
}

async fn next(
    parts: &mut Streaming<wire::ImportRequest>,
) -> Result<Option<wire::import_request::Part>, Status> {
    let message = timeout(PART, parts.message()).await.map_err(|_elapsed| {
        Status::deadline_exceeded(format!("no part of the file came for {}s", PART.as_secs()))
    })??;
    match message {
        None => Ok(None),
        Some(wire::ImportRequest { part: Some(part) }) => Ok(Some(part)),
        Some(wire::ImportRequest { part: None }) => {
            Err(Status::invalid_argument("a message says nothing"))
        }
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

fn status(error: Error) -> Status {
    let code = match &error {
        Error::Mapping(_)
        | Error::FileTooLarge { .. }
        | Error::Incomplete { .. }
        | Error::Broken
        | Error::NoRows
        | Error::NothingTaken { .. }
        | Error::Key { .. }
        | Error::Author
        | Error::File(
            reader::Error::Empty
            | reader::Error::NoLines
            | reader::Error::LineTooLong { .. }
            | reader::Error::Encoding { .. }
            | reader::Error::Header { .. }
            | reader::Error::RowTooLong { .. }
            | reader::Error::UnclosedQuote { .. }
            | reader::Error::TooManyRows,
        ) => Code::InvalidArgument,
        Error::NotWhole(_) | Error::Older { .. } | Error::Ahead { .. } | Error::Running { .. } => {
            Code::FailedPrecondition
        }
        Error::Lost => Code::Aborted,
        Error::File(reader::Error::Read(_))
        | Error::Spool(_)
        | Error::Reading(_)
        | Error::Store(_) => Code::Internal,
    };
    let told = error.told();
    if code == Code::Internal {
        tracing::error!("an import failed: {}", domain::Rejection::park(error));
    }
    Status::new(code, told)
}
