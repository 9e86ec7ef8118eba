//! Applications at addresses that connectors may not speak to.

use provisioning::connectors::Egress;
use provisioning::{Config, EgressConfig};
use testkit::Feed;
use testkit::sandbox::{Sandbox, SandboxConfig};

use crate::world::{Desired, World, person, unread};

const TOKEN: &str = "s3cret";

#[tokio::test]
async fn work_at_an_address_that_nobody_allowed_waits_until_it_is_allowed() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = SandboxConfig::new("crm", TOKEN, world.clock.clock());
    let sandbox = Sandbox::start(sandbox).await.unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let by_name = sandbox.base_url().replace("127.0.0.1", "localhost");
    let connector = |url: &str| {
        unread(&format!("{{kind: scim, url: \"{url}\", token: \"file:{}\"}}", token.display()))
    };
    let (literal, by_name) = (connector(sandbox.base_url()), connector(&by_name));
    world.release(1, &[("crm", &literal), ("wiki", &by_name)]).await;
    let ada = Desired::of(person(1), 1).active("crm", "ada", &[]).active("wiki", "ada.l", &[]);
    world.feed.deliver(&[ada.changed()]).await;

    let closed = replica(&world, Egress::default()).await;
    for hour in 0..48 {
        world.at_second(3600 * hour);
        closed.drive().await;
    }
    assert!(sandbox.calls().is_empty());
    let attempts: i32 = sqlx::query_scalar("SELECT max(attempts) FROM actions")
        .fetch_one(world.store.pool())
        .await
        .unwrap();
    assert_eq!(attempts, 0);

    let opened = replica(&world, Egress::try_new(["127.0.0.1", "localhost"]).unwrap()).await;
    world.at_second(3600 * 49);
    opened.drive().await;
    assert_eq!(sandbox.users().len(), 1, "both are the same application");
    assert_eq!(world.account(person(1), "crm").await.unwrap().state, "active");
}

/// The service with what it may speak to.
async fn replica(world: &World, allow: Egress) -> Feed {
    let config = Config { egress: EgressConfig { allow }, ..Config::default() };
    Feed::new(provisioning::start(config, world.store.clone()).await.unwrap(), world.store.clone())
}
