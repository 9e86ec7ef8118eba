//! Operators' door: translates requests, decides nothing.

use domain::PersonId;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService;
use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, GetDesiredAccessRequest,
    GetDesiredAccessResponse, GetProgressRequest, GetProgressResponse,
};
use proto::prost::Message as _;
use store::Store;
use tonic::{Request, Response, Status};

use crate::release::{self, Refused};
use crate::{person, timeline, wire};

/// Answers operators.
#[derive(Debug, Clone)]
pub struct PolicyEvaluation {
    store: Store,
}

/// What a request ran into.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Refused(#[from] Refused),
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
            Error::Refused(_) | Error::NotAnId => Self::invalid_argument(error.to_string()),
            Error::UnknownPerson(_) | Error::NotEvaluated(_) => Self::not_found(error.to_string()),
            Error::Store(error) => {
                let rejection = domain::Rejection::from(error);
                let trace = telemetry::traceparent().unwrap_or_else(|| "none".to_owned());
                tracing::error!(trace, "a request is not answered: {rejection}");
                match rejection {
                    domain::Rejection::Park { .. } => {
                        Self::internal(format!("see the service's log; trace {trace}"))
                    }
                    domain::Rejection::Retry { .. } | domain::Rejection::RetryAt { .. } => {
                        Self::unavailable("the database does not answer; try again")
                    }
                }
            }
        }
    }
}

impl PolicyEvaluation {
    /// Answers from this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    async fn apply(&self, request: ApplyDocumentsRequest) -> Result<ApplyDocumentsResponse, Error> {
        let files = request.files.iter().map(|file| (file.path.as_str(), file.content.as_str()));
        let checked = release::check(files)?;
        let mut tx = self.store.begin().await?;
        let applied = release::activate(&mut tx, &checked).await?;
        tx.commit().await?;
        if applied.activated {
            tracing::info!(release = applied.number, "release {} is active", applied.number);
        }
        Ok(ApplyDocumentsResponse {
            release: applied.number,
            content_hash: checked.content_hash().to_owned(),
            activated: applied.activated,
            documents: u32::try_from(checked.documents().len()).unwrap_or(u32::MAX),
        })
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
}
