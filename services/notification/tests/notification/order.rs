//! Events in any order, repeated, republished, in both lanes: the same is told.

use bus::Message;
use domain::{AccountState, Lane};

use crate::world::{Life, World, account, at, release, settled};

const PEOPLE: u128 = 6;

#[tokio::test]
async fn a_story_in_any_order_leads_to_the_same_notices() {
    let world = World::silent().await;
    let (first, then) = story(&world, 0);
    for message in &first {
        world.feed.deliver_messages(std::slice::from_ref(message)).await;
        world.feed.drive().await;
    }
    world.clock.advance_to(at("2026-03-03T09:00:00Z"));
    for message in &then {
        world.feed.drive().await;
        world.feed.deliver_messages(std::slice::from_ref(message)).await;
    }
    world.feed.drive().await;
    let expected = told(&world, 0).await;
    assert!(expected.len() > 30, "{expected:#?}");

    for seed in 1..=6 {
        let (first, then) = story(&world, seed);
        let all = [first.clone(), then].concat();
        let early = usize::try_from(seed).unwrap() * first.len() / 6;
        world.feed.deliver_shuffled(seed, &first[..early]).await;
        if seed % 2 == 0 {
            world.feed.drive().await;
        }
        let again = [world.feed.republished(&all), all].concat();
        world.feed.deliver_shuffled(seed + 100, &again).await;
        world.feed.drive().await;

        assert_eq!(told(&world, seed).await, expected, "replay with seed {seed}");
    }
    assert!(world.feed.parked().await.is_empty());
}

#[tokio::test]
async fn a_story_told_twice_in_disorder_sends_no_mail_twice() {
    let world =
        World::configured(|config| config.digest_threshold = u16::MAX.try_into().unwrap()).await;
    let (first, then) = story(&world, 1);
    let all = [first, then].concat();
    world.feed.deliver_shuffled(1, &all).await;
    world.feed.drive().await;
    let received = world.received();
    assert!(received.len() > 10, "{received:#?}");

    world.feed.deliver_shuffled(2, &world.feed.republished(&all)).await;
    world.feed.drive().await;

    assert_eq!(world.received(), received);
}

#[tokio::test]
async fn a_version_with_another_content_parks_alone() {
    let world = World::silent().await;
    let one = Life::of(1, 1).works("2026-03-09", "Engineer", 0);
    let other = Life::of(1, 1).works("2026-03-10", "Engineer", 0);
    world.feed.deliver(&[one.changed()]).await;
    world.feed.deliver(&[settled(1, 1, 1, 0), settled(2, 1, 1, 0)]).await;
    world.feed.deliver(&[account(1, 1, "crm", AccountState::Active)]).await;

    let messages = [
        world.feed.message(&other.changed()),
        world.feed.message(&Life::of(2, 1).works("2026-03-09", "Engineer", 0).changed()),
        world.feed.message(&settled(1, 1, 1, 3)),
        world.feed.message(&account(1, 1, "crm", AccountState::Deleted)),
    ];
    let outcomes = world.feed.deliver_messages(&messages).await;

    use bus::Outcome::{Handled, Parked};
    assert_eq!(outcomes, [Parked, Handled, Parked, Parked]);
}

/// A boss, owners, and people who join, move, leave and stay after all: what begins it, and what
/// follows.
fn story(world: &World, seed: u64) -> (Vec<Message>, Vec<Message>) {
    let base = u128::from(seed) * 10_000;
    let boss = base + 7000;
    let feed = &world.feed;
    let number = seed + 1;
    let crm = format!("owner{seed}@example.org");
    let (documents, activated) = release(number, &[("crm", &crm), ("wiki", "wiki@example.org")]);
    let mut first: Vec<Message> = documents.iter().map(|event| feed.message(event)).collect();
    first.push(feed.message(&activated));
    let mail = format!("boss{seed}@example.org");
    first.push(
        feed.message(
            &Life::of(boss, 1).mail(&mail).works("2020-01-01", "Boss", 0).quiet().changed(),
        ),
    );
    let mut then = Vec::new();
    for index in 1..=PEOPLE {
        let id = base + index;
        let lane = if index % 2 == 0 { Lane::Leaver } else { Lane::Regular };
        let life = |counter| Life::of(id, counter).lane(lane);
        let send = |life: Life| feed.message(&life.changed());
        // Joins, and the date moves twice before anybody is told.
        first.push(send(life(1).works("2026-03-09", "Engineer", boss)));
        then.push(send(life(2).works("2026-03-10", "Engineer", boss)));
        then.push(send(life(3).works("2026-03-11", "Engineer", boss)));
        first.push(feed.message(&account(id, 1, "crm", AccountState::Active)));
        then.push(feed.message(&account(id, 2, "crm", AccountState::Suspended)));
        then.push(feed.message(&account(id, 1, "wiki", AccountState::Active)));
        first.push(feed.message(&settled(id, 1, 1, 0)));
        then.push(feed.message(&settled(id, 3, 3, 0)));
        // Is here since long, moves, and leaves or stays.
        let id = base + 1000 + index;
        let life = |counter| Life::of(id, counter).lane(lane).works("2020-01-01", "Engineer", boss);
        first.push(send(life(1).quiet()));
        first.push(feed.message(&account(id, 1, "wiki", AccountState::Active)));
        let moved = |counter| life(counter).then("2026-03-03", "Captain", boss);
        then.push(send(moved(2).until("2026-03-20").quiet()));
        if index % 3 == 0 {
            then.push(send(moved(3).until("2026-03-02").quiet()));
        } else {
            then.push(send(moved(3).quiet()));
        }
    }
    (first, then)
}

/// What a story came to, in words that are the same for each telling.
async fn told(world: &World, seed: u64) -> Vec<String> {
    type Row = (i64, String, String, String, String, String);
    let base = i64::try_from(seed).unwrap() * 10_000;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT ('x' || right(person_id::text, 12))::bit(48)::bigint - $1, template,
                effective_date::text, recipient_kind,
                CASE recipient_kind WHEN 'owner' THEN recipient
                     ELSE CASE recipient WHEN '' THEN 'nobody' ELSE 'boss' END END,
                state
           FROM notices
          WHERE state <> 'canceled'
            AND ('x' || right(person_id::text, 12))::bit(48)::bigint BETWEEN $1 AND $1 + 9999
          ORDER BY 1, 2, 3, 4, 5",
    )
    .bind(base)
    .fetch_all(world.store.pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(person, template, date, kind, recipient, state)| {
            format!("{person}: {template} on {date} to {kind} {recipient}: {state}")
        })
        .collect()
}
