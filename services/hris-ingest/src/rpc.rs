//! Operators' requests: parse, call, map.

mod cases;
mod ends;
mod holds;
mod import;
mod kin;
mod push;
mod sources;
mod timeline;
mod trial;
mod upload;

use std::sync::Arc;

use domain::PersonId;
use proto::convert;
use proto::hris::v1 as wire;
use proto::hris::v1::hris_ingest_service_server::HrisIngestService;
use store::Store;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::config::Config;
use crate::person;
use crate::reader::Reject;
use crate::roster;
use crate::run::{self, Run};

/// Rows on one page unless told otherwise.
const PAGE_SIZE: u32 = 50;
const PAGE_SIZE_MAX: u32 = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct Rpc {
    config: Arc<Config>,
    store: Store,
    imports: Arc<Semaphore>,
    abandoned: import::Abandoned,
}

impl Rpc {
    pub(crate) fn new(config: Config, store: Store) -> Self {
        let imports = Arc::new(Semaphore::new(config.imports_max.get().into()));
        let abandoned = import::Abandoned::default();
        Self { config: Arc::new(config), store, imports, abandoned }
    }
}

#[tonic::async_trait]
impl HrisIngestService for Rpc {
    type ImportStream = import::Reports;

    async fn import(
        &self,
        request: Request<Streaming<wire::ImportRequest>>,
    ) -> Result<Response<Self::ImportStream>, Status> {
        import::begin(self.clone(), request.into_inner()).await.map(Response::new)
    }

    type TryImportStream = trial::Reports;

    async fn try_import(
        &self,
        request: Request<Streaming<wire::ImportRequest>>,
    ) -> Result<Response<Self::TryImportStream>, Status> {
        trial::begin(self.clone(), request.into_inner()).await.map(Response::new)
    }

    async fn list_runs(
        &self,
        request: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        let limit = page(request.get_ref().page_size);
        let source = Some(request.get_ref().source.as_str()).filter(|source| !source.is_empty());
        let state = Some(request.get_ref().state.as_str()).filter(|state| !state.is_empty());
        let pool = self.store.pool();
        let runs = run::table::list(pool, source, state, limit).await.map_err(internal)?;
        Ok(Response::new(wire::ListRunsResponse { runs: runs.into_iter().map(listed).collect() }))
    }

    async fn get_held_run(
        &self,
        request: Request<wire::GetHeldRunRequest>,
    ) -> Result<Response<wire::GetHeldRunResponse>, Status> {
        holds::get(&self.store, &request.get_ref().run_id).await.map(Response::new)
    }

    async fn release_run(
        &self,
        request: Request<wire::ReleaseRunRequest>,
    ) -> Result<Response<wire::ReleaseRunResponse>, Status> {
        holds::release(self, request.into_inner()).await.map(Response::new)
    }

    async fn discard_run(
        &self,
        request: Request<wire::DiscardRunRequest>,
    ) -> Result<Response<wire::DiscardRunResponse>, Status> {
        holds::discard(&self.store, request.get_ref()).await.map(Response::new)
    }

    async fn list_sources(
        &self,
        _request: Request<wire::ListSourcesRequest>,
    ) -> Result<Response<wire::ListSourcesResponse>, Status> {
        sources::list(self.store.pool()).await.map(Response::new).map_err(internal)
    }

    async fn end_now(
        &self,
        request: Request<wire::EndNowRequest>,
    ) -> Result<Response<wire::EndNowResponse>, Status> {
        let id = person_id(&request.get_ref().person_id)?;
        ends::end_now(&self.store, id).await.map(Response::new)
    }

    async fn lift_hold(
        &self,
        request: Request<wire::LiftHoldRequest>,
    ) -> Result<Response<wire::LiftHoldResponse>, Status> {
        let id = person_id(&request.into_inner().person_id)?;
        ends::lift(&self.store, id).await.map(Response::new)
    }

    async fn withdraw_end(
        &self,
        request: Request<wire::WithdrawEndRequest>,
    ) -> Result<Response<wire::WithdrawEndResponse>, Status> {
        let id = person_id(&request.get_ref().person_id)?;
        ends::withdraw(&self.store, id).await.map(Response::new)
    }

    async fn find_people(
        &self,
        request: Request<wire::FindPeopleRequest>,
    ) -> Result<Response<wire::FindPeopleResponse>, Status> {
        let query = request.get_ref().query.trim();
        if query.is_empty() {
            return Err(Status::invalid_argument("the query is empty"));
        }
        let pool = self.store.pool();
        let mut ids = roster::table::people_with_id(pool, query).await.map_err(internal)?;
        ids.extend(Uuid::parse_str(query).ok());
        let limit = page(request.get_ref().page_size);
        let found = person::table::search(pool, &ids, query, limit).await.map_err(internal)?;
        let ids: Vec<Uuid> = found.iter().map(|(id, _name)| *id).collect();
        let workers = roster::table::of_people(pool, &ids).await.map_err(internal)?;
        let people = found
            .into_iter()
            .map(|(id, name)| wire::FoundPerson {
                person_id: id.to_string(),
                display_name: name.unwrap_or_default(),
                worker_id: workers
                    .get(&id)
                    .and_then(|ids| ids.first())
                    .cloned()
                    .unwrap_or_default(),
            })
            .collect();
        Ok(Response::new(wire::FindPeopleResponse { people }))
    }

    async fn get_timeline(
        &self,
        request: Request<wire::GetTimelineRequest>,
    ) -> Result<Response<wire::GetTimelineResponse>, Status> {
        let id = person_id(&request.get_ref().person_id)?;
        let known_at = convert::optional_instant("known_at", request.get_ref().known_at.as_ref())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        timeline::get(&self.store, id, known_at).await.map(Response::new)
    }
}

fn person_id(text: &str) -> Result<PersonId, Status> {
    convert::id("person_id", text).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn listed(run: Run) -> wire::Run {
    // A thousand rejects of each run would not fit into one message.
    let summary = wire::ImportSummary { rejects: Vec::new(), ..summary(&run) };
    wire::Run {
        run_id: run.id.to_string(),
        source: run.source,
        file_name: run.file_name,
        state: run.state.as_str().to_owned(),
        started_at: Some(run.started_at.into()),
        summary: Some(summary),
        error: run.error.unwrap_or_default(),
        finished_at: run.finished_at.map(Into::into),
        snapshot_date: Some(run.snapshot_date.into()),
    }
}

fn summary(run: &Run) -> wire::ImportSummary {
    let reject = |reject: &Reject| wire::Reject {
        line: reject.line,
        column: reject.column.clone(),
        reason: reject.reason.clone(),
    };
    wire::ImportSummary {
        run_id: run.id.to_string(),
        rows: run.content.rows,
        people: run.content.people,
        joined: run.tally.joined,
        changed: run.tally.changed,
        left: run.tally.left,
        unchanged: run.tally.unchanged,
        rejects: run.content.rejects.iter().take(REJECTS_LISTED_MAX).map(reject).collect(),
        rejected: run.content.rejected,
        managers_unknown: run.managers_unknown,
        held: None,
    }
}

/// What the contract promises at most.
const REJECTS_LISTED_MAX: usize = 1_000;

fn page(size: u32) -> i64 {
    match size {
        0 => PAGE_SIZE.into(),
        size => size.min(PAGE_SIZE_MAX).into(),
    }
}

fn internal(error: store::Error) -> Status {
    tracing::error!("a request failed: {}", domain::Rejection::park(error));
    Status::internal("the database failed; the service's log says how")
}
