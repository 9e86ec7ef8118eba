//! The listener: who asks, what for, and how it is answered. Decides nothing about people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query as Parameters, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use store::Store;
use tracing::Instrument as _;

use super::error::Error;
use super::filter::{Attribute, Path, member};
use super::offer::Offer;
use super::resource::Resource;
use super::users::{Query, Tag, Users, listed};
use super::{ENTERPRISE, USER, schema};
use crate::config::Config;
use crate::mapping::{Format, Source};
use crate::{source, token};

/// Where everything is.
const BASE: &str = "/scim/v2";
/// The largest body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// How long somebody who was held back should wait.
const RETRY_AFTER_SECONDS: u16 = 3_600;
/// The most attributes that a client may choose.
const CHOSEN_MAX: usize = 200;

const CONTENT_TYPE: &str = "application/scim+json";

#[derive(Debug, Clone)]
struct Door {
    config: Arc<Config>,
    store: Store,
}

/// What goes out.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Option<Value>,
    headers: Vec<(header::HeaderName, String)>,
}

/// One request, its sender known.
struct Asked<'a> {
    method: &'a Method,
    parameters: &'a BTreeMap<String, String>,
    parts: &'a Parts,
    body: &'a Bytes,
    base: &'a str,
}

/// What of a resource a client wants to see.
#[derive(Debug, Default)]
struct Choice {
    only: Option<Vec<Attribute>>,
    without: Vec<Attribute>,
}

/// Answers SCIM clients.
pub fn router(config: Config, store: Store) -> Router {
    Router::new().fallback(answer).with_state(Door { config: Arc::new(config), store })
}

async fn answer(State(door): State<Door>, request: Request<Body>) -> Response<Body> {
    // The path holds ids and the query may hold names: neither is for a trace.
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {BASE}"),
        otel.kind = "server",
        http.request.method = %method,
        http.response.status_code = tracing::field::Empty,
    );
    async {
        let answer = match door.answer(request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::info!("a SCIM request is refused with {}", error.status);
                Answer::from(error)
            }
        };
        tracing::Span::current().record("http.response.status_code", answer.status.as_u16());
        answer.into_response()
    }
    .instrument(span)
    .await
}

impl Door {
    async fn answer(&self, request: Request<Body>) -> Result<Answer, Error> {
        let (parts, body) = request.into_parts();
        let absent = || Error::new(404, "there is nothing here");
        let path = parts.uri.path().strip_prefix(BASE).ok_or_else(absent)?;
        let token = bearer(&parts).ok_or_else(|| Error::new(401, "a bearer token is needed"))?;
        let mut tx = self.store.begin().await?;
        let name = token::source_of(&mut tx, token).await?;
        let name = name.ok_or_else(|| Error::new(401, "the token is not valid"))?;
        let source = source::get(&mut tx, &self.config, &name).await.map_err(unusable)?;
        tx.commit().await?;
        match source.format() {
            Format::Scim => {}
            Format::Csv | Format::Tsv | Format::JsonLines => {
                return Err(Error::new(403, "the source does not come by SCIM"));
            }
        }
        let body = read(body).await?;
        let parameters = Parameters::<BTreeMap<String, String>>::try_from_uri(&parts.uri);
        let Parameters(parameters) =
            parameters.map_err(|_error| Error::value("the query is not valid"))?;
        let base = self.base(&parts);
        let asked = Asked {
            method: &parts.method,
            parameters: &parameters,
            parts: &parts,
            body: &body,
            base: &base,
        };
        let offer = Offer::new(&source);
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match segments.as_slice() {
            ["Users"] | ["Users", _] | [".search"] => {
                self.users(&asked, &source, &offer, &segments[segments.len().min(1)..]).await
            }
            _ => discovery(&asked, &offer, &segments),
        }
    }

    async fn users(
        &self,
        asked: &Asked<'_>,
        source: &Source,
        offer: &Offer,
        below: &[&str],
    ) -> Result<Answer, Error> {
        let mut tx = self.store.begin().await?;
        let (base, clock) = (asked.base, self.store.clock());
        let users = Users { tx: &mut tx, clock, source, offer, base };
        let answer = act(asked, users, below).await;
        match &answer {
            Ok(_) => tx.commit().await?,
            // Nothing is changed but that a human is asked.
            Err(error) if error.keeps => tx.commit().await?,
            Err(_) => {}
        }
        answer
    }

    /// Where clients find the door.
    fn base(&self, parts: &Parts) -> String {
        if let Some(url) = &self.config.scim.url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        format!("http://{}{BASE}", host.unwrap_or("localhost"))
    }
}

/// Does what is asked of users, in their transaction.
async fn act(asked: &Asked<'_>, mut users: Users<'_>, below: &[&str]) -> Result<Answer, Error> {
    let (offer, base) = (users.offer, users.base);
    let choice = asked.choice()?;
    let seen = |status: StatusCode, resource: &Resource| {
        Answer::of(status, resource, choice.show(resource.render(offer, base)), base)
    };
    Ok(match (asked.method.as_str(), below) {
        ("POST", [".search"]) | ("POST", []) if asked.is_search() => {
            let body = asked.json()?;
            let choice = Choice::of_search(&body)?;
            let query = search(&body)?;
            let render = |resource: &Resource| choice.show(resource.render(offer, base));
            Answer::ok(users.list(&query, render).await?)
        }
        ("GET", []) => {
            let render = |resource: &Resource| choice.show(resource.render(offer, base));
            Answer::ok(users.list(&asked.query()?, render).await?)
        }
        ("POST", []) => seen(StatusCode::CREATED, &users.create(&asked.json()?).await?),
        ("GET", [id]) if *id != ".search" => {
            let resource = users.get(id).await?;
            if Tag(asked.header(header::IF_NONE_MATCH)).names(&resource) {
                Answer { body: None, ..seen(StatusCode::NOT_MODIFIED, &resource) }
            } else {
                seen(StatusCode::OK, &resource)
            }
        }
        ("PUT", [id]) if *id != ".search" => {
            seen(StatusCode::OK, &users.replace(id, asked.tag(), &asked.json()?).await?)
        }
        ("PATCH", [id]) if *id != ".search" => {
            seen(StatusCode::OK, &users.patch(id, asked.tag(), &asked.json()?).await?)
        }
        ("DELETE", [id]) if *id != ".search" => {
            users.delete(id, asked.tag()).await?;
            Answer { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() }
        }
        (_, []) => Answer::not_allowed("GET, POST"),
        (_, [".search"]) => Answer::not_allowed("POST"),
        (_, _) => Answer::not_allowed("GET, PUT, PATCH, DELETE"),
    })
}

/// What every client may know: the features, types and schemas.
fn discovery(asked: &Asked<'_>, offer: &Offer, segments: &[&str]) -> Result<Answer, Error> {
    let absent = || Error::new(404, "there is nothing here");
    let base = asked.base;
    let body = match segments {
        ["ServiceProviderConfig"] => schema::service_provider_config(base),
        ["ResourceTypes"] => listed(1, 1, vec![schema::resource_type(offer, base)]),
        ["ResourceTypes", name] if name.eq_ignore_ascii_case("User") => {
            schema::resource_type(offer, base)
        }
        ["Schemas"] => {
            let schemas = schema::schemas(offer, base);
            listed(u64::try_from(schemas.len()).unwrap_or_default(), 1, schemas)
        }
        ["Schemas", id] => {
            let mut schemas = schema::schemas(offer, base).into_iter();
            schemas.find(|schema| schema["id"] == **id).ok_or_else(absent)?
        }
        ["Bulk" | "Me"] => return Err(Error::new(501, "this is not offered")),
        _ => return Err(absent()),
    };
    if *asked.method != Method::GET {
        return Ok(Answer::not_allowed("GET"));
    }
    if asked.parameters.contains_key("filter") {
        return Err(Error::new(403, "discovery is not filtered"));
    }
    Ok(Answer::ok(body))
}

impl Asked<'_> {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    fn tag(&self) -> Tag<'_> {
        Tag(self.header(header::IF_MATCH))
    }

    fn is_search(&self) -> bool {
        self.parts.uri.path().ends_with("/.search")
    }

    fn json(&self) -> Result<Value, Error> {
        let kind = self.header(header::CONTENT_TYPE).unwrap_or(CONTENT_TYPE).to_ascii_lowercase();
        if !kind.starts_with(CONTENT_TYPE) && !kind.starts_with("application/json") {
            return Err(Error::new(415, format!("the body is not {CONTENT_TYPE}")));
        }
        serde_json::from_slice(self.body).map_err(|_error| Error::syntax("the body is not JSON"))
    }

    fn query(&self) -> Result<Query, Error> {
        let number = |name: &str| {
            let text = self.parameters.get(name);
            text.map(|text| number(name, text.parse().ok())).transpose()
        };
        Ok(Query {
            filter: self.parameters.get("filter").cloned(),
            start_index: number("startIndex")?.unwrap_or(1),
            count: number("count")?,
        })
    }

    fn choice(&self) -> Result<Choice, Error> {
        let names = |name: &str| {
            self.parameters.get(name).map(|text| text.split(',').map(str::to_owned).collect())
        };
        Choice::new(names("attributes"), names("excludedAttributes"))
    }
}

/// A number below zero counts as zero.
fn number(name: &str, number: Option<i64>) -> Result<u64, Error> {
    let number = number.ok_or_else(|| Error::value(format!("{name} is not a whole number")))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

fn search(body: &Value) -> Result<Query, Error> {
    let whole = |name: &str| match member(body, name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => number(name, value.as_i64()).map(Some),
    };
    let filter = match member(body, "filter") {
        None | Some(Value::Null) => None,
        Some(filter) => {
            let text = filter.as_str().ok_or_else(|| Error::filter("the filter is not a text"))?;
            Some(text.to_owned())
        }
    };
    Ok(Query { filter, start_index: whole("startIndex")?.unwrap_or(1), count: whole("count")? })
}

impl Choice {
    fn new(only: Option<Vec<String>>, without: Option<Vec<String>>) -> Result<Self, Error> {
        if only.is_some() && without.is_some() {
            return Err(Error::value("attributes and excludedAttributes exclude each other"));
        }
        let read = |names: Vec<String>| -> Result<Vec<Attribute>, Error> {
            if names.len() > CHOSEN_MAX {
                return Err(Error::value("too many attributes are named"));
            }
            names.iter().map(|name| Ok(Path::parse(name.trim())?.attribute)).collect()
        };
        let without = without.map(read).transpose()?.unwrap_or_default();
        Ok(Self { only: only.map(read).transpose()?, without })
    }

    fn of_search(body: &Value) -> Result<Self, Error> {
        let names = |name: &str| -> Option<Vec<String>> {
            let names = member(body, name)?.as_array()?;
            Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
        };
        Self::new(names("attributes"), names("excludedAttributes"))
    }

    /// Leaves of a resource what was chosen; its id and schemas are always seen.
    fn show(&self, resource: Value) -> Value {
        const ALWAYS: [&str; 2] = ["id", "schemas"];
        let Value::Object(members) = resource else { return resource };
        let shown = members.into_iter().filter_map(|(name, value)| {
            if ALWAYS.contains(&name.as_str()) {
                return Some((name, value));
            }
            let is_extension = name.starts_with("urn:");
            let value = match &self.only {
                Some(only) => part(only, &name, value, is_extension, true)?,
                None => part(&self.without, &name, value, is_extension, false)?,
            };
            Some((name, value))
        });
        Value::Object(shown.collect())
    }
}

/// Returns what of a member is among the named attributes, or is not.
fn part(
    named: &[Attribute],
    name: &str,
    value: Value,
    is_extension: bool,
    keep: bool,
) -> Option<Value> {
    if is_extension {
        let whole = |one: &Attribute| one.to_string().eq_ignore_ascii_case(name);
        if named.iter().any(whole) {
            return keep.then_some(value);
        }
        let within: Vec<Attribute> = named
            .iter()
            .filter(|one| one.schema.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
            .map(|one| Attribute { schema: None, ..one.clone() })
            .collect();
        let Value::Object(members) = value else { return None };
        let members: serde_json::Map<String, Value> = members
            .into_iter()
            .filter_map(|(name, value)| {
                let value = part(&within, &name, value, false, keep)?;
                Some((name, value))
            })
            .collect();
        return (!members.is_empty()).then_some(Value::Object(members));
    }
    let own = |one: &&Attribute| {
        let of_users = one.schema.as_deref().is_none_or(|schema| {
            schema.eq_ignore_ascii_case(USER) && !schema.eq_ignore_ascii_case(ENTERPRISE)
        });
        of_users && one.name.eq_ignore_ascii_case(name)
    };
    let own: Vec<&Attribute> = named.iter().filter(own).collect();
    if own.is_empty() {
        return (!keep).then_some(value);
    }
    if own.iter().any(|one| one.sub.is_none()) {
        return keep.then_some(value);
    }
    let is_named = |name: &str| {
        own.iter().any(|one| one.sub.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case(name)))
    };
    let within = |value: Value| match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(name, _)| is_named(name) == keep).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value
        }
    };
    Some(match value {
        Value::Array(values) => Value::Array(values.into_iter().map(within).collect()),
        value @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)) => within(value),
    })
}

/// The token of a request. One in the path or query is not looked for: those are logged on the way.
fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Reads a body that is not too large and not too slow.
pub(crate) async fn read(body: Body) -> Result<Bytes, Error> {
    match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            Err(Error::new(413, format!("the body is larger than {BODY_BYTES_MAX} bytes")))
        }
        Err(_) => Err(Error::new(408, "the body did not arrive in time")),
    }
}

fn unusable(error: source::Error) -> Error {
    match error {
        source::Error::Unknown(_) | source::Error::Invalid(_) => Error::new(403, error.to_string()),
        source::Error::Store(error) => error.into(),
    }
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), headers: Vec::new() }
    }

    fn of(status: StatusCode, resource: &Resource, body: Value, base: &str) -> Self {
        let mut headers = vec![(header::ETAG, resource.tag())];
        if status == StatusCode::CREATED {
            headers.push((header::LOCATION, resource.location(base)));
        }
        Self { status, body: Some(body), headers }
    }

    fn not_allowed(allowed: &str) -> Self {
        let mut answer = Self::from(Error::new(405, "this cannot be done here"));
        answer.headers.push((header::ALLOW, allowed.to_owned()));
        answer
    }

    fn into_response(self) -> Response<Body> {
        let bytes = self.body.map(|body| body.to_string());
        let mut response = Response::new(Body::from(bytes.clone().unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if bytes.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let status =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = Vec::new();
        if status == StatusCode::UNAUTHORIZED {
            headers.push((header::WWW_AUTHENTICATE, "Bearer realm=\"scim\"".to_owned()));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.push((header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()));
        }
        Self { status, body: Some(error.body()), headers }
    }
}

#[cfg(test)]
mod tests;
