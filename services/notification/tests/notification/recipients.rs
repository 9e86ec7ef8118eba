//! Who is told when whoever should be cannot.

use domain::AccountState;
use notification::Owner;
use proto::notification::v1::{NoticeFailed, NoticeSent, RecipientKind};

use crate::world::{BOSS, Life, World, account, person, release};

#[tokio::test]
async fn a_manager_without_mail_is_replaced_by_the_skip_level() {
    let world = World::with_mail().await;
    world.boss().await;
    let middle = Life::of(8, 1).works("2020-01-01", "Lead", BOSS).quiet();
    let ada = Life::of(1, 1).named("Ada").works("2026-03-09", "Engineer", 8);

    world.feed.deliver(&[middle.changed(), ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.received(), ["boss@example.org: Ada starts on 2026-03-09"]);
    let sent = world.feed.published::<NoticeSent>().await;
    assert_eq!(sent[0].recipient, person(BOSS).to_string());
    assert!(world.server().received()[0].text.contains("nobody closer"));
}

#[tokio::test]
async fn a_departed_manager_is_replaced_by_an_owner_and_then_by_the_last_resort() {
    let world = World::configured(|config| {
        let mail = "last@example.org".to_owned();
        config.owner_of_last_resort = Some(Owner { name: "Last Resort".to_owned(), mail });
    })
    .await;
    let gone = Life::of(BOSS, 1).mail("boss@example.org").works("2020-01-01", "Boss", 0);
    world.feed.deliver(&[gone.until("2026-02-01").quiet().changed()]).await;
    let ada = Life::of(1, 1).named("Ada").works("2026-03-09", "Engineer", BOSS);
    let bob = Life::of(2, 1).named("Bob").works("2026-03-09", "Engineer", BOSS);
    let (documents, activated) = release(1, &[("crm", "crm@example.org")]);
    world.feed.deliver(&documents).await;
    world.feed.deliver(&[activated]).await;
    world.feed.deliver(&[account(1, 1, "crm", AccountState::Active)]).await;

    world.feed.deliver(&[ada.changed(), bob.changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.received(),
        [
            // As the owner, and in place of the manager.
            "crm@example.org: Ada starts on 2026-03-09",
            "crm@example.org: Ada starts on 2026-03-09",
            "last@example.org: Bob starts on 2026-03-09",
        ]
    );
    let sent = world.feed.published::<NoticeSent>().await;
    assert!(sent.iter().any(|sent| sent.recipient_kind() == RecipientKind::LastResort));
}

#[tokio::test]
async fn a_notice_that_nobody_can_be_told_of_is_recorded_and_announced() {
    let world = World::with_mail().await;
    let ada = Life::of(1, 1).works("2026-03-09", "Engineer", 0);

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.notices().await, ["joining on 2026-03-09 to manager : undeliverable"]);
    let failed = world.feed.published::<NoticeFailed>().await;
    assert_eq!(failed.len(), 1);
    assert!(failed[0].error.starts_with("NOTI-101"), "{failed:?}");
}

#[tokio::test]
async fn a_manager_who_was_not_heard_of_yet_is_waited_for() {
    let world = World::configured(|config| config.recipient_wait_seconds = 600).await;
    let ada = Life::of(1, 1).named("Ada").works("2026-03-09", "Engineer", BOSS);
    world.feed.deliver(&[ada.changed()]).await;
    world.drive_at("2026-03-02T09:05:00Z").await;
    assert_eq!(
        world.notices().await,
        [format!("joining on 2026-03-09 to manager {BOSS}: pending")]
    );

    world.boss().await;
    world.drive_at("2026-03-02T09:06:00Z").await;

    assert_eq!(world.received(), ["boss@example.org: Ada starts on 2026-03-09"]);
}

#[tokio::test]
async fn an_owner_who_becomes_known_through_a_release_is_told_of_what_is_near() {
    let world = World::with_mail().await;
    world.boss().await;
    let ada = Life::of(1, 1).named("Ada").works("2026-03-09", "Engineer", BOSS);
    let old = Life::of(2, 1).named("Old").works("2020-01-01", "Engineer", BOSS).quiet();
    world.feed.deliver(&[ada.changed(), old.changed()]).await;
    let accounts = [1, 2].map(|number| account(number, 1, "crm", AccountState::Active));
    world.feed.deliver(&accounts).await;
    world.feed.drive().await;
    assert_eq!(world.received(), ["boss@example.org: Ada starts on 2026-03-09"]);

    let (documents, activated) = release(1, &[("crm", "crm@example.org")]);
    world.feed.deliver(&[activated]).await;
    world.feed.deliver(&documents).await;
    world.feed.drive().await;

    assert_eq!(
        world.received(),
        ["boss@example.org: Ada starts on 2026-03-09", "crm@example.org: Ada starts on 2026-03-09"]
    );
}
