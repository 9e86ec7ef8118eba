//! Applications out of reach for hours, and applications that ask to be left alone.

use std::num::NonZeroU32;
use std::path::Path;

use proto::provisioning::v1::{ActionFinished, PersonSettled};
use provisioning::Config;
use testkit::sandbox::{Sandbox, SandboxConfig, Switches};
use testkit::{Feed, Proxy, Said};

use crate::world::{Desired, IN_PROCESS, World, beside, person, unread};

const TOKEN: &str = "s3cret";

#[tokio::test]
async fn an_application_dead_for_hours_uses_up_no_attempt_and_recovers_by_itself() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let alive = sandbox(&world).await;
    let connector = scim(alive.base_url(), folder.path());
    let address = alive.base_url().trim_start_matches("http://").split('/').next().unwrap();
    let address = address.parse().unwrap();
    alive.stop().await.unwrap();
    world.release(1, &[("crm", &connector), ("directory", IN_PROCESS)]).await;
    let people: Vec<_> = (1..=30)
        .map(|number| {
            let login = format!("login{number}");
            let desired = Desired::of(person(number), 1);
            desired.active("crm", &login, &["all"]).active("directory", &login, &[]).changed()
        })
        .collect();

    world.feed.deliver(&people).await;
    for minute in 0..6 * 60 {
        world.at_second(60 * minute);
        world.feed.drive().await;
    }

    let ended = world.feed.published::<ActionFinished>().await;
    assert!(ended.iter().all(|action| action.application == "directory"), "{ended:?}");
    assert_eq!(ended.len(), 30, "the other application goes on");
    assert_eq!(attempts(&world).await, 0);
    let (reason, pauses) = open(&world).await.unwrap();
    assert_eq!(reason, "the application cannot be reached");
    assert!((60..90).contains(&pauses), "{pauses} pauses of up to five minutes in six hours");

    let config = SandboxConfig { address, ..config(&world) };
    let back = Sandbox::start(config).await.unwrap();
    world.at_second(6 * 3600 + 301);
    world.feed.drive().await;

    assert_eq!(open(&world).await, None);
    assert_eq!(back.members_of("all").len(), 30);
    assert_eq!(world.feed.published::<PersonSettled>().await.len(), 30);
}

#[tokio::test]
async fn replicas_see_one_circuit_and_one_of_them_tries_with_a_few() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&world).await;
    let proxy = Proxy::before(sandbox.base_url()).await;
    let other = replica(&world).await;
    world.release(1, &[("crm", &unread(&scim(proxy.url(), folder.path())))]).await;
    let people: Vec<_> = (1..=30).map(|number| hire(number).changed()).collect();
    proxy.meddle(|_call| Said::Instead(503, None));

    world.feed.deliver(&people).await;
    world.feed.drive().await;
    let first = proxy.take_calls().len();
    other.drive().await;
    assert!((5..=20).contains(&first), "{first} requests before nothing more was begun");
    assert_eq!(proxy.take_calls().len(), 0, "the other replica does not ask");

    world.at_second(11);
    tokio::join!(world.feed.drive(), other.drive());
    assert_eq!(proxy.take_calls().len(), 4, "one probe, of few");
    world.at_second(30);
    tokio::join!(world.feed.drive(), other.drive());
    assert_eq!(proxy.take_calls().len(), 0, "the second pause is twice as long");
    assert_eq!(attempts(&world).await, 0);

    proxy.meddle(|_call| Said::Truth);
    world.at_second(32);
    other.drive().await;
    world.feed.drive().await;
    assert_eq!(sandbox.members_of("all").len(), 30);
    assert_eq!(open(&world).await, None);
}

#[tokio::test]
async fn a_leaver_is_the_first_to_be_tried() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&world).await;
    let proxy = Proxy::before(sandbox.base_url()).await;
    world.release(1, &[("crm", &unread(&scim(proxy.url(), folder.path())))]).await;
    let people: Vec<_> = (1..=30).map(|number| hire(number).changed()).collect();
    world.feed.deliver(&[hire(99).changed()]).await;
    world.feed.drive().await;
    let leaver = sandbox.find_user_by_user_name("login99").unwrap();
    proxy.meddle(|_call| Said::Instead(502, None));
    world.feed.deliver(&people).await;
    world.feed.drive().await;

    let left = Desired::of(person(99), 2).closed("crm", "login99");
    world.feed.deliver(&[left.changed()]).await;
    world.feed.drive().await;
    let _refused = proxy.take_calls();
    proxy.meddle(|_call| Said::Truth);
    world.at_second(11);
    world.feed.drive().await;

    let calls = proxy.take_calls();
    assert!(calls[0].path.contains(&leaver.id), "{}", calls[0].path);
    assert!(!sandbox.find_user_by_user_name("login99").unwrap().active);
    assert_eq!(sandbox.members_of("all").len(), 30);
}

#[tokio::test]
async fn a_change_that_alone_meets_trouble_still_fails_for_good() {
    let config = Config { attempts_max: NonZeroU32::new(3).unwrap(), ..Config::default() };
    let world = World::empty(config).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&world).await;
    let proxy = Proxy::before(sandbox.base_url()).await;
    world.release(1, &[("crm", &unread(&scim(proxy.url(), folder.path())))]).await;
    proxy.meddle(|call| match call.body["userName"] == "login7" {
        true => Said::Instead(503, None),
        false => Said::Truth,
    });

    let people: Vec<_> = (1..=9).map(|number| hire(number).changed()).collect();
    world.feed.deliver(&people).await;
    for second in [0, 10, 20] {
        world.at_second(second);
        world.feed.drive().await;
    }

    let failed = world.feed.published::<ActionFinished>().await;
    let failed: Vec<_> = failed.iter().filter(|action| !action.error.is_empty()).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed[0].error.starts_with("PROV-120: tried 3 times: "), "{}", failed[0].error);
    assert_eq!(open(&world).await, None);
    assert_eq!(sandbox.members_of("all").len(), 8);
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_by_every_replica_and_is_no_attempt() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(&world).await;
    let other = replica(&world).await;
    world.release(1, &[("crm", &unread(&scim(sandbox.base_url(), folder.path())))]).await;
    let pause = Switches { refuse_next: 1, retry_after_seconds: 30, ..Switches::default() };
    sandbox.set_switches(pause);
    let people: Vec<_> = (1..=9).map(|number| hire(number).changed()).collect();

    world.feed.deliver(&people[..1]).await;
    world.feed.drive().await;
    world.feed.deliver(&people[1..]).await;
    other.drive().await;
    world.at_second(29);
    other.drive().await;
    assert_eq!(sandbox.calls().len(), 1);
    assert_eq!((attempts(&world).await, open(&world).await), (0, None));

    world.at_second(31);
    other.drive().await;
    assert_eq!(sandbox.members_of("all").len(), 9);
}

async fn sandbox(world: &World) -> Sandbox {
    Sandbox::start(config(world)).await.unwrap()
}

fn config(world: &World) -> SandboxConfig {
    SandboxConfig::new("crm", TOKEN, world.clock.clock())
}

fn scim(url: &str, folder: &Path) -> String {
    let token = folder.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    format!("{{kind: scim, url: \"{url}\", token: \"file:{}\"}}", token.display())
}

/// Another process of the service over the same database.
async fn replica(world: &World) -> Feed {
    let app = provisioning::start(beside(Config::default()), world.store.clone()).await.unwrap();
    Feed::new(app, world.store.clone())
}

fn hire(number: u128) -> Desired {
    Desired::of(person(number), 1).active("crm", &format!("login{number}"), &["all"])
}

/// Why the application is out of reach, and how many pauses ended without an answer.
async fn open(world: &World) -> Option<(String, i32)> {
    sqlx::query_as("SELECT reason, pauses FROM circuits WHERE opened_at IS NOT NULL")
        .fetch_optional(world.store.pool())
        .await
        .unwrap()
}

async fn attempts(world: &World) -> i32 {
    sqlx::query_scalar("SELECT max(attempts) FROM actions WHERE application = 'crm'")
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}
