//! Publishes the outbox, the leaver lane first.
//!
//! One replica of a service holds the relay, by an advisory lock on a connection of its own: when
//! the holder dies its connection dies, and the next replica takes over at once. Two holders for a
//! moment would only publish twice, which consumers do not notice.

use std::time::Duration;

use async_nats::jetstream;
use futures::future::join_all;
use proto::catalogue::StreamRow;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use store::Store;
use store::outbox::{self, Pending};
use telemetry::{Description, Role, Traced};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Error;
use crate::message::Message;
use crate::stream;

/// How the outbox is relayed.
#[derive(Debug, Clone, Copy)]
pub struct RelayOptions {
    /// Events that wait for the broker's acknowledgement at most.
    pub window: u16,
    /// How often the outbox is looked at when no commit of this process asks for it.
    pub interval: Duration,
    /// How often the stream is compared with what it acknowledged.
    pub check_interval: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            window: 512,
            interval: Duration::from_millis(100),
            check_interval: Duration::from_secs(10),
        }
    }
}

/// The advisory lock's number: one relay per database.
const LOCK: i64 = 0x7265_6c61_7900;
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait for the broker's acknowledgement before an event is published again.
const ACK_WAIT: Duration = Duration::from_secs(5);

/// Relays until `drain`, then publishes what is pending once more and lets go.
pub async fn relay(
    client: async_nats::Client,
    store: &Store,
    stream: &'static StreamRow,
    options: RelayOptions,
    drain: CancellationToken,
) {
    // A counter that first appears with a value hides its first increase.
    telemetry::metrics().events_republished(stream.name, 0);
    while !drain.is_cancelled() {
        if let Err(error) = hold(&client, store, stream, options, &drain).await {
            tracing::warn!(stream = stream.name, %error, "the relay starts over");
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

async fn hold(
    client: &async_nats::Client,
    store: &Store,
    stream: &'static StreamRow,
    options: RelayOptions,
    drain: &CancellationToken,
) -> Result<(), Error> {
    let mut lock = PgConnection::connect_with(store.connect_options())
        .await
        .map_err(Error::during("connect for the relay"))?;
    while !take_lock(&mut lock).await? {
        tokio::select! {
            () = drain.cancelled() => return Ok(()),
            () = tokio::time::sleep(options.interval) => {}
        }
    }
    let mut context = crate::accounts::jetstream(client.clone());
    context.set_timeout(ACK_WAIT);
    let mut commits = store.commits();
    let mut checked: Option<tokio::time::Instant> = None;
    let mut last = 0;
    loop {
        if checked.is_none_or(|at| at.elapsed() >= options.check_interval) {
            // Also proves that the lock's connection is alive.
            lock.ping().await.map_err(Error::during("keep the relay's lock"))?;
            last = stream::check(&context, store, stream).await?;
            checked = Some(tokio::time::Instant::now());
        }
        commits.mark_unchanged();
        let published = publish(&context, store, stream, options.window, &mut last).await?;
        if published > 0 {
            continue;
        }
        if drain.is_cancelled() {
            return Ok(());
        }
        tokio::select! {
            () = drain.cancelled() => {}
            _changed = commits.changed() => {}
            () = tokio::time::sleep(options.interval) => {}
        }
    }
}

async fn take_lock(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(connection)
        .await
        .map_err(Error::during("take the relay's lock"))
}

/// Publishes one window of pending events; returns how many were acknowledged.
///
/// `last` is the last sequence that was acknowledged before. What is stored after it has a higher
/// one, unless the stream has lost its end meanwhile.
async fn publish(
    context: &jetstream::Context,
    store: &Store,
    stream: &'static StreamRow,
    window: u16,
    last: &mut u64,
) -> Result<usize, Error> {
    let pending = outbox::pending(store.pool(), window).await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let source = format!("/tenure/{}", stream.publisher);
    let mut sent = Vec::with_capacity(pending.len());
    for event in pending {
        sent.push(send(context, event, &source).await?);
    }
    let waited = join_all(sent.into_iter().map(|Sent { id, ack, mut traced }| async move {
        let answer = ack.await;
        if let (Err(_unanswered), Some(span)) = (&answer, &mut traced) {
            span.fail("unacknowledged");
        }
        (id, answer)
    }))
    .await;
    let mut done: Vec<Uuid> = Vec::with_capacity(waited.len());
    let before = *last;
    let mut first_stored = u64::MAX;
    let mut failure = None;
    for (id, answer) in waited {
        match answer {
            Ok(ack) if ack.stream == stream.name => {
                done.push(id);
                *last = (*last).max(ack.sequence);
                if !ack.duplicate {
                    first_stored = first_stored.min(ack.sequence);
                }
            }
            Ok(_stranger) => failure = Some("another stream has taken the event".to_owned()),
            Err(error) => failure = Some(error.to_string()),
        }
    }
    let acknowledged = i64::try_from(*last).unwrap_or(i64::MAX);
    outbox::acknowledged(store.pool(), &done, stream.name, acknowledged).await?;
    telemetry::metrics().events_published(stream.name, done.len());
    if first_stored <= before {
        *last = stream::cut_off(context, store, stream, first_stored - 1).await?;
    }
    match failure {
        Some(problem) => Err(Error::Broker { during: "publish", problem }),
        None => Ok(done.len()),
    }
}

/// An event on its way.
struct Sent {
    id: Uuid,
    ack: jetstream::context::PublishAckFuture,
    /// Ends with the acknowledgement.
    traced: Option<Traced>,
}

async fn send(context: &jetstream::Context, event: Pending, source: &str) -> Result<Sent, Error> {
    let id = event.id;
    let mut message = Message::outgoing(event, source);
    let traced = traced(&message, id);
    if let Some(span) = &traced {
        message.traceparent = Some(span.traceparent());
    }
    let ack = context
        .publish_with_headers(message.subject.clone(), message.headers(), message.payload)
        .await
        .map_err(Error::during("publish"))?;
    Ok(Sent { id, ack, traced })
}

/// The span of one publication, the child of what caused the event; none when nothing is exported.
fn traced(message: &Message, id: Uuid) -> Option<Traced> {
    telemetry::begin(Role::Producer, message.traceparent.as_deref(), || {
        let destination = message.destination();
        Description {
            name: format!("publish {destination}").into(),
            attributes: vec![
                ("messaging.system", "nats".into()),
                ("messaging.operation.name", "publish".into()),
                ("messaging.operation.type", "send".into()),
                ("messaging.destination.template", destination.into()),
                ("messaging.destination.name", message.subject.clone().into()),
                ("messaging.message.id", id.to_string().into()),
            ],
        }
    })
}
