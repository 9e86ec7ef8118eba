use bus::{Message, Outcome};
use chassis::App;
use proto::Event;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sqlx::Row as _;
use store::Store;
use store::parked::Listed;
use tonic::service::Routes;
use uuid::Uuid;

/// A service without a broker: events are handed to its handlers, through the inbox and the outbox,
/// in whatever order a test wants.
#[derive(Debug)]
pub struct Feed {
    app: App,
    store: Store,
}

/// Rounds of drivers after which a service counts as one that never comes to rest.
const ROUNDS_MAX: usize = 10_000;

impl Feed {
    /// Wraps a service.
    #[must_use]
    pub fn new(app: App, store: Store) -> Self {
        Self { app, store }
    }

    /// What the service serves: a client of any of its requests is made of it.
    #[must_use]
    pub fn requests(&self) -> Routes {
        self.app.routes()
    }

    /// The service's database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns an event as the relay of its publisher would send it, under a fresh id.
    ///
    /// # Panics
    /// When the event is not one the catalogue would let through.
    #[must_use]
    pub fn message<E: Event>(&self, event: &E) -> Message {
        let subject = event.subject().expect("a test's event is valid");
        Message {
            id: Some(self.store.clock().new_id()),
            kind: E::TYPE.to_owned(),
            source: "/tenure/test".to_owned(),
            about: subject.id.clone(),
            occurred_at: Some(self.store.clock().now()),
            subject: subject.address(E::row()),
            traceparent: None,
            stream_sequence: 0,
            payload: event.encode_to_vec().into(),
        }
    }

    /// Hands events over as one batch.
    ///
    /// # Panics
    /// When one of them is not handled.
    pub async fn deliver<E: Event>(&self, events: &[E]) {
        let messages: Vec<Message> = events.iter().map(|event| self.message(event)).collect();
        let outcomes = self.deliver_messages(&messages).await;
        assert!(
            outcomes.iter().all(|outcome| *outcome == Outcome::Handled),
            "not handled: {outcomes:?}, parked: {:?}",
            self.parked().await
        );
    }

    /// Hands messages of any kinds to the consumers that read them, each kind as one batch.
    ///
    /// Returns what became of each, in their order; a message that nobody reads counts as handled.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn deliver_messages(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Handled; messages.len()];
        for consumer in self.app.consumers() {
            let name = consumer.row().name;
            let reads = |message: &Message| match consumer.row().event {
                Some(event) => message.kind == event,
                None => proto::catalogue::EventRow::named(&message.kind)
                    .is_some_and(|row| row.stream == consumer.row().stream),
            };
            let (places, batch): (Vec<usize>, Vec<Message>) = messages
                .iter()
                .enumerate()
                .filter(|(_place, message)| reads(message))
                .map(|(place, message)| (place, message.clone()))
                .unzip();
            if batch.is_empty() {
                continue;
            }
            let id = store::inbox::consumer_id(self.store.pool(), name)
                .await
                .expect("the consumer can be registered");
            let done = bus::process(&self.store, consumer, id, &batch).await;
            for (place, outcome) in places.into_iter().zip(done) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    /// Delivers messages in a shuffled order, in batches of random sizes, some of them several
    /// times, and those that ask for it again until they are handled.
    ///
    /// # Panics
    /// When messages are never handled.
    pub async fn deliver_shuffled(&self, seed: u64, messages: &[Message]) {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let mut waiting: Vec<Message> = messages.to_vec();
        for message in messages {
            if random.random_bool(0.3) {
                waiting.push(message.clone());
            }
        }
        for _round in 0..64 {
            waiting.shuffle(&mut random);
            let mut again = Vec::new();
            while !waiting.is_empty() {
                let size = random.random_range(1..=waiting.len().min(40));
                let batch: Vec<Message> = waiting.drain(..size).collect();
                let outcomes = self.deliver_messages(&batch).await;
                again.extend(
                    batch
                        .into_iter()
                        .zip(outcomes)
                        .filter(|(_message, outcome)| matches!(outcome, Outcome::Again(_)))
                        .map(|(message, _outcome)| message),
                );
            }
            if again.is_empty() {
                return;
            }
            waiting = again;
        }
        panic!("{} messages are never handled", waiting.len());
    }

    /// Returns the same messages as if they had been published again: fresh ids, same content.
    #[must_use]
    pub fn republished(&self, messages: &[Message]) -> Vec<Message> {
        messages
            .iter()
            .cloned()
            .map(|message| Message { id: Some(self.store.clock().new_id()), ..message })
            .collect()
    }

    /// Lets the drivers work until nothing is due at the clock's present instant.
    ///
    /// # Panics
    /// When a driver fails, or never comes to rest.
    pub async fn drive(&self) {
        for _round in 0..ROUNDS_MAX {
            if !self.app.drive_once(&self.store).await.expect("the drivers work") {
                return;
            }
        }
        panic!("the drivers never come to rest");
    }

    /// Returns every event of a kind that was published, in order.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn published<E: Event>(&self) -> Vec<E> {
        sqlx::query("SELECT payload FROM outbox WHERE type = $1 ORDER BY id")
            .bind(E::TYPE)
            .fetch_all(self.store.pool())
            .await
            .expect("the outbox can be read")
            .iter()
            .map(|row| {
                let payload: Vec<u8> = row.get("payload");
                E::decode(payload.as_slice()).expect("what was published decodes")
            })
            .collect()
    }

    /// Returns everything that was published, as the relay would send it.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn outgoing(&self) -> Vec<Message> {
        let source = format!("/tenure/{}", self.store.service());
        let mut outgoing = Vec::new();
        for lane in domain::Lane::ALL {
            let pending = store::outbox::pending(self.store.pool(), lane, u16::MAX).await;
            let pending = pending.expect("the outbox can be read").into_iter();
            outgoing.extend(pending.map(|event| Message::outgoing(event, &source)));
        }
        outgoing
    }

    /// Returns what was put aside.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn parked(&self) -> Vec<Listed> {
        store::parked::list(self.store.pool(), 1000).await.expect("parked messages can be listed")
    }

    /// Asks for parked messages to be handled again, and does it.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn replay(&self, events: &[Uuid]) -> usize {
        let mut tx = self.store.begin().await.expect("a transaction begins");
        store::parked::request_replay(&mut tx, events).await.expect("a replay is requested");
        tx.commit().await.expect("the transaction commits");
        let mut replayed = 0;
        for consumer in self.app.consumers() {
            let id = store::inbox::consumer_id(self.store.pool(), consumer.row().name)
                .await
                .expect("the consumer can be registered");
            replayed +=
                bus::replay(&self.store, consumer, id).await.expect("the replay is carried out");
        }
        replayed
    }
}
