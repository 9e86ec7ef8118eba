//! A file on its way in: opened by the first message, read while the others arrive.

use std::future::Future;
use std::time::Duration;

use proto::convert;
use proto::hris::v1 as wire;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

use super::Rpc;
use crate::facts::Contract;
use crate::import::{self, Error, Order, Progress, Spool, Stage};
use crate::mapping::Source;
use crate::reader;

/// How long the next part of a file may take.
const PART: Duration = Duration::from_secs(60);
/// How long a whole file may take: meanwhile no other file of its source is read.
const FILE: Duration = Duration::from_secs(3_600);

/// What the first message asks for, and leave to do it.
pub(super) struct Opened {
    pub(super) permit: OwnedSemaphorePermit,
    /// How many bytes there will be; nought: that was not said.
    pub(super) announced: u64,
    pub(super) order: Order,
    pub(super) source: Source,
}

/// Reads the first message.
pub(super) async fn open(
    rpc: &Rpc,
    parts: &mut Streaming<wire::ImportRequest>,
) -> Result<Opened, Status> {
    let permit = rpc.imports.clone().try_acquire_owned().map_err(|_error| {
        Status::resource_exhausted("too many files are being imported: try again later")
    })?;
    let Some(wire::import_request::Part::Open(open)) = next(parts).await? else {
        return Err(Status::invalid_argument("the first message does not open the import"));
    };
    let (announced, order) = (open.size_bytes, order(open)?);
    let source = order.source(&rpc.config).map_err(|error| status(error.into()))?;
    let limit = rpc.config.file_bytes_max;
    if announced > limit {
        return Err(status(Error::FileTooLarge { limit }));
    }
    Ok(Opened { permit, announced, order, source })
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

/// Does something with a file while it arrives.
pub(super) async fn meanwhile<T>(
    receiving: impl Future<Output = Result<(), Status>>,
    reading: impl Future<Output = Result<T, Error>>,
) -> Result<T, Status> {
    tokio::pin!(receiving, reading);
    let mut received = None;
    let read = loop {
        tokio::select! {
            biased;
            result = &mut receiving, if received.is_none() => received = Some(result),
            result = &mut reading => break result,
        }
    };
    match received {
        // What has not arrived cannot have been read: this is why.
        Some(Err(error)) => Err(error),
        Some(Ok(())) | None => read.map_err(status),
    }
}

/// Keeps the file as it arrives, to be read meanwhile.
pub(super) async fn receive(
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

pub(super) fn status(error: Error) -> Status {
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
