//! A date is not an instant: the zone of the person says when a day begins and when it is over.

use proto::hris::v1::PersonUpdated;

use crate::fixture::{Fixture, Hire, lines};

/// The same person, elsewhere.
fn at(hire: &Hire, zone: &str) -> PersonUpdated {
    PersonUpdated { zone: zone.to_owned(), ..hire.event() }
}

/// Somebody whose policies have no lead, so that the next boundary is the first day.
fn begins(number: u32, starts: &'static str) -> Hire {
    Hire::police(number, starts).agency("Fire")
}

fn leaves(number: u32, last_working_day: &'static str) -> Hire {
    begins(number, "2005-01-03").leaves(last_working_day)
}

/// When access changes next, of each in turn.
async fn boundaries(service: &Fixture, people: &[(Hire, &str)]) -> Vec<String> {
    let mut boundaries = Vec::new();
    for (hire, zone) in people {
        service.feed.deliver(&[at(hire, zone)]).await;
        let (_, boundary) = service.desired(&hire.id()).await.unwrap();
        boundaries.push(boundary.unwrap().to_string());
    }
    boundaries
}

#[tokio::test]
async fn west_and_east_of_the_date_line_a_day_is_over_twenty_five_hours_apart() {
    let service = Fixture::with_release("2026-06-01T00:00:00Z").await;
    let (west, east) = ("Pacific/Kiritimati", "Pacific/Pago_Pago");
    let people = [
        (leaves(1, "2026-06-30"), west),
        (leaves(2, "2026-06-30"), east),
        (begins(3, "2026-06-30"), west),
        (begins(4, "2026-06-30"), east),
    ];

    assert_eq!(
        boundaries(&service, &people).await,
        [
            "2026-06-30T10:00:00Z",
            "2026-07-01T11:00:00Z",
            "2026-06-29T10:00:00Z",
            "2026-06-30T11:00:00Z",
        ]
    );
    service.advance_to("2026-06-30T10:00:00Z").await;
    let (gone, begun): (Vec<_>, Vec<_>) =
        service.changed().await.split_off(4).into_iter().partition(|one| one.grants.is_empty());
    assert_eq!(lines(&gone), ["1.2 leaver [] [suspended]"]);
    assert_eq!(lines(&begun), ["1.2 regular [all-staff] [active]"]);
    assert_eq!((&gone[0].person_id, &begun[0].person_id), (&people[0].0.id(), &people[2].0.id()));
}

#[tokio::test]
async fn a_midnight_in_a_gap_takes_the_first_valid_instant_for_giving_and_taking() {
    let service = Fixture::with_release("2026-03-01T00:00:00Z").await;
    // In Havana 00:00 of 8 March is 01:00.
    let people =
        [(begins(1, "2026-03-08"), "America/Havana"), (leaves(2, "2026-03-07"), "America/Havana")];

    let boundaries = boundaries(&service, &people).await;

    assert_eq!(boundaries, ["2026-03-08T05:00:00Z", "2026-03-08T05:00:00Z"]);
}

#[tokio::test]
async fn a_midnight_that_comes_twice_gives_with_the_later_and_takes_with_the_earlier() {
    let service = Fixture::with_release("2026-10-01T00:00:00Z").await;
    // In Havana 00:00 of 1 November comes twice.
    let people =
        [(begins(1, "2026-11-01"), "America/Havana"), (leaves(2, "2026-10-31"), "America/Havana")];

    let boundaries = boundaries(&service, &people).await;

    assert_eq!(boundaries, ["2026-11-01T05:00:00Z", "2026-11-01T04:00:00Z"]);
}

#[tokio::test]
async fn a_day_that_a_place_left_out_begins_and_ends_at_one_instant() {
    let service = Fixture::with_release("2011-12-01T00:00:00Z").await;
    // Samoa went over the date line from 29 to 31 December 2011.
    let people = [
        (leaves(1, "2011-12-29"), "Pacific/Apia"),
        (begins(2, "2011-12-30"), "Pacific/Apia"),
        (leaves(3, "2011-12-30"), "Pacific/Apia"),
        (begins(4, "2011-12-31"), "Pacific/Apia"),
        (leaves(5, "2011-12-31"), "Pacific/Apia"),
    ];

    let boundaries = boundaries(&service, &people).await;

    assert_eq!(boundaries[..4], ["2011-12-30T10:00:00Z"; 4]);
    assert_eq!(boundaries[4], "2011-12-31T10:00:00Z");
}
