//! Events in any order, repeated, republished, in both lanes: the end is the same.

use bus::{Message, Outcome};
use proto::policy::v1::{DesiredAccessChanged, DesiredAccessConfirmed};
use provisioning::Config;

use crate::world::{Desired, IN_PROCESS, World, at, person, release};

const PEOPLE: u128 = 12;

/// What a person's story comes to.
#[derive(Debug, PartialEq, Eq)]
struct End {
    usable: bool,
    entitlements: Vec<String>,
    title: Option<String>,
    versions: (i64, i64, i64, i64),
    settled: bool,
}

#[tokio::test]
async fn desired_access_and_confirmations_in_any_order_end_the_same() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    let (first, then) = story(&world, 0);
    for message in [first, then].concat() {
        let outcomes = world.feed.deliver_messages(&[message]).await;
        assert_eq!(outcomes, [Outcome::Handled]);
        world.feed.drive().await;
    }
    let expected = ends(&world, 0).await;
    assert!(expected.iter().all(|end| end.settled), "{expected:?}");

    for seed in 1..=6 {
        // Others of the same story, so that one server serves all seeds.
        let (first, then) = story(&world, seed);
        let all = [first, then].concat();
        world.feed.deliver_shuffled(seed, &all[..all.len() / 2]).await;
        if seed % 2 == 0 {
            world.feed.drive().await;
        }
        let again = [world.feed.republished(&all), all].concat();
        world.feed.deliver_shuffled(seed + 100, &again).await;
        world.feed.drive().await;

        assert_eq!(ends(&world, seed).await, expected, "replay with seed {seed}");
    }
    assert!(world.feed.parked().await.is_empty());
}

#[tokio::test]
async fn a_release_is_used_once_all_of_it_came_whichever_came_last() {
    for seed in 1..=3 {
        let world = World::empty(Config::default()).await;
        let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
        let (one, first) = release(1, &[("directory", IN_PROCESS)]);
        let (two, second) = release(2, &[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]);
        let mut messages = vec![
            world.feed.message(&ada.changed()),
            world.feed.message(&first),
            world.feed.message(&second),
        ];
        messages.extend(one.iter().chain(&two).map(|document| world.feed.message(document)));

        let repeated = [world.feed.republished(&messages), messages].concat();
        world.feed.deliver_shuffled(seed, &repeated).await;
        world.feed.drive().await;

        let usable: i64 =
            sqlx::query_scalar("SELECT count(*) FROM releases WHERE usable_at IS NOT NULL")
                .fetch_one(world.store.pool())
                .await
                .unwrap();
        assert_eq!(usable, 2, "replay with seed {seed}");
        assert_eq!(world.account(person(1), "directory").await.unwrap().state, "active");
        assert!(world.feed.parked().await.is_empty());
    }
}

#[tokio::test]
async fn a_release_without_all_its_documents_is_not_used() {
    let world = World::empty(Config::default()).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    let (documents, activated) = release(1, &[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.deliver(&[activated]).await;
    world.feed.deliver(&documents[..1]).await;
    world.feed.drive().await;
    assert!(world.ended().await.is_empty());

    world.feed.deliver(&documents[1..]).await;
    world.feed.drive().await;

    assert_eq!(world.ended().await.len(), 2);
}

#[tokio::test]
async fn a_confirmation_waits_for_what_it_confirms_and_not_for_ever() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 2).active("directory", "ada", &[]);
    let confirmed = world.feed.message(&ada.confirmed(3, 1));

    let outcomes = world.feed.deliver_messages(std::slice::from_ref(&confirmed)).await;
    assert_eq!(outcomes, [Outcome::Again(Some(at(1)))]);

    world.feed.deliver(&[ada.changed()]).await;
    let outcomes = world.feed.deliver_messages(&[confirmed]).await;
    assert_eq!(outcomes, [Outcome::Handled]);

    // However long ago it was evaluated, it may have come a moment ago.
    world.at_second(3600);
    let lost = world.feed.message(&Desired::of(person(2), 1).confirmed(1, 1));
    let outcomes = world.feed.deliver_messages(std::slice::from_ref(&lost)).await;
    assert_eq!(outcomes, [Outcome::Again(Some(at(3601)))]);
    world.at_second(7200);
    let outcomes = world.feed.deliver_messages(&[lost]).await;
    assert_eq!(outcomes, [Outcome::Parked]);
}

#[tokio::test]
async fn a_version_with_another_content_parks_alone() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let one = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    let other = Desired::of(person(1), 1).active("directory", "ada", &["admin"]);
    let bob = Desired::of(person(2), 1).active("directory", "bob", &["all-staff"]);
    world.feed.deliver(&[one.changed()]).await;

    let messages = [world.feed.message(&other.changed()), world.feed.message(&bob.changed())];
    let outcomes = world.feed.deliver_messages(&messages).await;
    world.feed.drive().await;

    assert_eq!(outcomes, [Outcome::Parked, Outcome::Handled]);
    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!(account.entitlements, ["all-staff"]);
    assert_eq!(world.account(person(2), "directory").await.unwrap().state, "active");
}

#[tokio::test]
async fn an_older_release_never_beats_a_newer_one() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let newer = Desired::of(person(1), 5).under(2).active("directory", "ada", &["new"]);
    let older = Desired::of(person(1), 6).under(1).active("directory", "ada", &["old"]);

    world.feed.deliver(&[newer.changed()]).await;
    world.feed.deliver(&[older.changed()]).await;
    world.feed.drive().await;

    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!(account.entitlements, ["new"]);
}

/// A hire, a move, a rename, and for every third person a leave; what begins it, and what follows.
fn story(world: &World, seed: u64) -> (Vec<Message>, Vec<Message>) {
    let mut first = Vec::new();
    let mut then = Vec::new();
    let changed = |event: &DesiredAccessChanged| world.feed.message(event);
    let confirmed = |event: &DesiredAccessConfirmed| world.feed.message(event);
    for number in 0..PEOPLE {
        let login = format!("p{number}.of{seed}");
        let id = person(u128::from(seed) * 1000 + number + 1);
        let hired = Desired::of(id, 1)
            .active("directory", &login, &["all-staff", "police"])
            .active("wiki", &login, &["read"]);
        let moved = Desired::of(id, 2)
            .active("directory", &login, &["all-staff", "fire"])
            .attribute("directory", "title", "Captain");
        first.push(changed(&hired.changed()));
        then.push(changed(&moved.changed()));
        then.push(confirmed(&moved.confirmed(3, 1)));
        if number % 3 == 0 {
            let left = Desired::of(id, 4).closed("directory", &login);
            then.push(changed(&left.changed()));
            then.push(confirmed(&left.confirmed(5, 2)));
        }
    }
    (first, then)
}

async fn ends(world: &World, seed: u64) -> Vec<End> {
    let mut ends = Vec::new();
    for number in 0..PEOPLE {
        let id = person(u128::from(seed) * 1000 + number + 1);
        for application in ["directory", "wiki"] {
            let row: (bool, Option<serde_json::Value>, Option<String>, i64, i64, i64, i64, bool) =
                sqlx::query_as(
                    "SELECT coalesce(a.state = 'active', false), a.entitlements,
                            CASE WHEN a.state = 'active' THEN a.attributes -> 'title' ->> 'text' END,
                            p.desired_counter, p.person_counter, p.release, p.desired_release,
                            p.settled
                       FROM people p
                       LEFT JOIN accounts a ON a.person_id = p.person_id AND a.application = $2
                      WHERE p.person_id = $1",
                )
                .bind(id.0)
                .bind(application)
                .fetch_one(world.store.pool())
                .await
                .unwrap();
            let (usable, entitlements, title, desired, person, release, desired_release, settled) =
                row;
            let entitlements =
                entitlements.map(|held| serde_json::from_value(held).unwrap()).unwrap_or_default();
            let versions = (desired, person, release, desired_release);
            ends.push(End { usable, entitlements, title, versions, settled });
        }
    }
    ends
}
