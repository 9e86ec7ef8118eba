//! Provisioning alone: real PostgreSQL, events by hand, applications in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod budget;
mod circuit;
mod directory;
mod drift;
mod egress;
mod guards;
mod kin;
mod leavers;
mod order;
mod references;
mod tasks;
mod trouble;
mod world;

use proto::provisioning::v1::{AccountChanged, PersonSettled};
use provisioning::Config;

use world::{Desired, IN_PROCESS, World, person};

#[tokio::test]
async fn a_hire_gets_an_account_and_then_its_grants() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1)
        .active("directory", "ada", &["all-staff", "police"])
        .active("wiki", "ada", &["read"]);

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await,
        [
            "directory create account: done",
            "directory grant all-staff: done",
            "directory grant police: done",
            "wiki create account: done",
            "wiki grant read: done",
        ]
    );
    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!((account.state.as_str(), account.login.as_str()), ("active", "ada"));
    assert_eq!(account.entitlements, ["all-staff", "police"]);
    assert_eq!(world.feed.published::<AccountChanged>().await.len(), 2);
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!(settled.len(), 1);
    assert_eq!((settled[0].open, settled[0].failed, settled[0].release), (0, 0, 1));
}

#[tokio::test]
async fn the_same_desired_access_again_causes_nothing() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    let before = world.feed.outgoing().await.len();

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.deliver(&[ada.changed(), ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.feed.outgoing().await.len(), before);
}

#[tokio::test]
async fn a_leaver_is_locked_out_before_anything_is_revoked() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff", "police"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    let hired = world.ended().await.len();

    let left = Desired::of(person(1), 2).closed("directory", "ada");
    world.feed.deliver(&[left.changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await[hired..],
        [
            "directory disable account: done",
            "directory revoke all-staff: done",
            "directory revoke police: done",
        ]
    );
    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("suspended", 0));
}

#[tokio::test]
async fn an_application_that_desired_access_does_not_name_is_closed() {
    let world = World::with(&[("directory", IN_PROCESS), ("wiki", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    let both = ada.clone().active("wiki", "ada", &["read"]);
    world.feed.deliver(&[both.changed()]).await;
    world.feed.drive().await;

    let one = Desired::of(person(1), 2).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[one.changed()]).await;
    world.feed.drive().await;

    let account = world.account(person(1), "wiki").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("suspended", 0));
    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("active", 1));
}

#[tokio::test]
async fn newer_desired_access_supersedes_what_was_not_begun() {
    let world = World::empty(Config::default()).await;
    let first = Desired::of(person(1), 1).active("directory", "ada", &["all-staff", "police"]);
    let second = Desired::of(person(1), 2).active("directory", "ada", &["all-staff", "fire"]);
    world.feed.deliver(&[first.changed()]).await;
    world.feed.drive().await;
    world.feed.deliver(&[second.changed()]).await;
    world.feed.drive().await;
    assert_eq!(world.ended().await, ["directory grant police: superseded"]);

    world.release(1, &[("directory", IN_PROCESS)]).await;
    world.feed.drive().await;

    assert_eq!(
        world.ended().await[1..],
        [
            "directory create account: done",
            "directory grant all-staff: done",
            "directory grant fire: done",
        ]
    );
    assert_eq!(world.feed.published::<PersonSettled>().await.len(), 1);
}

#[tokio::test]
async fn a_rename_changes_the_account_and_keeps_its_login() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada.byron", &[]).attribute(
        "directory",
        "displayName",
        "Ada Byron",
    );
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    let married = Desired::of(person(1), 2).active("directory", "ada.lovelace", &[]).attribute(
        "directory",
        "displayName",
        "Ada Lovelace",
    );
    world.feed.deliver(&[married.changed()]).await;
    world.feed.drive().await;

    let ended = world.ended().await;
    assert_eq!(ended, ["directory create account: done", "directory update account: done"]);
    assert_eq!(world.account(person(1), "directory").await.unwrap().login, "ada.byron");
}

#[tokio::test]
async fn two_people_of_one_name_get_distinct_logins_also_when_hired_at_the_same_instant() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let hire =
        |number| Desired::of(person(number), 1).active("directory", "john.smith", &[]).changed();
    // Somebody's wish is what somebody else's number leads to.
    let stranger = Desired::of(person(9), 1).active("directory", "John.Smith3", &[]).changed();
    world.feed.deliver(&[stranger]).await;

    let (one, two) = ([hire(1), hire(2)], [hire(3), hire(4)]);
    tokio::join!(world.feed.deliver(&one), world.feed.deliver(&two));
    world.feed.drive().await;

    let mut logins = Vec::new();
    for number in [1, 2, 3, 4, 9] {
        logins.push(world.account(person(number), "directory").await.unwrap().login);
    }
    logins.sort();
    assert_eq!(logins, ["John.Smith3", "john.smith", "john.smith2", "john.smith4", "john.smith5"]);
}

#[tokio::test]
async fn an_early_account_is_closed_until_the_first_day() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let early = Desired::of(person(1), 1).suspended("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[early.changed()]).await;
    world.feed.drive().await;
    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("suspended", 1));

    let first_day = Desired::of(person(1), 2).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[first_day.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.account(person(1), "directory").await.unwrap().state, "active");
    assert_eq!(world.ended().await.last().unwrap(), "directory enable account: done");
}
