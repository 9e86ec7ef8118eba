//! What becomes of `PersonUpdated`.

use bus::Outcome;
use proto::common::v1::{Lane, Version};
use tonic::Code;

use crate::fixture::{Fixture, Hire, lines};

#[tokio::test]
async fn a_person_who_comes_before_any_release_waits_and_is_evaluated_on_activation() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.drive().await;

    assert!(service.changed().await.is_empty());
    let refused = service.desired(&ada.id()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(refused.message().contains("no release is active"), "{refused}");
    assert_eq!(service.progress().await.people, 1);
    assert_eq!(service.progress().await.evaluated, 0);

    service.apply(crate::fixture::DOCUMENTS).await.unwrap();
    service.feed.drive().await;

    assert_eq!(lines(&service.changed().await), ["1.1 regular [all-staff police] [active]"]);
    let (access, boundary) = service.desired(&ada.id()).await.unwrap();
    assert_eq!(service.changed().await, std::slice::from_ref(&access));
    assert_eq!(boundary, None);
    assert_eq!(access.release, 1);
    assert_eq!(access.person_version, Some(Version { epoch: 1, counter: 1 }));
    assert_eq!(access.person_recorded_at, ada.event().recorded_at);
    let progress = service.progress().await;
    assert_eq!((progress.release, progress.people, progress.evaluated), (1, 1, 1));
}

#[tokio::test]
async fn a_newer_timeline_is_announced_whether_or_not_it_changes_access() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.clone().version(2).event()]).await;
    service.feed.deliver(&[ada.clone().version(3).agency("Fire").event()]).await;

    assert_eq!(
        lines(&service.changed().await),
        ["1.1 regular [all-staff police] [active]", "1.2 regular [all-staff] [active]"]
    );
    let confirmed = service.confirmed().await;
    assert_eq!(confirmed.len(), 1);
    assert_eq!(confirmed[0].version, Some(Version { epoch: 1, counter: 1 }));
    assert_eq!(confirmed[0].person_version, Some(Version { epoch: 1, counter: 2 }));
}

#[tokio::test]
async fn a_leaver_is_urgent_and_so_is_what_an_urgent_event_takes_from_somebody_employed() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let (ada, bob) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06"));

    service.feed.deliver(&[ada.event(), bob.event()]).await;
    service.feed.deliver(&[ada.version(2).leaves("2026-03-19").event()]).await;
    service.feed.deliver(&[bob.clone().version(2).agency("Fire").urgent().event()]).await;

    assert_eq!(
        lines(&service.changed().await)[2..],
        ["1.2 leaver [] [suspended]", "1.2 leaver [all-staff] [active]"]
    );
}

#[tokio::test]
async fn what_is_newer_than_an_urgent_event_is_urgent_until_that_one_must_have_settled() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.clone().version(2).leaves("2026-03-19").event()]).await;

    // Rescinded at once, confirmed, and moved an hour later.
    service.feed.deliver(&[ada.clone().version(3).event()]).await;
    service.feed.deliver(&[ada.clone().version(4).event()]).await;
    service.clock.advance_to("2026-03-20T10:00:00Z".parse().unwrap());
    service.feed.deliver(&[ada.version(5).agency("Fire").event()]).await;

    assert_eq!(
        lines(&service.changed().await)[1..],
        [
            "1.2 leaver [] [suspended]",
            "1.3 leaver [all-staff police] [active]",
            "1.4 regular [all-staff] [active]"
        ]
    );
    let confirmed = service.confirmed().await;
    assert_eq!(confirmed.iter().map(|one| one.lane()).collect::<Vec<_>>(), [Lane::Leaver]);
}

#[tokio::test]
async fn an_equal_version_with_another_content_parks_alone_and_changes_nothing() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06").version(2);
    service.feed.deliver(&[ada.event()]).await;

    let other = service.feed.message(&ada.clone().agency("Fire").event());
    let bob = service.feed.message(&Hire::police(2, "2020-01-06").event());
    let outcomes = service.feed.deliver_messages(&[other, bob]).await;

    assert_eq!(outcomes, [Outcome::Parked, Outcome::Handled]);
    assert_eq!(service.feed.parked().await.len(), 1);
    assert_eq!(service.changed().await.len(), 2);
    let (access, _) = service.desired(&ada.id()).await.unwrap();
    assert_eq!(access.grants.len(), 2);
}

#[tokio::test]
async fn two_contents_of_one_version_in_one_batch_keep_the_first_and_park_the_second() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    let messages = [
        service.feed.message(&ada.event()),
        service.feed.message(&ada.clone().agency("Fire").event()),
        service.feed.message(&ada.event()),
    ];
    let outcomes = service.feed.deliver_messages(&messages).await;

    assert_eq!(outcomes, [Outcome::Handled, Outcome::Parked, Outcome::Handled]);
    assert_eq!(service.changed().await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_parks_alone() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    let mut endless = Hire::police(2, "2020-01-06").event();
    endless.engagements[0].start_date = None;
    let mut unknown = Hire::police(3, "2020-01-06").event();
    unknown.change = 99;
    let messages = [
        service.feed.message(&endless),
        service.feed.message(&ada.event()),
        service.feed.message(&unknown),
    ];
    let outcomes = service.feed.deliver_messages(&messages).await;

    assert_eq!(outcomes, [Outcome::Parked, Outcome::Handled, Outcome::Parked]);
    let mut reasons: Vec<String> =
        service.feed.parked().await.into_iter().map(|parked| parked.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["change is not valid: unknown enum value", "start_date is missing"]);
    assert_eq!(service.changed().await.len(), 1);
}

#[tokio::test]
async fn a_person_nobody_has_heard_of_is_not_found() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;

    let unknown = service.desired(&Hire::police(1, "2020-01-06").id()).await.unwrap_err();
    let nonsense = service.desired("ada").await.unwrap_err();

    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("is known here"), "{unknown}");
    assert_eq!(nonsense.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_operators_end_takes_everything_at_its_instant_and_a_withdrawal_gives_it_back() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;

    let mut ended = ada.clone().version(2).urgent().event();
    let now: domain::Timestamp = "2026-03-20T09:00:00Z".parse().unwrap();
    ended.engagements[0].ends_at = Some(now.into());
    service.feed.deliver(&[ended]).await;
    service.feed.deliver(&[ada.version(3).event()]).await;

    assert_eq!(
        lines(&service.changed().await),
        [
            "1.1 regular [all-staff police] [active]",
            "1.2 leaver [] [suspended]",
            "1.3 leaver [all-staff police] [active]",
        ]
    );
}

#[tokio::test]
async fn a_security_hold_closes_the_account_keeps_what_is_held_and_ends_when_it_is_lifted() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;

    let mut held = ada.clone().version(2).urgent().event();
    let now: domain::Timestamp = "2026-03-20T09:00:00Z".parse().unwrap();
    held.held_since = Some(now.into());
    service.feed.deliver(&[held]).await;
    service.feed.deliver(&[ada.version(3).event()]).await;

    assert_eq!(
        lines(&service.changed().await),
        [
            "1.1 regular [all-staff police] [active]",
            "1.2 leaver [all-staff police] [suspended]",
            "1.3 leaver [all-staff police] [active]",
        ]
    );
}
