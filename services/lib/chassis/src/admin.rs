//! Health and metrics over HTTP, apart from requests.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use store::Store;
use tokio_util::sync::CancellationToken;

/// How long PostgreSQL may take to answer; whoever asks does not wait longer either.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/livez`: the process runs. `/readyz`: database and broker answer, and work is taken.
/// `/metrics`: Prometheus.
pub(crate) fn router<S>(
    store: Store,
    client: async_nats::Client,
    drain: CancellationToken,
    scrape: Option<S>,
) -> Router
where
    S: Fn() -> String + Send + Sync + Clone + 'static,
{
    let router = Router::new().route("/livez", get(async || "ok\n")).route(
        "/readyz",
        get(async move || match unready(&store, &client, &drain).await {
            None => (StatusCode::OK, "ok\n"),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        }),
    );
    match scrape {
        Some(scrape) => router.route("/metrics", get(async move || scrape())),
        None => router,
    }
}

async fn unready(
    store: &Store,
    client: &async_nats::Client,
    drain: &CancellationToken,
) -> Option<&'static str> {
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
