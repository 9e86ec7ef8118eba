//! Publishes the outbox, each lane by itself, so that a leaver waits for no window of others.
//!
//! One replica of a service holds the relay, by an advisory lock on a connection of its own: when
//! the holder dies its connection dies, and the next replica takes over at once. Two holders for a
//! moment would only publish twice, which consumers do not notice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use domain::Lane;
use futures::future::{join_all, try_join_all};
use proto::catalogue::StreamRow;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use store::Store;
use store::outbox::{self, Pending};
use telemetry::{Description, Role, Traced};
use tokio::sync::RwLock;
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
/// How long the window of one commit waits for the next commit's events.
const GATHER: Duration = Duration::from_millis(5);

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
    let relay = Relay {
        context,
        store,
        stream,
        options,
        recovering: RwLock::default(),
        last: AtomicU64::default(),
    };
    relay.check_stream().await?;
    let lanes = Lane::ALL.map(|lane| relay.publish_lane(lane, drain));
    tokio::select! {
        drained = try_join_all(lanes) => drained.map(drop),
        broken = relay.check(&mut lock) => broken,
    }
}

async fn take_lock(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(connection)
        .await
        .map_err(Error::during("take the relay's lock"))
}

/// What the holder of the lock works with.
struct Relay<'a> {
    context: jetstream::Context,
    store: &'a Store,
    stream: &'static StreamRow,
    options: RelayOptions,
    /// Held for writing while the stream is compared and events are made pending again: an
    /// acknowledgement of a stream that was lost must not be recorded after that.
    recovering: RwLock<()>,
    /// The last sequence that was acknowledged. What is stored after it has a higher one, unless
    /// the stream has lost its end meanwhile.
    last: AtomicU64,
}

impl Relay<'_> {
    /// Publishes a lane until `drain`, and then what is still pending of it.
    async fn publish_lane(&self, lane: Lane, drain: &CancellationToken) -> Result<(), Error> {
        let mut commits = self.store.commits();
        loop {
            commits.mark_unchanged();
            let published = self.publish(lane).await?;
            if published >= usize::from(self.options.window) {
                continue;
            }
            if drain.is_cancelled() {
                if published > 0 {
                    continue;
                }
                return Ok(());
            }
            // A window that was not full held all there was; what came since has its commit.
            tokio::select! {
                () = drain.cancelled() => {}
                _changed = commits.changed() => gather(lane).await,
                () = tokio::time::sleep(self.options.interval) => {}
            }
        }
    }

    /// Looks after the lock and the stream until one of them is lost.
    async fn check(&self, lock: &mut PgConnection) -> Result<(), Error> {
        loop {
            tokio::time::sleep(self.options.check_interval).await;
            // Proves that the lock's connection is alive.
            lock.ping().await.map_err(Error::during("keep the relay's lock"))?;
            self.check_stream().await?;
        }
    }

    async fn check_stream(&self) -> Result<(), Error> {
        let _alone = self.recovering.write().await;
        let last = stream::check(&self.context, self.store, self.stream).await?;
        self.last.store(last, Ordering::SeqCst);
        Ok(())
    }

    /// Publishes one window of a lane's pending events; returns how many were acknowledged.
    async fn publish(&self, lane: Lane) -> Result<usize, Error> {
        let recording = self.recovering.read().await;
        let pending = outbox::pending(self.store.pool(), lane, self.options.window).await?;
        if pending.is_empty() {
            return Ok(0);
        }
        let before = self.last.load(Ordering::SeqCst);
        let Window { done, last, first_stored, failure } = self.send_all(pending).await?;
        let last = self.last.fetch_max(last, Ordering::SeqCst).max(last);
        let (name, recorded) = (self.stream.name, i64::try_from(last).unwrap_or(i64::MAX));
        outbox::acknowledged(self.store.pool(), lane, &done, name, recorded).await?;
        telemetry::metrics().events_published(name, done.len());
        drop(recording);
        if first_stored <= before {
            self.cut_off(first_stored).await?;
        }
        match failure {
            Some(problem) => Err(Error::Broker { during: "publish", problem }),
            None => Ok(done.len()),
        }
    }

    /// Sends events and waits for what the broker says to each of them.
    async fn send_all(&self, pending: Vec<Pending>) -> Result<Window, Error> {
        let source = format!("/tenure/{}", self.stream.publisher);
        let mut sent = Vec::with_capacity(pending.len());
        for event in pending {
            sent.push(send(&self.context, event, &source).await?);
        }
        let waited = join_all(sent.into_iter().map(|Sent { id, ack, mut traced }| async move {
            let answer = ack.await;
            if let (Err(_unanswered), Some(span)) = (&answer, &mut traced) {
                span.fail("unacknowledged");
            }
            (id, answer)
        }))
        .await;
        let done = Vec::with_capacity(waited.len());
        let mut window = Window { done, last: 0, first_stored: u64::MAX, failure: None };
        for (id, answer) in waited {
            match answer {
                Ok(ack) if ack.stream == self.stream.name => {
                    window.done.push(id);
                    window.last = window.last.max(ack.sequence);
                    if !ack.duplicate {
                        window.first_stored = window.first_stored.min(ack.sequence);
                    }
                }
                Ok(_stranger) => {
                    window.failure = Some("another stream has taken the event".to_owned());
                }
                Err(error) => window.failure = Some(error.to_string()),
            }
        }
        Ok(window)
    }

    /// The stream has stored an event in a place that it had acknowledged before: soon it would be
    /// as long as it was, and nobody could tell any more what it has lost.
    async fn cut_off(&self, first_stored: u64) -> Result<(), Error> {
        let _alone = self.recovering.write().await;
        if self.last.load(Ordering::SeqCst) < first_stored {
            // The other lane has noticed it as well.
            return Ok(());
        }
        let left = first_stored.saturating_sub(1);
        let last = stream::cut_off(&self.context, self.store, self.stream, left).await?;
        self.last.store(last, Ordering::SeqCst);
        Ok(())
    }
}

/// Commits that follow each other closely share a window, except for leavers.
async fn gather(lane: Lane) {
    match lane {
        Lane::Leaver => {}
        Lane::Regular => tokio::time::sleep(GATHER).await,
    }
}

/// What the broker said to some events.
struct Window {
    done: Vec<Uuid>,
    /// The highest sequence; zero if none was acknowledged.
    last: u64,
    /// The lowest sequence of what was not there before.
    first_stored: u64,
    failure: Option<String>,
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
