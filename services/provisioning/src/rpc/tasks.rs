//! Operators' door to tasks: translates, decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::{PersonId, TaskId};
use proto::convert;
use proto::provisioning::v1::task_service_server::TaskService;
use proto::provisioning::v1::{
    self as wire, AssignTaskRequest, AssignTaskResponse, FinishTaskRequest, FinishTaskResponse,
    GetTaskRequest, GetTaskResponse, ListTasksRequest, ListTasksResponse, TaskState,
    UploadListingRequest, UploadListingResponse, VerifyTaskRequest, VerifyTaskResponse,
};
use rules::document::{Application, ConnectorKind, Manual, Owner};
use store::{Store, Tx};
use tonic::{Request, Response, Status};

use super::refuse;
use super::text::{named, optional_id, remark, unknown};
use crate::dossier::Dossier;
use crate::listing;
use crate::login;
use crate::release;
use crate::task::{self, Proof, Refused, Said, Task, table::Listed};
use crate::watch::{self, Stage};

pub(crate) struct TaskDoor {
    store: Store,
}

const PAGE_MAX: u32 = 1_000;
/// What a request may carry is less than what gRPC takes.
const LISTING_BYTES_MAX: usize = 3 * 1024 * 1024;

type Applications = BTreeMap<String, Application>;

impl TaskDoor {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn begin(&self) -> Result<Tx, Status> {
        self.store.begin().await.map_err(refuse)
    }

    /// Lets somebody say something of a task, and commits what follows from it.
    async fn say(
        &self,
        id: &str,
        by: &str,
        what: impl FnOnce(&mut Task, &Manual) -> Result<(), Refused>,
    ) -> Result<wire::Task, Status> {
        let id: TaskId = convert::id("task_id", id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut tx = self.begin().await?;
        let task = one(&mut tx, id).await?;
        let applications = release::applications(&mut tx).await.map_err(refuse)?;
        let people: BTreeSet<PersonId> = [task.key.0].into();
        let mut dossier = Dossier::load(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_access(&mut tx, &people).await.map_err(refuse)?;
        dossier.load_referred(&mut tx).await.map_err(refuse)?;
        // Under the lock it may look otherwise; one that stands no longer is not loaded.
        let current = dossier.task_mut(&task.key).filter(|current| current.id == id);
        let Some(_current) = current else { return Err(refused(Refused::Closed)) };
        let manual = manual(&applications, &task.key.1)
            .ok_or_else(|| Status::failed_precondition("the application is manual no longer"))?;
        dossier.say(&tx, &task.key, by, |task| what(task, manual)).map_err(refused)?;
        claim(&mut tx, &mut dossier, &task).await?;
        dossier.write(&mut tx).await.map_err(refuse)?;
        let task = one(&mut tx, id).await?;
        tx.commit().await.map_err(refuse)?;
        Ok(task.shown(Some(manual)))
    }
}

#[tonic::async_trait]
impl TaskService for TaskDoor {
    async fn list_tasks(
        &self,
        request: Request<ListTasksRequest>,
    ) -> Result<Response<ListTasksResponse>, Status> {
        let request = request.into_inner();
        let state = TaskState::try_from(request.state).map_err(|_unknown| unknown("state"))?;
        let size = match request.page_size {
            0 => PAGE_MAX,
            size => size.min(PAGE_MAX),
        };
        let listed = Listed {
            application: Some(request.application).filter(|name| !name.is_empty()),
            state: task::state_from_wire(state),
            person: optional_id("person_id", &request.person_id)?,
            assignee_mail: Some(request.assignee_mail.to_lowercase()).filter(|it| !it.is_empty()),
            overdue: request.overdue,
            after: optional_id("page_token", &request.page_token)?,
            limit: size.into(),
        };
        let mut tx = self.begin().await?;
        let found = task::table::list(&mut tx, &listed).await.map_err(refuse)?;
        let applications = release::applications(&mut tx).await.map_err(refuse)?;
        let full = found.len() == usize::try_from(size).unwrap_or(usize::MAX);
        let last = found.last().filter(|_| full).map(|task| task.id.to_string());
        let shown = found.iter().map(|task| task.shown(manual(&applications, &task.key.1)));
        Ok(Response::new(ListTasksResponse {
            tasks: shown.collect(),
            next_page_token: last.unwrap_or_default(),
        }))
    }

    async fn get_task(
        &self,
        request: Request<GetTaskRequest>,
    ) -> Result<Response<GetTaskResponse>, Status> {
        let id: TaskId = convert::id("task_id", &request.into_inner().task_id)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut tx = self.begin().await?;
        let task = one(&mut tx, id).await?;
        let applications = release::applications(&mut tx).await.map_err(refuse)?;
        let shown = task.shown(manual(&applications, &task.key.1));
        Ok(Response::new(GetTaskResponse { task: Some(shown) }))
    }

    async fn finish_task(
        &self,
        request: Request<FinishTaskRequest>,
    ) -> Result<Response<FinishTaskResponse>, Status> {
        let FinishTaskRequest { task_id, revision, evidence, by, login } = request.into_inner();
        let (by, evidence) = (named("by", &by)?, remark("evidence", &evidence)?);
        let login = remark("login", &login)?;
        let finish = |task: &mut Task, manual: &Manual| {
            let done = Said { revision, evidence: &evidence, by: &by, login: &login };
            task.finish(&done, manual.evidence)
        };
        let task = self.say(&task_id, &by, finish).await?;
        Ok(Response::new(FinishTaskResponse { task: Some(task) }))
    }

    async fn verify_task(
        &self,
        request: Request<VerifyTaskRequest>,
    ) -> Result<Response<VerifyTaskResponse>, Status> {
        let VerifyTaskRequest { task_id, revision, rejected, note, by } = request.into_inner();
        let (by, note) = (named("by", &by)?, remark("note", &note)?);
        let now = self.store.clock().now();
        let verify = |task: &mut Task, manual: &Manual| match rejected {
            true => task.reject(revision, &note),
            false => task.attest(revision, &by, Proof::wanted(manual), now),
        };
        let task = self.say(&task_id, &by, verify).await?;
        Ok(Response::new(VerifyTaskResponse { task: Some(task) }))
    }

    async fn assign_task(
        &self,
        request: Request<AssignTaskRequest>,
    ) -> Result<Response<AssignTaskResponse>, Status> {
        let AssignTaskRequest { task_id, assignee, assignee_mail, note, by } = request.into_inner();
        let by = named("by", &by)?;
        let to = Owner { name: assignee.trim().to_owned(), mail: assignee_mail.trim().to_owned() };
        if let Some((field, problem)) = to.check().into_iter().next() {
            return Err(Status::invalid_argument(format!("assignee{field}: {problem}")));
        }
        let note = remark("note", &note)?;
        let task = self.say(&task_id, &by, |task, _manual| task.assign(to, &note)).await?;
        Ok(Response::new(AssignTaskResponse { task: Some(task) }))
    }

    async fn upload_listing(
        &self,
        request: Request<UploadListingRequest>,
    ) -> Result<Response<UploadListingResponse>, Status> {
        let UploadListingRequest { application, csv, by } = request.into_inner();
        let by = named("by", &by)?;
        if csv.len() > LISTING_BYTES_MAX {
            let message = format!("the list is longer than {LISTING_BYTES_MAX} bytes");
            return Err(Status::invalid_argument(message));
        }
        let lines = listing::read(&csv).map_err(|problem| {
            Status::invalid_argument(format!("the list was not taken over: {problem}"))
        })?;
        let mut tx = self.begin().await?;
        let applications = release::applications(&mut tx).await.map_err(refuse)?;
        let kind = applications.get(&application).map(|spec| spec.connector.kind);
        if kind != Some(ConnectorKind::Manual) {
            let message = format!("no manual application is named {application:?}");
            return Err(Status::failed_precondition(message));
        }
        let now = tx.now();
        listing::table::put(&mut tx, &application, &lines, &by).await.map_err(refuse)?;
        watch::table::begin(&mut tx, &application).await.map_err(refuse)?;
        let watch = watch::table::lock(&mut tx, &application).await.map_err(refuse)?;
        if let Some(mut watch) = watch {
            // Whoever is at the list before finds that it is not theirs any more.
            watch.go_on(Stage::Read, now);
            watch::table::put(&mut tx, &watch).await.map_err(refuse)?;
        }
        tx.commit().await.map_err(refuse)?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Ok(Response::new(UploadListingResponse {
            accounts: count(lines.len()),
            holdings: count(listing::holdings(&lines)),
        }))
    }
}

/// An account that was made with another login than the one asked for has that login alone.
async fn claim(tx: &mut Tx, dossier: &mut Dossier, before: &Task) -> Result<(), Status> {
    let key = &before.key;
    let login = dossier.task_mut(key).map(|task| task.login.clone());
    let Some(login) = login.filter(|login| *login != before.login) else { return Ok(()) };
    if !login::claim(tx, key, &login).await.map_err(refuse)? {
        let message = "login: somebody else has it in the application; look whose account it is";
        return Err(Status::failed_precondition(message));
    }
    if let Some(branch) = dossier.branch_mut(key) {
        branch.login = Some(login);
    }
    Ok(())
}

async fn one(tx: &mut Tx, id: TaskId) -> Result<Task, Status> {
    let task = task::table::one(tx, id).await.map_err(refuse)?;
    task.ok_or_else(|| Status::not_found("there is no such task; `tenure task list` shows them"))
}

fn manual<'a>(applications: &'a Applications, name: &str) -> Option<&'a Manual> {
    applications.get(name)?.connector.manual.as_ref()
}

fn refused(refused: Refused) -> Status {
    Status::failed_precondition(refused.to_string())
}
