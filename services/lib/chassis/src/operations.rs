//! The operators' door that every service has: status, parked messages.

use async_nats::jetstream::consumer::PullConsumer;
use proto::catalogue;
use proto::operations::v1::operations_service_server::OperationsService;
use proto::operations::v1::{
    ConsumerStatus, GetStatusRequest, GetStatusResponse, ListParkedRequest, ListParkedResponse,
    ParkedMessage, ReplayParkedRequest, ReplayParkedResponse, Resync,
};
use store::Store;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Rows on one page unless told otherwise.
const PAGE_SIZE: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) store: Store,
    pub(crate) client: async_nats::Client,
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn get_status(
        &self,
        _request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let pool = self.store.pool();
        let (pending, oldest) = store::outbox::backlog(pool).await.map_err(internal)?;
        let now = self.store.clock().now();
        let mut consumers = Vec::new();
        for durable in catalogue::durables_of(self.store.service()) {
            let context = bus::accounts::jetstream(self.client.clone());
            let found: Result<PullConsumer, _> =
                context.get_consumer_from_stream(&durable.name, durable.stream).await;
            let found =
                found.map_err(|_error| Status::unavailable("the broker does not answer"))?;
            let info = found.cached_info();
            consumers.push(ConsumerStatus {
                name: durable.name,
                pending: info.num_pending,
                in_flight: u64::try_from(info.num_ack_pending).unwrap_or_default(),
                redelivered: u64::try_from(info.num_redelivered).unwrap_or_default(),
            });
        }
        Ok(Response::new(GetStatusResponse {
            service: self.store.service().to_string(),
            outbox_unpublished: pending,
            outbox_oldest_seconds: oldest
                .map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64()),
            parked: store::parked::count(pool).await.map_err(internal)?,
            inbox_bytes: store::inbox::size_bytes(pool).await.map_err(internal)?,
            memory_bytes: memory_bytes(),
            timers_overdue: store::timers::overdue(pool, now).await.map_err(internal)?,
            consumers,
            resync: Some(resync(pool).await.map_err(internal)?),
        }))
    }

    async fn list_parked(
        &self,
        request: Request<ListParkedRequest>,
    ) -> Result<Response<ListParkedResponse>, Status> {
        let size = match request.get_ref().page_size {
            0 => PAGE_SIZE,
            size => size.min(PAGE_SIZE_MAX),
        };
        let listed =
            store::parked::list(self.store.pool(), i64::from(size)).await.map_err(internal)?;
        let messages = listed
            .into_iter()
            .map(|parked| ParkedMessage {
                event_id: parked.event_id.to_string(),
                consumer: parked.consumer,
                r#type: parked.kind,
                reason: parked.reason,
                parked_at: Some(parked.parked_at.into()),
                replays: u32::try_from(parked.replays).unwrap_or_default(),
            })
            .collect();
        Ok(Response::new(ListParkedResponse { messages }))
    }

    async fn replay_parked(
        &self,
        request: Request<ReplayParkedRequest>,
    ) -> Result<Response<ReplayParkedResponse>, Status> {
        let events = request
            .get_ref()
            .event_ids
            .iter()
            .map(|id| Uuid::parse_str(id))
            .collect::<Result<Vec<Uuid>, _>>()
            .map_err(|_error| Status::invalid_argument("an event id is not a UUID"))?;
        let mut tx = self.store.begin().await.map_err(internal)?;
        let replayed = store::parked::request_replay(&mut tx, &events).await.map_err(internal)?;
        tx.commit().await.map_err(internal)?;
        let replayed = u32::try_from(replayed).unwrap_or(u32::MAX);
        Ok(Response::new(ReplayParkedResponse { replayed }))
    }
}

async fn resync(pool: &sqlx::PgPool) -> Result<Resync, store::Error> {
    let latest = store::epochs::latest(pool).await?;
    Ok(Resync {
        epoch: latest.epoch.unsigned_abs(),
        events: latest.events,
        finished: latest.finished,
    })
}

fn internal(error: store::Error) -> Status {
    tracing::error!("a request failed: {}", domain::Rejection::park(error));
    Status::internal("the database failed; the service's log says how")
}

/// Resident memory of this process, in bytes; zero where `/proc` does not tell.
fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
