use std::path::Path;

use anyhow::{Context as _, bail};
use domain::Date;
use proto::hris::v1::{
    FileContract, ImportProgress, ImportRequest, ImportSummary, OpenImport, Trial, import_request,
    import_response, try_import_response,
};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Mesh;

/// Bytes of a file in one message.
const CHUNK: usize = 256 * 1024;

/// A file that is to be imported.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The mapping document.
    pub mapping: &'a str,
    /// The file.
    pub file: &'a Path,
    /// What its silence about a person means.
    pub contract: FileContract,
    /// The day for which it speaks.
    pub snapshot_date: Date,
    /// Who hands it in: the first of two words for it, should it be held.
    pub author: Option<&'a str>,
    /// Whether people are told also of what the first file of a source brings.
    pub notify: bool,
}

impl Mesh {
    /// Sends a file to hris-ingest and returns what came of it; tells of progress meanwhile. A file that
    /// exceeds a limit of its source is held, and has changed nobody.
    ///
    /// # Errors
    /// When the file cannot be read or is refused as a whole.
    pub async fn import(
        &self,
        import: Import<'_>,
        mut progress: impl FnMut(&ImportProgress),
    ) -> anyhow::Result<ImportSummary> {
        let (parts, stream) = mpsc::channel(8);
        let receive = async {
            let mut client = self.hris()?;
            let reports = client.import(ReceiverStream::new(stream)).await;
            let mut reports = reports.map_err(refused)?.into_inner();
            while let Some(report) = reports.message().await.map_err(refused)? {
                match report.report {
                    Some(import_response::Report::Progress(step)) => progress(&step),
                    Some(import_response::Report::Summary(summary)) => return Ok(summary),
                    None => break,
                }
            }
            bail!("hris-ingest ended the import without a summary")
        };
        let (sent, received) = tokio::join!(send(import, parts), receive);
        let summary = received?;
        sent?;
        Ok(summary)
    }

    /// Sends a file to hris-ingest and returns what it would change; tells of progress meanwhile.
    ///
    /// # Errors
    /// When the file or the document cannot be read.
    pub async fn try_import(
        &self,
        import: Import<'_>,
        mut progress: impl FnMut(&ImportProgress),
    ) -> anyhow::Result<Trial> {
        let (parts, stream) = mpsc::channel(8);
        let receive = async {
            let mut client = self.hris()?;
            let reports = client.try_import(ReceiverStream::new(stream)).await;
            let mut reports = reports.map_err(refused)?.into_inner();
            while let Some(report) = reports.message().await.map_err(refused)? {
                match report.report {
                    Some(try_import_response::Report::Progress(step)) => progress(&step),
                    Some(try_import_response::Report::Trial(trial)) => return Ok(trial),
                    None => break,
                }
            }
            bail!("hris-ingest ended the trial without a result")
        };
        let (sent, received) = tokio::join!(send(import, parts), receive);
        let trial = received?;
        sent?;
        Ok(trial)
    }
}

/// Sends a file, part by part, until it has ended or nobody takes it any more.
async fn send(import: Import<'_>, parts: mpsc::Sender<ImportRequest>) -> anyhow::Result<()> {
    let name = import.file.display().to_string();
    let mut file =
        tokio::fs::File::open(import.file).await.with_context(|| format!("open {name}"))?;
    let size_bytes = file.metadata().await.with_context(|| format!("measure {name}"))?.len();
    let file_name = import.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let open = OpenImport {
        mapping: import.mapping.to_owned(),
        file_name: file_name.unwrap_or_default(),
        contract: import.contract.into(),
        snapshot_date: Some(import.snapshot_date.into()),
        size_bytes,
        notify: import.notify,
        author: import.author.unwrap_or_default().to_owned(),
        ..OpenImport::default()
    };
    let mut part = import_request::Part::Open(open);
    // A receiver that is gone has answered already; its answer says why.
    while parts.send(ImportRequest { part: Some(part) }).await.is_ok() {
        let mut content = vec![0; CHUNK];
        let read = file.read(&mut content).await.with_context(|| format!("read {name}"))?;
        if read == 0 {
            break;
        }
        content.truncate(read);
        part = import_request::Part::Content(content.into());
    }
    Ok(())
}

/// What became of an import: hris-ingest's own words, or, where it is gone, what to do.
fn told(status: &Status) -> String {
    // What the other side says has no source here; a connection that broke or was never made has.
    if std::error::Error::source(status).is_none() {
        return status.message().to_owned();
    }
    "hris-ingest went out of reach before the import had ended: import the file again; whoever was \
     taken over of it already will be found unchanged"
        .to_owned()
}

fn refused(status: Status) -> anyhow::Error {
    anyhow::Error::msg(told(&status))
}
