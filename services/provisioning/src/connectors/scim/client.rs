//! One HTTP client per application: sends requests, and turns every answer into JSON or a fault.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug};

use super::super::egress::{self, Resolver};
use super::super::pace::{self, Budget};
use super::super::pulse::{Beat, Pulse};
use super::fault::{CUT, Fault, LATE, UNREACHED};
use super::{ConnectError, Settings};

const SCIM_JSON: &str = "application/scim+json";

/// A group with a hundred thousand members fits in.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is said of an answer that is longer.
pub(super) const TOO_MUCH: &str = "the application answers too much";

/// Many servers close idle connections after five seconds; the request that meets a closing one
/// fails with an unknown outcome.
const IDLE: Duration = Duration::from_secs(4);

/// The way to one application.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    application: String,
    paused_until: Mutex<Option<Instant>>,
    pulse: Pulse,
    budget: Option<Arc<dyn Budget>>,
}

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    pub(super) fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        install_crypto();
        let base = Url::parse(&settings.url).map_err(ConnectError::Url)?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(ConnectError::Scheme);
        }
        let host = base.host_str().unwrap_or_default().to_owned();
        // An address that is written as such is not looked up.
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            settings.egress.check(&host, address).map_err(ConnectError::Egress)?;
        }
        let resolver = Resolver { egress: settings.egress.clone(), host };
        let mut headers = HeaderMap::new();
        let accept = header::HeaderValue::from_static("application/scim+json, application/json");
        headers.insert(header::ACCEPT, accept);
        if let Some(token) = &settings.token {
            let bearer = format!("Bearer {}", token.expose());
            let mut bearer = header::HeaderValue::try_from(bearer).map_err(ConnectError::Token)?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("tenure/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(settings.timeouts.connect)
            .timeout(settings.timeouts.request)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            // A proxy of the environment would connect to what nobody checked.
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .build()
            .map_err(ConnectError::Client)?;
        let application = settings.application.clone();
        let (paused_until, pulse) = (Mutex::default(), Pulse::default());
        let budget = settings.budget.clone();
        Ok(Self { http, base, application, paused_until, pulse, budget })
    }

    /// What says when requests may be sent.
    pub(super) fn budget(&self) -> Option<&dyn Budget> {
        self.budget.as_deref()
    }

    /// What the requests came to so far.
    pub(super) fn beat(&self) -> Beat {
        Beat { paused: self.pause_left().unwrap_or_default(), ..self.pulse.beat() }
    }

    /// The address of a resource below the base; every segment is escaped.
    pub(super) fn address(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The same with a query. Spaces become `%20`: not every server reads `+` as one.
    pub(super) fn query(&self, segments: &[&str], pairs: &[(&str, &str)]) -> Url {
        let mut url = self.address(segments);
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
            let query = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        url
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Fault> {
        self.send::<()>(Method::GET, url, &[], None).await?.json()
    }

    /// Reads a whole resource, with its version, which some applications state only in a header.
    pub(super) async fn get_versioned(&self, url: Url) -> Result<Value, Fault> {
        let answer = self.send::<()>(Method::GET, url, &[], None).await?;
        let mut resource: Value = answer.json()?;
        let stated = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        if let (Some(tag), Value::Object(fields)) = (stated, &mut resource) {
            let meta = fields.entry("meta").or_insert_with(|| json!({}));
            if let Value::Object(meta) = meta {
                meta.entry("version").or_insert_with(|| json!(tag));
            }
        }
        Ok(resource)
    }

    pub(super) async fn post(&self, url: Url, body: &Value) -> Result<Answer, Fault> {
        self.send(Method::POST, url, &[], Some(body)).await
    }

    pub(super) async fn patch(&self, url: Url, body: &Value) -> Result<Answer, Fault> {
        self.send(Method::PATCH, url, &[], Some(body)).await
    }

    /// Replaces a resource, only if it still has the version that was read, where servers keep one.
    pub(super) async fn put(&self, url: Url, read: &Value, body: &Value) -> Result<Answer, Fault> {
        let version = read["meta"]["version"].as_str().map(|text| (header::IF_MATCH, text));
        self.send(Method::PUT, url, version.as_slice(), Some(body)).await
    }

    pub(super) async fn delete(&self, url: Url) -> Result<Answer, Fault> {
        self.send::<()>(Method::DELETE, url, &[], None).await
    }

    /// Measures a request; never logs the address, which may hold a login, nor a body.
    async fn send<B: Serialize + Sync>(
        &self,
        method: Method,
        url: Url,
        headers: &[(header::HeaderName, &str)],
        body: Option<&B>,
    ) -> Result<Answer, Fault> {
        if let Some(after) = self.pause_left() {
            return Err(Fault::Throttled { after });
        }
        let endpoint = format!("/{}", self.below(&url).0);
        let turn = pace::turn(self.budget(), &endpoint).await;
        turn.map_err(|after| Fault::Spent { after })?;
        let span = self.span(&method, &url);
        let begin = Instant::now();
        let sent = self.ask(method, url, headers, body).instrument(span.clone()).await;
        match &sent {
            // Nobody was asked.
            Err(Fault::Barred(_)) => {}
            Err(fault) => match fault.silence() {
                Some(after) => self.pulse.lost(fault.to_string(), after),
                None => self.pulse.answered(),
            },
            Ok(_answer) => self.pulse.answered(),
        }
        let outcome = match &sent {
            Ok(_answer) => "ok",
            Err(fault) => fault.kind(),
        };
        if sent.is_err() {
            span.record("error.type", outcome);
            span.record("otel.status_code", "ERROR");
        }
        telemetry::metrics().connector_request(
            &self.application,
            outcome,
            begin.elapsed().as_secs_f64(),
        );
        sent
    }

    /// The span of one request, with what of its address holds no personal data.
    fn span(&self, method: &Method, url: &Url) -> Span {
        let span = tracing::info_span!(
            "provisioning.scim.request",
            otel.kind = "client",
            otel.name = Empty,
            otel.status_code = Empty,
            http.request.method = %method,
            http.response.status_code = Empty,
            url.template = Empty,
            server.address = Empty,
            server.port = Empty,
            "error.type" = Empty,
            application = %self.application,
        );
        if telemetry::is_traced() {
            let template = self.template(url);
            span.record("otel.name", format!("{method} {template}"));
            span.record("url.template", template);
            span.record("server.address", self.base.host_str());
            span.record("server.port", self.base.port_or_known_default());
        }
        span
    }

    /// The path below the base, with ids as `{id}`: `/Users/{id}`.
    fn template(&self, url: &Url) -> String {
        let (kind, rest) = self.below(url);
        format!("/{kind}{}", if rest { "/{id}" } else { "" })
    }

    /// The first segment below the base, and whether another follows.
    fn below<'a>(&self, url: &'a Url) -> (&'a str, bool) {
        let below =
            self.base.path_segments().map_or(0, |path| path.filter(|s| !s.is_empty()).count());
        let mut segments = url.path_segments().into_iter().flatten().skip(below);
        (segments.next().unwrap_or_default(), segments.next().is_some())
    }

    async fn ask<B: Serialize + Sync>(
        &self,
        method: Method,
        url: Url,
        headers: &[(header::HeaderName, &str)],
        body: Option<&B>,
    ) -> Result<Answer, Fault> {
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        // An application that is traced as well goes on where this request began.
        if let Some(traceparent) = telemetry::traceparent() {
            request = request.header("traceparent", traceparent);
        }
        if let Some(body) = body {
            request = request.json(body).header(header::CONTENT_TYPE, SCIM_JSON);
        }
        let response = request.send().await.map_err(|error| broken(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        Span::current().record("http.response.status_code", status.as_u16());
        let body = read(response).await?;
        if status.is_success() {
            return Ok(Answer { status, headers, body });
        }
        let fault = Fault::of(status, &headers, &body);
        if let Fault::Throttled { after } = fault {
            self.pause(after);
        }
        Err(fault)
    }

    /// One answer that asks for a pause stops every request to the application.
    fn pause(&self, after: Duration) {
        let until = Instant::now() + after;
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |earlier| earlier.max(until)));
    }

    fn pause_left(&self) -> Option<Duration> {
        let paused = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = paused?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            debug!(
                line = error.line(),
                column = error.column(),
                "an answer is not the expected JSON"
            );
            Fault::Broken { what: "the application answers something that is not SCIM" }
        })
    }

    /// The id of what was created: from the body, else from the end of its address.
    pub(super) fn created_id(&self) -> Option<String> {
        let body: Option<Value> = self.json().ok();
        if let Some(id) = body.as_ref().and_then(super::user::id) {
            return Some(id.to_owned());
        }
        let location = self.headers.get(header::LOCATION)?.to_str().ok()?;
        let id = location.rsplit('/').next().filter(|id| !id.is_empty() && !id.contains('%'))?;
        (self.status == StatusCode::CREATED).then(|| id.to_owned())
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Fault::Broken { what: TOO_MUCH });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Keeps nothing of the error but its kind: its text holds the address.
fn broken(error: &reqwest::Error) -> Fault {
    if let Some(barred) = egress::barred(error) {
        return Fault::Barred(barred);
    }
    let what = if error.is_connect() {
        UNREACHED
    } else if error.is_timeout() {
        LATE
    } else {
        CUT
    };
    Fault::Broken { what }
}

/// TLS needs one provider of cryptography per process; whoever comes first installs it.
fn install_crypto() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let installed = rustls::crypto::CryptoProvider::get_default().is_some();
        if !installed && rustls::crypto::ring::default_provider().install_default().is_err() {
            debug!("another provider of cryptography was installed first");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::super::Egress;
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings { egress: Egress::loopback(), ..Settings::new("directory", url) }
    }

    fn client(url: &str) -> Client {
        Client::connect(&settings(url)).unwrap()
    }

    #[test]
    fn addresses_are_built_below_the_base_with_everything_escaped() {
        for base in ["http://localhost:1/scim/v2", "http://localhost:1/scim/v2/"] {
            let client = client(base);
            assert_eq!(
                client.address(&["Users", "a/b?c"]).as_str(),
                "http://localhost:1/scim/v2/Users/a%2Fb%3Fc"
            );
            assert_eq!(
                client.query(&["Groups"], &[("filter", r#"displayName eq "a+b""#)]).as_str(),
                "http://localhost:1/scim/v2/Groups?filter=displayName%20eq%20%22a%2Bb%22"
            );
        }
    }

    #[test]
    fn the_template_of_an_address_holds_no_id() {
        let client = client("http://localhost:1/scim/v2/");
        for (url, template) in [
            (client.address(&["Users", "ada@example.org"]), "/Users/{id}"),
            (client.query(&["Users"], &[("filter", "userName eq ada")]), "/Users"),
            (client.address(&["ServiceProviderConfig"]), "/ServiceProviderConfig"),
        ] {
            assert_eq!(client.template(&url), template);
        }
    }

    #[test]
    fn only_http_addresses_are_accepted() {
        for url in ["ftp://localhost", "mailto:ada@example.org", "directory"] {
            assert!(Client::connect(&settings(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_that_is_written_as_such_is_checked_before_anything_is_sent() {
        for url in [
            "http://127.0.0.1:1",
            "https://10.0.0.1/scim",
            "http://[::1]:1",
            "http://[::ffff:10.0.0.1]",
            "http://2130706433",
            "http://0x7f.1",
            "http://169.254.169.254/latest",
        ] {
            let refused = Client::connect(&Settings::new("directory", url));
            assert!(matches!(refused, Err(ConnectError::Egress(_))), "{url}: {refused:?}");
        }
        assert!(Client::connect(&Settings::new("directory", "https://1.1.1.1/scim")).is_ok());
    }

    #[tokio::test]
    async fn a_name_is_checked_by_the_address_that_is_connected_to() {
        let client = Client::connect(&Settings::new("directory", "http://localhost:1")).unwrap();

        let refused = client.get::<Value>(client.address(&["Users"])).await;

        let fault = refused.unwrap_err();
        assert!(matches!(fault, Fault::Barred(_)), "{fault:?}");
        assert!(matches!(fault.outcome::<()>(), crate::connectors::Outcome::Wait { reason, .. }
            if reason.starts_with("PROV-141: ")));
        assert_eq!(client.beat().losses, 0, "the application is not out of reach");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_every_request_back_until_it_is_over() {
        let client = client("http://localhost:1");

        client.pause(Duration::from_secs(30));
        client.pause(Duration::from_secs(10));
        assert_eq!(client.pause_left(), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(client.pause_left(), None);
    }
}
