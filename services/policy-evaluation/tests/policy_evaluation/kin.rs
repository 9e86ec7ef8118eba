//! People who are one, and people who are so no more: what is announced of them.

use proto::common::v1::{Kin, Lane};
use proto::hris::v1::PersonUpdated;
use proto::policy::v1::{DesiredAccessChanged, LifecycleChanged};

use crate::fixture::{Fixture, Hire, id, line, lines};

const NOW: &str = "2026-03-20T09:00:00Z";

#[tokio::test]
async fn two_people_who_are_merged_are_announced_as_one_in_the_regular_lane() {
    let service = Fixture::with_release(NOW).await;
    let (ada, augusta) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06"));
    service.feed.deliver(&[ada.event(), augusta.clone().agency("Fire").event()]).await;

    service.feed.deliver(&[survivor(&ada, &augusta), retired(&augusta)]).await;

    assert_eq!(last_line(&service, 1).await, "1.2 regular [all-staff police] [active]");
    assert_eq!(last_line(&service, 2).await, "1.2 regular [] []");
    assert_eq!(last(&service, 1).await.kin, Some(merged(2)));
    assert_eq!(last(&service, 2).await.kin, Some(merged_into(1)));
    let (told, gone) = (told(&service, 1).await, told(&service, 2).await);
    assert_eq!((told.kin.clone(), told.engagements.len()), (Some(merged(2)), 2));
    assert_eq!((gone.kin.clone(), gone.engagements.len()), (Some(merged_into(1)), 0));
    assert_eq!((told.lane(), gone.lane()), (Lane::Regular, Lane::Regular));
}

#[tokio::test]
async fn kin_alone_is_news_and_the_same_kin_again_is_none() {
    let service = Fixture::with_release(NOW).await;
    let ada = Hire::police(1, "2020-01-06");
    service.feed.deliver(&[ada.event()]).await;

    let known_as =
        |version| PersonUpdated { kin: Some(merged(2)), ..ada.clone().version(version).event() };
    service.feed.deliver(&[known_as(2)]).await;
    service.feed.deliver(&[known_as(3)]).await;

    assert_eq!(
        lines(&service.changed().await),
        ["1.1 regular [all-staff police] [active]", "1.2 regular [all-staff police] [active]"]
    );
    assert_eq!(service.confirmed().await.len(), 1);
    assert_eq!(service.told().await.len(), 2);
    let (asked, _) = service.desired(&ada.id()).await.unwrap();
    assert_eq!(asked.kin, Some(merged(2)));
}

#[tokio::test]
async fn a_split_gives_each_their_own_again() {
    let service = Fixture::with_release(NOW).await;
    let (ada, augusta) = (Hire::police(1, "2020-01-06"), Hire::police(2, "2020-01-06"));
    service.feed.deliver(&[ada.event(), augusta.event()]).await;
    service.feed.deliver(&[survivor(&ada, &augusta), retired(&augusta)]).await;

    let split = |hire: &Hire, from: u32| PersonUpdated {
        kin: Some(Kin { split_person_ids: vec![id(from)], ..Kin::default() }),
        ..hire.clone().version(3).event()
    };
    service.feed.deliver(&[split(&augusta, 1)]).await;
    service.feed.deliver(&[split(&ada, 2)]).await;

    for number in [1, 2] {
        assert_eq!(last_line(&service, number).await, "1.3 regular [all-staff police] [active]");
        assert_eq!(told(&service, number).await.engagements.len(), 1);
        let kin = last(&service, number).await.kin.unwrap();
        assert_eq!(kin.split_person_ids, [id(3 - number)]);
    }
}

#[tokio::test]
async fn what_is_kept_for_want_of_an_answer_is_kept_under_the_survivors_id() {
    let service = Fixture::with_release(NOW).await;
    let (ada, augusta) =
        (Hire::police(1, "2020-01-06").agency("Fire"), Hire::police(2, "2020-01-06"));
    service.feed.deliver(&[ada.event(), augusta.event()]).await;

    let mut both = survivor(&ada, &augusta);
    both.slices[1].attributes.remove("agency");
    service.feed.deliver(&[retired(&augusta), both]).await;

    assert_eq!(last_line(&service, 1).await, "1.2 regular [all-staff police] [active]");
    assert_eq!(last_line(&service, 2).await, "1.2 regular [] []");
}

#[tokio::test]
async fn a_merge_ends_the_same_whichever_of_the_two_comes_first() {
    let service = Fixture::with_release(NOW).await;
    let mut ends = Vec::new();
    for (seed, first) in [(1, 0x10), (2, 0x20), (3, 0x30), (4, 0x40)] {
        let ada = Hire::police(first, "2020-01-06");
        let augusta = Hire::police(first + 1, "2020-01-06").agency("Fire");
        let messages = [
            service.feed.message(&ada.event()),
            service.feed.message(&augusta.event()),
            service.feed.message(&survivor(&ada, &augusta)),
            service.feed.message(&retired(&augusta)),
        ];
        let again = service.feed.republished(&messages);
        service.feed.deliver_shuffled(seed, &[messages.as_slice(), &again].concat()).await;

        let mut end = Vec::new();
        for number in [first, first + 1] {
            let event = last(&service, number).await;
            let line = line(&event);
            let kin = event.kin.unwrap();
            let held = line.split_once(' ').unwrap().1.to_owned();
            end.push((held, kin.merged_into_person_id.is_empty(), kin.merged_person_ids.len()));
        }
        ends.push(end);
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
    assert!(service.feed.parked().await.is_empty());
}

fn merged(number: u32) -> Kin {
    Kin { merged_person_ids: vec![id(number)], ..Kin::default() }
}

fn merged_into(number: u32) -> Kin {
    Kin { merged_into_person_id: id(number), ..Kin::default() }
}

/// The second version of somebody who is somebody else, too, with the engagements of both.
fn survivor(hire: &Hire, other: &Hire) -> PersonUpdated {
    let mut event = hire.clone().version(2).event();
    let other = other.event();
    event.engagements.extend(other.engagements);
    event.slices.extend(other.slices);
    PersonUpdated {
        kin: Some(Kin { merged_person_ids: vec![other.person_id], ..Kin::default() }),
        ..event
    }
}

/// The second version of somebody who is the person with the number before theirs.
fn retired(hire: &Hire) -> PersonUpdated {
    PersonUpdated {
        engagements: Vec::new(),
        slices: Vec::new(),
        kin: Some(merged_into(hire.number - 1)),
        ..hire.clone().version(2).event()
    }
}

async fn last(service: &Fixture, number: u32) -> DesiredAccessChanged {
    let changed = service.changed().await;
    changed.into_iter().rfind(|event| event.person_id == id(number)).unwrap()
}

async fn last_line(service: &Fixture, number: u32) -> String {
    line(&last(service, number).await)
}

async fn told(service: &Fixture, number: u32) -> LifecycleChanged {
    let told = service.told().await;
    told.into_iter().rfind(|event| event.person_id == id(number)).unwrap()
}
