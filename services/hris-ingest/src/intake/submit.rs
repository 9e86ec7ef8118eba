//! Requests on `tenure.submit.<source>`: answered after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bus::{Incoming, Reply, Responder};
use proto::hris::v1 as wire;
use proto::prost::Message as _;
use proto::upstream;
use serde_json::json;
use store::Store;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::event::{self, Encoding, Event};
use super::refusal::Refusal;
use super::take::{self, take};
use crate::config::Config;
use crate::push::told::json;

/// Requests that are taken over at once: a part of the database's connections.
const AT_ONCE: usize = 4;
/// Requests of one source that are in hand; a further one is told that it is too many.
const OF_SOURCE_MAX: usize = 16;
/// For metrics.
const NAME: &str = "hris-ingest-submit";

/// Answers publishers.
#[derive(Debug)]
pub(crate) struct Submit {
    config: Config,
    store: Store,
    at_once: Semaphore,
    turns: Mutex<BTreeMap<String, Turn>>,
}

/// Requests of one source wait for each other here, and not each in a transaction of its own.
type Turn = Arc<Semaphore>;

impl Submit {
    pub(crate) fn new(config: Config, store: Store) -> Self {
        Self { config, store, at_once: Semaphore::new(AT_ONCE), turns: Mutex::default() }
    }

    /// Returns a source's turn, unless too many hold it. There are as many as the broker lets sources in.
    fn turn(&self, source: &str) -> Option<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(source.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1)));
        (Arc::strong_count(turn) <= OF_SOURCE_MAX).then(|| Arc::clone(turn))
    }

    async fn take(&self, source: &str, event: &Event) -> Result<wire::EventAnswer, Refusal> {
        let said = event.records.as_ref().map_err(Clone::clone)?;
        let turn = self.turn(source).ok_or(Refusal::Busy)?;
        let _turn = turn.acquire().await.map_err(|_closed| Refusal::Failed)?;
        let _slot = self.at_once.acquire().await.map_err(|_closed| Refusal::Failed)?;
        let taken = async {
            let mut tx = self.store.begin().await?;
            let said = (&event.identity, said.as_slice());
            let answer = take(&mut tx, self.store.clock(), &self.config, source, said).await?;
            tx.commit().await?;
            Ok(answer)
        };
        taken.await.map_err(|error| match error {
            take::Error::Refused(refusal) => refusal,
            take::Error::Store(error) => {
                tracing::error!("a request failed: {}", domain::Rejection::park(error));
                Refusal::Failed
            }
        })
    }
}

impl Responder for Submit {
    const SUBJECT: &'static str = upstream::REQUESTS;
    const QUEUE: &'static str = "hris-ingest";

    async fn answer(&self, request: Incoming) -> Reply {
        let span = tracing::info_span!("request", otel.name = "submit", otel.kind = "server");
        if let Some([cause]) = request.headers.get("traceparent").map(Vec::as_slice) {
            telemetry::follow(&span, cause);
        }
        async {
            let Some(source) = upstream::source(&request.subject) else {
                let reason = "the subject names no source".to_owned();
                return refused(&Refusal::Closed(reason), Encoding::Json);
            };
            let event = event::read(&request, source);
            match self.take(source, &event).await {
                Ok(answer) => {
                    telemetry::metrics().events_handled(NAME, "handled", 1);
                    tracing::info!("source {source} submitted {} records", answer.outcomes.len());
                    reply(&answer, event.encoding)
                }
                Err(refusal) => {
                    telemetry::metrics().events_handled(NAME, "refused", 1);
                    tracing::info!("an event of source {source} is refused: {}", refusal.code());
                    refused(&refusal, event.encoding)
                }
            }
        }
        .instrument(span)
        .await
    }

    fn busy(&self) -> Reply {
        refused(&Refusal::Busy, Encoding::Json)
    }
}

fn reply(answer: &wire::EventAnswer, encoding: Encoding) -> Reply {
    let (kind, payload) = match encoding {
        Encoding::Protobuf => ("application/protobuf", answer.encode_to_vec().into()),
        Encoding::Json => {
            let body = match &answer.refusal {
                Some(wire::EventRefusal { code, reason, again }) => {
                    json!({"refusal": {"code": code, "reason": reason, "again": again}})
                }
                None => {
                    json!({"outcomes": answer.outcomes.iter().map(json).collect::<Vec<_>>()})
                }
            };
            ("application/json", body.to_string().into())
        }
    };
    Reply { headers: BTreeMap::from([("content-type", kind.to_owned())]), payload }
}

/// The headers are those by which NATS services tell of errors.
fn refused(refusal: &Refusal, encoding: Encoding) -> Reply {
    let mut reply = reply(&refusal.into(), encoding);
    reply.headers.insert("Nats-Service-Error-Code", refusal.code().to_owned());
    reply.headers.insert("Nats-Service-Error", refusal.to_string());
    reply
}
