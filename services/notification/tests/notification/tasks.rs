//! People are asked to do what no program can do.

use domain::Version;
use proto::common::v1 as common;
use proto::provisioning::v1::{ActionKind, TaskChanged, TaskState, TaskStep};
use uuid::Uuid;

use crate::world::{Life, World, at, person};

fn task(number: u128, counter: i64, mail: &str) -> TaskChanged {
    TaskChanged {
        task_id: Uuid::from_u128(number).to_string(),
        version: Some(Version { epoch: 1, counter }.into()),
        person_id: person(1).to_string(),
        application: "badges".to_owned(),
        state: TaskState::Open.into(),
        steps: vec![
            TaskStep { kind: ActionKind::CreateAccount.into(), entitlement: String::new() },
            TaskStep { kind: ActionKind::Grant.into(), entitlement: format!("door-{number}") },
        ],
        revision: 1,
        assignee: "Front desk".to_owned(),
        assignee_mail: mail.to_owned(),
        due_at: Some(at("2026-03-05T09:00:00Z").into()),
        lane: common::Lane::Regular.into(),
        ..TaskChanged::default()
    }
}

fn done(task: TaskChanged, counter: i64) -> TaskChanged {
    let version = Some(Version { epoch: 1, counter }.into());
    TaskChanged { state: TaskState::Done.into(), version, ..task }
}

async fn deliver(world: &World, tasks: &[TaskChanged]) {
    world.feed.deliver(tasks).await;
    world.feed.drive().await;
}

const DESK: &str = "Desk@example.org";

#[tokio::test]
async fn whoever_has_tasks_gets_one_mail_with_all_of_them() {
    let world = World::with_mail().await;
    let ada = Life::of(1, 1).named("Ada <Lovelace>").works("2020-01-01", "Engineer", 0).quiet();
    world.feed.deliver(&[ada.changed()]).await;

    deliver(&world, &[task(1, 1, DESK), task(2, 1, DESK), task(3, 1, "bob@example.org")]).await;

    assert_eq!(
        world.received(),
        ["bob@example.org: A task for you", "desk@example.org: 2 tasks for you"]
    );
    let received = world.server().received();
    let desk = received.iter().find(|mail| mail.subject.starts_with('2')).unwrap();
    assert!(
        desk.text.contains("badges, Ada <Lovelace>: make the account, give door-1. Due 2026-03-05"),
        "{}",
        desk.text
    );
    // The same again, and older news, ask nobody.
    deliver(&world, &[task(1, 1, DESK), task(2, 1, DESK)]).await;
    assert_eq!(world.received().len(), 2);
}

#[tokio::test]
async fn what_was_done_before_the_mail_is_sent_is_not_asked_for() {
    let world = World::configured(|config| config.gather_seconds = 60).await;
    deliver(&world, &[task(1, 1, DESK), task(2, 1, DESK)]).await;
    deliver(&world, &[done(task(1, 1, DESK), 2)]).await;
    assert!(world.received().is_empty(), "they are gathered");

    world.drive_at("2026-03-02T09:02:00Z").await;
    assert_eq!(world.received(), ["desk@example.org: A task for you"]);

    let world = World::configured(|config| config.gather_seconds = 60).await;
    deliver(&world, &[task(1, 1, DESK)]).await;
    deliver(&world, &[done(task(1, 1, DESK), 2)]).await;
    world.drive_at("2026-03-02T09:02:00Z").await;
    assert!(world.received().is_empty());
}

#[tokio::test]
async fn who_is_late_is_reminded_and_who_comes_next_is_asked() {
    let world = World::with_mail().await;
    deliver(&world, &[task(1, 1, DESK)]).await;
    let late = TaskChanged { escalations: 1, ..task(1, 2, "deputy@example.org") };

    deliver(&world, &[late]).await;

    assert_eq!(
        world.received(),
        ["deputy@example.org: A task for you, 1 late", "desk@example.org: A task for you"]
    );
}

#[tokio::test]
async fn the_order_in_which_tasks_are_announced_does_not_matter() {
    let world = World::with_mail().await;

    deliver(&world, &[done(task(1, 1, DESK), 2), task(1, 1, DESK)]).await;

    assert!(world.received().is_empty());
    deliver(&world, &[TaskChanged { note: "no badge".to_owned(), ..task(1, 3, DESK) }]).await;
    assert_eq!(world.received(), ["desk@example.org: A task for you"], "it was given back");
}

#[tokio::test]
async fn news_of_tasks_late_twice_and_shuffled_ask_nobody_again() {
    let world = World::with_mail().await;
    let late = TaskChanged { escalations: 1, ..task(2, 2, DESK) };
    let story = [task(1, 1, DESK), done(task(1, 1, DESK), 2), task(2, 1, DESK), late];
    let messages: Vec<_> = story.iter().map(|one| world.feed.message(one)).collect();
    world.feed.deliver_messages(&messages).await;
    world.feed.drive().await;
    let expected = ["desk@example.org: A task for you, 1 late"];
    assert_eq!(world.received(), expected);

    for seed in 1..=4 {
        let again = [world.feed.republished(&messages), messages.clone()].concat();
        world.feed.deliver_shuffled(seed, &again).await;
        world.feed.drive().await;
    }

    assert_eq!(world.received(), expected);
    assert!(world.feed.parked().await.is_empty());
}
