//! Health and metrics over HTTP, apart from requests.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use store::Store;

/// `/livez`: the process runs. `/readyz`: database and broker answer. `/metrics`: Prometheus.
pub(crate) fn router<S>(store: Store, client: async_nats::Client, scrape: Option<S>) -> Router
where
    S: Fn() -> String + Send + Sync + Clone + 'static,
{
    let router = Router::new().route("/livez", get(async || "ok\n")).route(
        "/readyz",
        get(async move || {
            let connected = client.connection_state() == async_nats::connection::State::Connected;
            let reachable = sqlx::query("SELECT 1").execute(store.pool()).await.is_ok();
            match (connected, reachable) {
                (true, true) => (StatusCode::OK, "ok\n"),
                (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "no connection to NATS\n"),
                (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "no answer of PostgreSQL\n"),
            }
        }),
    );
    match scrape {
        Some(scrape) => router.route("/metrics", get(async move || scrape())),
        None => router,
    }
}
