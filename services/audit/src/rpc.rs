//! Auditors' requests: parse, read, map.

use proto::audit::v1::audit_service_server::AuditService;
use proto::audit::v1::{
    EventTotal, GetPersonHistoryRequest, GetPersonHistoryResponse, GetTotalsRequest,
    GetTotalsResponse, RecordedEvent,
};
use store::Store;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::content::Content;
use crate::log;

/// Events on one page unless told otherwise.
const PAGE_SIZE: u32 = 200;
const PAGE_SIZE_MAX: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) store: Store,
    pub(crate) content: Content,
}

#[tonic::async_trait]
impl AuditService for Rpc {
    async fn get_person_history(
        &self,
        request: Request<GetPersonHistoryRequest>,
    ) -> Result<Response<GetPersonHistoryResponse>, Status> {
        let request = request.into_inner();
        let person = request
            .person_id
            .parse()
            .map_err(|_error| Status::invalid_argument("person_id is not a UUID"))?;
        let after = match request.page_token.as_str() {
            "" => Uuid::nil(),
            token => Uuid::parse_str(token)
                .map_err(|_error| Status::invalid_argument("page_token is not one of ours"))?,
        };
        let size = match request.page_size {
            0 => PAGE_SIZE,
            size => size.min(PAGE_SIZE_MAX),
        };
        let recorded =
            log::table::list_of_person(self.store.pool(), person, after, i64::from(size))
                .await
                .map_err(internal)?;
        let full = recorded.len() == usize::try_from(size).unwrap_or(usize::MAX);
        let next_page_token = match recorded.last() {
            Some(last) if full => last.event_id.to_string(),
            Some(_) | None => String::new(),
        };
        let events = recorded
            .into_iter()
            .map(|event| RecordedEvent {
                json: self.content.json(&event.kind, &event.payload),
                event_id: event.event_id.to_string(),
                publisher: event.publisher,
                position: event.position.unsigned_abs(),
                r#type: event.kind,
                occurred_at: Some(event.occurred_at.into()),
                recorded_at: Some(event.recorded_at.into()),
            })
            .collect();
        Ok(Response::new(GetPersonHistoryResponse { events, next_page_token }))
    }

    async fn get_totals(
        &self,
        _request: Request<GetTotalsRequest>,
    ) -> Result<Response<GetTotalsResponse>, Status> {
        let totals = log::table::totals(self.store.pool()).await.map_err(internal)?;
        let totals = totals
            .into_iter()
            .map(|(publisher, kind, events)| EventTotal {
                publisher,
                r#type: kind,
                events: events.unsigned_abs(),
            })
            .collect();
        Ok(Response::new(GetTotalsResponse { totals }))
    }
}

fn internal(error: store::Error) -> Status {
    tracing::error!("a request failed: {}", domain::Rejection::park(error));
    Status::internal("the database failed; the service's log says how")
}
