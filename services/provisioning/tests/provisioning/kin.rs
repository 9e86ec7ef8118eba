//! People who are merged and split: whose accounts are whose, and that nothing blinks meanwhile.

use bus::{Message, Outcome};
use domain::PersonId;
use proto::provisioning::v1::{AccountChanged, PersonSettled};
use provisioning::Config;
use serde_json::json;
use testkit::Peer;

use crate::world::{Desired, IN_PROCESS, World, at, person};

const ADA: u128 = 1;
const AUGUSTA: u128 = 2;

#[tokio::test]
async fn a_merge_moves_an_account_and_asks_the_application_for_nothing() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    let before = world.ended().await.len();

    world.feed.deliver(&[merged(2).changed(), gone(2).changed()]).await;
    world.feed.drive().await;

    // Both had an account of the directory: Ada's goes on, and Augusta's is closed, not deleted.
    assert_eq!(
        world.ended().await[before..],
        [
            "directory grant fire: done",
            "directory disable account: done",
            "directory revoke fire: done"
        ]
    );
    assert_eq!(held(&world, ADA, "directory").await, "active ada [all-staff fire]");
    assert_eq!(held(&world, AUGUSTA, "directory").await, "suspended augusta []");
    assert_eq!(held(&world, ADA, "wiki").await, "active augusta [read]");
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "none augusta []");
    assert_eq!(linked(&world, ADA, "wiki").await, Some(person(AUGUSTA)));
    assert_eq!(login_of(&world, "wiki", "augusta").await, person(ADA));
    let told = world.feed.published::<AccountChanged>().await;
    let told = |number: u128| {
        let of = |one: &&AccountChanged| {
            one.application == "wiki" && one.person_id == person(number).to_string()
        };
        told.iter().rfind(of).unwrap().state().as_str_name()
    };
    assert_eq!(told(ADA), "ACCOUNT_STATE_ACTIVE");
    assert_eq!(told(AUGUSTA), "ACCOUNT_STATE_NONE");
    for number in [ADA, AUGUSTA] {
        assert_eq!(settled(&world, number).await, 2);
    }
}

#[tokio::test]
async fn a_moved_account_is_changed_and_closed_like_any_other() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    world.feed.deliver(&[merged(2).changed(), gone(2).changed()]).await;
    world.feed.drive().await;

    let titled = merged(3).attribute("wiki", "title", "Countess");
    world.feed.deliver(&[titled.changed()]).await;
    world.feed.drive().await;
    assert_eq!(world.attribute(person(ADA), "wiki", "title").await.as_deref(), Some("Countess"));
    let left = Desired::of(person(ADA), 4)
        .closed("directory", "ada")
        .closed("wiki", "ada")
        .merged(person(AUGUSTA));
    world.feed.deliver(&[left.changed()]).await;
    world.feed.drive().await;

    assert_eq!(held(&world, ADA, "wiki").await, "suspended augusta []");
    assert_eq!(held(&world, ADA, "directory").await, "suspended ada []");
    assert_eq!(linked(&world, ADA, "wiki").await, Some(person(AUGUSTA)));
    let failed = world.ended().await.into_iter().filter(|one| one.contains("failed"));
    assert_eq!(failed.count(), 0);
}

#[tokio::test]
async fn who_is_merged_waits_for_the_survivor_and_not_for_ever() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    let first = world.feed.message(&gone(2).changed());

    let outcomes = world.feed.deliver_messages(std::slice::from_ref(&first)).await;
    world.feed.drive().await;
    assert_eq!(outcomes, [Outcome::Again(Some(at(1)))]);
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "active augusta [read]");
    world.at_second(3600);
    let outcomes = world.feed.deliver_messages(&[first]).await;
    assert_eq!(outcomes, [Outcome::Parked]);

    world.feed.deliver(&[merged(2).changed()]).await;
    world.feed.drive().await;
    assert_eq!(held(&world, ADA, "wiki").await, "active augusta [read]");
    assert_eq!(held(&world, AUGUSTA, "directory").await, "suspended augusta []");
}

#[tokio::test]
async fn what_was_announced_before_a_merge_and_comes_after_it_makes_no_account() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    world.feed.deliver(&[merged(2).changed()]).await;
    world.feed.drive().await;

    let late = augusta(2).attribute("wiki", "title", "Countess").changed();
    let late = world.feed.message(&late);
    let outcomes = world.feed.deliver_messages(std::slice::from_ref(&late)).await;
    assert!(matches!(outcomes.as_slice(), [Outcome::Again(Some(_))]), "{outcomes:?}");
    world.feed.deliver(&[gone(3).changed()]).await;
    let outcomes = world.feed.deliver_messages(&[late]).await;
    world.feed.drive().await;

    assert_eq!(outcomes, [Outcome::Handled]);
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "none augusta []");
    assert_eq!(held(&world, ADA, "wiki").await, "active augusta [read]");
}

#[tokio::test]
async fn a_split_gives_an_account_back_and_asks_the_application_for_nothing() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    world.feed.deliver(&[merged(2).changed(), gone(2).changed()]).await;
    world.feed.drive().await;
    let before = world.ended().await.len();

    let augusta = world.feed.message(&augusta(3).split(person(ADA)).changed());
    let waits = world.feed.deliver_messages(std::slice::from_ref(&augusta)).await;
    assert!(matches!(waits.as_slice(), [Outcome::Again(Some(_))]), "{waits:?}");
    world.feed.deliver(&[ada(3).split(person(AUGUSTA)).changed()]).await;
    world.feed.drive().await;
    // Nobody knows yet what Augusta shall hold, and her account is not closed for it.
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "active augusta [read]");
    world.feed.deliver_messages(&[augusta]).await;
    world.feed.drive().await;

    let mut ended = world.ended().await.split_off(before);
    ended.sort();
    assert_eq!(
        ended,
        [
            "directory enable account: done",
            "directory grant fire: done",
            "directory revoke fire: done"
        ]
    );
    assert_eq!(held(&world, ADA, "directory").await, "active ada [all-staff]");
    assert_eq!(held(&world, AUGUSTA, "directory").await, "active augusta [fire]");
    assert_eq!(held(&world, ADA, "wiki").await, "none augusta []");
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "active augusta [read]");
    assert_eq!(linked(&world, AUGUSTA, "wiki").await, None);
    assert_eq!(login_of(&world, "wiki", "augusta").await, person(AUGUSTA));
}

#[tokio::test]
async fn merged_split_and_merged_again_in_any_order_and_twice_ends_the_same() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    for (seed, split) in (0..10).zip([false, true].into_iter().cycle()) {
        let base = 1000 * u128::from(seed + 1);
        let (one, two) = (person(base + ADA), person(base + AUGUSTA));
        let (ada_is, augusta_is) = (format!("ada{base}"), format!("augusta{base}"));
        let ada = |counter| Desired::of(one, counter).active("directory", &ada_is, &["all-staff"]);
        let augusta = |counter| {
            Desired::of(two, counter).active("directory", &augusta_is, &["fire"]).active(
                "wiki",
                &augusta_is,
                &["read"],
            )
        };
        let both = |counter| ada(counter).active("wiki", &ada_is, &["read"]).merged(two);
        world.feed.deliver(&[ada(1).changed(), augusta(1).changed()]).await;
        world.feed.drive().await;
        let mut later = vec![both(2), Desired::of(two, 2).merged_into(one)];
        if split {
            later.extend([ada(3).split(two), augusta(3).split(one)]);
        }
        let later: Vec<Message> =
            later.iter().map(|one| world.feed.message(&one.changed())).collect();
        let again = [world.feed.republished(&later), later].concat();
        if seed % 4 < 2 {
            let mut again = again.clone();
            again.reverse();
            world.feed.deliver_shuffled(seed, &again[..again.len() / 2]).await;
            world.feed.drive().await;
        }
        world.feed.deliver_shuffled(seed, &again).await;
        world.feed.drive().await;

        let mut end = Vec::new();
        for (number, application) in
            [(ADA, "directory"), (ADA, "wiki"), (AUGUSTA, "directory"), (AUGUSTA, "wiki")]
        {
            let held = held(&world, base + number, application).await;
            end.push(held.replace(&base.to_string(), ""));
        }
        let expected = match split {
            false => [
                "active ada [all-staff]",
                "active augusta [read]",
                "suspended augusta []",
                "none augusta []",
            ],
            true => [
                "active ada [all-staff]",
                "none augusta []",
                "active augusta [fire]",
                "active augusta [read]",
            ],
        };
        // Ada may never have had Augusta's account, if the merge was over before it was heard of.
        if split && end[1] == "nothing" {
            end[1] = "none augusta []".to_owned();
        }
        assert_eq!(end, expected, "replay with seed {seed}");
    }
    assert!(world.feed.parked().await.is_empty());
}

#[tokio::test]
async fn accounts_that_refer_to_one_that_moved_follow_it() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    hired(&world).await;
    let report = Desired::of(person(9), 1).active("wiki", "report", &[]).reports(
        "wiki",
        "boss",
        person(AUGUSTA),
        "wiki.title",
    );
    world.feed.deliver(&[report.changed()]).await;
    world.feed.drive().await;

    let titled = merged(2).attribute("wiki", "title", "Countess");
    world.feed.deliver(&[titled.changed(), gone(2).changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.attribute(person(9), "wiki", "boss").await.as_deref(), Some("Countess"));
}

#[tokio::test]
async fn a_server_that_somebody_else_wrote_sees_nothing_of_a_merge_and_a_split() {
    let peer = Peer::start(&json!({})).await;
    let connector =
        format!("{{kind: scim, url: \"{}\", token: \"{}\"}}", peer.url(), peer.token_reference());
    let world = World::empty(Config::default()).await;
    world.release(1, &[("wiki", &connector)]).await;
    let augusta =
        |counter| Desired::of(person(AUGUSTA), counter).active("wiki", "augusta", &["read"]);
    let ada = |counter| Desired::of(person(ADA), counter);
    let both = |counter| ada(counter).active("wiki", "ada", &["read"]).merged(person(AUGUSTA));
    world.feed.deliver(&[ada(1).changed(), augusta(1).changed()]).await;
    world.feed.drive().await;
    let (users, members) = (peer.users().await, peer.members("read").await);
    assert_eq!((users.len(), members.len()), (1, 1));

    world.feed.deliver(&[both(2).changed(), gone(2).changed()]).await;
    world.feed.drive().await;
    assert_eq!((peer.users().await, peer.members("read").await), (users.clone(), members.clone()));

    // It is still found, and changed in place.
    let titled = both(3).attribute("wiki", "title", "Countess");
    world.feed.deliver(&[titled.changed()]).await;
    world.feed.drive().await;
    let changed = peer.users().await;
    assert_eq!(changed.len(), 1);
    assert_eq!((&changed[0]["id"], &changed[0]["title"]), (&users[0]["id"], &json!("Countess")));
    assert_eq!(changed[0]["externalId"], person(AUGUSTA).to_string());

    let apart = [ada(4).split(person(AUGUSTA)), augusta(4).split(person(ADA))];
    world.feed.deliver(&apart.map(|one| one.changed())).await;
    world.feed.drive().await;
    assert_eq!((peer.users().await, peer.members("read").await), (changed, members));
    assert_eq!(held(&world, AUGUSTA, "wiki").await, "active augusta [read]");
    assert!(world.ended().await.iter().all(|one| one.ends_with("done")));
}

/// Ada has an account of the directory, Augusta of both applications.
async fn hired(world: &World) {
    world.feed.deliver(&[ada(1).changed(), augusta(1).changed()]).await;
    world.feed.drive().await;
}

fn ada(counter: i64) -> Desired {
    Desired::of(person(ADA), counter).active("directory", "ada", &["all-staff"])
}

fn augusta(counter: i64) -> Desired {
    Desired::of(person(AUGUSTA), counter).active("directory", "augusta", &["fire"]).active(
        "wiki",
        "augusta",
        &["read"],
    )
}

/// Ada with what both shall hold.
fn merged(counter: i64) -> Desired {
    Desired::of(person(ADA), counter)
        .active("directory", "ada", &["all-staff", "fire"])
        .active("wiki", "ada", &["read"])
        .merged(person(AUGUSTA))
}

/// Augusta, who goes on as Ada.
fn gone(counter: i64) -> Desired {
    Desired::of(person(AUGUSTA), counter).merged_into(person(ADA))
}

/// A person's account in an application: state, login and entitlements.
async fn held(world: &World, number: u128, application: &str) -> String {
    match world.account(person(number), application).await {
        None => "nothing".to_owned(),
        Some(account) => {
            format!("{} {} [{}]", account.state, account.login, account.entitlements.join(" "))
        }
    }
}

async fn linked(world: &World, number: u128, application: &str) -> Option<PersonId> {
    let linked: Option<uuid::Uuid> = sqlx::query_scalar(
        "SELECT linked_person_id FROM accounts WHERE person_id = $1 AND application = $2",
    )
    .bind(person(number).0)
    .bind(application)
    .fetch_one(world.store.pool())
    .await
    .unwrap();
    linked.map(PersonId)
}

async fn login_of(world: &World, application: &str, login: &str) -> PersonId {
    let holder: uuid::Uuid =
        sqlx::query_scalar("SELECT person_id FROM logins WHERE application = $1 AND folded = $2")
            .bind(application)
            .bind(login)
            .fetch_one(world.store.pool())
            .await
            .unwrap();
    PersonId(holder)
}

async fn settled(world: &World, number: u128) -> u64 {
    let settled = world.feed.published::<PersonSettled>().await;
    let of = |one: &&PersonSettled| one.person_id == person(number).to_string();
    settled.iter().rfind(of).unwrap().person_version.unwrap().counter
}
