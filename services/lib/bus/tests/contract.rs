//! The contract between services on a real broker and a real database: outbox, relay, consumers,
//! inbox, parking, lanes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "sizes are for people to read")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::{Batch, ConsumeOptions, Consumer, Handler, RelayOptions, Verdicts};
use clock::{Clock, TestClock};
use domain::{Lane, Rejection};
use proto::catalogue::{self, Service, StreamRow};
use proto::hris::v1::PersonUpdated;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _};
use store::{Store, Tx};
use testkit::{Broker, Database, until};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Keeps the newest version of each person; refuses the poisonous one until it is mended.
#[derive(Clone, Default)]
struct Remember {
    mended: Arc<AtomicBool>,
}

const POISON: Uuid = Uuid::from_u128(666);

impl Handler for Remember {
    type Event = PersonUpdated;
    const CONSUMER: &'static str = "policy-evaluation-evaluate-people";

    async fn handle(
        &self,
        tx: &mut Tx,
        batch: Batch<PersonUpdated>,
    ) -> Result<Verdicts, Rejection> {
        let people: Vec<Uuid> =
            batch.events.iter().filter_map(|event| event.subject.person).map(|id| id.0).collect();
        if people.contains(&POISON) && !self.mended.load(Ordering::SeqCst) {
            return Err(Rejection::Park { reason: "cannot digest this person".to_owned() });
        }
        let versions: Vec<i64> =
            batch.events.iter().map(|event| event.subject.version.counter).collect();
        let lanes: Vec<i16> = batch.events.iter().map(|event| event.subject.lane.rank()).collect();
        sqlx::query(
            "INSERT INTO remembered (person, version, lane, batch)
             SELECT person, version, lane, $4
               FROM UNNEST($1::uuid[], $2::bigint[], $3::smallint[]) AS p (person, version, lane)
              ORDER BY person
             ON CONFLICT (person) DO UPDATE SET version = excluded.version
              WHERE remembered.version < excluded.version",
        )
        .bind(people)
        .bind(versions)
        .bind(lanes)
        .bind(tx.new_id())
        .execute(tx.connection())
        .await
        .map_err(store::Error::during("remember"))?;
        Ok(Verdicts::handled())
    }
}

struct World {
    database: Database,
    broker: Broker,
    publisher: Store,
    consumer: Store,
    handler: Remember,
    tasks: JoinSet<()>,
    drain: CancellationToken,
}

impl World {
    async fn start(clock: Clock) -> Self {
        let (database, broker) = tokio::join!(Database::start(), Broker::start());
        let none = Migrator::with_migrations(Vec::new());
        let publisher = database.store(Service::HrisIngest, &none, clock.clone()).await;
        let consumer = database.store(Service::PolicyEvaluation, &none, clock).await;
        let owner = database.owner_url(Service::PolicyEvaluation);
        let mut owner = PgConnection::connect(&owner).await.unwrap();
        sqlx::raw_sql(
            "CREATE TABLE remembered (person uuid PRIMARY KEY, version bigint, lane smallint,
                                      batch uuid, seq bigint GENERATED ALWAYS AS IDENTITY);
             GRANT ALL ON remembered TO policy_evaluation",
        )
        .execute(&mut owner)
        .await
        .unwrap();
        Self {
            database,
            broker,
            publisher,
            consumer,
            handler: Remember::default(),
            tasks: JoinSet::new(),
            drain: CancellationToken::new(),
        }
    }

    async fn relay(&mut self) -> tokio::task::AbortHandle {
        self.relay_that_looks(Duration::from_millis(200)).await
    }

    async fn relay_that_looks(&mut self, check_interval: Duration) -> tokio::task::AbortHandle {
        let nats = self.broker.connect(Service::HrisIngest).await;
        let (store, drain) = (self.publisher.clone(), self.drain.clone());
        let options = RelayOptions { check_interval, ..RelayOptions::default() };
        self.tasks.spawn(async move {
            bus::relay(nats, &store, hris(), options, drain).await;
        })
    }

    async fn consume(&mut self) {
        let consumer = Arc::new(Consumer::handler(self.handler.clone()));
        for durable in consumer.row().durables() {
            let nats = self.broker.connect(Service::PolicyEvaluation).await;
            let (consumer, store, drain) =
                (Arc::clone(&consumer), self.consumer.clone(), self.drain.clone());
            self.tasks.spawn(async move {
                let options = ConsumeOptions::default();
                bus::consume(nats, &store, &consumer, &durable, options, drain).await.unwrap();
            });
        }
    }

    async fn publish(&self, people: impl IntoIterator<Item = (Uuid, i64, Lane)>) {
        let mut tx = self.publisher.begin().await.unwrap();
        for (person, counter, lane) in people {
            tx.publish(&PersonUpdated {
                person_id: person.to_string(),
                version: Some(domain::Version { epoch: 1, counter }.into()),
                lane: proto::common::v1::Lane::from(lane).into(),
                ..PersonUpdated::default()
            })
            .unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn remembered(&self) -> BTreeSet<(Uuid, i64)> {
        sqlx::query_as::<_, (Uuid, i64)>("SELECT person, version FROM remembered")
            .fetch_all(self.consumer.pool())
            .await
            .unwrap()
            .into_iter()
            .collect()
    }

    async fn until_published(&self) {
        until("everything is published", async || {
            let (pending, _oldest) = store::outbox::backlog(self.publisher.pool()).await.unwrap();
            (pending == 0).then_some(())
        })
        .await;
    }

    /// Deletes the stream with all that is in it; set-up makes an empty one.
    async fn lose_the_stream(&self) {
        let owner = async_nats::jetstream::new(self.broker.owner().await);
        owner.delete_stream("HRIS").await.unwrap();
        self.broker.set_up().await;
    }

    /// Waits until exactly these people are remembered.
    async fn until(&self, what: &str, expected: &BTreeSet<(Uuid, i64)>) {
        until(what, async || (self.remembered().await == *expected).then_some(())).await;
    }

    async fn stop(mut self) {
        self.drain.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn hris() -> &'static StreamRow {
    catalogue::stream_of(Service::HrisIngest).unwrap()
}

fn people(range: std::ops::Range<u128>) -> Vec<(Uuid, i64, Lane)> {
    range.map(|number| (Uuid::from_u128(number), 1, Lane::Regular)).collect()
}

fn remembered(people: &[(Uuid, i64, Lane)]) -> BTreeSet<(Uuid, i64)> {
    people.iter().map(|(person, version, _lane)| (*person, *version)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_held_open_for_a_minute_in_any_database_delays_no_event() {
    const SECONDS: u128 = 60;
    let mut world = World::start(Clock::system()).await;
    world.relay().await;
    world.consume().await;
    let none = Migrator::with_migrations(Vec::new());
    let stranger = world.database.store(Service::Audit, &none, Clock::system()).await;
    // Each has written and so holds a transaction id; each has read the outbox and so a lock on it.
    let mut held = Vec::new();
    for store in [&world.publisher, &world.consumer, &stranger] {
        let mut tx = store.pool().begin().await.unwrap();
        sqlx::raw_sql(
            "SET LOCAL idle_in_transaction_session_timeout = 0;
             SELECT count(*) FROM outbox; SELECT count(*) FROM inbox;
             INSERT INTO consumers (name) VALUES ('held')",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        held.push(tx);
    }

    // Every event has to arrive before the next one is published.
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for second in 1..=SECONDS {
        seconds.tick().await;
        world.publish(people(second..second + 1)).await;
        let arrived = remembered(&people(1..second + 1));
        world.until("while transactions are held open", &arrived).await;
    }
    seconds.tick().await;

    for mut tx in held {
        sqlx::query("SELECT 1").execute(&mut *tx).await.expect("it was held to the end");
        tx.rollback().await.unwrap();
    }
    world.stop().await;
}

#[tokio::test]
async fn whoever_goes_away_while_a_transaction_begins_leaves_none_to_the_next() {
    let world = World::start(Clock::system()).await;
    let store = &world.publisher;
    for polls in (0..12).cycle().take(120) {
        let mut begun = Box::pin(store.begin());
        for _ in 0..polls {
            if futures::poll!(&mut begun).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begun);

        // It is refused within a transaction.
        let vacuumed = sqlx::raw_sql("VACUUM consumers").execute(store.pool()).await;
        assert!(vacuumed.is_ok(), "after {polls} polls: {vacuumed:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_parks_alone_is_listed_and_replays_after_a_fix() {
    let mut world = World::start(Clock::system()).await;
    let mut everybody = people(1..301);
    world.publish(everybody.clone()).await;
    world.publish([(POISON, 1, Lane::Regular)]).await;
    world.relay().await;
    world.consume().await;

    world.until("everybody but the poison", &remembered(&everybody)).await;
    let listed = until("the poison is parked", async || {
        let listed = store::parked::list(world.consumer.pool(), 10).await.unwrap();
        (!listed.is_empty()).then_some(listed)
    })
    .await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason, "cannot digest this person");

    let consumer = Consumer::handler(world.handler.clone());
    let id = store::inbox::consumer_id(world.consumer.pool(), consumer.row().name).await.unwrap();
    let request = async |store: &Store| {
        let mut tx = store.begin().await.unwrap();
        store::parked::request_replay(&mut tx, &[]).await.unwrap();
        tx.commit().await.unwrap();
    };
    request(&world.consumer).await;
    assert_eq!(bus::replay(&world.consumer, &consumer, id).await.unwrap(), 0, "it is still broken");
    assert_eq!(store::parked::count(world.consumer.pool()).await.unwrap(), 1);

    world.handler.mended.store(true, Ordering::SeqCst);
    request(&world.consumer).await;
    assert_eq!(bus::replay(&world.consumer, &consumer, id).await.unwrap(), 1);
    assert_eq!(store::parked::count(world.consumer.pool()).await.unwrap(), 0);
    everybody.push((POISON, 1, Lane::Regular));
    assert_eq!(world.remembered().await, remembered(&everybody));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_taken_over_when_its_holder_dies() {
    let mut world = World::start(Clock::system()).await;
    let holder = world.relay().await;
    world.consume().await;
    let first = people(1..50);
    world.publish(first.clone()).await;
    world.until("the holder relays", &remembered(&first)).await;
    world.relay().await;

    holder.abort();
    let second = people(50..100);
    world.publish(second.clone()).await;

    world.until("the next one relays", &remembered(&people(1..100))).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_is_published_again() {
    let mut world = World::start(Clock::system()).await;
    world.relay().await;
    let everybody = people(1..200);
    world.publish(everybody.clone()).await;
    world.until_published().await;

    world.lose_the_stream().await;
    world.consume().await;

    world.until("after the stream was lost", &remembered(&everybody)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_known_by_its_age_however_far_it_got() {
    let mut world = World::start(Clock::system()).await;
    let relay = world.relay().await;
    let everybody = people(1..100);
    world.publish(everybody.clone()).await;
    world.consume().await;
    world.until("before the stream was lost", &remembered(&everybody)).await;
    relay.abort();
    let owner = async_nats::jetstream::new(world.broker.owner().await);
    owner.delete_stream("HRIS").await.unwrap();
    world.broker.set_up().await;
    for _message in 0..200 {
        let sent = owner.publish("tenure.hris.v1.run.finished.regular.nobody", "".into()).await;
        sent.unwrap().await.unwrap();
    }

    world.relay().await;

    until("the stream holds everybody again", async || {
        let mut stream = owner.get_stream("HRIS").await.unwrap();
        (stream.info().await.unwrap().state.messages == 200 + 99).then_some(())
    })
    .await;
    until("everybody is handled", async || {
        let consumer = "policy-evaluation-evaluate-people-regular";
        let consumer: async_nats::jetstream::consumer::PullConsumer =
            owner.get_consumer_from_stream(consumer, "HRIS").await.unwrap();
        let info = consumer.cached_info();
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
    let handled: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox")
        .fetch_one(world.consumer.pool())
        .await
        .unwrap();
    assert_eq!(handled, 99, "nobody is handled twice");
    assert_eq!(store::parked::count(world.consumer.pool()).await.unwrap(), 0);
    world.stop().await;
}

#[tokio::test]
async fn of_a_stream_that_was_cut_off_only_the_end_is_published_again() {
    let database = Database::start().await;
    let clock = TestClock::at("2026-03-02T08:00:00Z".parse().unwrap());
    let none = Migrator::with_migrations(Vec::new());
    let store = database.store(Service::HrisIngest, &none, clock.clock()).await;
    let (pool, made) = (store.pool(), "2026-03-01T00:00:00Z".parse().unwrap());
    let publish = async |range: std::ops::Range<u128>, last_sequence| {
        let mut tx = store.begin().await.unwrap();
        for (person, counter, lane) in people(range) {
            tx.publish(&PersonUpdated {
                person_id: person.to_string(),
                version: Some(domain::Version { epoch: 1, counter }.into()),
                lane: proto::common::v1::Lane::from(lane).into(),
                ..PersonUpdated::default()
            })
            .unwrap();
        }
        tx.commit().await.unwrap();
        let pending = store::outbox::pending(pool, Lane::Regular, u16::MAX).await.unwrap();
        let ids: Vec<Uuid> = pending.iter().map(|event| event.id).collect();
        let lane = Lane::Regular;
        store::outbox::acknowledged(pool, lane, &ids, "HRIS", last_sequence).await.unwrap();
    };
    store::streams::meet(pool, "HRIS", made).await.unwrap();
    publish(1..11, 10).await;
    clock.advance_to("2026-03-02T08:10:00Z".parse().unwrap());
    store::streams::checkpoint(pool, "HRIS", clock.clock().now()).await.unwrap();
    publish(11..16, 15).await;

    let again = store::streams::publish_again(pool, "HRIS", made, Some(12)).await.unwrap();
    assert_eq!(again, 5, "the first ten were acknowledged before sequence 12");
    let again = store::streams::publish_again(pool, "HRIS", made, Some(9)).await.unwrap();
    assert_eq!(again, 10, "nothing is known of sequence 9; five are pending already");
    let seen = store::streams::seen(pool, "HRIS").await.unwrap();
    assert_eq!(seen.last_sequence, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_and_is_longer_again_before_anybody_looks_is_published_again() {
    let mut world = World::start(Clock::system()).await;
    world.relay_that_looks(Duration::from_secs(3600)).await;
    world.publish(people(1..200)).await;
    world.until_published().await;

    world.lose_the_stream().await;
    world.publish(people(200..600)).await;
    world.consume().await;

    world.until("those before the loss, too", &remembered(&people(1..600))).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queued_joiners_do_not_delay_one_leaver() {
    let mut world = World::start(Clock::system()).await;
    let joiners = people(1..10_001);
    for chunk in joiners.chunks(1000) {
        world.publish(chunk.to_vec()).await;
    }
    let leaver = Uuid::from_u128(1_000_000);
    world.publish([(leaver, 1, Lane::Leaver)]).await;
    world.relay().await;
    world.consume().await;

    // Batches have ids that grow with time.
    let place: i64 = until("the leaver is handled", async || {
        sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM remembered r WHERE r.batch < l.batch)
               FROM remembered l WHERE l.person = $1",
        )
        .bind(leaver)
        .fetch_optional(world.consumer.pool())
        .await
        .unwrap()
    })
    .await;

    assert!(place < 2_000, "{place} joiners were handled before the leaver");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_register_a_consumer_once() {
    let database = Database::start().await;
    let none = Migrator::with_migrations(Vec::new());
    let store = database.store(Service::PolicyEvaluation, &none, Clock::system()).await;

    for round in 0..20 {
        let name = format!("consumer-{round}");
        let at_once = (0..8).map(|_replica| store::inbox::consumer_id(store.pool(), &name));
        let ids: BTreeSet<i16> =
            futures::future::join_all(at_once).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ids.len(), 1, "round {round}");
    }
}

/// A migration that adds a table.
fn step(version: i64) -> Migration {
    let sql = AssertSqlSafe(format!("CREATE TABLE step_{version} (id integer)")).into_sql_str();
    Migration::new(version, "a step".into(), MigrationType::Simple, sql, false)
}

#[tokio::test]
async fn a_version_runs_on_the_schema_of_the_next_and_waits_where_its_own_is_missing() {
    let database = Database::start().await;
    let service = Service::PolicyEvaluation;
    let versions =
        [1, 2, 3].map(|last| Migrator::with_migrations((1..=last).map(step).collect::<Vec<_>>()));
    let [older, newer, newest] = &versions;
    let connect = async |migrations| {
        let options = store::Options {
            connect: database.url(service).parse().unwrap(),
            connections_max: 2,
            epoch: 1,
        };
        Store::connect(service, options, migrations, Clock::system()).await
    };
    let owner = || database.owner_url(service).parse().unwrap();

    assert!(connect(older).await.unwrap_err().is_transient(), "nobody has migrated yet");
    store::migrate(service, owner(), newer).await.unwrap();
    let beside = connect(older).await.unwrap();
    let own = connect(newer).await.unwrap();
    // Whoever goes back runs the older version's migrations once more.
    store::migrate(service, owner(), older).await.unwrap();

    assert!(connect(newest).await.unwrap_err().is_transient(), "the next version waits");
    for store in [beside, own] {
        sqlx::query("INSERT INTO step_1 VALUES (1)").execute(store.pool()).await.unwrap();
    }
}

#[tokio::test]
async fn the_inbox_is_bounded_after_a_million_events() {
    const EVENTS: u64 = 1_000_000;
    let database = Database::start().await;
    let clock = TestClock::at("2026-03-02T00:00:00Z".parse().unwrap());
    let none = Migrator::with_migrations(Vec::new());
    let store = database.store(Service::PolicyEvaluation, &none, clock.clock()).await;
    let consumer =
        store::inbox::consumer_id(store.pool(), "policy-evaluation-evaluate-people").await.unwrap();
    for _batch in 0..EVENTS / 10_000 {
        let ids: Vec<Uuid> = (0..10_000).map(|_| store.clock().new_id()).collect();
        let mut tx = store.begin().await.unwrap();
        assert_eq!(store::inbox::claim(&mut tx, consumer, &ids).await.unwrap().len(), 10_000);
        tx.commit().await.unwrap();
    }

    let full = store::inbox::size_bytes(store.pool()).await.unwrap();
    println!("inbox after {EVENTS} events: {full} bytes, {} per event", full / EVENTS);
    assert!(full / EVENTS < 150, "an event takes {} bytes", full / EVENTS);

    clock.advance_to("2026-03-30T00:00:00Z".parse().unwrap());
    store.maintain().await.unwrap();
    let empty = store::inbox::size_bytes(store.pool()).await.unwrap();
    println!("inbox past its retention: {empty} bytes");
    assert!(empty < 1 << 20, "{empty} bytes are kept past the retention");
}
