//! The import request: the file comes in, progress and a summary go out.
//!
//! Everything happens within the stream of answers. A client that goes away before the file is
//! staged cancels the import; afterwards the driver applies it, whoever watches.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::pin::Pin;
use std::time::Duration;

use domain::RunId;
use futures::{Stream, StreamExt as _, future, stream};
use proto::convert;
use proto::hris::v1 as wire;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::{Rpc, holds, internal, summary};
use crate::facts::Contract;
use crate::import::{self, Error, Order, Progress, Stage};
use crate::reader;
use crate::run::{self, State};

/// How long the next part of a file may take.
const PART: Duration = Duration::from_secs(60);
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
    let file = receive(rpc, parts, announced, &tell).await?;
    let id = import::stage(&rpc.store, &rpc.config, order, file, &tell).await.map_err(status)?;
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

/// Keeps the file while it is read; it has no name, so it goes when it is closed.
async fn receive(
    rpc: &Rpc,
    mut parts: Streaming<wire::ImportRequest>,
    announced: u64,
    tell: import::Tell<'_>,
) -> Result<File, Status> {
    let limit = rpc.config.file_bytes_max;
    let spool = |error| status(Error::Spool(error));
    let file = match &rpc.config.spool_folder {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    };
    let mut file = tokio::fs::File::from_std(file.map_err(spool)?);
    let mut received = 0;
    while let Some(part) = next(&mut parts).await? {
        let wire::import_request::Part::Content(content) = part else {
            return Err(Status::invalid_argument("only the first message opens the import"));
        };
        received += u64::try_from(content.len()).unwrap_or(u64::MAX);
        if received > limit {
            return Err(status(Error::FileTooLarge { limit }));
        }
        file.write_all(&content).await.map_err(spool)?;
        tell(Progress { stage: Stage::Receive, done: received, total: announced.max(received) });
    }
    if announced > 0 && received != announced {
        return Err(status(Error::Incomplete { received, announced }));
    }
    file.flush().await.map_err(spool)?;
    let mut file = file.into_std().await;
    file.seek(SeekFrom::Start(0)).map_err(spool)?;
    Ok(file)
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
