//! Time: what happens when a boundary is reached, on time, late, or not at all any more.

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

/// Lane and instant of every timer.
async fn timers(service: &Fixture) -> Vec<(i16, String)> {
    let rows: Vec<(i16, store::SqlTimestamp)> =
        sqlx::query_as("SELECT lane, due_at FROM timers ORDER BY due_at")
            .fetch_all(service.feed.store().pool())
            .await
            .unwrap();
    rows.into_iter().map(|(lane, due_at)| (lane, due_at.to_jiff().to_string())).collect()
}
