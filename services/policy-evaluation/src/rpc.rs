//! Operators' door: translates requests, decides nothing.

mod access;
mod backtest;
mod explain;
mod people;
mod preview;
mod releases;

use std::sync::Arc;

use domain::PersonId;
use jiff::tz::TimeZone;
use proto::convert::Invalid;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationService;
use proto::policy::v1::{
    ApplyDocumentsRequest, ApplyDocumentsResponse, ApplyPreviewRequest, ApplyPreviewResponse,
    ApproveReleaseRequest, ApproveReleaseResponse, BacktestDocumentsRequest, EvaluateAccessRequest,
    EvaluateAccessResponse, ExplainAccessRequest, ExplainAccessResponse, GetDesiredAccessRequest,
    GetDesiredAccessResponse, GetProgressRequest, GetProgressResponse, GetReleaseRequest,
    GetReleaseResponse, ListReleasesRequest, ListReleasesResponse, ListValuesRequest,
    ListValuesResponse, MatchPeopleRequest, MatchPeopleResponse, ObservePoliciesRequest,
    ObservePoliciesResponse, PreviewReleaseRequest,
};
use proto::prost::Message as _;
use store::Store;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::columns::{self, Columns};
use crate::preview::apply;
use crate::release::{self, Compiled, Refused};
use crate::{history, person, timeline, wire};

/// Answers operators.
#[derive(Debug, Clone)]
pub struct PolicyEvaluation {
    store: Store,
    zone: TimeZone,
    compiled: Arc<Compiled>,
    columns: Arc<Columns>,
    /// Back-tests take much of a processor for long.
    backtests: Arc<Semaphore>,
    /// So do previews of large changes.
    previews: Arc<Semaphore>,
}

/// Back-tests that one process carries out at once.
const BACKTESTS_MAX: usize = 2;
/// Previews that one process carries out at once.
const PREVIEWS_MAX: usize = 4;

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
    Invalid(#[from] Invalid),
    #[error(transparent)]
    History(#[from] history::Error),
    #[error(transparent)]
    NotThere(#[from] rules::NotThere),
    #[error("no release is active; apply policy documents")]
    NoRelease,
    #[error("the AttributeSchema of the active release declares no attribute `{0}`")]
    Undeclared(String),
    #[error("the active release has no AccessPolicy `{0}`")]
    NoPolicy(String),
    #[error("more than 200 policies are asked about; name some")]
    TooManyPolicies,
    #[error("the time that is looked at cannot be used: {0}")]
    Range(&'static str),
    #[error("this replica carries out {0} already; try again when one has ended")]
    Busy(String),
    #[error(transparent)]
    Columns(#[from] columns::Error),
    #[error(transparent)]
    Release(#[from] release::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(_)
            | Error::NotAnId
            | Error::Invalid(_)
            | Error::Undeclared(_)
            | Error::NoPolicy(_)
            | Error::TooManyPolicies
            | Error::Range(_)
            | Error::NotThere(_) => Self::invalid_argument(error.to_string()),
            Error::UnknownPerson(_) | Error::NotEvaluated(_) => Self::not_found(error.to_string()),
            Error::NoRelease => Self::failed_precondition(error.to_string()),
            Error::Busy(_) => Self::resource_exhausted(error.to_string()),
            Error::Columns(_) => Self::unavailable(error.to_string()),
            Error::History(error) => of_history(error),
            Error::Release(error) => of_release(error),
            Error::Apply(error) => refused(error),
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

/// Lines and columns of a text fit, because texts are limited.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn of_history(error: history::Error) -> Status {
    match error {
        history::Error::Unknown(..) => Status::not_found(error.to_string()),
        history::Error::NoRelease(_) => Status::failed_precondition(error.to_string()),
        history::Error::TooMany | history::Error::Undeclared(..) | history::Error::Mistyped(..) => {
            Status::invalid_argument(error.to_string())
        }
        history::Error::Release(error) => of_release(error),
        history::Error::Store(error) => Error::Store(error).into(),
    }
}

/// A stored release that this version of the service cannot use is said to be so.
fn of_release(error: release::Error) -> Status {
    match error {
        release::Error::Store(error) => Error::Store(error).into(),
        release::Error::Document { .. } | release::Error::Compile { .. } => {
            Status::failed_precondition(error.to_string())
        }
    }
}

impl PolicyEvaluation {
    /// Answers from this database; dates are meant in UTC when neither person nor source says.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            zone: TimeZone::UTC,
            compiled: Arc::default(),
            columns: Arc::default(),
            backtests: Arc::new(Semaphore::new(BACKTESTS_MAX)),
            previews: Arc::new(Semaphore::new(PREVIEWS_MAX)),
        }
    }

    /// Answers with another zone of dates when neither person nor source names one.
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

    async fn evaluate_access(
        &self,
        request: Request<EvaluateAccessRequest>,
    ) -> Result<Response<EvaluateAccessResponse>, Status> {
        Ok(Response::new(self.evaluate(request.into_inner()).await?))
    }

    async fn explain_access(
        &self,
        request: Request<ExplainAccessRequest>,
    ) -> Result<Response<ExplainAccessResponse>, Status> {
        Ok(Response::new(self.explain(request.into_inner()).await?))
    }

    type BacktestDocumentsStream = backtest::Messages;

    async fn backtest_documents(
        &self,
        request: Request<BacktestDocumentsRequest>,
    ) -> Result<Response<Self::BacktestDocumentsStream>, Status> {
        Ok(Response::new(self.backtest(request.into_inner()).await?))
    }

    async fn match_people(
        &self,
        request: Request<MatchPeopleRequest>,
    ) -> Result<Response<MatchPeopleResponse>, Status> {
        Ok(Response::new(self.matching(request.into_inner()).await?))
    }

    async fn list_values(
        &self,
        request: Request<ListValuesRequest>,
    ) -> Result<Response<ListValuesResponse>, Status> {
        Ok(Response::new(self.values(request.into_inner()).await?))
    }

    async fn observe_policies(
        &self,
        request: Request<ObservePoliciesRequest>,
    ) -> Result<Response<ObservePoliciesResponse>, Status> {
        Ok(Response::new(self.agreement(request.into_inner()).await?))
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
