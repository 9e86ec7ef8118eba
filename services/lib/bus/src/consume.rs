//! The loop that pulls a durable consumer: take what waits, process, acknowledge.

use std::task::Poll;
use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, AckKind};
use domain::Lane;
use futures::StreamExt as _;
use proto::catalogue::Durable;
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::Error;
use crate::message::Message;
use crate::outside::{Incoming, Intake};
use crate::process::{Consumer, Outcome, process};

/// How a consumer is pulled.
#[derive(Debug, Clone, Copy)]
pub struct ConsumeOptions {
    /// Messages in one transaction at most.
    pub batch_max: usize,
    /// How long a message waits that has to be delivered again and names no instant.
    pub retry_delay: Duration,
}

impl Default for ConsumeOptions {
    fn default() -> Self {
        Self { batch_max: 256, retry_delay: Duration::from_millis(500) }
    }
}

/// How long to wait before the broker is asked again after it failed.
const PAUSE: Duration = Duration::from_millis(500);
/// A pull is renewed this often; it also bounds how long a broken one stays unnoticed.
const PULL_EXPIRES: Duration = Duration::from_secs(15);
/// Messages from outside of the mesh that one process has in hand: each is a transaction of its own.
const OUTSIDE_AT_ONCE: usize = 32;
/// A batch that is handled longer than this tells the broker that it is still held.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// So many that wait together are a sign of more to come; a transaction for few of them costs as
/// much as one for many.
const BUSY: usize = 16;
/// How long a batch waits for more of it; leavers never wait.
const GATHER: Duration = Duration::from_millis(5);
/// The same for a consumer of both lanes: it keeps a record, and nobody waits for that.
const GATHER_RECORDS: Duration = Duration::from_millis(25);

/// What is done with what a durable consumer delivers.
trait Work: Send + Sync {
    /// For logs and metrics.
    fn name(&self) -> &'static str;

    /// Says what became of each message, in their order.
    fn work(&self, batch: &[jetstream::Message]) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// Hands events of the mesh to a consumer, through the inbox.
struct Events<'a> {
    store: &'a Store,
    consumer: &'a Consumer,
    consumer_id: i16,
    durable: &'a Durable,
}

impl Work for Events<'_> {
    fn name(&self) -> &'static str {
        self.consumer.row().name
    }

    async fn work(&self, batch: &[jetstream::Message]) -> Vec<Outcome> {
        let received = |message: &jetstream::Message| Message::received(message, place(message));
        let messages: Vec<Message> = batch.iter().map(received).collect();
        // The messages have spans of their own, linked to this one.
        let span = tracing::info_span!(
            "handle",
            otel.name = format!("handle {}", self.consumer.row().name),
            messaging.system = "nats",
            messaging.consumer.group.name = self.durable.name,
            messaging.batch.message_count = messages.len(),
        );
        if let [Message { traceparent: Some(alone), .. }] = messages.as_slice() {
            telemetry::follow(&span, alone);
        }
        process(self.store, self.consumer, self.consumer_id, &messages).instrument(span).await
    }
}

/// Hands what systems outside of the mesh have sent to whoever takes it over.
struct Outside<'a, I>(&'a I);

impl<I: Intake> Work for Outside<'_, I> {
    fn name(&self) -> &'static str {
        proto::upstream::CONSUMER
    }

    async fn work(&self, batch: &[jetstream::Message]) -> Vec<Outcome> {
        let incoming: Vec<Incoming> =
            batch.iter().map(|message| Incoming::received(message, place(message))).collect();
        let span = tracing::info_span!(
            "handle",
            otel.name = format!("handle {}", self.name()),
            messaging.system = "nats",
            messaging.batch.message_count = incoming.len(),
        );
        self.0.take(&incoming).instrument(span).await
    }
}

fn place(message: &jetstream::Message) -> u64 {
    message.info().map_or(0, |info| info.stream_sequence)
}

/// Pulls one durable consumer until `drain`, then finishes what it holds.
///
/// Failures of the broker are waited out; they end the loop only when it drains.
pub async fn consume(
    client: async_nats::Client,
    store: &Store,
    consumer: &Consumer,
    durable: &Durable,
    options: ConsumeOptions,
    drain: CancellationToken,
) -> Result<(), store::Error> {
    let consumer_id = loop {
        match store::inbox::consumer_id(store.pool(), consumer.row().name).await {
            Ok(id) => break id,
            Err(error) if error.is_transient() => {
                tracing::warn!(consumer = durable.name, %error, "waits for the database");
                if paused(&drain).await {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    };
    let work = Events { store, consumer, consumer_id, durable };
    pull_until(client, store, &work, durable, options, drain).await;
    Ok(())
}

/// The same for a durable consumer of what systems outside of the mesh send.
pub async fn receive<I: Intake>(
    client: async_nats::Client,
    store: &Store,
    intake: &I,
    durable: &Durable,
    drain: CancellationToken,
) {
    let options = ConsumeOptions { batch_max: OUTSIDE_AT_ONCE, ..ConsumeOptions::default() };
    pull_until(client, store, &Outside(intake), durable, options, drain).await;
}

async fn pull_until(
    client: async_nats::Client,
    store: &Store,
    work: &impl Work,
    durable: &Durable,
    options: ConsumeOptions,
    drain: CancellationToken,
) {
    let context = crate::accounts::jetstream(client);
    while !drain.is_cancelled() {
        if let Err(error) = pull(&context, store, work, durable, options, &drain).await {
            tracing::warn!(consumer = durable.name, %error, "the broker is asked again");
            paused(&drain).await;
        }
    }
}

async fn pull(
    context: &jetstream::Context,
    store: &Store,
    work: &impl Work,
    durable: &Durable,
    options: ConsumeOptions,
    drain: &CancellationToken,
) -> Result<(), Error> {
    let pulled: PullConsumer = context
        .get_consumer_from_stream(&durable.name, durable.stream)
        .await
        .map_err(Error::during("find the consumer"))?;
    let mut waiting = messages(&pulled, options).await?;
    loop {
        let first = tokio::select! {
            biased;
            () = drain.cancelled() => {
                give_back(&mut waiting, durable).await;
                return Ok(());
            }
            first = waiting.next() => first,
        };
        let Some(first) = first else { return Ok(()) };
        let first = first.map_err(Error::during("pull messages"))?;
        let mut batch = vec![first];
        let ended = fill(&mut waiting, durable, options.batch_max, &mut batch).await;
        settle(store, work, durable, options, batch).await;
        if let Some(error) = ended {
            return Err(error);
        }
    }
}

/// Takes what is waiting, and of a busy bus what comes within a moment; an idle one does not linger.
/// Says why the broker ended it, if it did.
async fn fill(
    waiting: &mut pull::Stream,
    durable: &Durable,
    batch_max: usize,
    batch: &mut Vec<jetstream::Message>,
) -> Option<Error> {
    let patience = match durable.lane {
        Some(Lane::Leaver) => Duration::ZERO,
        Some(Lane::Regular) => GATHER,
        None => GATHER_RECORDS,
    };
    let until = tokio::time::Instant::now() + patience;
    while batch.len() < batch_max {
        let next = match futures::poll!(waiting.next()) {
            Poll::Ready(next) => next,
            Poll::Pending if batch.len() < BUSY => break,
            Poll::Pending => match tokio::time::timeout_at(until, waiting.next()).await {
                Ok(next) => next,
                Err(_elapsed) => break,
            },
        };
        match next {
            Some(Ok(message)) => batch.push(message),
            Some(Err(error)) => return Some(Error::during("pull messages")(error)),
            None => break,
        }
    }
    None
}

/// What was delivered and not looked at is left to others at once, without waiting for its time.
async fn give_back(waiting: &mut pull::Stream, durable: &Durable) {
    while let Poll::Ready(Some(Ok(message))) = futures::poll!(waiting.next()) {
        acknowledge(&message, AckKind::Nak(None), durable).await;
    }
}

async fn messages(consumer: &PullConsumer, options: ConsumeOptions) -> Result<pull::Stream, Error> {
    consumer
        .stream()
        .max_messages_per_batch(options.batch_max)
        .expires(PULL_EXPIRES)
        .heartbeat(PULL_EXPIRES / 3)
        .messages()
        .await
        .map_err(Error::during("pull messages"))
}

/// Has a batch worked on and tells the broker what became of it.
async fn settle(
    store: &Store,
    work: &impl Work,
    durable: &Durable,
    options: ConsumeOptions,
    batch: Vec<jetstream::Message>,
) {
    let started = tokio::time::Instant::now();
    let outcomes = {
        let work = work.work(&batch);
        tokio::pin!(work);
        loop {
            tokio::select! {
                outcomes = &mut work => break outcomes,
                () = tokio::time::sleep(PROGRESS_EVERY) => {
                    for message in &batch {
                        acknowledge(message, AckKind::Progress, durable).await;
                    }
                }
            }
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    telemetry::metrics().batch_duration(work.name(), seconds);
    tracing::debug!(consumer = durable.name, events = batch.len(), seconds, "batch handled");

    let now = store.clock().now();
    let mut last = None;
    for (message, outcome) in batch.iter().zip(outcomes) {
        match outcome {
            Outcome::Handled | Outcome::Parked => {
                // The last one is acknowledged twice over: its answer stands for those before it.
                if let Some(previous) = last.replace(message) {
                    acknowledge(previous, AckKind::Ack, durable).await;
                }
            }
            Outcome::Again(at) => {
                let delay = at
                    .and_then(|at| Duration::try_from(at.duration_since(now)).ok())
                    .unwrap_or(options.retry_delay);
                acknowledge(message, AckKind::Nak(Some(delay)), durable).await;
            }
        }
    }
    if let Some(message) = last
        && let Err(error) = message.double_ack().await
    {
        // The inbox drops what is delivered again.
        tracing::debug!(consumer = durable.name, %error, "acknowledgement unconfirmed");
    }
}

async fn acknowledge(message: &jetstream::Message, kind: AckKind, durable: &Durable) {
    if let Err(error) = message.ack_with(kind).await {
        tracing::debug!(consumer = durable.name, %error, "acknowledgement not sent");
    }
}

/// Waits a moment; says whether it is time to stop.
async fn paused(drain: &CancellationToken) -> bool {
    tokio::select! {
        () = drain.cancelled() => true,
        () = tokio::time::sleep(PAUSE) => false,
    }
}
