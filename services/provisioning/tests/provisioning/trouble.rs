//! Applications that do not answer, workers that die.

use std::num::NonZeroU32;
use std::path::Path;

use domain::{AccountState, Attributes, Lane};
use proto::provisioning::v1::{ActionFinished, PersonSettled};
use provisioning::Config;
use provisioning::connectors::{AccountChange, Connector, Egress, Outcome, Scim, Secret, Settings};
use testkit::sandbox::{Sandbox, SandboxConfig, Switches};
use uuid::Uuid;

use crate::world::{Desired, IN_PROCESS, World, at, person, unread};

#[tokio::test]
async fn an_application_that_fails_does_not_stop_the_others_and_is_tried_again_ever_later() {
    let config = Config { attempts_max: NonZeroU32::new(4).unwrap(), ..Config::default() };
    let world = World::empty(config).await;
    let folder = tempfile::tempdir().unwrap();
    let failing = failing(&world).await;
    let broken = unread(&scim(&failing, folder.path()));
    world.release(1, &[("broken", &broken), ("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("broken", "ada", &["all"]).active(
        "directory",
        "ada",
        &["all-staff"],
    );

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.account(person(1), "directory").await.unwrap().state, "active");
    assert!(world.feed.published::<PersonSettled>().await.is_empty());
    let mut pauses = Vec::new();
    let mut second = 0;
    for attempts in 2..=4 {
        let before = second;
        second = due_second(&world).await;
        pauses.push(second - before);
        world.at_second(second);
        world.feed.drive().await;
        assert_eq!(attempts_of(&world, "create").await, attempts);
    }
    assert!(pauses[0] <= 1 && pauses[2] >= 2, "{pauses:?}");

    let ended = world.feed.published::<ActionFinished>().await;
    let failed: Vec<_> = ended.iter().filter(|action| action.application == "broken").collect();
    assert_eq!(failed.len(), 2);
    assert!(failed[0].error.starts_with("PROV-120: tried 4 times: "), "{}", failed[0].error);
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!((settled.len(), settled[0].failed), (1, 2));
}

#[tokio::test]
async fn what_failed_for_good_is_tried_again_under_a_newer_release() {
    let config = Config { attempts_max: NonZeroU32::new(1).unwrap(), ..Config::default() };
    let world = World::empty(config).await;
    let folder = tempfile::tempdir().unwrap();
    let failing = failing(&world).await;
    world.release(1, &[("directory", &unread(&scim(&failing, folder.path())))]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    assert_eq!(world.feed.published::<PersonSettled>().await[0].failed, 2);

    world.release(2, &[("directory", IN_PROCESS)]).await;
    world.feed.deliver(&[ada.confirmed(1, 2)]).await;
    world.feed.drive().await;

    let account = world.account(person(1), "directory").await.unwrap();
    assert_eq!((account.state.as_str(), account.entitlements.len()), ("active", 1));
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!((settled.len(), settled[1].failed, settled[1].release), (2, 0, 2));
}

#[tokio::test]
async fn work_waits_while_the_way_to_its_application_is_not_known() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let connector = unread(&format!(
        "{{kind: scim, url: \"file:{}\", token: \"file:{}\"}}",
        path.display(),
        token.display()
    ));
    world.release(1, &[("directory", &connector)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &[]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    assert_eq!(attempts_of(&world, "create").await, 0);

    let failing = failing(&world).await;
    std::fs::write(&path, failing.base_url()).unwrap();
    world.at_second(11);
    world.feed.drive().await;

    assert_eq!(attempts_of(&world, "create").await, 1);
}

#[tokio::test]
async fn work_of_a_worker_that_died_is_taken_over_after_its_lease() {
    let world = World::with(&[("directory", IN_PROCESS)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &[]);
    world.feed.deliver(&[ada.changed()]).await;
    sqlx::query("UPDATE branches SET lease = $1, due_at = $2")
        .bind(Uuid::from_u128(1))
        .bind(store::ToSqlx::to_sqlx(at(300)))
        .execute(world.store.pool())
        .await
        .unwrap();

    // Newer desired access leaves what is in hand to whoever has it.
    let more = Desired::of(person(1), 2).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[more.changed()]).await;
    world.at_second(299);
    world.feed.drive().await;
    assert!(world.ended().await.is_empty());

    world.at_second(300);
    world.feed.drive().await;

    let ended = world.ended().await;
    assert_eq!(ended, ["directory create account: done", "directory grant all-staff: done"]);
    assert_eq!(world.feed.published::<PersonSettled>().await.len(), 1);
}

#[tokio::test]
async fn a_login_that_the_application_gave_to_somebody_else_is_followed_by_the_next() {
    let world = World::empty(Config::default()).await;
    let sandbox = Sandbox::start(sandbox(&world)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let connector = scim(&sandbox, folder.path());
    world.release(1, &[("directory", &connector)]).await;
    let settings = Settings {
        token: Some(Secret::new(TOKEN.to_owned())),
        egress: Egress::loopback(),
        ..Settings::new("directory", sandbox.base_url())
    };
    let stranger = AccountChange {
        person: person(9),
        lane: Lane::Regular,
        account_id: None,
        login: "ada".to_owned(),
        state: AccountState::Active,
        attributes: Attributes::new(),
        create: true,
    };
    let made = Scim::try_new(&settings).unwrap();
    let made = Connector::Scim(Box::new(made)).ensure_accounts(&[stranger]).await;
    assert!(matches!(made[..], [Outcome::Done(_)]));

    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.account(person(1), "directory").await.unwrap().login, "ada2");
    assert_eq!(sandbox.members_of("all-staff"), ["ada2"]);
}

#[tokio::test]
async fn a_revocation_from_an_account_that_vanished_is_no_failure() {
    let world = World::empty(Config::default()).await;
    let first = Sandbox::start(sandbox(&world)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    world.release(1, &[("directory", &scim(&first, folder.path()))]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    let _emptied = restarted(first, &world).await;

    let left = Desired::of(person(1), 2).closed("directory", "ada");
    world.feed.deliver(&[left.changed()]).await;
    for second in [0, 10, 20] {
        world.at_second(second);
        world.feed.drive().await;
    }

    assert_eq!(world.account(person(1), "directory").await.unwrap().state, "none");
    let settled = world.feed.published::<PersonSettled>().await;
    assert_eq!((settled.len(), settled[1].failed), (2, 0));
}

#[tokio::test]
async fn an_account_that_vanished_is_made_anew_with_all_it_shall_hold() {
    let world = World::empty(Config::default()).await;
    let first = Sandbox::start(sandbox(&world)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let connector = scim(&first, folder.path());
    world.release(1, &[("directory", &connector)]).await;
    let ada = Desired::of(person(1), 1).active("directory", "ada", &["all-staff"]);
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    assert_eq!(first.members_of("all-staff"), ["ada"]);

    let emptied = restarted(first, &world).await;
    let captain = Desired::of(person(1), 2).active("directory", "ada", &["all-staff"]).attribute(
        "directory",
        "title",
        "Captain",
    );
    world.feed.deliver(&[captain.changed()]).await;
    for second in [0, 10, 20] {
        world.at_second(second);
        world.feed.drive().await;
    }

    assert_eq!(
        world.ended().await[2..],
        [
            "directory update account: superseded",
            "directory create account: done",
            "directory grant all-staff: done",
        ]
    );
    assert_eq!(emptied.members_of("all-staff"), ["ada"]);
}

const TOKEN: &str = "s3cret";

fn sandbox(world: &World) -> SandboxConfig {
    SandboxConfig::new("directory", TOKEN, world.clock.clock())
}

/// The same application at the same address, with nothing in it.
async fn restarted(sandbox: Sandbox, world: &World) -> Sandbox {
    let address = sandbox.base_url().trim_start_matches("http://").split('/').next().unwrap();
    let address = address.parse().unwrap();
    sandbox.stop().await.unwrap();
    let config = SandboxConfig { address, ..crate::trouble::sandbox(world) };
    Sandbox::start(config).await.unwrap()
}

/// A connector to an application whose token lies in a file.
fn scim(sandbox: &Sandbox, folder: &Path) -> String {
    let token = folder.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let (url, token) = (sandbox.base_url(), token.display());
    format!("{{kind: scim, url: \"{url}\", token: \"file:{token}\"}}")
}

/// An application that answers, and makes nothing.
async fn failing(world: &World) -> Sandbox {
    let failing = Sandbox::start(sandbox(world)).await.unwrap();
    failing.set_switches(Switches { fail_before_next: u32::MAX, ..Switches::default() });
    failing
}

/// The first whole second at which something is due.
async fn due_second(world: &World) -> i64 {
    let due: store::SqlTimestamp = sqlx::query_scalar("SELECT min(due_at) FROM branches")
        .fetch_one(world.store.pool())
        .await
        .unwrap();
    let millis = due.to_jiff().duration_since(at(0)).as_millis();
    i64::try_from(millis.div_euclid(1000) + 1).unwrap()
}

async fn attempts_of(world: &World, kind: &str) -> i32 {
    sqlx::query_scalar("SELECT max(attempts) FROM actions WHERE kind = $1")
        .bind(kind)
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}
