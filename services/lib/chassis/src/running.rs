use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bus::{ConsumeOptions, RelayOptions};
use proto::catalogue;
use proto::operations::v1::operations_service_server::OperationsServiceServer;
use serde::{Deserialize, Serialize};
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptorLayer;

use crate::admin::Admin;
use crate::app::{App, Http};
use crate::operations::Operations;
use crate::requests::{Doorkeeper, Measure};
use crate::settings::Secret;

/// What a service runs on.
#[derive(Debug)]
pub struct Resources {
    /// Its database.
    pub store: Store,
    /// Its connection to the broker, under its own account.
    pub nats: async_nats::Client,
    /// The file that the connection was signed in with.
    pub credentials: Option<PathBuf>,
    /// Where requests are served.
    pub grpc: TcpListener,
    /// What whoever asks must send; none: everybody may ask.
    pub token: Option<Secret>,
    /// Where health and metrics are served.
    pub admin: Admin,
}

/// Where a running service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Requests.
    pub grpc: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
    /// Clients that speak HTTP, where the service has a door for them.
    #[serde(default)]
    pub http: Option<SocketAddr>,
    /// The process.
    pub pid: u32,
}

/// A service at work.
#[derive(Debug)]
pub struct Running {
    addresses: Addresses,
    take: CancellationToken,
    publish: CancellationToken,
    answer: CancellationToken,
    takers: JoinSet<()>,
    relay: JoinSet<()>,
    servers: JoinSet<()>,
    admin: Admin,
    store: Store,
}

/// Bytes of one request, and of all on one connection, that may be on their way unread; files come in by them.
const STREAM_BYTES: u32 = 4 << 20;
const CONNECTION_BYTES: u32 = 8 << 20;
/// Bytes that are sent at once.
const FRAME_BYTES: u32 = 256 << 10;
/// How long each stage of the drain may take.
const DRAIN: Duration = Duration::from_secs(10);
/// How often what is kept too long is dropped.
const MAINTENANCE: Duration = Duration::from_secs(600);
/// How often the backlog is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// How often an operator's wish to replay is looked for.
const REPLAY: Duration = Duration::from_millis(500);

impl Running {
    /// Opens the three doors of a service.
    ///
    /// # Errors
    /// When an address cannot be read back.
    pub fn start(app: App, resources: Resources) -> anyhow::Result<Self> {
        let Resources { store, nats, credentials, grpc, token, admin } = resources;
        let addresses = Addresses {
            grpc: grpc.local_addr().context("read the gRPC address")?,
            admin: admin.address(),
            http: app
                .http
                .as_ref()
                .map(|http| http.listener.local_addr().context("read the HTTP address"))
                .transpose()?,
            pid: std::process::id(),
        };
        let mut running = Self {
            addresses,
            take: CancellationToken::new(),
            publish: CancellationToken::new(),
            answer: CancellationToken::new(),
            takers: JoinSet::new(),
            relay: JoinSet::new(),
            servers: JoinSet::new(),
            admin,
            store: store.clone(),
        };
        running.serve(app.routes, grpc, token.as_ref(), &nats);
        if let Some(http) = app.http {
            running.listen(http);
        }
        running.publish_events(app.service, &nats);
        running.consume(app.consumers, &nats);
        for door in app.outside {
            for work in door.open(&nats, &store, &running.take) {
                running.takers.spawn(work);
            }
        }
        for driver in app.drivers {
            for work in driver.spawn(store.clone(), running.take.clone()) {
                running.takers.spawn(work);
            }
        }
        running.keep_house(&nats, credentials);
        running.admin.ready(store, nats.clone(), running.take.clone());
        let lag = crate::lag::measure(app.service, nats, running.take.clone());
        running.takers.spawn(lag);
        Ok(running)
    }

    /// Where it can be reached.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops taking, finishes what is held, publishes what that caused, then stops answering.
    pub async fn stop(mut self) {
        self.take.cancel();
        drained("work in hand", &mut self.takers).await;
        self.publish.cancel();
        drained("the relay", &mut self.relay).await;
        self.answer.cancel();
        drained("requests", &mut self.servers).await;
        self.store.close().await;
        drained("health", &mut self.admin.close()).await;
    }

    fn serve(
        &mut self,
        mut routes: tonic::service::RoutesBuilder,
        listener: TcpListener,
        token: Option<&Secret>,
        nats: &async_nats::Client,
    ) {
        let doorkeeper = Doorkeeper::new(token);
        let operations = Operations { store: self.store.clone(), client: nats.clone() };
        routes.add_service(OperationsServiceServer::new(operations));
        let (_reporter, health) = tonic_health::server::health_reporter();
        routes.add_service(health);
        let answer = self.answer.clone();
        self.servers.spawn(async move {
            let served = tonic::transport::Server::builder()
                .trace_fn(traced)
                .layer(Measure)
                .layer(InterceptorLayer::new(doorkeeper))
                .initial_stream_window_size(STREAM_BYTES)
                .initial_connection_window_size(CONNECTION_BYTES)
                .max_frame_size(FRAME_BYTES)
                .add_routes(routes.routes())
                .serve_with_incoming_shutdown(
                    TcpListenerStream::new(listener),
                    answer.cancelled_owned(),
                )
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "requests are no longer served");
            }
        });
    }

    fn listen(&mut self, http: Http) {
        let answer = self.answer.clone();
        self.servers.spawn(async move {
            let served = axum::serve(http.listener, http.router)
                .with_graceful_shutdown(answer.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "clients are no longer served");
            }
        });
    }

    fn publish_events(&mut self, service: catalogue::Service, nats: &async_nats::Client) {
        let Some(stream) = catalogue::stream_of(service) else { return };
        let (nats, store, drain) = (nats.clone(), self.store.clone(), self.publish.clone());
        self.relay.spawn(async move {
            bus::relay(nats, &store, stream, RelayOptions::default(), drain).await;
        });
    }

    /// One loop per lane of each consumer, so that no lane waits for the other, and one that replays.
    fn consume(&mut self, consumers: Vec<bus::Consumer>, nats: &async_nats::Client) {
        for consumer in consumers.into_iter().map(Arc::new) {
            for durable in consumer.row().durables() {
                let (consumer, nats) = (Arc::clone(&consumer), nats.clone());
                let (store, drain) = (self.store.clone(), self.take.clone());
                self.takers.spawn(async move {
                    let options = ConsumeOptions::default();
                    let ended =
                        bus::consume(nats, &store, &consumer, &durable, options, drain).await;
                    if let Err(error) = ended {
                        tracing::error!(consumer = durable.name, %error, "the consumer has ended");
                    }
                });
            }
            let (store, drain) = (self.store.clone(), self.take.clone());
            self.takers.spawn(async move { replays(&store, &consumer, &drain).await });
        }
    }

    fn keep_house(&mut self, nats: &async_nats::Client, credentials: Option<PathBuf>) {
        let (store, drain, nats) = (self.store.clone(), self.take.clone(), nats.clone());
        self.takers.spawn(async move {
            let mut maintenance = tokio::time::interval(MAINTENANCE);
            let mut measure = tokio::time::interval(MEASURE);
            loop {
                let done = tokio::select! {
                    () = drain.cancelled() => return,
                    _tick = maintenance.tick() => store.maintain().await,
                    _tick = measure.tick() => measured(&store, &nats, credentials.as_deref()).await,
                };
                if let Err(error) = done {
                    tracing::warn!(%error, "house-keeping is tried again");
                }
            }
        });
    }
}

/// The span of a request. Requests that only ask how a service is have none: they come all the time.
fn traced(request: &http::Request<()>) -> tracing::Span {
    let path = request.uri().path();
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (service, method) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if service.starts_with("tenure.operations.") || service.starts_with("grpc.health.") {
        return tracing::Span::none();
    }
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{service}/{method}"),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
    );
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(traceparent) = traceparent {
        telemetry::follow(&span, traceparent);
    }
    span
}

async fn measured(
    store: &Store,
    nats: &async_nats::Client,
    credentials: Option<&Path>,
) -> Result<(), store::Error> {
    // Those in the file, which are the next to be signed in with, and not those of the connection.
    if let Some(path) = credentials
        && let Some(ends) = bus::connect::expiry(path).await
    {
        telemetry::metrics().credential_expires(ends.as_second());
    }
    let broker = nats.connection_state() == async_nats::connection::State::Connected;
    let (open, idle) = (u64::from(store.pool().size()), store.pool().num_idle() as u64);
    telemetry::metrics().connections(broker, open.saturating_sub(idle), idle);
    let now = store.clock().now();
    let (pending, oldest) = store::outbox::backlog(store.pool()).await?;
    let oldest = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64());
    let parked = store::parked::count(store.pool()).await?;
    let overdue = store::timers::overdue(store.pool(), now).await?;
    telemetry::metrics().backlog(pending, oldest, parked, overdue);
    Ok(())
}

async fn replays(store: &Store, consumer: &bus::Consumer, drain: &CancellationToken) {
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(REPLAY) => {}
        }
        let replayed = async {
            let id = store::inbox::consumer_id(store.pool(), consumer.row().name).await?;
            bus::replay(store, consumer, id).await
        };
        match replayed.await {
            Ok(0) => {}
            Ok(messages) => tracing::info!(
                consumer = consumer.row().name,
                messages,
                "replayed {messages} parked messages"
            ),
            Err(error) => tracing::debug!(%error, "replays wait"),
        }
    }
}

async fn drained(what: &'static str, tasks: &mut JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        tracing::warn!("{what} did not finish within the drain time and is dropped");
        tasks.shutdown().await;
    }
}
