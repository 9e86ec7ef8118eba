//! Health and metrics over HTTP, apart from requests.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long PostgreSQL may take to answer; whoever asks does not wait longer either.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers how a process is, from its first moment to its last.
///
/// `/livez`: the process runs, whatever it runs on. `/readyz`: database and broker answer, and work
/// is taken. `/metrics`: Prometheus.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    work: Arc<OnceLock<Work>>,
    stop: CancellationToken,
    served: JoinSet<()>,
}

/// What a service that has started works with.
#[derive(Debug)]
struct Work {
    store: Store,
    client: async_nats::Client,
    drain: CancellationToken,
}

impl Admin {
    /// Begins to answer. `scrape` returns the metrics as Prometheus reads them.
    ///
    /// # Errors
    /// When the address cannot be read back.
    pub fn open<S>(listener: TcpListener, scrape: Option<S>) -> anyhow::Result<Self>
    where
        S: Fn() -> String + Send + Sync + Clone + 'static,
    {
        let address = listener.local_addr().context("read the admin address")?;
        let (work, stop) = (Arc::new(OnceLock::new()), CancellationToken::new());
        let router = router(Arc::clone(&work), scrape);
        let stopped = stop.clone();
        let mut served = JoinSet::new();
        served.spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stopped.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "health is no longer served");
            }
        });
        Ok(Self { address, work, stop, served })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the service is ready for as long as what it works with answers and it does not
    /// drain.
    pub(crate) fn ready(&self, store: Store, client: async_nats::Client, drain: CancellationToken) {
        if self.work.set(Work { store, client, drain }).is_err() {
            tracing::debug!("the service was ready already");
        }
    }

    /// Answers those who have asked, and nobody else.
    pub(crate) fn close(self) -> JoinSet<()> {
        self.stop.cancel();
        self.served
    }
}

fn router<S>(work: Arc<OnceLock<Work>>, scrape: Option<S>) -> Router
where
    S: Fn() -> String + Send + Sync + Clone + 'static,
{
    let router = Router::new().route("/livez", get(async || "ok\n")).route(
        "/readyz",
        get(async move || match unready(work.get()).await {
            None => (StatusCode::OK, "ok\n"),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        }),
    );
    match scrape {
        Some(scrape) => router.route("/metrics", get(async move || scrape())),
        None => router,
    }
}

async fn unready(work: Option<&Work>) -> Option<&'static str> {
    let Some(Work { store, client, drain }) = work else { return Some("starting\n") };
    if drain.is_cancelled() {
        return Some("draining\n");
    }
    if client.connection_state() != async_nats::connection::State::Connected {
        return Some("no connection to NATS\n");
    }
    let answer = tokio::time::timeout(PATIENCE, sqlx::query("SELECT 1").execute(store.pool()));
    match answer.await {
        Ok(Ok(_answered)) => None,
        Ok(Err(_)) | Err(_) => Some("no answer of PostgreSQL\n"),
    }
}
