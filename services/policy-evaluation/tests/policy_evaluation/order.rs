//! Whatever the order, the repetition and the lane of messages: where it ends is the same.

use bus::{Message, Outcome};
use proto::common::v1::Lane;

use crate::fixture::{DOCUMENTS, Fixture, Hire};

const NOW: &str = "2026-03-06T09:00:00Z";

/// Histories of people: each version of each person once, in order.
fn histories(first: u32) -> Vec<Hire> {
    let mut events = Vec::new();
    for number in first..first + 4 {
        let ada = Hire::police(number, "2020-01-06");
        events.push(ada.clone());
        events.push(ada.clone().version(2).agency("Fire"));
        events.push(ada.clone().version(3).leaves("2026-03-31"));
    }
    let hired = Hire::police(first + 4, "2026-03-10");
    events.push(hired.clone());
    events.push(hired.version(2).leaves("2026-03-12"));
    let left = Hire::police(first + 5, "2020-01-06");
    events.push(left.clone().leaves("2026-04-30"));
    events.push(left.version(2).leaves("2026-03-05").urgent());
    let moved = Hire::police(first + 6, "2020-01-06").quiet_through("2026-03-01");
    events.push(moved.clone().mail("ada@city.example"));
    events.push(moved.version(2).agency("Fire").mail("ada@city.example").reports_to(7).urgent());
    let rehired = Hire::police(first + 7, "2020-01-06");
    events.push(rehired.clone().leaves("2026-03-01").urgent());
    events.push(rehired.clone().version(2));
    events.push(rehired.version(3).leaves("2026-03-02").urgent());
    events
}

#[tokio::test]
async fn repeated_shuffled_republished_and_in_mixed_lanes_people_end_as_they_do_in_order() {
    let service = Fixture::with_release(NOW).await;
    for hire in histories(0x100) {
        service.feed.deliver(&[hire.event()]).await;
    }
    let expected = state(&service, 0x100).await;

    for seed in 1..=8 {
        let first = 0x1000 * u32::try_from(seed).unwrap();
        let messages = mixed(&service, first);

        service.feed.deliver_shuffled(seed, &messages).await;

        assert_eq!(state(&service, first).await, expected, "seed {seed}");
    }
    assert!(service.feed.parked().await.is_empty());
}

#[tokio::test]
async fn people_who_wait_for_a_release_end_the_same_when_it_comes_in_between() {
    let service = Fixture::start(NOW).await;
    for hire in histories(0x100) {
        service.feed.deliver(&[hire.event()]).await;
    }

    let messages = mixed(&service, 0x1000);
    let (before, after) = messages.split_at(messages.len() / 2);
    service.feed.deliver_shuffled(7, before).await;
    service.apply(DOCUMENTS).await.unwrap();
    service.feed.deliver_shuffled(8, after).await;
    service.feed.drive().await;

    assert_eq!(state(&service, 0x1000).await, state(&service, 0x100).await);
}

#[tokio::test]
async fn replicas_that_are_handed_the_same_people_at_once_agree() {
    let service = Fixture::with_release(NOW).await;
    for hire in histories(0x100) {
        service.feed.deliver(&[hire.event()]).await;
    }
    let expected = state(&service, 0x100).await;

    for seed in 1..=6 {
        let first = 0x1000 * u32::try_from(seed).unwrap();
        let messages = mixed(&service, first);
        let (urgent, regular): (Vec<Message>, Vec<Message>) =
            messages.into_iter().partition(|message| message.subject.contains(".leaver."));

        tokio::join!(
            service.feed.deliver_shuffled(seed, &urgent),
            service.replica.deliver_shuffled(seed, &regular),
        );

        assert_eq!(state(&service, first).await, expected, "seed {seed}");
    }
    assert!(service.feed.parked().await.is_empty());
}

#[tokio::test]
async fn what_is_announced_last_of_a_person_is_what_is_stored() {
    let service = Fixture::with_release(NOW).await;
    let messages = mixed(&service, 0x1000);

    service.feed.deliver_shuffled(11, &messages).await;
    service.advance_to("2026-05-01T00:00:00Z").await;

    let announced = service.changed().await;
    for number in 0x1000..0x1008 {
        let id = Hire::police(number, "2020-01-06").id();
        let last = announced.iter().rfind(|event| event.person_id == id).unwrap();
        let (stored, _) = service.desired(&id).await.unwrap();
        assert_eq!((&stored.version, &stored.grants), (&last.version, &last.grants), "{id}");
        assert_eq!(stored.accounts, last.accounts, "{id}");
    }
    let mut versions = std::collections::BTreeMap::new();
    for told in service.told().await {
        let version = told.version.unwrap();
        let before = versions.insert(told.person_id, version.counter).unwrap_or_default();
        assert_eq!(version.counter, before + 1, "every announcement is a version of its own");
    }
    assert_eq!(versions.len(), 8);
}

#[tokio::test]
async fn an_older_version_changes_nothing_and_the_same_event_again_is_known() {
    let service = Fixture::with_release(NOW).await;
    let ada = Hire::police(1, "2020-01-06");
    let newest = service.feed.message(&ada.clone().version(2).event());
    service.feed.deliver_messages(std::slice::from_ref(&newest)).await;

    service.feed.deliver(&[ada.agency("Fire").event()]).await;
    let outcomes = service.replica.deliver_messages(&[newest]).await;

    assert_eq!(outcomes, [Outcome::Handled]);
    assert_eq!(service.changed().await.len(), 1);
    assert!(service.confirmed().await.is_empty());
}

/// Every event of the histories in its own lane, in the other lane too, and published again.
fn mixed(service: &Fixture, first: u32) -> Vec<Message> {
    let mut messages = Vec::new();
    for hire in histories(first) {
        let other = match hire.lane {
            Lane::Leaver => Lane::Regular,
            Lane::Regular | Lane::Unspecified => Lane::Leaver,
        };
        messages.push(service.feed.message(&hire.event()));
        messages.push(service.feed.message(&Hire { lane: other, ..hire }.event()));
    }
    let again = service.feed.republished(&messages);
    messages.extend(again);
    messages
}

/// Everything that is stored of the people of one history, except how often access changed.
async fn state(service: &Fixture, first: u32) -> Vec<String> {
    let mut state = Vec::new();
    for number in first..first + 8 {
        let person = Hire::police(number, "2020-01-06");
        let (mut access, boundary) = service.desired(&person.id()).await.unwrap();
        access.person_id = String::new();
        access.version = None;
        for reason in access.grants.iter_mut().flat_map(|grant| &mut grant.reasons) {
            reason.engagement_id = String::new();
        }
        let timer: Option<(i16, store::SqlTimestamp)> =
            sqlx::query_as("SELECT lane, due_at FROM timers WHERE key = $1::uuid")
                .bind(person.id().parse::<uuid::Uuid>().unwrap())
                .fetch_optional(service.feed.store().pool())
                .await
                .unwrap();
        let timer = timer.map(|(lane, due_at)| (lane, due_at.to_jiff()));
        let told = service.told().await;
        let mut told = told.into_iter().rfind(|event| event.person_id == person.id());
        if let Some(told) = &mut told {
            told.person_id = String::new();
            (told.version, told.person_version, told.evaluated_at) = (None, None, None);
            told.lane = Lane::Unspecified.into();
            for engagement in &mut told.engagements {
                engagement.engagement_id = String::new();
            }
        }
        state.push(format!("{access:?} {boundary:?} {timer:?} {told:?}"));
    }
    state
}
