//! Audit alone, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use audit::{Config, MIGRATIONS, start};
use clock::TestClock;
use proto::catalogue::Service;
use proto::common::v1::{Lane, Version};
use proto::hris::v1::PersonUpdated;
use proto::provisioning::v1::PersonSettled;
use testkit::{Database, Feed};

async fn feed(database: &Database) -> Feed {
    let clock = TestClock::at("2026-03-02T09:00:00Z".parse().unwrap());
    let store = database.store(Service::Audit, &MIGRATIONS, clock.clock()).await;
    let app = start(Config::default(), store.clone()).await.unwrap();
    Feed::new(app, store)
}

fn person(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

fn updated(number: u128, counter: u64, lane: Lane) -> PersonUpdated {
    PersonUpdated {
        person_id: person(number),
        version: Some(Version { epoch: 1, counter }),
        lane: lane.into(),
        ..PersonUpdated::default()
    }
}

async fn log(feed: &Feed) -> Vec<(String, i64, uuid::Uuid, Option<uuid::Uuid>)> {
    sqlx::query_as(
        "SELECT publisher, position, event_id, person_id FROM events ORDER BY publisher, position",
    )
    .fetch_all(feed.store().pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn every_event_is_stored_once_however_often_and_in_whatever_order_it_comes() {
    for seed in 0..8 {
        let database = Database::start().await;
        let feed = feed(&database).await;
        let mut messages = Vec::new();
        for number in 1..=20 {
            let lane = if number % 3 == 0 { Lane::Leaver } else { Lane::Regular };
            messages.push(feed.message(&updated(number, 1, lane)));
            messages.push(feed.message(&updated(number, 2, Lane::Regular)));
            messages.push(feed.message(&PersonSettled {
                person_id: person(number),
                version: Some(Version { epoch: 1, counter: 1 }),
                lane: lane.into(),
                ..PersonSettled::default()
            }));
        }

        feed.deliver_shuffled(seed, &messages).await;
        feed.deliver_messages(&messages).await;

        let log = log(&feed).await;
        let mut stored: Vec<_> = log.iter().map(|row| row.2).collect();
        let mut sent: Vec<_> = messages.iter().filter_map(|message| message.id).collect();
        stored.sort();
        sent.sort();
        assert_eq!(stored, sent, "seed {seed}");
        let expected =
            (1..=40).map(|at| ("HRIS", at)).chain((1..=20).map(|at| ("PROVISIONING", at)));
        let places = log.iter().map(|row| (row.0.as_str(), row.1));
        assert!(places.eq(expected), "positions have a gap, seed {seed}");
        assert!(log.iter().all(|row| row.3.is_some()), "a person is not known, seed {seed}");
    }
}

#[tokio::test]
async fn the_database_refuses_to_change_the_log() {
    let database = Database::start().await;
    let feed = feed(&database).await;
    feed.deliver(&[updated(1, 1, Lane::Regular)]).await;
    let owner = sqlx::PgPool::connect(&database.owner_url(Service::Audit)).await.unwrap();

    for statement in ["UPDATE events SET type = 'other'", "DELETE FROM events", "TRUNCATE events"] {
        let refused = sqlx::query(statement).execute(feed.store().pool()).await;
        assert!(refused.unwrap_err().to_string().contains("permission denied"), "{statement}");
        // Nor may whoever owns it.
        let refused = sqlx::query(statement).execute(&owner).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"), "{statement}");
    }
    assert_eq!(log(&feed).await.len(), 1);
}

#[tokio::test]
async fn a_message_without_an_id_parks_alone() {
    let database = Database::start().await;
    let feed = feed(&database).await;
    let good = feed.message(&updated(1, 1, Lane::Regular));
    let bad = bus::Message { id: None, stream_sequence: 7, ..good.clone() };

    let outcomes = feed.deliver_messages(&[bad, good]).await;

    assert_eq!(outcomes, [bus::Outcome::Parked, bus::Outcome::Handled]);
    assert_eq!(feed.parked().await.len(), 1);
    assert_eq!(log(&feed).await.len(), 1);
}
