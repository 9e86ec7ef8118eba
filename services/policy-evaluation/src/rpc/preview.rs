//! Previewing a release: progress goes out while everybody is looked at, then what was found.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, future, stream};
use proto::policy::v1::{
    PreviewProgress, PreviewReleaseRequest, PreviewReleaseResponse, preview_release_response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Error, PolicyEvaluation};
use crate::preview::Candidate;
use crate::preview::apply::{self, Wanted};
use crate::release;

/// Reports that the client has not read yet; further progress is not told.
const REPORTS: usize = 16;

type Report = Result<PreviewReleaseResponse, Status>;

/// What goes out.
pub(crate) type Reports = Pin<Box<dyn Stream<Item = Report> + Send>>;

/// Checks what is to be previewed; the rest happens as the reports are read.
pub(super) async fn begin(
    rpc: PolicyEvaluation,
    request: PreviewReleaseRequest,
) -> Result<Reports, Status> {
    let people_max = usize::try_from(request.people_max).unwrap_or(usize::MAX);
    let permit = Arc::clone(&rpc.previews)
        .try_acquire_owned()
        .map_err(|_none| Error::Busy(format!("{} previews", super::PREVIEWS_MAX)))?;
    let candidate = candidate(&rpc, request).await?;
    let (sender, receiver) = mpsc::channel(REPORTS);
    let work = Box::pin(async move {
        let _permit = permit;
        let outcome = carry_out(&rpc, &candidate, people_max, &sender).await;
        if sender.send(outcome).await.is_err() {
            tracing::debug!("nobody reads the preview");
        }
    });
    let quiet = stream::once(work).filter_map(|()| future::ready(None));
    Ok(Box::pin(stream::select(ReceiverStream::new(receiver), quiet)))
}

async fn candidate(
    rpc: &PolicyEvaluation,
    request: PreviewReleaseRequest,
) -> Result<Candidate, Status> {
    let author = request.author.unwrap_or_default();
    let wanted = match (request.files.is_empty(), request.release) {
        (true, number) if number > 0 => Wanted::Earlier(number),
        (_, 0) => {
            let files = request.files.iter();
            let files = files.map(|file| (file.path.as_str(), file.content.as_str()));
            Wanted::Documents(Box::new(release::check(files).map_err(Error::from)?))
        }
        (_, _) => {
            return Err(Status::invalid_argument(
                "either documents or the number of an earlier release, not both",
            ));
        }
    };
    Ok(apply::candidate(&rpc.store, wanted, author).await.map_err(Error::from)?)
}

async fn carry_out(
    rpc: &PolicyEvaluation,
    candidate: &Candidate,
    people_max: usize,
    reports: &mpsc::Sender<Report>,
) -> Report {
    let tell = |done: u64, total: u64| {
        let progress = PreviewProgress { done, total };
        let report = preview_release_response::Report::Progress(progress);
        let response = PreviewReleaseResponse { report: Some(report) };
        if reports.try_send(Ok(response)).is_err() {
            tracing::trace!("progress is not read and not told");
        }
    };
    let preview = apply::preview(&rpc.store, &rpc.zone, candidate, people_max, &tell);
    let preview = preview.await.map_err(Error::from)?;
    let report = preview_release_response::Report::Preview(preview.summary);
    Ok(PreviewReleaseResponse { report: Some(report) })
}
