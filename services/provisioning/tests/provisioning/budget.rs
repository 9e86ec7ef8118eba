//! Rates of applications, kept by all replicas together.

use std::path::Path;

use jiff::SignedDuration;
use provisioning::Config;
use testkit::sandbox::{Call, Sandbox, SandboxConfig};
use testkit::{Feed, until};

use crate::world::{Desired, World, at, beside, person};

const TOKEN: &str = "s3cret";

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_together_ask_for_no_more_than_the_rates_allow_and_all_is_done() {
    let world = World::empty(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(config(&world)).await.unwrap();
    let rates = "[{requests: 90, per: PT1M}, {path: /Groups, requests: 30, per: PT1M}]";
    world.release(1, &[("crm", &scim(&sandbox, folder.path(), rates))]).await;
    let other = replica(&world).await;
    let people: Vec<_> = (1..=20).map(|number| hire(number).changed()).collect();
    world.feed.deliver(&people).await;

    until("everybody is hired", async || {
        let both = async { tokio::join!(world.feed.drive(), other.drive()) };
        let ticking = async {
            until("both have done what they can", async || {
                let tick = SignedDuration::from_millis(200);
                world.clock.advance_to(world.clock.clock().now() + tick);
                None::<()>
            })
            .await;
        };
        tokio::select! {
            _driven = both => {}
            () = ticking => {}
        }
        (sandbox.members_of("all").len() == 20).then_some(())
    })
    .await;

    // A request arrives after it was admitted, so counting from the beginning is exact.
    let calls = sandbox.calls();
    assert!(calls.len() > 30, "only {} calls", calls.len());
    holds(&calls, 90, |_call| true);
    holds(&calls, 30, |call| call.template.starts_with("/Groups"));
    assert_eq!(tried_in_vain(&world).await, 0, "to wait for one's turn is no attempt");
}

/// Asserts that within any number of minutes since the start no more was asked than so many per minute.
fn holds(calls: &[Call], per_minute: usize, counts: impl Fn(&Call) -> bool) {
    for (before, call) in calls.iter().filter(|call| counts(call)).enumerate() {
        let seconds = call.at.duration_since(at(0)).as_secs();
        let minutes = usize::try_from(seconds / 60 + 1).unwrap();
        assert!(before < per_minute * minutes, "{} requests in {seconds} seconds", before + 1);
    }
}

fn config(world: &World) -> SandboxConfig {
    SandboxConfig::new("crm", TOKEN, world.clock.clock())
}

fn scim(sandbox: &Sandbox, folder: &Path, rates: &str) -> String {
    let token = folder.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let (url, token) = (sandbox.base_url(), token.display());
    format!(
        "{{kind: scim, url: \"{url}\", token: \"file:{token}\"}}\n  reconciliation: {{every: never}}\n  \
         limits: {{rates: {rates}}}"
    )
}

/// Another process of the service over the same database.
async fn replica(world: &World) -> Feed {
    let app = provisioning::start(beside(Config::default()), world.store.clone()).await.unwrap();
    Feed::new(app, world.store.clone())
}

fn hire(number: u128) -> Desired {
    Desired::of(person(number), 1).active("crm", &format!("login{number}"), &["all"])
}

/// Attempts that came to nothing.
async fn tried_in_vain(world: &World) -> i64 {
    sqlx::query_scalar("SELECT coalesce(sum(attempts - 1), 0) FROM actions WHERE state = 'done'")
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}
