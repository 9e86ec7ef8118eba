//! One, two and three replicas of provisioning against an application that takes its time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "what replicas are worth is for people to read")]

use clock::Clock;
use mesh_tests::stage::{Desired, Reached, Replica, Stage};
use proto::catalogue::Service;
use sqlx::PgPool;
use testkit::sandbox::{Counter, Sandbox, SandboxConfig, Switches};
use testkit::{Database, until};
use tokio::time::Instant;

const TOKEN: &str = "loopback-only";
/// How long the application takes for each answer.
const LATENCY_MS: u64 = 60;
/// People who come while so many replicas run.
const PEOPLE: u32 = 400;
/// Few, so that a replica waits for the application and not for a processor.
const SETTINGS: [(&str, &str); 2] = [("SERVICE__WORKERS", "2"), ("DATABASE__CONNECTIONS_MAX", "8")];

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_end_in_order_while_they_are_at_it() {
    let stage = Stage::start(Database::start().await).await.unwrap();
    let token_file = stage.folder().join("token");
    std::fs::write(&token_file, TOKEN).unwrap();
    let sandbox = Sandbox::start(SandboxConfig::new("directory", TOKEN, Clock::system()));
    let sandbox = sandbox.await.unwrap();
    let mut replicas: Vec<Replica> = Vec::new();
    let mut next = 1;
    let mut lines = Vec::new();
    for name in ["one", "two", "three"] {
        let mut replica = stage.replica(Service::Provisioning, name, &SETTINGS).unwrap();
        replica.start().unwrap();
        replica.ready().await.unwrap();
        replicas.push(replica);
        if replicas.len() == 1 {
            let url = sandbox.base_url().to_owned();
            let name = "directory".to_owned();
            stage
                .release(&[Reached { name, url, token_file: token_file.clone(), every: "PT24H" }])
                .await
                .unwrap();
            // The application is read before anything is done in it.
            settle(&stage, &mut next, 1).await;
            sandbox.set_switches(Switches { latency_ms: LATENCY_MS, ..Switches::default() });
        }
        let seconds = settle(&stage, &mut next, PEOPLE.into()).await;
        // An account and a grant each.
        let actions = 2.0 * f64::from(PEOPLE) / seconds;
        lines.push((replicas.len(), actions));
    }
    let alone = lines[0].1;
    println!("{:>8} {:>16} {:>8}", "replicas", "actions a second", "ratio");
    for (replicas, actions) in &lines {
        println!("{replicas:>8} {actions:>16.1} {:>8.2}", actions / alone);
    }

    // All of them are told to end in the middle of more, and one does the rest.
    let before = created(&sandbox);
    let settling = settle(&stage, &mut next, PEOPLE.into());
    let ending = async {
        until("more people have accounts", async || {
            (created(&sandbox) > before + 20).then_some(())
        })
        .await;
        for replica in &mut replicas[1..] {
            let (status, took) = replica.end().await.unwrap();
            assert!(status.success(), "{status}: {}", replica.told());
            println!("ended in order after {took:.1?}");
        }
    };
    let (_seconds, ()) = tokio::join!(settling, ending);

    assert_eq!(u128::from(created(&sandbox)), next - 1, "an account each, once");
}

/// How many accounts were made.
fn created(sandbox: &Sandbox) -> u64 {
    let counters = sandbox.counters().into_iter();
    let made = |c: &Counter| (c.method, c.template, c.status) == ("POST", "/Users", 201);
    counters.filter(made).map(|counter| counter.count).sum()
}

/// Lets people come, and waits until they have what they shall have; returns how long that took.
async fn settle(stage: &Stage, next: &mut u128, people: u128) -> f64 {
    let applications = ["directory".to_owned()];
    let numbers = *next..*next + people;
    *next += people;
    let joiners: Vec<Desired> =
        numbers.map(|number| Desired::joiner(number, &applications, &["archive"])).collect();
    let begin = Instant::now();
    stage.desire(&joiners).await.unwrap();
    let pool = PgPool::connect(&stage.database.url(Service::Provisioning)).await.unwrap();
    until("everybody has settled", async || {
        let settled: i64 = sqlx::query_scalar("SELECT count(*) FROM people WHERE settled")
            .fetch_one(&pool)
            .await
            .unwrap();
        (u128::try_from(settled).unwrap() == *next - 1).then_some(())
    })
    .await;
    begin.elapsed().as_secs_f64()
}
