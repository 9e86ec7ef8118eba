//! Applying, approving and looking at releases.

use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, ApplyPreviewRequest, ApplyPreviewResponse,
    ApproveReleaseRequest, ApproveReleaseResponse, GetReleaseRequest, GetReleaseResponse,
    ListReleasesRequest, ListReleasesResponse,
};

use super::{Error, PolicyEvaluation};
use crate::preview::apply::{self, Wanted};
use crate::release::{self, Applied};

/// Releases in one answer.
const LIMIT_MAX: u32 = 1_000;

impl PolicyEvaluation {
    pub(super) async fn apply(
        &self,
        request: ApplyDocumentsRequest,
    ) -> Result<ApplyDocumentsResponse, Error> {
        let files = request.files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
        let wanted = Wanted::Documents(Box::new(release::check(files)?));
        let author = request.author.unwrap_or_default();
        let candidate = apply::candidate(&self.store, wanted, author).await?;
        let (applied, preview_hash) = apply::apply(&self.store, &self.zone, &candidate).await?;
        told(&applied);
        Ok(ApplyDocumentsResponse {
            release: applied.number,
            content_hash: candidate.release.content_hash().to_owned(),
            activated: applied.activated,
            documents: count(&candidate.release),
            preview_hash,
        })
    }

    pub(super) async fn apply_preview(
        &self,
        request: ApplyPreviewRequest,
    ) -> Result<ApplyPreviewResponse, Error> {
        let author = request.author.unwrap_or_default();
        let (applied, candidate) =
            apply::apply_preview(&self.store, &self.zone, &request.hash, author).await?;
        told(&applied);
        Ok(ApplyPreviewResponse {
            release: applied.number,
            content_hash: candidate.release.content_hash().to_owned(),
            activated: applied.activated,
            documents: count(&candidate.release),
        })
    }

    pub(super) async fn approve(
        &self,
        request: ApproveReleaseRequest,
    ) -> Result<ApproveReleaseResponse, Error> {
        let author = apply::approve(&self.store, &request.hash, &request.name).await?;
        Ok(ApproveReleaseResponse { author: Some(author) })
    }

    pub(super) async fn releases(
        &self,
        request: ListReleasesRequest,
    ) -> Result<ListReleasesResponse, Error> {
        let limit = match request.limit {
            0 => LIMIT_MAX,
            limit => limit.min(LIMIT_MAX),
        };
        let mut tx = self.store.begin().await?;
        Ok(ListReleasesResponse { releases: release::table::list(&mut tx, limit).await? })
    }

    pub(super) async fn release(
        &self,
        request: GetReleaseRequest,
    ) -> Result<GetReleaseResponse, Error> {
        let number = request.release;
        let mut tx = self.store.begin().await?;
        let record = release::table::record(&mut tx, number).await?;
        let record = record.ok_or(apply::Error::UnknownRelease(number))?;
        let documents = release::table::listed(&mut tx, number).await?;
        Ok(GetReleaseResponse { record: Some(record), documents })
    }
}

fn count(release: &rules::Release) -> u32 {
    u32::try_from(release.documents().len()).unwrap_or(u32::MAX)
}

fn told(applied: &Applied) {
    if applied.activated {
        tracing::info!(release = applied.number, "release {} is active", applied.number);
    }
}
