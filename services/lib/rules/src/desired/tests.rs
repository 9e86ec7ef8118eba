//! The lifecycle rules, each as a sentence.

use domain::{Attributes, Date, EngagementId, PersonId, Value};

use super::*;
use crate::document::load;
use crate::reference::Reference;
use crate::timeline::{Engagement, Slice};

mod boundaries;
mod bridges;
mod kin;
pub(crate) mod schedules;

#[test]
fn lead_gives_grants_days_before_and_nothing_usable_before_the_day() {
    let ada = hired("2026-03-10", None, &[("2026-03-10", None, police("Officer"))]);

    let early = at(&ada, "2026-03-04 23:59");
    let led = at(&ada, "2026-03-05 00:00");
    let eve = at(&ada, "2026-03-09 23:59");
    let day = at(&ada, "2026-03-10 00:00");

    assert_eq!(early.access, Access::default());
    assert_eq!(held(&led), ["directory/police", "records/case-files-read"]);
    assert_eq!(states(&led), "directory suspended, records suspended");
    assert_eq!(states(&eve), "directory suspended, records suspended");
    assert_eq!(held(&day), ["directory/all-staff", "directory/police", "records/case-files-read"]);
    assert_eq!(states(&day), "directory active, records active");
}

#[test]
fn a_hire_entered_late_gets_the_whole_set_at_once() {
    let ada = hired("2026-03-10", None, &[("2026-03-10", None, police("Officer"))]);

    let late = at(&ada, "2026-03-12 09:30");

    assert_eq!(held(&late).len(), 3);
    assert_eq!(late.next_boundary, None);
}

#[test]
fn a_mover_keeps_what_both_roles_hold_without_a_blink() {
    let ada = hired(
        "2020-01-01",
        None,
        &[
            ("2020-01-01", Some("2026-11-01"), police("Officer")),
            ("2026-11-01", None, fire("Driver")),
        ],
    );

    // In Havana 00:00 of this day comes twice.
    for zone in ["America/New_York", "America/Havana"] {
        let ada = Timeline { zone: Some(zone.to_owned()), ..ada.clone() };
        let moved = instant_of(&ada, "2026-11-01");
        let before = evaluate(&ada, moved - jiff::SignedDuration::from_micros(1));
        let after = evaluate(&ada, moved);

        assert_eq!(
            held(&before),
            ["directory/all-staff", "directory/police", "records/case-files-read"]
        );
        assert_eq!(before.next_boundary, Some(moved));
        assert!(held(&after).contains(&"directory/all-staff".to_owned()), "{zone}");
        assert_eq!(states(&after), "directory active, records active");
    }
}

#[test]
fn a_mover_keeps_the_old_role_for_its_overlap() {
    let ada = hired(
        "2020-01-01",
        None,
        &[
            ("2020-01-01", Some("2026-03-10"), police("Officer")),
            ("2026-03-10", None, fire("Driver")),
        ],
    );

    let last = at(&ada, "2026-03-12 23:59");
    let gone = at(&ada, "2026-03-13 00:00");

    assert!(held(&last).contains(&"records/case-files-read".to_owned()));
    assert_eq!(held(&gone), ["directory/all-staff", "directory/fire"]);
    assert_eq!(states(&gone), "directory active, records suspended");
}

#[test]
fn an_overlap_never_outlives_the_engagement() {
    let ada = hired(
        "2020-01-01",
        Some("2026-03-10"),
        &[
            ("2020-01-01", Some("2026-03-10"), police("Officer")),
            ("2026-03-10", None, fire("Driver")),
        ],
    );

    assert!(held(&at(&ada, "2026-03-10 23:59")).contains(&"directory/police".to_owned()));
    assert!(held(&at(&ada, "2026-03-11 00:00")).is_empty());
}

#[test]
fn a_change_with_no_effect_on_access_changes_nothing_but_the_account() {
    let ada = hired(
        "2020-01-01",
        None,
        &[
            ("2020-01-01", Some("2026-03-10"), police("Officer")),
            ("2026-03-10", None, police("Sergeant")),
        ],
    );

    let before = at(&ada, "2026-03-09 12:00");
    let after = at(&ada, "2026-03-10 12:00");

    assert_eq!(before.access.grants, after.access.grants);
    assert_eq!(before.access.accounts["directory"].attributes["title"], text("Officer"));
    assert_eq!(after.access.accounts["directory"].attributes["title"], text("Sergeant"));
}

#[test]
fn two_engagements_give_their_union_and_the_last_ends_the_login() {
    let mut ada =
        hired("2020-01-01", Some("2026-03-10"), &[("2020-01-01", None, police("Officer"))]);
    engage(&mut ada, 2, "2024-01-01", Some("2026-03-20"), &[("2024-01-01", None, fire("Driver"))]);

    let both = at(&ada, "2026-03-10 12:00");
    let one = at(&ada, "2026-03-11 00:00");
    let none = at(&ada, "2026-03-21 00:00");

    assert_eq!(
        held(&both),
        ["directory/all-staff", "directory/fire", "directory/police", "records/case-files-read"]
    );
    assert_eq!(both.access.reasons("directory", "all-staff").len(), 2);
    assert_eq!(held(&one), ["directory/all-staff", "directory/fire"]);
    assert_eq!(states(&one), "directory active, records suspended");
    assert!(!one.login_ended);
    assert!(held(&none).is_empty());
    assert_eq!(states(&none), "directory suspended, records suspended");
    assert!(none.login_ended);
    assert_eq!(none.next_boundary, None);
}

#[test]
fn access_ends_with_the_last_working_day_in_the_persons_zone() {
    let mut ada =
        hired("2020-01-01", Some("2026-03-10"), &[("2020-01-01", None, police("Officer"))]);

    let ends = |ada: &Timeline| evaluate(ada, "2026-03-01T00:00Z".parse().unwrap()).next_boundary;

    assert_eq!(ends(&ada), Some("2026-03-11T04:00:00Z".parse().unwrap()));
    ada.zone = Some("Asia/Tokyo".to_owned());
    assert_eq!(ends(&ada), Some("2026-03-10T15:00:00Z".parse().unwrap()));
}

#[test]
fn garden_leave_denies_the_login_and_keeps_the_account() {
    let mut ada =
        hired("2020-01-01", Some("2026-03-10"), &[("2020-01-01", None, police("Officer"))]);
    ada.engagements[0].termination_date = Some(date("2026-06-30"));

    let leave = at(&ada, "2026-04-01 12:00");

    assert!(leave.login_ended);
    assert!(leave.access.grants.is_empty());
    assert_eq!(states(&leave), "directory suspended, records suspended");
    assert_eq!(leave.access.accounts["directory"].attributes["title"], text("Officer"));
}

#[test]
fn a_security_hold_denies_every_login_and_takes_nothing_away() {
    let mut ada = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);
    let free = at(&ada, "2026-04-01 12:00");
    ada.held_since = Some("2026-03-31T22:15:00Z".parse().unwrap());

    let before = at(&ada, "2026-03-31 12:00");
    let on_hold = at(&ada, "2026-04-01 12:00");

    assert_eq!((states(&before), before.next_boundary), (states(&free), ada.held_since));
    assert_eq!(states(&on_hold), "directory suspended, records suspended");
    assert_eq!(on_hold.access.grants, free.access.grants);
    assert!(on_hold.login_ended && !free.login_ended);
}

#[test]
fn a_contract_that_ends_without_a_last_working_day_ends_access() {
    let mut ada = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);
    ada.engagements[0].termination_date = Some(date("2026-06-30"));

    assert!(!at(&ada, "2026-06-30 23:59").login_ended);
    assert!(at(&ada, "2026-07-01 00:00").login_ended);
}

#[test]
fn a_hire_that_is_rescinded_takes_back_what_was_given_early() {
    let ada = hired("2026-03-10", Some("2026-03-06"), &[("2026-03-10", None, police("Officer"))]);

    assert_eq!(states(&at(&ada, "2026-03-06 12:00")), "directory suspended, records suspended");
    let rescinded = at(&ada, "2026-03-10 12:00");

    assert!(rescinded.access.grants.is_empty());
    assert_eq!(states(&rescinded), "directory suspended, records suspended");
    assert!(rescinded.login_ended);
}

#[test]
fn a_rehire_keeps_the_account_closed_until_the_new_first_day() {
    let mut ada = hired("2020-01-01", Some("2025-06-30"), &[("2020-01-01", None, fire("Driver"))]);
    engage(&mut ada, 2, "2026-03-10", None, &[("2026-03-10", None, police("Officer"))]);

    let between = at(&ada, "2026-01-01 12:00");
    let led = at(&ada, "2026-03-06 12:00");
    let back = at(&ada, "2026-03-10 12:00");

    assert_eq!(states(&between), "directory suspended");
    assert!(!between.login_ended);
    assert_eq!(states(&led), "directory suspended, records suspended");
    assert_eq!(states(&back), "directory active, records active");
    assert_eq!(back.access.accounts["directory"].attributes["title"], text("Officer"));
}

#[test]
fn an_unknown_attribute_never_grants() {
    let mut unknown = police("Officer");
    unknown.remove("title");
    let ada = hired("2020-01-01", None, &[("2020-01-01", None, unknown)]);

    let evaluation = at(&ada, "2026-03-01 12:00");

    assert_eq!(held(&evaluation), ["directory/all-staff"]);
    assert!(!evaluation.access.accounts["directory"].attributes.contains_key("title"));
    assert_eq!(
        evaluation.access.accounts["directory"].attributes["userName"],
        text("ada.lovelace")
    );
}

#[test]
fn a_condition_that_pauses_makes_two_runs() {
    let ada = hired(
        "2020-01-01",
        None,
        &[
            ("2020-01-01", Some("2026-03-10"), police("Officer")),
            ("2026-03-10", Some("2026-03-13"), fire("Driver")),
            ("2026-03-13", Some("2026-04-01"), police("Officer")),
            ("2026-04-01", Some("2026-05-01"), fire("Driver")),
            ("2026-05-01", None, police("Officer")),
        ],
    );

    // The overlap of three days bridges the pause of three, and not the one of a month.
    let reasons = at(&ada, "2026-03-11 12:00").access.reasons("directory", "police").to_vec();
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0].until, Some(instant_of(&ada, "2026-04-04")));
    assert!(at(&ada, "2026-04-15 12:00").access.reasons("directory", "police").is_empty());
    // A lead belongs to the first day of an engagement, not to a move.
    assert!(at(&ada, "2026-04-30 12:00").access.reasons("directory", "police").is_empty());
    assert!(!at(&ada, "2026-05-01 12:00").access.reasons("directory", "police").is_empty());
}

#[test]
fn references_name_the_manager_whom_the_slice_in_force_names() {
    let mut ada = hired(
        "2020-01-01",
        None,
        &[
            ("2020-01-01", Some("2026-03-10"), police("Officer")),
            ("2026-03-10", None, police("Officer")),
        ],
    );
    let boss: PersonId = "018f0000-0000-7000-8000-00000000000b".parse().unwrap();
    ada.slices[1].manager = Some(boss);
    let text = crate::release::tests::DOCUMENTS.replace(
        "attributes: {displayName: person.display_name, title: person.title}",
        "attributes: {email: accounts.records.login, manager: manager.accounts.directory.id}",
    );
    let release = Release::compile(1, load("city.yaml", &text).unwrap()).unwrap();
    let references = |day: &str| {
        let evaluation = desired(&ada, &release, &zone(), instant_of(&ada, day));
        let account = evaluation.access.accounts["directory"].clone();
        assert_eq!(account.attributes.keys().collect::<Vec<_>>(), ["userName"]);
        account.references
    };
    let reference = |person, application: &str, attribute: &str| Reference {
        person,
        application: application.to_owned(),
        attribute: attribute.to_owned(),
    };

    let email = ("email".to_owned(), reference(None, "records", "login"));
    let manager = ("manager".to_owned(), reference(Some(boss), "directory", "id"));
    assert_eq!(references("2026-03-09"), [email.clone()].into());
    assert_eq!(references("2026-03-10"), [email, manager].into());
}

#[test]
fn nobody_is_given_anything_without_an_engagement() {
    let evaluation = at(&Timeline::default(), "2026-03-01 12:00");

    assert_eq!(evaluation.access, Access::default());
    assert_eq!(evaluation.next_boundary, None);
    assert!(evaluation.login_ended);
}

#[test]
fn equal_access_has_one_text_and_survives_it() {
    let ada = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);
    let evaluation = at(&ada, "2026-03-01 12:00");

    let json = serde_json::to_string(&evaluation).unwrap();
    let back: Evaluation = serde_json::from_str(&json).unwrap();

    assert_eq!(back, evaluation);
    assert_eq!(back.access.canonical(), evaluation.access.canonical());
    assert_ne!(evaluation.access.digest(), Access::default().digest());
    let timeline: Timeline = serde_json::from_str(&serde_json::to_string(&ada).unwrap()).unwrap();
    assert_eq!(timeline, ada);
}

fn release() -> Release {
    release_with("")
}

/// The release with further documents.
fn release_with(documents: &str) -> Release {
    let fire = "\
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: fire-core}
spec:
  entitlements: [{application: directory, entitlement: fire}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: fire-birthright}
spec:
  condition: person.agency == \"Fire\"
  grants: [{bundle: fire-core}]
";
    let text = crate::release::tests::DOCUMENTS
        .replace("    - {name: police}", "    - {name: police}\n    - {name: fire}");
    Release::compile(1, load("city.yaml", &format!("{text}{fire}---\n{documents}")).unwrap())
        .unwrap()
}

fn zone() -> TimeZone {
    TimeZone::get("America/New_York").unwrap()
}

fn evaluate(timeline: &Timeline, now: Timestamp) -> Evaluation {
    desired(timeline, &release(), &zone(), now)
}

/// Evaluates at a local time in New York.
fn at(timeline: &Timeline, local: &str) -> Evaluation {
    let local: jiff::civil::DateTime = local.parse().unwrap();
    evaluate(timeline, local.to_zoned(zone()).unwrap().timestamp())
}

fn instant_of(timeline: &Timeline, day: &str) -> Timestamp {
    let zone = timeline.zone_or(&zone());
    domain::time::instant(date(day), domain::time::CutOff::StartOfDay, &zone)
}

fn held(evaluation: &Evaluation) -> Vec<String> {
    let grants = evaluation.access.grants.iter();
    grants.map(|grant| format!("{}/{}", grant.application, grant.entitlement)).collect()
}

fn states(evaluation: &Evaluation) -> String {
    let accounts = evaluation.access.accounts.iter();
    let states: Vec<_> =
        accounts.map(|(application, account)| format!("{application} {}", account.state)).collect();
    states.join(", ")
}

#[test]
fn an_operators_end_counts_from_its_instant_whatever_the_dates_say() {
    let mut ada = hired(
        "2020-01-01",
        Some("2026-12-31"),
        &[
            ("2020-01-01", Some("2026-11-01"), police("Officer")),
            ("2026-11-01", None, fire("Driver")),
        ],
    );
    let end = instant_of(&ada, "2026-03-10") + jiff::SignedDuration::from_hours(9);
    ada.engagements[0].ends_at = Some(end);

    let before = evaluate(&ada, end - jiff::SignedDuration::from_micros(1));
    let after = evaluate(&ada, end);

    assert_eq!(states(&before), "directory active, records active");
    assert_eq!(before.next_boundary, Some(end));
    assert_eq!(held(&after), [""; 0]);
    assert_eq!(states(&after), "directory suspended, records suspended");
    assert_eq!((after.login_ended, after.next_boundary), (true, None));
}

#[test]
fn an_operators_end_after_the_last_working_day_changes_nothing() {
    let slices = [("2020-01-01", None, police("Officer"))];
    let ada = hired("2020-01-01", Some("2026-03-09"), &slices);
    let mut ended = ada.clone();
    ended.engagements[0].ends_at = Some(instant_of(&ada, "2026-03-12"));

    let last = instant_of(&ada, "2026-03-10");

    assert_eq!(evaluate(&ended, last), evaluate(&ada, last));
}

#[test]
fn a_hire_who_is_ended_before_the_first_day_never_begins() {
    let slices = [("2026-03-10", None, police("Officer"))];
    let mut ada = hired("2026-03-10", None, &slices);
    ada.engagements[0].ends_at = Some(instant_of(&ada, "2026-03-07"));

    let led = at(&ada, "2026-03-06 00:00");
    let ended = at(&ada, "2026-03-07 00:00");
    let day = at(&ada, "2026-03-10 00:00");

    assert_eq!(held(&led), ["directory/police", "records/case-files-read"]);
    assert_eq!(held(&ended), [""; 0]);
    assert_eq!(held(&day), [""; 0]);
    assert_eq!(states(&day), "directory suspended, records suspended");
}

fn hired(start: &str, last: Option<&str>, slices: &[(&str, Option<&str>, Attributes)]) -> Timeline {
    let mut timeline = Timeline::default();
    engage(&mut timeline, 1, start, last, slices);
    timeline
}

fn engage(
    timeline: &mut Timeline,
    number: u32,
    start: &str,
    last: Option<&str>,
    slices: &[(&str, Option<&str>, Attributes)],
) {
    let id = engagement(number);
    timeline.engagements.push(Engagement {
        id,
        start: date(start),
        last_working_day: last.map(date),
        termination_date: None,
        ends_at: None,
        quiet_through: None,
    });
    timeline.slices.extend(slices.iter().map(|(from, until, attributes)| Slice {
        engagement: id,
        from: date(from),
        until: until.map(date),
        attributes: attributes.clone(),
        manager: None,
    }));
}

fn engagement(number: u32) -> EngagementId {
    format!("00000000-0000-0000-0000-{number:012}").parse().unwrap()
}

fn police(title: &str) -> Attributes {
    person("Police", title)
}

fn fire(title: &str) -> Attributes {
    person("Fire", title)
}

fn person(agency: &str, title: &str) -> Attributes {
    [("agency", agency), ("title", title), ("display_name", "Ada Lovelace")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}
