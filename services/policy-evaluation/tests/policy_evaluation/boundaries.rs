//! Time: what happens when a boundary is reached, on time, late, or not at all any more.

use domain::Date;
use proto::hris::v1::{PersonUpdated, Slice};

use crate::fixture::{Fixture, Hire, lines};

#[tokio::test]
async fn lead_first_day_and_last_working_day_come_by_themselves_the_leaver_urgently() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-10").leaves("2026-06-30");

    service.feed.deliver(&[ada.event()]).await;
    service.advance_to("2026-03-05T04:59:59Z").await;
    assert_eq!(lines(&service.changed().await), ["1.1 regular [] []"]);

    service.advance_to("2026-03-05T05:00:00Z").await;
    assert_eq!(lines(&service.changed().await)[1..], ["1.2 regular [police] [suspended]"]);

    service.advance_to("2026-03-10T04:00:00Z").await;
    assert_eq!(lines(&service.changed().await)[2..], ["1.3 regular [all-staff police] [active]"]);
    let (_, boundary) = service.desired(&ada.id()).await.unwrap();
    assert_eq!(boundary, Some("2026-07-01T04:00:00Z".parse().unwrap()));
    assert_eq!(timers(&service).await, [(0, "2026-07-01T04:00:00Z".to_owned())]);

    service.advance_to("2026-07-01T03:59:59Z").await;
    assert_eq!(service.changed().await.len(), 3);

    service.advance_to("2026-07-01T04:00:00Z").await;
    assert_eq!(lines(&service.changed().await)[3..], ["1.4 leaver [] [suspended]"]);
    let (_, boundary) = service.desired(&ada.id()).await.unwrap();
    assert_eq!(boundary, None);
    assert!(timers(&service).await.is_empty());
    assert!(service.confirmed().await.is_empty());
}

#[tokio::test]
async fn late_timers_run_at_once_and_end_where_they_would_have_ended() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-10").leaves("2026-06-30");
    let bob = Hire::police(2, "2026-03-10");

    service.feed.deliver(&[ada.event(), bob.event()]).await;
    service.advance_to("2026-12-01T00:00:00Z").await;

    let mut late = lines(&service.changed().await)[2..].to_vec();
    late.sort();
    assert_eq!(late, ["1.2 leaver [] [suspended]", "1.2 regular [all-staff police] [active]"]);
    assert!(timers(&service).await.is_empty());
}

#[tokio::test]
async fn a_termination_that_was_moved_happens_on_the_later_day_alone() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06").leaves("2026-03-10");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.clone().version(2).leaves("2026-03-20").event()]).await;
    service.advance_to("2026-03-20T12:00:00Z").await;
    let before = lines(&service.changed().await);
    service.advance_to("2026-03-21T04:00:00Z").await;

    assert!(before.iter().all(|line| line.contains("[all-staff police] [active]")), "{before:?}");
    assert_eq!(
        lines(&service.changed().await).last().unwrap(),
        &format!("1.{} leaver [] [suspended]", before.len() + 1)
    );
}

#[tokio::test]
async fn a_termination_that_was_rescinded_leaves_no_timer() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.clone().leaves("2026-03-10").event()]).await;
    assert_eq!(timers(&service).await.len(), 1);
    service.feed.deliver(&[ada.version(2).event()]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    assert!(timers(&service).await.is_empty());
    assert!(lines(&service.changed().await).last().unwrap().contains("[active]"));
}

#[tokio::test]
async fn a_boundary_that_changes_nothing_is_no_news() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    service
        .apply(&crate::fixture::DOCUMENTS.replace("\"true\"", "person.agency == \"Nobody\""))
        .await
        .unwrap();

    service.feed.deliver(&[Hire::police(1, "2026-03-10").agency("Fire").event()]).await;
    assert_eq!(timers(&service).await.len(), 1);
    service.advance_to("2026-03-11T00:00:00Z").await;

    assert_eq!(lines(&service.changed().await), ["1.1 regular [] []"]);
    assert!(service.confirmed().await.is_empty());
    assert!(timers(&service).await.is_empty());
}

#[tokio::test]
async fn a_hire_that_is_rescinded_before_its_lead_gets_nothing_and_leaves_no_timer() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-10");

    service.feed.deliver(&[ada.event()]).await;
    assert_eq!(timers(&service).await.len(), 1);
    service.feed.deliver(&[ada.version(2).leaves("2026-03-01").urgent().event()]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    assert!(timers(&service).await.is_empty());
    for access in service.changed().await {
        assert!(access.grants.is_empty(), "{access:?}");
        assert!(!lines(&[access])[0].contains("[active]"));
    }
}

#[tokio::test]
async fn a_hire_that_is_rescinded_after_its_lead_loses_what_was_given_early() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-10");

    service.feed.deliver(&[ada.event()]).await;
    service.advance_to("2026-03-06T09:00:00Z").await;
    service.feed.deliver(&[ada.version(2).leaves("2026-03-05").urgent().event()]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    assert_eq!(
        lines(&service.changed().await)[1..],
        ["1.2 regular [police] [suspended]", "1.3 leaver [] [suspended]"]
    );
    assert!(timers(&service).await.is_empty());
}

#[tokio::test]
async fn a_termination_that_is_rescinded_after_it_happened_gives_what_todays_policies_give() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.clone().leaves("2026-03-10").event()]).await;
    service.advance_to("2026-03-11T04:00:00Z").await;
    let documents = crate::fixture::DOCUMENTS.replace("== \"Police\"", "== \"Nobody\"");
    service.apply(&documents).await.unwrap();
    service.advance_to("2026-03-20T09:00:00Z").await;
    service.feed.deliver(&[ada.version(2).event()]).await;

    assert_eq!(
        lines(&service.changed().await)[1..],
        ["1.2 leaver [] [suspended]", "1.3 leaver [all-staff] [active]"]
    );
}

#[tokio::test]
async fn a_leaver_of_five_days_ago_loses_everything_at_once() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.version(2).leaves("2026-03-15").urgent().event()]).await;

    assert_eq!(lines(&service.changed().await)[1..], ["1.2 leaver [] [suspended]"]);
    let ended = service.told().await.pop().unwrap().engagements[0].ends_at;
    let last: domain::Timestamp = "2026-03-16T04:00:00Z".parse().unwrap();
    assert_eq!(ended, Some(last.into()));
    assert!(timers(&service).await.is_empty());
}

/// A contract and an employment of one person.
fn contract_then_employment(until: &'static str, from: &'static str) -> PersonUpdated {
    let mut event = Hire::police(1, "2020-01-06").leaves(until).event();
    let employed = Hire { number: 2, ..Hire::police(1, from).agency("Fire") }.event();
    event.engagements.extend(employed.engagements);
    event.slices.extend(employed.slices);
    event
}

#[tokio::test]
async fn a_contractor_who_is_employed_the_day_after_keeps_the_login_without_a_gap() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;

    service.feed.deliver(&[contract_then_employment("2026-03-09", "2026-03-10")]).await;
    service.advance_to("2026-03-10T03:59:59Z").await;
    assert_eq!(lines(&service.changed().await), ["1.1 regular [all-staff police] [active]"]);
    service.advance_to("2026-03-10T04:00:00Z").await;

    assert_eq!(lines(&service.changed().await)[1..], ["1.2 leaver [all-staff] [active]"]);
}

#[tokio::test]
async fn of_two_engagements_the_one_that_ends_takes_only_what_it_alone_gave() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;

    service.feed.deliver(&[contract_then_employment("2026-03-09", "2024-01-08")]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    assert_eq!(
        lines(&service.changed().await),
        ["1.1 regular [all-staff police] [active]", "1.2 leaver [all-staff] [active]"]
    );
}

#[tokio::test]
async fn a_correction_of_days_past_replays_nothing() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;

    // As is known today, there was a week elsewhere.
    let mut corrected = ada.clone().version(2).event();
    let away = ada.agency("Fire").event().slices.remove(0);
    let days = ["2026-03-02", "2026-03-09"].map(|day| Some(day.parse::<Date>().unwrap().into()));
    let back = corrected.slices[0].clone();
    corrected.slices[0].until = days[0];
    corrected.slices.push(Slice { from: days[0], until: days[1], ..away });
    corrected.slices.push(Slice { from: days[1], ..back });
    service.feed.deliver(&[corrected]).await;

    // The reason begins on another day; what is held is the same.
    assert_eq!(
        lines(&service.changed().await),
        ["1.1 regular [all-staff police] [active]", "1.2 regular [all-staff police] [active]"]
    );
    assert!(timers(&service).await.is_empty());
}

/// Lane and instant of every timer.
async fn timers(service: &Fixture) -> Vec<(i16, String)> {
    let rows: Vec<(i16, store::SqlTimestamp)> =
        sqlx::query_as("SELECT lane, due_at FROM timers ORDER BY due_at")
            .fetch_all(service.feed.store().pool())
            .await
            .unwrap();
    rows.into_iter().map(|(lane, due_at)| (lane, due_at.to_jiff().to_string())).collect()
}
