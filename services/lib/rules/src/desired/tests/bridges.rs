//! Engagements that follow each other within days.

use super::*;

/// A contract that ends with a day, and an employment from another on.
fn contract_then_employment(last: &str, start: &str) -> Timeline {
    let mut ada = hired("2020-01-01", Some(last), &[("2020-01-01", None, police("Officer"))]);
    engage(&mut ada, 2, start, None, &[(start, None, fire("Driver"))]);
    ada
}

#[test]
fn a_start_within_three_days_of_the_end_leaves_no_gap_in_the_login() {
    // From a Friday to the Monday after it.
    let ada = contract_then_employment("2026-03-06", "2026-03-09");

    let friday = at(&ada, "2026-03-06 12:00");
    let sunday = at(&ada, "2026-03-08 23:59");
    let monday = at(&ada, "2026-03-09 00:00");

    assert_eq!(states(&sunday), "directory active, records active");
    assert_eq!(held(&sunday), held(&friday));
    assert!(!sunday.login_ended);
    assert_eq!(friday.next_boundary, Some(instant_of(&ada, "2026-03-09")));
    // What only contractors hold goes with the instant at which what employees hold has come.
    assert_eq!(held(&monday), ["directory/all-staff", "directory/fire"]);
    assert_eq!(states(&monday), "directory active, records suspended");
}

#[test]
fn a_start_later_than_that_closes_the_login_in_between() {
    let ada = contract_then_employment("2026-03-06", "2026-03-10");

    let between = at(&ada, "2026-03-07 00:00");

    assert_eq!(states(&between), "directory suspended, records suspended");
    assert!(!held(&between).contains(&"directory/police".to_owned()));
}

#[test]
fn the_hour_between_two_midnights_of_one_day_is_bridged_as_well() {
    // In Havana 00:00 of this day comes twice.
    let mut ada = contract_then_employment("2026-10-31", "2026-11-01");
    ada.zone = Some("America/Havana".to_owned());
    let starts = instant_of(&ada, "2026-11-01");

    let before = evaluate(&ada, starts - jiff::SignedDuration::from_mins(30));

    assert_eq!(states(&before), "directory active, records active");
    assert_eq!(before.next_boundary, Some(starts));
}

#[test]
fn who_was_ended_by_an_operator_is_not_let_in_until_the_next_start() {
    let mut ada = contract_then_employment("2026-03-06", "2026-03-09");
    ada.engagements[0].ends_at = Some(instant_of(&ada, "2026-03-06"));

    assert_eq!(states(&at(&ada, "2026-03-06 12:00")), "directory suspended, records suspended");
    assert_eq!(states(&at(&ada, "2026-03-09 00:00")), "directory active, records suspended");
}

#[test]
fn a_hire_who_never_begins_bridges_nothing() {
    let mut ada = contract_then_employment("2026-03-06", "2026-03-09");
    ada.engagements[1].last_working_day = Some(date("2026-03-05"));

    let after = at(&ada, "2026-03-07 00:00");

    assert!(held(&after).is_empty());
    assert!(after.login_ended);
}

#[test]
fn a_plan_says_how_many_days_are_bridged() {
    let ada = contract_then_employment("2026-03-06", "2026-03-09");
    let in_between = |bridge: &str| {
        let plan = format!(
            "apiVersion: tenure.dev/v1\nkind: LifecyclePlan\nmetadata: {{name: bridges}}\n\
             spec: {{condition: \"true\", bridge: {bridge}}}\n"
        );
        let evaluation =
            desired(&ada, &release_with(&plan), &zone(), instant_of(&ada, "2026-03-07"));
        states(&evaluation)
    };

    assert_eq!(in_between("P0D"), "directory suspended, records suspended");
    assert_eq!(in_between("P2D"), "directory suspended, records suspended");
    assert_eq!(in_between("P3D"), "directory active, records active");
}
