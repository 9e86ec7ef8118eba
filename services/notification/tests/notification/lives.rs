//! Joiners, movers and leavers, from events to the mail server.

use domain::AccountState;
use proto::notification::v1::{Milestone, NoticeSent, RecipientKind};

use crate::world::{BOSS, Life, World, account, release, settled};

#[tokio::test]
async fn a_joiner_is_announced_to_manager_and_owner_and_then_ready() {
    let world = World::with_mail().await;
    world.boss().await;
    let (documents, activated) = release(1, &[("crm", "crm@example.org")]);
    world.feed.deliver(&documents).await;
    world.feed.deliver(&[activated]).await;
    let ada = Life::of(1, 1).named("Ada Lovelace").works("2026-03-09", "Engineer", BOSS);

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    assert_eq!(world.received(), ["boss@example.org: Ada Lovelace starts on 2026-03-09"]);

    world.feed.deliver(&[account(1, 1, "crm", AccountState::Suspended)]).await;
    world.feed.deliver(&[settled(1, 1, 1, 0)]).await;
    world.feed.drive().await;

    assert_eq!(
        world.received(),
        [
            "boss@example.org: Access of Ada Lovelace is ready",
            "boss@example.org: Ada Lovelace starts on 2026-03-09",
            "crm@example.org: Ada Lovelace starts on 2026-03-09",
        ]
    );
    let mails = world.server().received();
    let ready = mails.iter().find(|mail| mail.subject.contains("ready")).unwrap();
    assert!(ready.text.contains("crm: login1 (suspended)"), "{}", ready.text);
    for mail in &mails {
        assert!(mail.headers.contains(&"auto-submitted".to_owned()), "{mail:?}");
        assert!(mail.headers.contains(&"date".to_owned()), "{mail:?}");
        assert!(mail.message_id.ends_with("@example.org>"), "{mail:?}");
    }
    let sent = world.feed.published::<NoticeSent>().await;
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0].milestone(), Milestone::Joining);
    assert_eq!(sent[0].recipient_kind(), RecipientKind::Manager);
    assert_eq!(sent[0].recipient, crate::world::person(BOSS).to_string());
    assert_eq!(mails[0].message_id, format!("<{}@example.org>", sent[0].notice_id));
}

#[tokio::test]
async fn a_joiner_far_ahead_is_announced_when_the_lead_begins() {
    let world = World::with_mail().await;
    world.boss().await;
    let ada = Life::of(1, 1).named("Ada").works("2026-04-01", "Engineer", BOSS);
    world.feed.deliver(&[ada.changed()]).await;
    world.drive_at("2026-03-17T23:59:00Z").await;
    assert!(world.received().is_empty());

    world.drive_at("2026-03-18T00:00:00Z").await;

    assert_eq!(world.received(), ["boss@example.org: Ada starts on 2026-04-01"]);
}

#[tokio::test]
async fn a_mover_is_told_to_both_managers_on_the_day() {
    let world = World::with_mail().await;
    world.boss().await;
    let other = Life::of(8, 1).mail("other@example.org").works("2020-01-01", "Boss", 0).quiet();
    let ada = Life::of(1, 1)
        .named("Ada")
        .works("2020-01-01", "Engineer", BOSS)
        .then("2026-03-09", "Captain", 8)
        .quiet();
    world.feed.deliver(&[other.changed(), ada.changed()]).await;
    world.drive_at("2026-03-08T23:00:00Z").await;
    assert!(world.received().is_empty());

    world.drive_at("2026-03-09T00:00:00Z").await;

    assert_eq!(
        world.received(),
        ["boss@example.org: Ada has moved", "other@example.org: Ada has moved"]
    );
    let text = &world.server().received()[0].text;
    assert!(text.contains("Title: Captain") && text.contains("Before: Engineer"), "{text}");
}

#[tokio::test]
async fn a_leaver_is_told_ahead_on_another_day_when_it_moves_and_when_it_is_over() {
    let world = World::with_mail().await;
    world.boss().await;
    let (documents, activated) = release(1, &[("crm", "crm@example.org")]);
    world.feed.deliver(&documents).await;
    world.feed.deliver(&[activated]).await;
    world.feed.deliver(&[account(1, 1, "crm", AccountState::Active)]).await;
    let ada = Life::of(1, 1).named("Ada").works("2020-01-01", "Engineer", BOSS).quiet();
    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;
    assert!(world.received().is_empty(), "a quiet import tells nobody");

    let leaving = |counter, last: &str| {
        let ada = Life::of(1, counter).named("Ada").works("2020-01-01", "Engineer", BOSS);
        ada.until(last).quiet().changed()
    };
    world.feed.deliver(&[leaving(2, "2026-03-20")]).await;
    world.feed.drive().await;
    world.feed.deliver(&[leaving(3, "2026-03-10")]).await;
    world.feed.drive().await;
    world.drive_at("2026-03-11T00:00:00Z").await;

    assert_eq!(
        world.received(),
        [
            "boss@example.org: Ada has left",
            "boss@example.org: Ada leaves on 2026-03-10",
            "boss@example.org: Ada leaves on 2026-03-20",
            "crm@example.org: Ada has left",
            "crm@example.org: Ada leaves on 2026-03-10",
            "crm@example.org: Ada leaves on 2026-03-20",
        ]
    );
}

#[tokio::test]
async fn an_end_that_is_withdrawn_is_told() {
    let world = World::with_mail().await;
    world.boss().await;
    let ada = || Life::of(1, 1).named("Ada").works("2020-01-01", "Engineer", BOSS);
    world.feed.deliver(&[ada().until("2026-03-20").quiet().changed()]).await;
    world.feed.drive().await;

    let stays = Life::of(1, 2).named("Ada").works("2020-01-01", "Engineer", BOSS).quiet();
    world.feed.deliver(&[stays.changed()]).await;
    world.feed.drive().await;

    assert_eq!(
        world.received(),
        ["boss@example.org: Ada leaves on 2026-03-20", "boss@example.org: Ada stays"]
    );
}

#[tokio::test]
async fn a_leaver_recorded_late_is_told_with_the_time_of_exposure() {
    let world = World::with_mail().await;
    world.boss().await;
    let ada = Life::of(1, 1)
        .named("Ada")
        .works("2020-01-01", "Engineer", BOSS)
        .until("2026-03-03")
        .quiet()
        .evaluated("2026-03-05T08:30:00Z");
    world.clock.advance_to(crate::world::at("2026-03-05T08:30:01Z"));

    world.feed.deliver(&[ada.changed()]).await;
    world.feed.drive().await;

    let mails = world.server().received();
    assert_eq!(mails.len(), 1);
    let text = &mails[0].text;
    assert!(
        text.contains("from 2026-03-04 00:00 UTC until at least 2026-03-05 08:30 UTC"),
        "{text}"
    );
}

#[tokio::test]
async fn what_has_an_import_for_its_origin_is_suppressed_and_counted() {
    let world = World::with_mail().await;
    world.boss().await;
    for number in 1..=5 {
        let life = Life::of(number, 1).works("2021-01-01", "Engineer", BOSS).quiet();
        let gone = Life::of(number + 100, 1).works("2021-01-01", "Engineer", BOSS);
        let gone = gone.until("2026-02-01").quiet();
        world.feed.deliver(&[life.changed(), gone.changed()]).await;
        world.feed.deliver(&[settled(number, 1, 1, 0)]).await;
    }
    world.feed.drive().await;

    assert!(world.received().is_empty());
    let notices = world.notices().await;
    // The boss; five who work here, with their access; five who came and left.
    assert_eq!(notices.len(), 1 + 5 * 2 + 5 * 2, "{notices:?}");
    assert!(notices.iter().all(|notice| notice.ends_with("suppressed")), "{notices:?}");
}

#[tokio::test]
async fn many_notices_to_one_recipient_become_one_digest() {
    let world = World::configured(|config| config.gather_seconds = 60).await;
    world.boss().await;
    let joiner = |number: u128| {
        let name = format!("Joiner {number}");
        Life::of(number, 1).named(&name).works("2026-03-09", "Engineer", BOSS).changed()
    };
    world.feed.deliver(&(101..=104).map(joiner).collect::<Vec<_>>()).await;
    world.drive_at("2026-03-02T09:00:30Z").await;
    world.feed.deliver(&(105..=106).map(joiner).collect::<Vec<_>>()).await;
    world.feed.drive().await;
    assert!(world.received().is_empty(), "they wait for each other");

    world.drive_at("2026-03-02T09:01:00Z").await;
    world.drive_at("2026-03-02T09:05:00Z").await;

    assert_eq!(world.received(), ["boss@example.org: 6 notices about people"]);
    let text = &world.server().received()[0].text;
    for number in 101..=106 {
        assert!(text.contains(&format!("- Joiner {number} starts on 2026-03-09")), "{text}");
    }
    let sent = world.feed.published::<NoticeSent>().await;
    assert_eq!(sent.len(), 6);
    assert!(!sent[0].digest_id.is_empty());
    assert!(sent.iter().all(|notice| notice.digest_id == sent[0].digest_id));
}

#[tokio::test]
async fn few_notices_are_messages_of_their_own() {
    let world = World::with_mail().await;
    world.boss().await;
    let joiners: Vec<_> = (101..=105)
        .map(|number| Life::of(number, 1).works("2026-03-09", "Engineer", BOSS).changed())
        .collect();

    world.feed.deliver(&joiners).await;
    world.feed.drive().await;

    let mails = world.server().received();
    assert_eq!(mails.len(), 5);
    assert!(mails.iter().all(|mail| mail.subject.ends_with("starts on 2026-03-09")));
}

#[tokio::test]
async fn nothing_in_a_name_gets_into_a_header_or_unescaped_into_html() {
    let world = World::with_mail().await;
    world.boss().await;
    let evil = "Eve\r\nBcc: all@example.org\r\n\r\n<script>";
    let eve = Life::of(1, 1).named(evil).works("2026-03-09", "<b>Engineer</b>", BOSS);

    world.feed.deliver(&[eve.changed()]).await;
    world.feed.drive().await;

    let mails = world.server().received();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["boss@example.org"]);
    assert!(!mails[0].headers.contains(&"bcc".to_owned()), "{mails:?}");
    assert!(mails[0].subject.contains("Eve  Bcc: all@example.org"), "{mails:?}");
    assert!(!mails[0].html.contains("<script>") && !mails[0].html.contains("<b>"), "{mails:?}");
}
