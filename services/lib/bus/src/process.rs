//! What happens to a batch of messages, whoever delivered it: JetStream, an operator's replay, or a
//! test that shuffles and repeats.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use domain::{Rejection, Timestamp};
use proto::Event as _;
use proto::catalogue::ConsumerRow;
use store::parked::Parked;
use store::{Store, Tx};
use telemetry::{Description, Role, Traced};
use uuid::Uuid;

use crate::handler::{Batch, Event, Handler, Recorder, Verdict, Verdicts};
use crate::message::Message;

type Consumed<'a> = Pin<Box<dyn Future<Output = Result<Verdicts, Rejection>> + Send + 'a>>;

/// A handler or recorder with its types erased.
pub struct Consumer {
    row: &'static ConsumerRow,
    consume: Box<dyn Consume>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consumer({})", self.row.name)
    }
}

trait Consume: Send + Sync {
    /// The version of a state event's subject; `None` when every event counts.
    fn subject(&self, message: &Message) -> Result<Option<proto::Subject>, Rejection>;

    /// Each message was or was not `traced`: what it causes follows its span.
    fn consume<'a>(
        &'a self,
        tx: &'a mut Tx,
        messages: &'a [Message],
        traced: &'a [Traced],
    ) -> Consumed<'a>;
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was handled, or is known to be handled.
    Handled,
    /// It stands in the parked table.
    Parked,
    /// It has to be delivered again, not before the instant if there is one.
    Again(Option<Timestamp>),
}

impl Consumer {
    /// Wraps a handler.
    ///
    /// # Panics
    /// When the catalogue does not know the consumer: a mistake of ours, found at the first start.
    pub fn handler<H: Handler>(handler: H) -> Self {
        let row = ConsumerRow::named(H::CONSUMER)
            .unwrap_or_else(|| panic!("{} is not in the catalogue", H::CONSUMER));
        assert_eq!(row.event, Some(H::Event::TYPE), "{} reads another event", H::CONSUMER);
        Self { row, consume: Box::new(Typed(handler)) }
    }

    /// Wraps a recorder.
    ///
    /// # Panics
    /// As [`Consumer::handler`].
    pub fn recorder<R: Recorder>(recorder: R) -> Self {
        let name = recorder.consumer();
        let row =
            ConsumerRow::named(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        assert_eq!(row.event, None, "{name} reads single events");
        Self { row, consume: Box::new(Raw(recorder)) }
    }

    /// The consumer's row in the catalogue.
    #[must_use]
    pub fn row(&self) -> &'static ConsumerRow {
        self.row
    }
}

struct Typed<H>(H);

impl<H: Handler> Consume for Typed<H> {
    fn subject(&self, message: &Message) -> Result<Option<proto::Subject>, Rejection> {
        let event = decode::<H::Event>(message)?;
        Ok(H::Event::row().state.then_some(event.subject))
    }

    fn consume<'a>(
        &'a self,
        tx: &'a mut Tx,
        messages: &'a [Message],
        traced: &'a [Traced],
    ) -> Consumed<'a> {
        Box::pin(async move {
            let events = messages.iter().map(decode::<H::Event>).collect::<Result<Vec<_>, _>>()?;
            for (place, (message, event)) in messages.iter().zip(&events).enumerate() {
                let own = traced.get(place).map(Traced::traceparent);
                let cause = own.or_else(|| message.traceparent.clone());
                if let (Some(person), Some(cause)) = (event.subject.person, cause) {
                    tx.set_cause(person, cause);
                }
            }
            self.0.handle(tx, Batch { events }).await
        })
    }
}

struct Raw<R>(R);

impl<R: Recorder> Consume for Raw<R> {
    fn subject(&self, message: &Message) -> Result<Option<proto::Subject>, Rejection> {
        identified(message).map(|_id| None)
    }

    fn consume<'a>(
        &'a self,
        tx: &'a mut Tx,
        messages: &'a [Message],
        _traced: &'a [Traced],
    ) -> Consumed<'a> {
        Box::pin(async move {
            self.0.record(tx, messages).await?;
            Ok(Verdicts::handled())
        })
    }
}

fn decode<E: proto::Event>(message: &Message) -> Result<Event<E>, Rejection> {
    let id = identified(message)?;
    let park = |reason: String| Rejection::Park { reason };
    if message.kind != E::TYPE {
        return Err(park(format!("ce-type is not {}", E::TYPE)));
    }
    let body = E::decode(message.payload.clone())
        .map_err(|error| park(format!("decode {}: {error}", E::TYPE)))?;
    let subject = body.subject().map_err(|error| park(format!("read {}: {error}", E::TYPE)))?;
    Ok(Event { id, subject, body })
}

fn identified(message: &Message) -> Result<Uuid, Rejection> {
    message.id.filter(|id| store::day_of(*id).is_some()).ok_or_else(|| Rejection::Park {
        reason: "ce-id is missing or not a UUID version 7".to_owned(),
    })
}

/// Handles messages and says what became of each, in their order.
///
/// One transaction holds the inbox, the handler's writes, its events and what it parked.
pub async fn process(
    store: &Store,
    consumer: &Consumer,
    consumer_id: i16,
    messages: &[Message],
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Handled; messages.len()];
    let mut sorted = sort(consumer, messages);
    match out_of_bounds(store, messages, &sorted.take).await {
        Ok(strangers) => {
            for index in strangers {
                sorted.take.retain(|taken| *taken != index);
                sorted
                    .refused
                    .push((index, "its id is from a day outside of retention".to_owned()));
            }
        }
        Err(error) => {
            tracing::warn!(consumer = consumer.row.name, %error, "batch waits for the database");
            return vec![Outcome::Again(None); messages.len()];
        }
    }
    if !sorted.refused.is_empty() {
        let parked: Vec<Parked> = sorted
            .refused
            .iter()
            .map(|(index, reason)| messages[*index].parked(consumer.row.name, reason.clone()))
            .collect();
        let stored = park(store, consumer, consumer_id, &parked).await;
        for (index, _reason) in &sorted.refused {
            outcomes[*index] = if stored { Outcome::Parked } else { Outcome::Again(None) };
        }
    }
    // Older states of a subject share the fate of the newest.
    for (index, outcome) in handle(store, consumer, consumer_id, messages, &sorted.take).await {
        for older in sorted.older.get(&index).into_iter().flatten() {
            outcomes[*older] = match outcome {
                Outcome::Parked | Outcome::Handled => Outcome::Handled,
                Outcome::Again(at) => Outcome::Again(at),
            };
        }
        outcomes[index] = outcome;
    }
    outcomes
}

#[derive(Default)]
struct Sorted {
    /// To be handled.
    take: Vec<usize>,
    /// By a message to be handled: older states of its subject.
    older: BTreeMap<usize, Vec<usize>>,
    /// Cannot be handled, and why.
    refused: Vec<(usize, String)>,
}

fn sort(consumer: &Consumer, messages: &[Message]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut newest: BTreeMap<String, (domain::Version, usize)> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        match consumer.consume.subject(message) {
            Err(rejection) => sorted.refused.push((index, rejection.reason().to_owned())),
            Ok(None) => sorted.take.push(index),
            Ok(Some(subject)) => match newest.get_mut(&subject.id) {
                None => {
                    newest.insert(subject.id, (subject.version, index));
                    sorted.take.push(index);
                }
                Some((version, kept)) if subject.version > *version => {
                    let mut older = sorted.older.remove(kept).unwrap_or_default();
                    older.push(*kept);
                    sorted.take.retain(|taken| taken != kept);
                    sorted.take.push(index);
                    sorted.older.insert(index, older);
                    (*version, *kept) = (subject.version, index);
                }
                // An equal version is for the handler: it may hold another payload.
                Some((version, _kept)) if subject.version == *version => sorted.take.push(index),
                Some((_version, kept)) => sorted.older.entry(*kept).or_default().push(index),
            },
        }
    }
    sorted
}

/// Makes room in the inbox and returns the messages for which there is none.
async fn out_of_bounds(
    store: &Store,
    messages: &[Message],
    take: &[usize],
) -> Result<Vec<usize>, store::Error> {
    let day = |index: &usize| messages[*index].id.and_then(store::day_of);
    let days: BTreeSet<_> = take.iter().filter_map(day).collect();
    let outside = store::inbox::prepare(store, &days).await?;
    if outside.is_empty() {
        return Ok(Vec::new());
    }
    Ok(take
        .iter()
        .copied()
        .filter(|index| day(index).is_some_and(|day| outside.contains(&day)))
        .collect())
}

/// Handles the messages at these places, dividing the batch until whoever is to blame is alone.
async fn handle(
    store: &Store,
    consumer: &Consumer,
    consumer_id: i16,
    messages: &[Message],
    take: &[usize],
) -> Vec<(usize, Outcome)> {
    let mut outcomes = Vec::with_capacity(take.len());
    let mut left: Vec<Vec<usize>> = vec![take.to_vec()];
    while let Some(part) = left.pop() {
        if part.is_empty() {
            continue;
        }
        match attempt(store, consumer, consumer_id, messages, &part).await {
            Ok(done) => outcomes.extend(done),
            Err(Rejection::Park { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                left.push(second.to_vec());
                left.push(first.to_vec());
            }
            Err(Rejection::Park { reason }) => {
                let message = &messages[part[0]];
                tracing::error!(
                    consumer = consumer.row.name,
                    event.id = %message.identity(),
                    "event {} is parked: {reason}", message.identity()
                );
                let stored = park(
                    store,
                    consumer,
                    consumer_id,
                    &[message.parked(consumer.row.name, reason)],
                )
                .await;
                let outcome = if stored { Outcome::Parked } else { Outcome::Again(None) };
                outcomes.push((part[0], outcome));
            }
            Err(rejection @ (Rejection::Retry { .. } | Rejection::RetryAt { .. })) => {
                tracing::warn!(
                    consumer = consumer.row.name,
                    events = part.len(),
                    "a batch of {} is tried again: {rejection}",
                    part.len()
                );
                let at = match rejection {
                    Rejection::RetryAt { at, .. } => Some(at),
                    Rejection::Retry { .. } | Rejection::Park { .. } => None,
                };
                outcomes.extend(part.into_iter().map(|index| (index, Outcome::Again(at))));
            }
        }
    }
    outcomes
}

/// One transaction: claim, handle, park, commit.
async fn attempt(
    store: &Store,
    consumer: &Consumer,
    consumer_id: i16,
    messages: &[Message],
    part: &[usize],
) -> Result<Vec<(usize, Outcome)>, Rejection> {
    let ids: Vec<Uuid> = part.iter().map(|index| messages[*index].identity()).collect();
    let mut tx = store.begin().await?;
    let mut fresh = store::inbox::claim(&mut tx, consumer_id, &ids).await?;
    // An event that is delivered twice in one batch is handled once.
    let batch: Vec<Message> = part
        .iter()
        .map(|index| &messages[*index])
        .filter(|message| fresh.remove(&message.identity()))
        .cloned()
        .collect();
    let name = consumer.row.name;
    telemetry::metrics().events_handled(name, "duplicate", part.len() - batch.len());
    if batch.is_empty() {
        return Ok(part.iter().map(|index| (*index, Outcome::Handled)).collect());
    }
    let mut traced = traced(name, &batch);
    let consumed = consumer.consume.consume(&mut tx, &batch, &traced).await;
    let verdicts = match consumed {
        Ok(verdicts) => verdicts,
        Err(rejection) => {
            traced.iter_mut().for_each(|span| span.fail(kind(&rejection)));
            return Err(rejection);
        }
    };
    let mut parked = Vec::new();
    let mut released = Vec::new();
    for (event, verdict) in &verdicts.0 {
        match verdict {
            Verdict::Park(reason) => {
                if let Some(message) = batch.iter().find(|message| message.id == Some(*event)) {
                    parked.push(message.parked(name, reason.clone()));
                }
            }
            Verdict::Delay(_) => released.push(*event),
        }
    }
    store::parked::insert(&mut tx, &parked).await?;
    if !released.is_empty() {
        store::inbox::release(&mut tx, consumer_id, &released).await?;
    }
    tx.commit().await?;
    for (message, span) in batch.iter().zip(&mut traced) {
        match message.id.and_then(|id| verdicts.0.get(&id)) {
            Some(Verdict::Park(_)) => span.fail("parked"),
            Some(Verdict::Delay(_)) => span.fail("delayed"),
            None => {}
        }
    }
    let metrics = telemetry::metrics();
    metrics.events_handled(name, "parked", parked.len());
    metrics.events_handled(name, "delayed", released.len());
    metrics.events_handled(name, "handled", batch.len() - parked.len() - released.len());
    Ok(part
        .iter()
        .map(|index| {
            let outcome = match messages[*index].id.and_then(|id| verdicts.0.get(&id)) {
                None => Outcome::Handled,
                Some(Verdict::Park(_)) => Outcome::Parked,
                Some(Verdict::Delay(until)) => Outcome::Again(Some(*until)),
            };
            (*index, outcome)
        })
        .collect())
}

/// One span per message, the child of the span it was published under and linked to the batch's;
/// none at all when nothing is exported.
fn traced(consumer: &'static str, batch: &[Message]) -> Vec<Traced> {
    let span = |message: &Message| {
        telemetry::begin(Role::Consumer, message.traceparent.as_deref(), || {
            let destination = message.destination();
            Description {
                name: format!("process {destination}").into(),
                attributes: vec![
                    ("messaging.system", "nats".into()),
                    ("messaging.operation.name", "process".into()),
                    ("messaging.operation.type", "process".into()),
                    ("messaging.destination.template", destination.into()),
                    ("messaging.destination.name", message.subject.clone().into()),
                    ("messaging.message.id", message.identity().to_string().into()),
                    ("messaging.consumer.group.name", consumer.into()),
                ],
            }
        })
    };
    batch.iter().map_while(span).collect()
}

fn kind(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Park { .. } => "refused",
        Rejection::Retry { .. } | Rejection::RetryAt { .. } => "retried",
    }
}

/// Stores messages in the parked table and in the inbox; says whether that worked.
async fn park(store: &Store, consumer: &Consumer, consumer_id: i16, parked: &[Parked]) -> bool {
    let stored = async {
        let mut tx = store.begin().await?;
        store::parked::insert(&mut tx, parked).await?;
        let ids: Vec<Uuid> = parked
            .iter()
            .map(|message| message.event_id)
            .filter(|id| store::day_of(*id).is_some())
            .collect();
        let days = ids.iter().copied().filter_map(store::day_of).collect();
        let outside = store::inbox::prepare(store, &days).await?;
        let inside: Vec<Uuid> = ids
            .into_iter()
            .filter(|id| store::day_of(*id).is_some_and(|day| !outside.contains(&day)))
            .collect();
        store::inbox::claim(&mut tx, consumer_id, &inside).await?;
        tx.commit().await
    };
    match stored.await {
        Ok(()) => {
            telemetry::metrics().events_handled(consumer.row.name, "parked", parked.len());
            true
        }
        Err(error) => {
            tracing::warn!(%error, "what should be parked will be delivered again");
            false
        }
    }
}

/// Handles parked messages whose replay was requested; returns how many it took.
///
/// A message stays parked until it was handled, so nothing is lost in between.
///
/// # Errors
/// When the database is out of reach.
pub async fn replay(
    store: &Store,
    consumer: &Consumer,
    consumer_id: i16,
) -> Result<usize, store::Error> {
    const AT_ONCE: i64 = 64;
    let name = consumer.row.name;
    let requested = store::parked::requested(store.pool(), name, AT_ONCE).await?;
    if requested.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = requested.iter().map(|parked| parked.event_id).collect();
    let mut tx = store.begin().await?;
    store::inbox::release(&mut tx, consumer_id, &ids).await?;
    tx.commit().await?;
    let messages: Vec<Message> = requested.iter().map(Message::replayed).collect();
    let outcomes = process(store, consumer, consumer_id, &messages).await;
    let handled: Vec<Uuid> = ids
        .into_iter()
        .zip(&outcomes)
        .filter(|(_id, outcome)| **outcome == Outcome::Handled)
        .map(|(id, _outcome)| id)
        .collect();
    let mut tx = store.begin().await?;
    store::parked::remove(&mut tx, name, &handled).await?;
    tx.commit().await?;
    Ok(handled.len())
}
