//! Operators' door: translates, decides nothing.

mod drift;
mod tasks;
mod text;

use domain::{PersonId, Rejection, Timestamp};
use proto::convert;
use proto::provisioning::v1::provisioning_service_server::ProvisioningService;
use proto::provisioning::v1::{
    Account, Action, GetPersonRequest, GetPersonResponse, GetProgressRequest, GetProgressResponse,
};
use store::{Error, Store};
use tonic::{Request, Response, Status};

use crate::{account, action, person, release, task};

pub(crate) use drift::DriftDoor;
pub(crate) use tasks::TaskDoor;

pub(crate) struct Provisioning {
    store: Store,
}

/// The latest actions of a person that are shown.
const ACTIONS_MAX: i64 = 1000;

impl Provisioning {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[tonic::async_trait]
impl ProvisioningService for Provisioning {
    async fn get_progress(
        &self,
        request: Request<GetProgressRequest>,
    ) -> Result<Response<GetProgressResponse>, Status> {
        let since = convert::optional_instant("since", request.into_inner().since.as_ref())
            .map_err(|error| Status::invalid_argument(error.to_string()))?
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let pool = self.store.pool();
        let release = release::table::newest_now(pool).await.map_err(refuse)?;
        let progress = person::table::progress(pool, since).await.map_err(refuse)?;
        let tasks = task::table::count(pool, self.store.clock().now()).await.map_err(refuse)?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Response::new(GetProgressResponse {
            release: count(release.unwrap_or_default()),
            people: count(progress.people),
            settled: count(progress.settled),
            actions_done: count(progress.actions_done),
            actions_open: count(progress.actions_open),
            actions_failed: count(progress.actions_failed),
            settle_seconds_p50: progress.seconds_p50.unwrap_or_default(),
            settle_seconds_p99: progress.seconds_p99.unwrap_or_default(),
            actions_manual: count(progress.actions_manual),
            tasks_open: count(tasks.open),
            tasks_unverified: count(tasks.unverified),
            tasks_overdue: count(tasks.overdue),
        }))
    }

    async fn get_person(
        &self,
        request: Request<GetPersonRequest>,
    ) -> Result<Response<GetPersonResponse>, Status> {
        let id: PersonId = convert::id("person_id", &request.into_inner().person_id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut tx = self.store.begin().await.map_err(refuse)?;
        let settled = person::table::settled(&mut tx, id).await.map_err(refuse)?;
        let settled = settled.ok_or_else(|| Status::not_found("no such person"))?;
        let accounts = account::table::of(&mut tx, &[id.0], None).await.map_err(refuse)?;
        let actions = action::table::latest(&mut tx, id, ACTIONS_MAX).await.map_err(refuse)?;
        Ok(Response::new(GetPersonResponse {
            accounts: accounts
                .into_iter()
                .map(|((_person, application), account)| shown_account(application, account))
                .collect(),
            actions: actions
                .into_iter()
                .map(|((_person, application), action)| shown_action(application, action))
                .collect(),
            settled,
        }))
    }
}

fn shown_account(application: String, account: account::Account) -> Account {
    Account {
        application,
        account_id: account.account_id.unwrap_or_default(),
        login: account.login,
        state: proto::common::v1::AccountState::from(account.state).into(),
        entitlements: account.entitlements.into_iter().collect(),
    }
}

fn shown_action(application: String, action: action::Action) -> Action {
    Action {
        action_id: action.id.to_string(),
        application,
        kind: action::wire_kind(action.step.kind).into(),
        entitlement: action.step.entitlement,
        state: action.state.as_str().to_owned(),
        attempts: action.attempts,
        error: action.error,
        created_at: Some(action.created_at.into()),
        finished_at: action.finished_at.map(Into::into),
    }
}

fn refuse(error: Error) -> Status {
    let transient = error.is_transient();
    tracing::warn!("a request ends: {}", Rejection::park(error));
    if transient {
        Status::unavailable("the database is out of reach")
    } else {
        Status::internal("the request cannot be answered")
    }
}
