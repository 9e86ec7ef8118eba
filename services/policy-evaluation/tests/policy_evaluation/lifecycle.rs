//! What people are told of a person: announced when it differs, and only then.

use proto::common::v1::{CivilDate, Lane, Version};
use proto::policy::v1::LifecycleChanged;

use crate::fixture::{DOCUMENTS, Fixture, Hire, id};

#[tokio::test]
async fn a_hire_is_announced_with_the_instants_of_the_persons_zone() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2026-03-09").mail("ada@city.example").reports_to(2);

    service.feed.deliver(&[ada.event()]).await;

    let told = service.told().await.remove(0);
    assert_eq!(
        (told.display_name.as_str(), told.mail.as_str()),
        ("Ada Lovelace", "ada@city.example")
    );
    assert_eq!(told.zone, "America/New_York");
    assert_eq!(told.version, Some(Version { epoch: 1, counter: 1 }));
    assert_eq!((told.person_version, told.lane()), (ada.event().version, Lane::Regular));
    let standing = &told.engagements[0];
    assert_eq!(standing.start_date, Some(CivilDate { year: 2026, month: 3, day: 9 }));
    assert_eq!(at(standing.starts_at), "2026-03-09T04:00:00Z");
    assert_eq!((standing.last_working_day, standing.ends_at), (None, None));
    let position = &standing.positions[0];
    assert_eq!((position.department.as_str(), position.title.as_str()), ("Police", ""));
    assert_eq!(
        (position.manager_person_id.clone(), at(position.from_at)),
        (id(2), at(standing.starts_at))
    );
}

#[tokio::test]
async fn only_what_differs_from_what_was_told_is_told_again() {
    let service = Fixture::with_release("2026-03-02T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.clone().version(2).event()]).await;
    service.apply(&DOCUMENTS.replace("lead: P5D", "lead: P6D")).await.unwrap();
    service.feed.drive().await;
    service.feed.deliver(&[ada.clone().version(3).reports_to(9).event()]).await;
    service.feed.deliver(&[ada.version(4).reports_to(9).leaves("2026-03-20").event()]).await;
    service.advance_to("2026-04-01T00:00:00Z").await;

    let told = service.told().await;
    let versions: Vec<_> = told.iter().map(|told| told.person_version.unwrap().counter).collect();
    assert_eq!(versions, [1, 3, 4]);
    assert_eq!(told[1].version, Some(Version { epoch: 1, counter: 2 }));
    assert_eq!(at(told[2].engagements[0].ends_at), "2026-03-21T04:00:00Z");
}

#[tokio::test]
async fn a_leaver_is_announced_in_the_leaver_lane() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");

    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.version(2).leaves("2026-03-19").event()]).await;

    let lanes: Vec<_> = service.told().await.iter().map(LifecycleChanged::lane).collect();
    assert_eq!(lanes, [Lane::Regular, Lane::Leaver]);
}

#[tokio::test]
async fn a_quiet_first_import_of_people_without_mail_announces_nobody() {
    let service = Fixture::with_release("2026-03-20T09:00:00Z").await;
    let quiet = |number| Hire::police(number, "2020-01-06").quiet_through("2026-03-20");
    let (ada, grace) = (quiet(1), quiet(2).mail("grace@city.example"));

    service.feed.deliver(&[ada.event(), grace.event()]).await;
    service.feed.deliver(&[ada.clone().version(2).agency("Fire").event()]).await;
    let told: Vec<_> = service.told().await.into_iter().map(|told| told.person_id).collect();
    assert_eq!(told, [grace.id()]);

    // Something happens after the day that was quiet; what takes it back is told, too.
    service
        .feed
        .deliver(&[ada.clone().version(3).agency("Fire").leaves("2026-04-01").event()])
        .await;
    service.feed.deliver(&[ada.clone().version(4).agency("Fire").event()]).await;

    let told: Vec<_> = service.told().await.into_iter().map(|told| told.person_id).collect();
    assert_eq!(told, [grace.id(), ada.id(), ada.id()]);
}

#[tokio::test]
async fn nobody_is_told_anything_before_a_release_is_active_and_then_what_holds() {
    let service = Fixture::start("2026-03-20T09:00:00Z").await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;
    service.feed.deliver(&[ada.version(2).agency("Fire").event()]).await;
    assert!(service.told().await.is_empty());

    service.apply(DOCUMENTS).await.unwrap();
    service.feed.drive().await;

    let told = service.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].engagements[0].positions[0].department, "Fire");
}

fn at(instant: Option<proto::common::v1::Instant>) -> String {
    proto::convert::instant("at", instant.as_ref()).unwrap().to_string()
}
