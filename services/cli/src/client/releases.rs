//! Releases: previewed, approved, applied, looked at.

use anyhow::bail;
use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, ApplyPreviewRequest, ApplyPreviewResponse,
    ApproveReleaseRequest, DocumentFile, GetReleaseRequest, GetReleaseResponse,
    ListReleasesRequest, PreviewReleaseRequest, ReleaseAuthor, ReleasePreview, ReleaseRecord,
    preview_release_response,
};

use super::Mesh;

impl Mesh {
    /// Applies policy documents as a release that somebody wants.
    ///
    /// # Errors
    /// When a document is refused, with every problem and its place, or the change is held.
    pub async fn apply_as(
        &self,
        files: Vec<DocumentFile>,
        author: ReleaseAuthor,
    ) -> anyhow::Result<ApplyDocumentsResponse> {
        let request = ApplyDocumentsRequest { files, author: Some(author) };
        match self.policy()?.apply_documents(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Finds out what would change for whom; tells meanwhile how many people were looked at.
    ///
    /// # Errors
    /// When a document is refused, with every problem and its place.
    pub async fn preview(
        &self,
        request: PreviewReleaseRequest,
        mut progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<ReleasePreview> {
        let mut reports = match self.policy()?.preview_release(request).await {
            Ok(reports) => reports.into_inner(),
            Err(status) => bail!("{}", status.message()),
        };
        loop {
            let report = match reports.message().await {
                Ok(report) => report,
                Err(status) => bail!("{}", status.message()),
            };
            match report.and_then(|report| report.report) {
                Some(preview_release_response::Report::Progress(step)) => {
                    progress(step.done, step.total);
                }
                Some(preview_release_response::Report::Preview(preview)) => return Ok(preview),
                None => bail!("policy-evaluation ended the preview without a result"),
            }
        }
    }

    /// Applies exactly what was previewed.
    ///
    /// # Errors
    /// When something has moved since, or a second person is needed.
    pub async fn apply_preview(
        &self,
        hash: &str,
        author: ReleaseAuthor,
    ) -> anyhow::Result<ApplyPreviewResponse> {
        let request = ApplyPreviewRequest { hash: hash.to_owned(), author: Some(author) };
        match self.policy()?.apply_preview(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Approves a preview; returns who made it.
    ///
    /// # Errors
    /// When there is none, or the same person made it.
    pub async fn approve(&self, hash: &str, name: &str) -> anyhow::Result<ReleaseAuthor> {
        let request = ApproveReleaseRequest { hash: hash.to_owned(), name: name.to_owned() };
        match self.policy()?.approve_release(request).await {
            Ok(answer) => Ok(answer.into_inner().author.unwrap_or_default()),
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Returns the latest releases, the latest first.
    ///
    /// # Errors
    /// When policy-evaluation does not answer.
    pub async fn releases(&self, limit: u32) -> anyhow::Result<Vec<ReleaseRecord>> {
        match self.policy()?.list_releases(ListReleasesRequest { limit }).await {
            Ok(answer) => Ok(answer.into_inner().releases),
            Err(status) => bail!("{}", status.message()),
        }
    }

    /// Returns one release with its documents.
    ///
    /// # Errors
    /// When there is none of that number.
    pub async fn release(&self, release: u64) -> anyhow::Result<GetReleaseResponse> {
        match self.policy()?.get_release(GetReleaseRequest { release }).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => bail!("{}", status.message()),
        }
    }
}
