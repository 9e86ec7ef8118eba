//! Operators' door: translates requests, decides nothing.

mod preview;
mod releases;

use domain::PersonId;
use jiff::tz::TimeZone;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService;
use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, ApplyPreviewRequest, ApplyPreviewResponse,
    ApproveReleaseRequest, ApproveReleaseResponse, GetDesiredAccessRequest,
    GetDesiredAccessResponse, GetProgressRequest, GetProgressResponse, GetReleaseRequest,
    GetReleaseResponse, ListReleasesRequest, ListReleasesResponse, PreviewReleaseRequest,
};
use proto::prost::Message as _;
use store::Store;
use tonic::{Request, Response, Status};

use crate::preview::apply;
use crate::release::{self, Refused};
use crate::{person, timeline, wire};

/// Answers operators.
#[derive(Debug, Clone)]
pub struct PolicyEvaluation {
    store: Store,
    /// The zone of dates where the person has none.
    zone: TimeZone,
}

/// What a request ran into.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error("person_id is not a UUID; it is printed by `tenure person show`")]
    NotAnId,
    #[error("no person {0} is known here; nothing was received from hris-ingest about them")]
    UnknownPerson(PersonId),
    #[error("person {0} is not evaluated yet: no release is active; apply policy documents")]
    NotEvaluated(PersonId),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Apply(error) => refused(error),
            Error::Refused(_) | Error::NotAnId => Self::invalid_argument(error.to_string()),
            Error::UnknownPerson(_) | Error::NotEvaluated(_) => Self::not_found(error.to_string()),
            Error::Store(error) => broken(error),
        }
    }
}

fn refused(error: apply::Error) -> Status {
    match error {
        apply::Error::Refused(_) | apply::Error::NoName | apply::Error::Own(_) => {
            Status::invalid_argument(error.to_string())
        }
        apply::Error::UnknownRelease(_) | apply::Error::UnknownPreview(_) => {
            Status::not_found(error.to_string())
        }
        apply::Error::BaseMoved { .. } | apply::Error::Moved(_) | apply::Error::Held { .. } => {
            Status::failed_precondition(error.to_string())
        }
        apply::Error::Release(release::Error::Store(error)) | apply::Error::Store(error) => {
            broken(error)
        }
        apply::Error::Release(error) => {
            tracing::error!("a stored release cannot be used: {}", domain::Rejection::retry(error));
            Status::internal("a stored release cannot be used; see the service's log")
        }
    }
}

fn broken(error: store::Error) -> Status {
    let rejection = domain::Rejection::from(error);
    let trace = telemetry::traceparent().unwrap_or_else(|| "none".to_owned());
    tracing::error!(trace, "a request is not answered: {rejection}");
    match rejection {
        domain::Rejection::Park { .. } => {
            Status::internal(format!("see the service's log; trace {trace}"))
        }
        domain::Rejection::Retry { .. } | domain::Rejection::RetryAt { .. } => {
            Status::unavailable("the database does not answer; try again")
        }
    }
}

impl PolicyEvaluation {
    /// Answers from this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, zone: TimeZone::UTC }
    }

    /// Takes another zone than UTC for the dates of people who have none.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    async fn desired(
        &self,
        request: &GetDesiredAccessRequest,
    ) -> Result<GetDesiredAccessResponse, Error> {
        let id: PersonId = request.person_id.parse().map_err(|_error| Error::NotAnId)?;
        let mut tx = self.store.begin().await?;
        let person = person::table::find(&mut tx, id).await?.ok_or(Error::UnknownPerson(id))?;
        let evaluated = person.evaluated.as_ref().ok_or(Error::NotEvaluated(id))?;
        let key = (id, person.person_version);
        let known = timeline::table::read(&mut tx, [&key]).await?;
        let recorded_at = known.get(&key).map(|known| known.recorded_at);
        Ok(GetDesiredAccessResponse {
            desired_access: wire::stored(&person, evaluated, recorded_at).encode_to_vec(),
            next_boundary: evaluated.next_boundary.map(Into::into),
        })
    }

    async fn progress(&self) -> Result<GetProgressResponse, Error> {
        let mut tx = self.store.begin().await?;
        let release = release::table::active(&mut tx).await?.unwrap_or_default();
        let (people, evaluated) = person::table::progress(&mut tx, release).await?;
        Ok(GetProgressResponse { release, people, evaluated })
    }
}

#[tonic::async_trait]
impl PolicyEvaluationService for PolicyEvaluation {
    async fn apply_documents(
        &self,
        request: Request<ApplyDocumentsRequest>,
    ) -> Result<Response<ApplyDocumentsResponse>, Status> {
        Ok(Response::new(self.apply(request.into_inner()).await?))
    }

    async fn get_desired_access(
        &self,
        request: Request<GetDesiredAccessRequest>,
    ) -> Result<Response<GetDesiredAccessResponse>, Status> {
        Ok(Response::new(self.desired(request.get_ref()).await?))
    }

    async fn get_progress(
        &self,
        _request: Request<GetProgressRequest>,
    ) -> Result<Response<GetProgressResponse>, Status> {
        Ok(Response::new(self.progress().await?))
    }

    type PreviewReleaseStream = preview::Reports;

    async fn preview_release(
        &self,
        request: Request<PreviewReleaseRequest>,
    ) -> Result<Response<preview::Reports>, Status> {
        Ok(Response::new(preview::begin(self.clone(), request.into_inner()).await?))
    }

    async fn apply_preview(
        &self,
        request: Request<ApplyPreviewRequest>,
    ) -> Result<Response<ApplyPreviewResponse>, Status> {
        Ok(Response::new(Self::apply_preview(self, request.into_inner()).await?))
    }

    async fn approve_release(
        &self,
        request: Request<ApproveReleaseRequest>,
    ) -> Result<Response<ApproveReleaseResponse>, Status> {
        Ok(Response::new(self.approve(request.into_inner()).await?))
    }

    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        Ok(Response::new(self.releases(request.into_inner()).await?))
    }

    async fn get_release(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        Ok(Response::new(self.release(request.into_inner()).await?))
    }
}
