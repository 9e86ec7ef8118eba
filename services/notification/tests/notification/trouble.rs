//! Mail servers that refuse, vanish and lose connections; a process that dies between its steps.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use proto::catalogue::Service;
use proto::notification::v1::{NoticeFailed, NoticeSent};
use testkit::MailTrouble;

use crate::world::{BOSS, Life, World};

#[tokio::test]
async fn a_message_whose_connection_drops_before_the_answer_is_sent_again_as_the_same() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { drop_before: 1, ..MailTrouble::default() });

    world.feed.drive().await;
    assert_eq!(state(&world).await, ("pending".to_owned(), 1, 1));
    world.drive_at("2026-03-02T09:00:10Z").await;
    world.drive_at("2026-03-02T12:00:00Z").await;

    // It was taken both times; both are one to whoever reads it.
    assert_eq!(world.server().received().len(), 2);
    assert_eq!(ids(&world).len(), 1);
    assert_eq!(state(&world).await, ("sent".to_owned(), 2, 1));
    assert_eq!(world.feed.published::<NoticeSent>().await.len(), 1);
}

#[tokio::test]
async fn a_message_that_was_lost_with_its_connection_arrives_once() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { lose: 1, ..MailTrouble::default() });

    world.feed.drive().await;
    world.drive_at("2026-03-02T09:00:10Z").await;

    assert_eq!(world.server().received().len(), 1);
    assert_eq!(state(&world).await, ("sent".to_owned(), 2, 1));
}

#[tokio::test]
async fn a_message_whose_connection_drops_after_the_answer_is_not_sent_again() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { drop_after: 1, ..MailTrouble::default() });

    world.feed.drive().await;
    world.drive_at("2026-03-02T12:00:00Z").await;

    assert_eq!(world.server().received().len(), 1);
    assert_eq!(state(&world).await, ("sent".to_owned(), 1, 0));
}

#[tokio::test]
async fn a_message_that_stays_unknown_is_repeated_once_and_then_given_up() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { drop_before: 9, ..MailTrouble::default() });

    for minute in ["09:00", "09:10", "09:20", "09:30"] {
        world.drive_at(&format!("2026-03-02T{minute}:00Z")).await;
    }

    assert_eq!(world.server().received().len(), 2);
    assert_eq!(ids(&world).len(), 1);
    let failed = world.feed.published::<NoticeFailed>().await;
    assert!(failed[0].error.starts_with("NOTI-104"), "{failed:?}");
}

#[tokio::test]
async fn a_message_whose_record_is_lost_is_sent_again_as_the_same() {
    let world = joiner(World::with_mail().await).await;
    // The process dies between sending and recording, as far as the database can tell.
    run(&world, LOSE_RECORDS).await;
    let app = notification::start(world.config.clone(), world.store.clone()).await.unwrap();
    let mut lost = false;
    for _turn in 0..9 {
        lost |= app.drive_once(&world.store).await.is_err();
    }
    assert!(lost);
    assert_eq!(world.server().received().len(), 1);
    run(&world, "DROP TRIGGER lost ON messages").await;

    world.drive_at("2026-03-02T09:09:00Z").await;
    assert_eq!(world.server().received().len(), 1, "the lease still holds");
    world.drive_at("2026-03-02T09:11:00Z").await;
    world.drive_at("2026-03-02T12:00:00Z").await;

    assert_eq!(world.server().received().len(), 2);
    assert_eq!(ids(&world).len(), 1);
    assert_eq!(state(&world).await, ("sent".to_owned(), 2, 1));
}

#[tokio::test]
async fn a_message_that_shall_come_later_is_tried_later() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { later: 2, ..MailTrouble::default() });

    world.feed.drive().await;
    assert_eq!(state(&world).await, ("pending".to_owned(), 1, 0));
    world.drive_at("2026-03-02T09:00:10Z").await;
    world.drive_at("2026-03-02T09:00:20Z").await;

    assert_eq!(state(&world).await, ("sent".to_owned(), 3, 0));
    assert_eq!(world.server().received().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_refused_fails_alone_and_its_reason_holds_no_address() {
    let world = joiner(World::with_mail().await).await;
    let other = Life::of(8, 1).mail("other@example.org").works("2020-01-01", "Boss", 0).quiet();
    let bob = Life::of(2, 1).named("Bob").works("2026-03-09", "Engineer", 8);
    world.feed.deliver(&[other.changed(), bob.changed()]).await;
    let refuse = vec!["boss@example.org".to_owned()];
    world.server().trouble(&MailTrouble { refuse, ..MailTrouble::default() });

    world.feed.drive().await;

    assert_eq!(world.received(), ["other@example.org: Bob starts on 2026-03-09"]);
    let failed = world.feed.published::<NoticeFailed>().await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].error, "NOTI-102: the mail server answered 550 to RCPT");
}

#[tokio::test]
async fn a_server_that_is_gone_is_tried_as_often_as_configured() {
    let mut world =
        joiner(World::configured(|config| config.attempts_max = NonZeroU32::new(2).unwrap()).await)
            .await;
    world.server.as_mut().unwrap().stop().await;

    world.feed.drive().await;
    assert_eq!(state(&world).await, ("pending".to_owned(), 1, 0));
    world.drive_at("2026-03-02T10:00:00Z").await;

    assert_eq!(state(&world).await, ("failed".to_owned(), 2, 0));
    let failed = world.feed.published::<NoticeFailed>().await;
    assert!(failed[0].error.starts_with("NOTI-103"), "{failed:?}");
}

#[tokio::test]
async fn a_date_that_moves_while_the_server_is_away_is_told_only_as_it_is() {
    let world = joiner(World::with_mail().await).await;
    world.server().trouble(&MailTrouble { later: 1, ..MailTrouble::default() });
    world.feed.drive().await;
    let moved = Life::of(1, 2).named("Ada").works("2026-03-12", "Engineer", BOSS);

    world.feed.deliver(&[moved.changed()]).await;
    world.drive_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.received(), ["boss@example.org: Ada starts on 2026-03-12"]);

    let back = Life::of(1, 3).named("Ada").works("2026-03-09", "Engineer", BOSS);
    world.feed.deliver(&[back.changed()]).await;
    world.drive_at("2026-03-02T11:00:00Z").await;

    assert_eq!(
        world.received(),
        [
            "boss@example.org: Ada starts on 2026-03-09",
            "boss@example.org: Ada starts on 2026-03-12"
        ]
    );
}

#[tokio::test]
async fn without_a_mail_server_everything_stays_pending() {
    let world = joiner(World::silent().await).await;

    world.feed.drive().await;
    world.drive_at("2026-03-05T09:00:00Z").await;

    assert_eq!(
        world.notices().await,
        [suppressed(), format!("joining on 2026-03-09 to manager {BOSS}: pending")]
    );
    assert!(world.feed.published::<NoticeSent>().await.is_empty());
}

const LOSE_RECORDS: &str = "
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the process is gone'; END $$;
    CREATE TRIGGER lost BEFORE UPDATE ON messages
       FOR EACH ROW WHEN (new.lease IS NULL) EXECUTE FUNCTION lose();";

async fn run(world: &World, statements: &'static str) {
    let owner = world.database.owner_url(Service::Notification);
    let owner = sqlx::PgPool::connect(&owner).await.unwrap();
    sqlx::raw_sql(statements).execute(&owner).await.unwrap();
}

/// What the boss's own history came to.
fn suppressed() -> String {
    "joining on 2020-01-01 to manager : suppressed".to_owned()
}

/// Somebody is about to start, and the boss is to be told.
async fn joiner(world: World) -> World {
    world.boss().await;
    let ada = Life::of(1, 1).named("Ada").works("2026-03-09", "Engineer", BOSS);
    world.feed.deliver(&[ada.changed()]).await;
    world
}

/// The Message-IDs that the server has seen.
fn ids(world: &World) -> BTreeSet<String> {
    world.server().received().into_iter().map(|mail| mail.message_id).collect()
}

/// The joiner's notice: its state, the attempts of its message, and how many of them stayed unknown.
async fn state(world: &World) -> (String, i32, i32) {
    sqlx::query_as(
        "SELECT n.state, m.attempts, m.unknown
           FROM notices n JOIN messages m ON m.id = n.message WHERE n.template = 'joining'",
    )
    .fetch_one(world.store.pool())
    .await
    .unwrap()
}
