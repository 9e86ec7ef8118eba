//! What a plan may not do although somebody wants it.

use crate::world::{Desired, IN_PROCESS, World, person, unread};

async fn world() -> World {
    let directory =
        unread(IN_PROCESS) + "\n  entitlements: [{name: root, privilege: admin}, {name: staff}]";
    World::with(&[("directory", &directory)]).await
}

async fn deliver(world: &World, desired: &[Desired]) {
    let events: Vec<_> = desired.iter().map(Desired::changed).collect();
    world.feed.deliver(&events).await;
    world.feed.drive().await;
}

fn administrator(number: u128, counter: i64) -> Desired {
    let login = format!("a{number}");
    Desired::of(person(number), counter).active("directory", &login, &["root", "staff"])
}

fn leaver(number: u128, counter: i64) -> Desired {
    Desired::of(person(number), counter).closed("directory", &format!("a{number}"))
}

async fn state(world: &World, number: u128) -> (String, Vec<String>) {
    let account = world.account(person(number), "directory").await.unwrap();
    (account.state, account.entitlements)
}

fn held(state: &str, entitlements: &[&str]) -> (String, Vec<String>) {
    (state.to_owned(), entitlements.iter().map(|one| (*one).to_owned()).collect())
}

#[tokio::test]
async fn the_last_administrator_stays_one_until_somebody_else_is() {
    let world = world().await;
    deliver(&world, &[administrator(1, 1), administrator(2, 1)]).await;
    deliver(&world, &[leaver(1, 2)]).await;
    assert_eq!(state(&world, 1).await, held("suspended", &[]), "another one is there");

    deliver(&world, &[leaver(2, 2)]).await;
    assert_eq!(state(&world, 2).await, held("active", &["root"]), "all else ends");
    let (attempts, error): (i32, String) = sqlx::query_as(
        "SELECT attempts, error FROM actions WHERE kind = 'disable' AND state = 'open'",
    )
    .fetch_one(world.store.pool())
    .await
    .unwrap();
    assert_eq!(attempts, 0);
    assert!(error.starts_with("PROV-133: "), "{error}");

    world.at_second(3_600);
    world.feed.drive().await;
    assert_eq!(state(&world, 2).await, held("active", &["root"]));
    deliver(&world, &[administrator(3, 1)]).await;
    world.at_second(7_200);
    world.feed.drive().await;

    assert_eq!(state(&world, 2).await, held("suspended", &[]));
}

#[tokio::test]
async fn of_the_last_administrators_who_leave_together_one_stays() {
    let world = world().await;
    deliver(&world, &[administrator(1, 1), administrator(2, 1), administrator(3, 1)]).await;

    deliver(&world, &[leaver(1, 2), leaver(2, 2), leaver(3, 2)]).await;

    let mut active = 0;
    for number in 1..=3 {
        active += usize::from(state(&world, number).await == held("active", &["root"]));
    }
    assert_eq!(active, 1);
}

#[tokio::test]
async fn a_mover_who_is_the_last_administrator_keeps_that_alone() {
    let world = world().await;
    deliver(&world, &[administrator(1, 1)]).await;

    let moved = Desired::of(person(1), 2).active("directory", "a1", &["staff"]);
    deliver(&world, &[moved.attribute("directory", "title", "Clerk")]).await;

    assert_eq!(state(&world, 1).await, held("active", &["root", "staff"]));
    assert_eq!(world.attribute(person(1), "directory", "title").await.as_deref(), Some("Clerk"));
}
