//! The path of a source's messages: who sent one, and what became of its records.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use axum::routing::post;
use serde_json::{Value, json};
use store::Store;
use tracing::Instrument as _;

use super::signature::{Envelope, Keys};
use super::table;
use crate::chunk::Outcome;
use crate::config::Config;
use crate::mapping::{Format, Source};
use crate::push::records::{self, Record, Unusable};
use crate::push::told;
use crate::scim::{Error, read_body};
use crate::source;

#[derive(Clone)]
struct Door {
    config: Arc<Config>,
    store: Store,
    keys: Arc<BTreeMap<String, Keys>>,
}

/// Takes messages of the sources that have keys.
pub(crate) fn router(config: Config, store: Store, keys: BTreeMap<String, Keys>) -> Router {
    let door = Door { config: Arc::new(config), store, keys: Arc::new(keys) };
    Router::new().route("/webhooks/{source}", post(answer)).with_state(door)
}

async fn answer(
    State(door): State<Door>,
    Path(source): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let span = tracing::info_span!("request", otel.name = "POST /webhooks", otel.kind = "server");
    async {
        let (status, body) = match door.take(&source, request).await {
            Ok(outcomes) => told(outcomes),
            Err(error) => {
                tracing::info!("a message is refused with {}", error.status);
                let status = StatusCode::from_u16(error.status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, json!({"error": error.detail}))
            }
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
    .instrument(span)
    .await
}

impl Door {
    /// Takes a message over; none of its records have an outcome when it was taken over before.
    async fn take(&self, name: &str, request: Request<Body>) -> Result<Vec<Outcome>, Error> {
        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        // A source without keys and a wrong signature look the same from outside.
        let unsigned =
            || Error::new(401, "the message is not signed by the source, or not near now");
        let envelope = envelope(&parts.headers).ok_or_else(unsigned)?;
        let keys = self.keys.get(name).ok_or_else(unsigned)?;
        if !keys.verify(envelope, &body, self.store.clock().now()) {
            return Err(unsigned());
        }
        let mut tx = self.store.begin().await?;
        let source =
            source::get(&mut tx, &self.config, name).await.map_err(|error| match error {
                source::Error::Unknown(_) | source::Error::Invalid(_) => {
                    Error::new(403, error.to_string())
                }
                source::Error::Store(error) => error.into(),
            })?;
        check(&source)?;
        let texts = texts(&body)?;
        if !table::first(&mut tx, name, envelope.id).await? {
            return Ok(Vec::new());
        }
        let records: Vec<Record<'_>> =
            texts.iter().map(|json| Record { json, sequence: None }).collect();
        let outcomes = records::take(&mut tx, self.store.clock(), &source, &records).await?;
        // What was held back may be sent again under the same id.
        let held = |outcome: &Outcome| matches!(outcome, Outcome::Held(_));
        match outcomes.iter().find(|outcome| held(outcome)) {
            Some(Outcome::Held(reason)) => Err(Error::new(429, format!("a worker {reason}"))),
            Some(
                Outcome::Taken(_)
                | Outcome::Unchanged(_)
                | Outcome::Late
                | Outcome::Waits(_)
                | Outcome::Rejected(_),
            )
            | None => {
                tx.commit().await?;
                Ok(outcomes)
            }
        }
    }
}

fn check(source: &Source) -> Result<(), Error> {
    match source.format() {
        Format::JsonLines => Ok(()),
        Format::Csv | Format::Tsv | Format::Scim => {
            Err(Error::new(403, "the source's document is of another format: messages hold jsonl"))
        }
    }
}

fn envelope(headers: &HeaderMap) -> Option<Envelope<'_>> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    Some(Envelope {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?,
        signatures: header("webhook-signature")?,
    })
}

/// The records of a message: one object, or a list of them.
fn texts(body: &Bytes) -> Result<Vec<String>, Error> {
    let read = serde_json::from_slice(body).map_err(|_error| Unusable::NotJson);
    read.and_then(records::texts).map_err(|why| {
        let status = match why {
            Unusable::NotJson | Unusable::NoRecords => 400,
            Unusable::TooMany => 413,
        };
        Error::new(status, format!("the contents of the body {why}"))
    })
}

/// A message of which nothing could be used is an error of its sender; else each record tells of its own.
fn told(outcomes: Vec<Outcome>) -> (StatusCode, Value) {
    let rejected = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(_));
    let useless = !outcomes.is_empty() && outcomes.iter().all(rejected);
    let status = if useless { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let outcomes = outcomes.into_iter().map(|outcome| told::json(&told::told(outcome)));
    (status, json!({"outcomes": outcomes.collect::<Vec<_>>()}))
}
