//! The HTTP side: one handler for SCIM, a few for whoever controls the sandbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{self, Body};
use axum::extract::{self, ConnectInfo, Query as UrlQuery};
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use clock::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::calls::Call;
use super::line::Cut;
use super::refusal::Refusal;
use super::requests::{self, Payload, Query, Reply, Request, State};
use super::route::Route;
use super::switches::Switches;

const BODY_MAX: usize = 4 * 1024 * 1024;
const CALLS_DEFAULT: usize = 1_000;

/// What all requests share.
pub(super) struct Shared {
    pub(super) token: String,
    pub(super) base: String,
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
}

impl Shared {
    /// No section under the lock can be left half done, so a panic of another thread is no reason to stop.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        headers
            .get(AUTHORIZATION)
            .and_then(|header| header.to_str().ok()?.split_once(' '))
            .filter(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && token.trim() == self.token
            })
            .map(|_| ())
            .ok_or(Refusal::Unauthorized)
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/sandbox/calls", get(calls))
        .route("/sandbox/counters", get(counters))
        .route("/sandbox/switches", get(switches).merge(post(set_switches)))
        .fallback(scim)
        .with_state(shared)
}

async fn scim(
    extract::State(shared): extract::State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Cut>,
    request: extract::Request,
) -> Response {
    let started = Instant::now();
    let at = shared.clock.now();
    let (parts, body) = request.into_parts();
    let route = Route::parse(parts.uri.path());
    let mut kept = None;
    let outcome = answer(&shared, route, &parts, body, &mut kept).await;

    let (status, created, cut) = match &outcome {
        Ok(reply) => (reply.status, reply.resource.clone(), reply.cut),
        Err(refusal) => (refusal.status(), None, false),
    };
    // Rounded up: none took no time.
    let duration_us = started.elapsed().as_nanos().div_ceil(1_000);
    let duration_us = u64::try_from(duration_us).unwrap_or(u64::MAX);
    let mut state = shared.state();
    let keep = state.switches.keep_requests;
    state.log.record(Call {
        number: 0,
        at,
        method: known(&parts.method),
        template: route.template(),
        resource: route.id().map(str::to_owned).or(created),
        status: if cut { 0 } else { status },
        duration_us,
        query: parts.uri.query().filter(|_query| keep).map(str::to_owned),
        body: kept.filter(|_body| keep).map(|body| String::from_utf8_lossy(&body).into_owned()),
    });
    drop(state);
    if cut {
        line.cut();
    }
    respond(outcome)
}

async fn answer(
    shared: &Shared,
    route: Route<'_>,
    parts: &Parts,
    body: Body,
    kept: &mut Option<body::Bytes>,
) -> Result<Reply, Refusal> {
    let latency = shared.state().switches.latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    shared.authenticate(&parts.headers)?;
    let body = body::to_bytes(body, BODY_MAX)
        .await
        .map_err(|_too_large_or_broken_off| Refusal::TooLarge(BODY_MAX))?;
    if !body.is_empty() {
        *kept = Some(body.clone());
        check_content_type(&parts.headers)?;
    }
    let method = &parts.method;
    let request = Request {
        route,
        method,
        query: query(&parts.uri)?,
        payload: Payload::parse(route, method, &body)?,
        if_match: parts.headers.get(IF_MATCH).and_then(|header| header.to_str().ok()),
        base: &shared.base,
        now: shared.clock.now(),
        id: if method == Method::POST { shared.clock.new_id().to_string() } else { String::new() },
    };
    requests::answer(&mut shared.state(), request)
}

fn query(uri: &Uri) -> Result<Query, Refusal> {
    UrlQuery::try_from_uri(uri)
        .map(|UrlQuery(query)| query)
        .map_err(|_malformed| Refusal::InvalidSyntax("the query string"))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|header| header.to_str().ok()?.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/scim+json" | "application/json") => Ok(()),
        Some(_) | None => Err(Refusal::ContentType),
    }
}

fn respond(outcome: Result<Reply, Refusal>) -> Response {
    let (reply, refusal) = match outcome {
        Ok(reply) => (reply, None),
        Err(refusal) => {
            let body = Some(refusal.body().to_string().into_bytes());
            (Reply { status: refusal.status(), body, ..Reply::default() }, Some(refusal))
        }
    };
    let mut response = Response::new(reply.body.map_or_else(Body::empty, Body::from));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if reply.status != 204 {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    }
    let mut put = |name: HeaderName, text: Option<String>| {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    };
    put(LOCATION, reply.location);
    put(ETAG, reply.etag);
    match refusal {
        Some(Refusal::TooManyRequests { retry_after_seconds }) => {
            put(RETRY_AFTER, Some(retry_after_seconds.to_string()));
        }
        Some(Refusal::Unauthorized) => put(WWW_AUTHENTICATE, Some("Bearer".to_owned())),
        _ => {}
    }
    response
}

#[derive(Debug, Deserialize)]
struct CallsQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

async fn calls(
    extract::State(shared): extract::State<Arc<Shared>>,
    UrlQuery(query): UrlQuery<CallsQuery>,
    headers: HeaderMap,
) -> Response {
    control(&shared, &headers, |state| {
        let limit = query.limit.unwrap_or(CALLS_DEFAULT);
        let calls: Vec<&Call> = state.log.after(query.after).take(limit).collect();
        Ok(json!({"total": state.log.total(), "calls": calls}))
    })
}

async fn counters(
    extract::State(shared): extract::State<Arc<Shared>>,
    headers: HeaderMap,
) -> Response {
    control(&shared, &headers, |state| {
        Ok(json!({
            "total": state.log.total(),
            "users": state.memory.users().len(),
            "groups": state.memory.groups().len(),
            "counters": state.log.counters(),
        }))
    })
}

async fn switches(
    extract::State(shared): extract::State<Arc<Shared>>,
    headers: HeaderMap,
) -> Response {
    control(&shared, &headers, |state| Ok(serde_json::to_value(&state.switches)?))
}

/// Sets the switches that the body names and leaves the others as they are.
async fn set_switches(
    extract::State(shared): extract::State<Arc<Shared>>,
    headers: HeaderMap,
    body: body::Bytes,
) -> Response {
    control(&shared, &headers, |state| {
        let mut merged = serde_json::to_value(&state.switches)?;
        let named: serde_json::Map<String, Value> = serde_json::from_slice(&body)
            .map_err(|_malformed| Refusal::InvalidSyntax("the body is not a JSON object"))?;
        for (name, value) in named {
            merged[name] = value;
        }
        let switches: Switches = serde_json::from_value(merged.clone())
            .map_err(|_unknown| Refusal::InvalidSyntax("a switch is unknown"))?;
        state.switches = switches;
        Ok(merged)
    })
}

fn control(
    shared: &Shared,
    headers: &HeaderMap,
    act: impl FnOnce(&mut State) -> Result<Value, Refusal>,
) -> Response {
    let outcome = shared
        .authenticate(headers)
        .and_then(|()| act(&mut shared.state()))
        .and_then(|answer| Reply::json(200, &answer));
    respond(outcome)
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
