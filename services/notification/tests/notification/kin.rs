//! People who are merged and split: nothing is told twice, and each has their own notices.

use crate::world::{BOSS, Life, World, at};

const ADA: u128 = 1;
const AUGUSTA: u128 = 2;

#[tokio::test]
async fn what_was_told_of_somebody_who_is_merged_is_not_told_again() {
    for survivor_first in [true, false] {
        let world = World::with_mail().await;
        begun(&world).await;
        let before = world.received();
        assert_eq!(before.len(), 2, "{before:?}");

        let mut merge = [both(2).changed(), gone(2).changed()];
        if !survivor_first {
            merge.reverse();
        }
        for event in &merge {
            world.feed.deliver(std::slice::from_ref(event)).await;
            world.feed.drive().await;
        }
        world.feed.deliver(&merge).await;
        world.feed.drive().await;

        assert_eq!(world.received(), before, "the survivor first: {survivor_first}");
        assert_eq!(holders(&world).await, ["1: joining sent", "1: joining sent"]);
    }
}

#[tokio::test]
async fn nothing_is_told_of_who_goes_on_under_another_id() {
    let world = World::with_mail().await;
    begun(&world).await;

    // The survivor alone was heard of, and the other's first day and last day come.
    world.feed.deliver(&[both(2).changed()]).await;
    world.drive_at("2026-03-20T09:00:00Z").await;
    world.feed.deliver(&[augusta(2).until("2026-03-31").changed()]).await;
    world.drive_at("2026-04-02T09:00:00Z").await;
    world.feed.deliver(&[gone(3).changed()]).await;
    world.feed.drive().await;

    let of_augusta: Vec<String> =
        world.received().into_iter().filter(|mail| mail.contains("Augusta")).collect();
    assert_eq!(of_augusta, ["boss@example.org: Augusta starts on 2026-03-09"]);
    assert_eq!(world.received().len(), 2);
}

#[tokio::test]
async fn what_waits_to_be_told_is_told_once_and_of_the_survivor() {
    let world = World::configured(|config| config.gather_seconds = 60).await;
    begun(&world).await;
    assert!(world.received().is_empty());

    world.feed.deliver(&[both(2).changed(), gone(2).changed()]).await;
    world.drive_at("2026-03-02T09:05:00Z").await;

    assert_eq!(
        world.received(),
        [
            "boss@example.org: Ada starts on 2026-03-09",
            "boss@example.org: Ada starts on 2026-03-09"
        ]
    );
}

#[tokio::test]
async fn a_split_gives_each_their_own_notices_and_tells_nothing_again() {
    for order in [[0, 1], [1, 0]] {
        let world = World::with_mail().await;
        begun(&world).await;
        world.feed.deliver(&[both(2).changed(), gone(2).changed()]).await;
        world.feed.drive().await;
        let before = world.received();

        let apart = [ada(3).split(AUGUSTA).changed(), augusta(3).split(ADA).changed()];
        for place in order {
            world.feed.deliver(&[apart[place].clone()]).await;
            world.feed.drive().await;
        }
        world.feed.deliver(&apart).await;
        world.feed.drive().await;

        assert_eq!(world.received(), before, "{order:?}");
        assert_eq!(holders(&world).await, ["1: joining sent", "2: joining sent"], "{order:?}");

        // Each life goes on.
        world.feed.deliver(&[augusta(4).split(ADA).until("2026-03-20").changed()]).await;
        world.feed.drive().await;
        let last = world.server().received().last().unwrap().subject.clone();
        assert_eq!(last, "Augusta leaves on 2026-03-20");
    }
}

#[tokio::test]
async fn a_life_of_merges_and_splits_in_any_order_leads_to_the_same_notices() {
    for seed in 0..6 {
        let world = World::with_mail().await;
        world.boss().await;
        let story = [
            ada(1),
            augusta(1),
            both(2),
            gone(2),
            ada(3).split(AUGUSTA),
            augusta(3).split(ADA),
            both(4),
            gone(4),
        ];
        let story: Vec<_> = story.iter().map(|life| world.feed.message(&life.changed())).collect();
        for message in story.iter().take(2) {
            world.feed.deliver_messages(std::slice::from_ref(message)).await;
        }
        world.feed.drive().await;

        world.feed.deliver_shuffled(seed, &story[..5]).await;
        world.feed.drive().await;
        let again = [world.feed.republished(&story), story].concat();
        world.feed.deliver_shuffled(seed + 100, &again).await;
        world.feed.drive().await;

        assert_eq!(
            holders(&world).await,
            ["1: joining sent", "1: joining sent"],
            "replay with seed {seed}"
        );
        assert_eq!(world.received().len(), 2, "replay with seed {seed}");
        assert!(world.feed.parked().await.is_empty());
    }
}

/// Both are about to start, and their boss was told.
async fn begun(world: &World) {
    world.boss().await;
    world.feed.deliver(&[ada(1).changed(), augusta(1).changed()]).await;
    world.feed.drive().await;
    assert!(world.clock.clock().now() < at("2026-03-09T00:00:00Z"));
}

fn ada(counter: i64) -> Life {
    Life::of(ADA, counter).named("Ada").works("2026-03-09", "Engineer", BOSS)
}

fn augusta(counter: i64) -> Life {
    Life::of(AUGUSTA, counter).named("Augusta").works("2026-03-09", "Clerk", BOSS)
}

/// Ada with what both do.
fn both(counter: i64) -> Life {
    ada(counter).with(&augusta(counter)).merged(AUGUSTA)
}

/// Augusta, who goes on as Ada.
fn gone(counter: i64) -> Life {
    Life::of(AUGUSTA, counter).merged_into(ADA)
}

/// About whom the notices are that were not canceled.
async fn holders(world: &World) -> Vec<String> {
    let rows: Vec<(uuid::Uuid, String, String)> = sqlx::query_as(
        "SELECT person_id, milestone, state FROM notices
          WHERE state <> 'canceled' AND person_id = ANY($1)
          ORDER BY person_id, engagement_id, milestone",
    )
    .bind([ADA, AUGUSTA].map(uuid::Uuid::from_u128))
    .fetch_all(world.store.pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(person, milestone, state)| format!("{}: {milestone} {state}", person.as_u128()))
        .collect()
}
