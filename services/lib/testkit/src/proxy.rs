//! Something between a connector and the program it speaks to, which corrupts what a test asks it to.

mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use wire::{Wire, WireTrouble};

/// An HTTP proxy in front of a real service. Ends when it is dropped.
pub struct Proxy {
    url: String,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

/// One call as it was passed on, with what was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The method's name.
    pub method: String,
    /// Everything below the host, with the query.
    pub path: String,
    /// The body; null when there is none.
    pub body: Value,
    /// The status that was answered; zero until then.
    pub status: u16,
}

/// What the proxy does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Passes it on, and its answer back.
    Truth,
    /// Answers with a status and perhaps a header, and passes nothing on.
    Instead(u16, Option<(&'static str, &'static str)>),
    /// Passes it on, and answers with a status that says otherwise when it succeeded.
    Afterwards(u16),
}

type Meddle = Box<dyn Fn(&mut Call) -> Said + Send + Sync>;

struct Inner {
    origin: String,
    client: reqwest::Client,
    meddle: Mutex<Meddle>,
    calls: Mutex<Vec<Call>>,
}

/// No test holds large resources.
const BODY_MAX: usize = 4 * 1024 * 1024;

impl Proxy {
    /// Starts one that is honest.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the port has a number");
        let (scheme, rest) = url.split_once("://").expect("an address has a scheme");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let inner = Arc::new(Inner {
            origin: format!("{scheme}://{host}"),
            client: crate::http::client(),
            meddle: Mutex::new(Box::new(|_call| Said::Truth)),
            calls: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::debug!(%error, "a proxy ended");
            }
        });
        Self { url: format!("http://{address}/{path}"), inner, serving }
    }

    /// Where it serves what the service does.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From the next call on, has calls changed before they are passed on, or not passed on at all.
    pub fn meddle(&self, meddle: impl Fn(&mut Call) -> Said + Send + Sync + 'static) {
        *self.inner.meddle.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(meddle);
    }

    /// Returns the calls since this was asked last, in order.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let mut call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        status: 0,
    };
    let said = (inner.meddle.lock().unwrap_or_else(PoisonError::into_inner))(&mut call);
    let mut answer = match said {
        Said::Instead(status, header) => empty(status, header),
        Said::Truth | Said::Afterwards(_) => pass_on(&inner, &call, parts.headers).await,
    };
    if let Said::Afterwards(status) = said
        && answer.status().is_success()
    {
        answer = empty(status, None);
    }
    call.status = answer.status().as_u16();
    inner.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    answer
}

async fn pass_on(inner: &Inner, call: &Call, mut headers: HeaderMap) -> Response {
    for hop in [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(hop);
    }
    let method = call.method.parse().expect("it came as a method");
    let mut request =
        inner.client.request(method, format!("{}{}", inner.origin, call.path)).headers(headers);
    if !call.body.is_null() {
        request = request.body(call.body.to_string());
    }
    let Ok(came) = request.send().await else { return empty(502, None) };
    let (status, headers) = (came.status(), came.headers().clone());
    let Ok(bytes) = came.bytes().await else { return empty(502, None) };
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    for hop in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        answer.headers_mut().remove(hop);
    }
    answer
}

fn empty(status: u16, header: Option<(&'static str, &'static str)>) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a test names a status that exists");
    if let Some((name, value)) = header {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        answer.headers_mut().insert(name, value);
    }
    answer
}
