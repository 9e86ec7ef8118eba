//! Accounts that take values from other accounts: in order, later, changed, never.

use std::num::NonZeroU32;

use domain::PersonId;
use proto::provisioning::v1::{ActionFinished, PersonSettled};
use provisioning::Config;
use testkit::sandbox::{Sandbox, SandboxConfig, Switches};

use crate::world::{Desired, IN_PROCESS, World, person, release, unread};

const BOTH: [(&str, &str); 2] = [("directory", IN_PROCESS), ("mail", IN_PROCESS)];

#[tokio::test]
async fn an_account_is_made_after_the_one_whose_value_it_takes() {
    let world = World::with(&BOTH).await;
    let ada = hired(person(1), 1, "ada@city.example");

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await,
        ["mail create account: done", "directory create account: done"]
    );
    assert_eq!(email(&world, person(1)).await.as_deref(), Some("ada@city.example"));
    assert_eq!(world.feed.published::<PersonSettled>().await.len(), 1);
}

#[tokio::test]
async fn a_value_that_changes_later_is_followed_by_an_update() {
    let world = World::with(&BOTH).await;
    world.feed.deliver(&[hired(person(1), 1, "ada@city.example").changed()]).await;
    world.feed.drive().await;

    world.feed.deliver(&[hired(person(1), 2, "lovelace@city.example").changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await[2..],
        ["mail update account: done", "directory update account: done"]
    );
    assert_eq!(email(&world, person(1)).await.as_deref(), Some("lovelace@city.example"));
    assert_eq!(world.account(person(1), "directory").await.unwrap().login, "ada");
}

#[tokio::test]
async fn a_report_follows_the_managers_account_and_another_manager() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let hire = |number, login: &str| Desired::of(person(number), 1).active("directory", login, &[]);
    let ada = |counter, boss| {
        Desired::of(person(1), counter).active("directory", "ada", &[]).reports(
            "directory",
            "manager",
            person(boss),
            "directory.id",
        )
    };

    // The report comes first: nothing is known of the manager yet.
    world.feed.deliver(&[ada(1, 2).changed()]).await;
    world.feed.drive().await;
    assert!(world.ended().await.is_empty());
    world.feed.deliver(&[hire(2, "grace").changed(), hire(3, "edith").changed()]).await;
    world.feed.drive().await;
    let manager = world.attribute(person(1), "directory", "manager").await;
    assert_eq!(manager, Some(person(2).to_string()));

    world.feed.deliver(&[ada(2, 3).changed()]).await;
    world.feed.drive().await;

    let manager = world.attribute(person(1), "directory", "manager").await;
    assert_eq!(manager, Some(person(3).to_string()));
    assert_eq!(world.ended().await.last().unwrap(), "directory update account: done");
}

#[tokio::test]
async fn managers_in_a_circle_wait_for_each_other_for_a_time_and_no_longer() {
    let config =
        Config { reference_wait_seconds: NonZeroU32::new(60).unwrap(), ..Config::default() };
    let world = World::empty(config).await;
    world.release(1, &[("directory", IN_PROCESS)]).await;
    let with_boss = |number, login: &str, boss| {
        Desired::of(person(number), 1)
            .active("directory", login, &["all-staff"])
            .reports("directory", "manager", person(boss), "directory.id")
            .changed()
    };
    let (ada, grace) = (with_boss(1, "ada", 2), with_boss(2, "grace", 1));

    world.feed.deliver(&[ada, grace]).await;
    world.at_second(59);
    world.feed.drive().await;
    assert!(world.ended().await.is_empty());
    world.at_second(60);
    world.feed.drive().await;

    for (one, other) in [(1, 2), (2, 1)] {
        let manager = world.attribute(person(one), "directory", "manager").await;
        assert_eq!(manager, Some(person(other).to_string()));
        assert_eq!(world.account(person(one), "directory").await.unwrap().entitlements.len(), 1);
    }
    let settled = world.feed.published::<PersonSettled>().await;
    assert!(settled.iter().all(|settled| settled.failed == 0), "{settled:?}");
    assert!(open(&world).await.is_empty());
}

#[tokio::test]
async fn a_manager_who_has_no_account_and_gets_none_is_not_waited_for() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    let boss = Desired::of(person(2), 1).active("wiki", "grace", &[]);
    let ada = Desired::of(person(1), 1).active("directory", "ada", &[]).reports(
        "directory",
        "manager",
        person(2),
        "directory.id",
    );
    world.feed.deliver(&[boss.changed()]).await;
    world.feed.drive().await;

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    let ended = world.feed.published::<ActionFinished>().await;
    let made = ended.iter().find(|action| action.application == "directory").unwrap();
    assert_eq!(made.error, "PROV-126: made without manager: no account supplies it");
    assert_eq!(world.attribute(person(1), "directory", "manager").await, None);

    // Later the manager gets one after all.
    let boss = Desired::of(person(2), 2).active("wiki", "grace", &[]).active("directory", "g", &[]);
    world.feed.deliver(&[boss.changed()]).await;
    world.feed.drive().await;

    let manager = world.attribute(person(1), "directory", "manager").await;
    assert_eq!(manager, Some(person(2).to_string()));
}

#[tokio::test]
async fn an_account_that_fails_for_good_holds_nobody_up() {
    let config = Config { attempts_max: NonZeroU32::new(1).unwrap(), ..Config::default() };
    let world = World::empty(config).await;
    let sandbox = SandboxConfig::new("mail", "s3cret", world.clock.clock());
    let sandbox = Sandbox::start(sandbox).await.unwrap();
    sandbox.set_switches(Switches { fail_before_next: u32::MAX, ..Switches::default() });
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, sandbox.token()).unwrap();
    let (url, token) = (sandbox.base_url(), token.display());
    let failing = unread(&format!("{{kind: scim, url: \"{url}\", token: \"file:{token}\"}}"));
    world.release(1, &[("directory", IN_PROCESS), ("mail", &failing)]).await;

    world.feed.deliver(&[hired(person(1), 1, "ada@city.example").changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await,
        ["mail create account: failed", "directory create account: done"]
    );
    assert_eq!(email(&world, person(1)).await, None);
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!((settled.len(), settled[0].failed), (1, 1));
}

#[tokio::test]
async fn a_leaver_and_a_mover_wait_for_no_other_account() {
    let world = World::with(&BOTH).await;
    let ada = hired(person(1), 1, "ada@city.example");
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    let hired = world.ended().await.len();

    // A manager of whom nothing is known.
    let moved = Desired::of(person(1), 2)
        .active("mail", "ada", &[])
        .attribute("mail", "address", "ada@city.example")
        .active("directory", "ada", &["police"])
        .attribute("directory", "title", "Captain")
        .reports("directory", "manager", person(9), "directory.id");
    world.feed.deliver(&[moved.changed()]).await;
    world.feed.drive().await;
    let left = Desired::of(person(1), 3).closed("mail", "ada").closed("directory", "ada").reports(
        "directory",
        "manager",
        person(9),
        "directory.id",
    );
    world.feed.deliver(&[left.changed()]).await;
    world.feed.drive().await;

    let mut ended = world.ended().await.split_off(hired);
    ended[3..].sort();
    assert_eq!(
        ended,
        [
            "directory update account: done",
            "directory grant police: done",
            "directory disable account: done",
            "directory revoke police: done",
            "mail disable account: done",
        ]
    );
}

#[tokio::test]
async fn a_value_and_a_reference_of_one_name_park() {
    let world = World::with(&BOTH).await;
    let both =
        hired(person(1), 1, "ada@city.example").attribute("directory", "email", "a@b.example");

    let outcomes = world.feed.deliver_messages(&[world.feed.message(&both.changed())]).await;

    assert_eq!(outcomes, [bus::Outcome::Parked]);
}

#[tokio::test]
async fn what_is_remembered_of_references_follows_desired_access() {
    let world = World::with(&BOTH).await;
    let bob = Desired::of(person(2), 1).active("mail", "bob", &[]);
    world.feed.deliver(&[hired(person(1), 1, "ada@city.example").changed(), bob.changed()]).await;
    world.feed.drive().await;
    assert_eq!(dependencies(&world).await, 1);

    let plain = Desired::of(person(1), 2)
        .active("directory", "ada", &[])
        .active("mail", "ada", &[])
        .attribute("mail", "address", "new@city.example");
    world.feed.deliver(&[plain.changed()]).await;
    world.feed.drive().await;

    // The change woke whoever was remembered, and who refers to nothing any more is forgotten.
    assert_eq!(dependencies(&world).await, 0);
    assert_eq!(email(&world, person(1)).await.as_deref(), Some("ada@city.example"));
}

#[tokio::test]
async fn references_end_the_same_in_any_order_repeated_and_in_both_lanes() {
    let world = World::with(&BOTH).await;
    const PEOPLE: u128 = 8;
    let number = |seed: u64, at: u128| person(u128::from(seed) * 100 + at + 1);
    let story = |seed: u64| {
        let mut messages = Vec::new();
        for at in 0..PEOPLE {
            let (id, boss) = (number(seed, at), number(seed, (at + 1) % PEOPLE));
            let next = number(seed, (at + 3) % PEOPLE);
            let address = |version: u32| format!("p{at}.{version}@city.example");
            let with = |counter, boss: PersonId, address: String| {
                hired(id, counter, &address).reports("directory", "manager", boss, "directory.id")
            };
            messages.push(world.feed.message(&with(1, boss, address(1)).changed()));
            messages.push(world.feed.message(&with(2, next, address(2)).changed()));
            messages.push(world.feed.message(&with(2, next, address(2)).confirmed(3, 1)));
            if at % 4 == 3 {
                let left = Desired::of(id, 4).closed("directory", "ada").closed("mail", "ada");
                messages.push(world.feed.message(&left.changed()));
            }
        }
        messages
    };

    for seed in 1..=6 {
        let messages = story(seed);
        world.feed.deliver_shuffled(seed, &messages[..messages.len() / 2]).await;
        if seed % 2 == 0 {
            world.feed.drive().await;
        }
        let again = [world.feed.republished(&messages), messages].concat();
        world.feed.deliver_shuffled(seed + 100, &again).await;
        world.feed.drive().await;
        // Managers in a circle wait for a time.
        world.at_second(i64::try_from(seed).unwrap() * 1000);
        world.feed.drive().await;

        for at in (0..PEOPLE).filter(|at| at % 4 != 3) {
            let id = number(seed, at);
            assert_eq!(
                email(&world, id).await,
                Some(format!("p{at}.2@city.example")),
                "seed {seed}"
            );
            let boss = (at + 3) % PEOPLE;
            let manager = world.attribute(id, "directory", "manager").await;
            // Whoever left before an account was made never got one.
            let made = world.account(number(seed, boss), "directory").await.is_some();
            let expected = made.then(|| number(seed, boss).to_string());
            assert_eq!(manager, expected, "seed {seed}, person {at}");
        }
        assert!(open(&world).await.is_empty(), "seed {seed}");
    }
    let parked = world.feed.parked().await;
    assert!(parked.is_empty(), "{parked:?}");
}

#[tokio::test]
async fn references_wait_for_a_release_and_end_the_same_when_it_comes() {
    let world = World::empty(Config::default()).await;
    world.feed.deliver(&[hired(person(1), 1, "ada@city.example").changed()]).await;
    world.feed.drive().await;
    assert!(world.ended().await.is_empty());

    let (documents, activated) = release(1, &BOTH);
    world.feed.deliver(&documents).await;
    world.feed.deliver(&[activated]).await;
    world.feed.drive().await;

    assert_eq!(email(&world, person(1)).await.as_deref(), Some("ada@city.example"));
}

/// Somebody whose directory account has the address that the mail account supplies.
fn hired(id: PersonId, counter: i64, address: &str) -> Desired {
    Desired::of(id, counter)
        .active("directory", "ada", &[])
        .refers("directory", "email", "mail.address")
        .active("mail", "ada", &[])
        .attribute("mail", "address", address)
}

async fn email(world: &World, id: PersonId) -> Option<String> {
    world.attribute(id, "directory", "email").await
}

/// The states of actions that are open, and the timers that are due.
async fn open(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT kind FROM actions WHERE state = 'open'
          UNION ALL SELECT kind FROM timers
          UNION ALL SELECT 'branch' FROM branches WHERE due_at IS NOT NULL",
    )
    .fetch_all(world.store.pool())
    .await
    .unwrap()
}

async fn dependencies(world: &World) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM dependencies")
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}
