//! How long a leaver waits for regular work, in requests.

use domain::{AccountState, Lane, PersonId};
use proto::provisioning::v1::ActionFinished;
use provisioning::Config;
use testkit::sandbox::{Sandbox, SandboxConfig, Switches};
use testkit::until;

use crate::world::{Desired, IN_PROCESS, World, person};

const TOKEN: &str = "s3cret";
/// As many people as one batch takes.
const BATCH: u128 = 128;
/// What the application admits at once.
const CONCURRENCY: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_whose_branch_is_in_hand_waits_for_what_is_under_way_and_not_for_the_batch() {
    let world = World::empty(Config::default()).await;
    let sandbox = Sandbox::start(SandboxConfig::new("directory", TOKEN, world.clock.clock()));
    let sandbox = sandbox.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let connector = format!(
        "{{kind: scim, url: \"{}\", token: \"file:{}\"}}",
        sandbox.base_url(),
        token.display()
    );
    world.release(1, &[("directory", &connector)]).await;
    // Somebody who has been there for long, and is about to be changed with many others.
    let last = person(BATCH);
    world.feed.deliver(&[hire(last, 1).changed()]).await;
    world.feed.drive().await;
    let others: Vec<_> = (1..BATCH).map(|number| hire(person(number), 1).changed()).collect();
    world.feed.deliver(&others).await;
    world.feed.deliver(&[hire(last, 2).attribute("directory", "title", "Captain").changed()]).await;
    sandbox.set_switches(Switches { latency_ms: 20, ..Switches::default() });
    let before = sandbox.calls().len();

    let left = Desired::of(last, 3).closed("directory", &login(last)).changed();
    let leave = async {
        until("the batch is under way", async || {
            (sandbox.calls().len() > before + 8).then_some(())
        })
        .await;
        world.feed.deliver(std::slice::from_ref(&left)).await;
        sandbox.calls().len()
    };
    let (_driven, asked) = tokio::join!(world.feed.drive(), leave);

    let calls = sandbox.calls();
    let user = sandbox.find_user_by_user_name(&login(last)).unwrap();
    let closed = calls[asked..].iter().rposition(|call| {
        call.method == "PATCH" && call.resource.as_deref() == Some(user.id.as_str())
    });
    let waited = closed.expect("the account is closed");
    assert!(!user.active);
    // 128 accounts of four requests each were to come. Twice the application's concurrency is under
    // way at a time, and for one look another few are begun.
    assert!(waited < 10 * CONCURRENCY, "{waited} requests before the leaver's");
    // The others lose nothing, and nobody is asked for twice.
    let ended = world.feed.published::<ActionFinished>().await;
    assert!(ended.iter().all(|action| action.error.is_empty()), "{ended:?}");
    assert_eq!(sandbox.users().iter().filter(|user| user.active).count(), 127);
}

#[tokio::test]
async fn a_leaver_stays_one_while_the_work_is_open() {
    let world = World::empty(Config::default()).await;
    let ada = person(1);
    world.feed.deliver(&[hire(ada, 1).changed()]).await;
    let left = Desired::of(ada, 2).closed("directory", "ada").closed("wiki", "ada");
    // Nothing can be done yet, so that the work stays open; the newer event came in the other lane.
    world.feed.deliver(&[left.active("mail", "ada", &[]).changed()]).await;
    world.feed.deliver(&[hire(ada, 3).changed()]).await;
    assert_eq!(lanes(&world).await, [Lane::Leaver.rank(); 2]);

    world.release(1, &[("directory", IN_PROCESS), ("mail", IN_PROCESS)]).await;
    world.feed.drive().await;
    world.feed.deliver(&[hire(ada, 4).attribute("directory", "title", "Captain").changed()]).await;

    assert_eq!(world.account(ada, "directory").await.unwrap().state, AccountState::Active.as_str());
    assert_eq!(lanes(&world).await, [Lane::Regular.rank(); 2]);
}

fn hire(id: PersonId, counter: i64) -> Desired {
    Desired::of(id, counter).active("directory", &login(id), &["all-staff"])
}

fn login(id: PersonId) -> String {
    format!("p{}", id.0.as_u128())
}

/// The lanes of the branches, in the order of their applications.
async fn lanes(world: &World) -> Vec<i16> {
    sqlx::query_scalar("SELECT lane FROM branches ORDER BY application")
        .fetch_all(world.store.pool())
        .await
        .unwrap()
}
