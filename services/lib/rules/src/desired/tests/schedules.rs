//! What a grant's own schedule, a persona's plan and separated duties do.

use super::*;
use crate::access::Conflict;

/// The city, with a policy, a plan and a separation for everything that a schedule may say.
pub(crate) const CITY: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec:
  attributes:
    agency: {type: string}
    department: {type: string, optional: true}
    title: {type: string}
    display_name: {type: string}
    away: {type: boolean, optional: true}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements: [{name: all-staff}, {name: police}, {name: fire}]
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: mail}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements: [{name: mailbox}, {name: archive}]
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: payroll}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements: [{name: payslips}, {name: pay-run}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: staff}
spec:
  entitlements: [{application: directory, entitlement: all-staff}]
  bundles: [post]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: post}
spec: {entitlements: [{application: mail, entitlement: mailbox}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: archive}
spec: {entitlements: [{application: mail, entitlement: archive}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: payslips}
spec: {entitlements: [{application: payroll, entitlement: payslips}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: pay-run}
spec: {entitlements: [{application: payroll, entitlement: pay-run}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police}
spec: {entitlements: [{application: directory, entitlement: police}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: fire}
spec: {entitlements: [{application: directory, entitlement: fire}]}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everybody}
spec:
  condition: "true"
  grants:
    - bundle: staff
      start: {anchor: start_date, offset: -P5D}
    - bundle: archive
      mode: requestable
    - bundle: payslips
      start: {anchor: start_date, offset: P10D}
      end: {anchor: termination_date}
      onLeave: {grace: P30D, action: keep}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police}
spec:
  condition: person.agency == "Police" && person.title != "TRAINEE"
  grants:
    - bundle: police
      overlap: P14D
      onLeave: {grace: P7D}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: fire}
spec:
  condition: person.agency == "Fire"
  onUnknown: deny
  grants: [{bundle: fire, end: {anchor: last_working_day, offset: -P3D}}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: pay-run}
spec:
  condition: person.title == "PAYMASTER"
  observe: {departments: [Harbour]}
  grants: [{bundle: pay-run}]
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: fire-and-police}
spec: {left: {bundle: police}, right: {application: directory, entitlement: fire}, mode: prevent}
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: pay-and-post}
spec: {left: {bundle: pay-run}, right: {bundle: post}, mode: detect}
---
apiVersion: tenure.dev/v1
kind: LifecyclePlan
metadata: {name: everybody}
spec:
  condition: "true"
  joining: {open: [payroll, mail]}
  absence: {condition: person.away, open: [payroll]}
  leaving: {open: [mail], for: P2D}
---
apiVersion: tenure.dev/v1
kind: LifecyclePlan
metadata: {name: trainees}
spec:
  condition: person.title == "TRAINEE"
  priority: 1
"#;

#[test]
fn each_grant_begins_with_its_own_offset() {
    let ada = hired("2026-03-10", None, &[("2026-03-10", None, police("Officer"))]);

    assert_eq!(held(&in_city(&ada, "2026-03-04 23:59")), [""; 0]);
    assert_eq!(held(&in_city(&ada, "2026-03-05 00:00")), ["directory/all-staff", "mail/mailbox"]);
    assert!(held(&in_city(&ada, "2026-03-10 00:00")).contains(&"directory/police".to_owned()));
    assert!(!held(&in_city(&ada, "2026-03-19 23:59")).contains(&"payroll/payslips".to_owned()));
    assert!(held(&in_city(&ada, "2026-03-20 00:00")).contains(&"payroll/payslips".to_owned()));
}

#[test]
fn a_mover_waits_for_days_after_the_first_day_and_not_for_days_before() {
    let slices =
        [("2026-03-10", Some("2026-03-12"), fire("Driver")), ("2026-03-12", None, police("Cook"))];
    let ada = hired("2026-03-10", None, &slices);

    assert!(held(&in_city(&ada, "2026-03-12 00:00")).contains(&"directory/police".to_owned()));
    assert!(!held(&in_city(&ada, "2026-03-12 00:00")).contains(&"payroll/payslips".to_owned()));
}

#[test]
fn what_may_be_requested_does_not_come_by_itself() {
    let ada = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);

    assert!(!held(&in_city(&ada, "2026-03-10 00:00")).contains(&"mail/archive".to_owned()));
}

#[test]
fn a_leaver_keeps_for_the_grace_what_a_closed_account_holds() {
    let ada = hired("2020-01-01", Some("2026-03-10"), &[("2020-01-01", None, police("Officer"))]);

    let left = in_city(&ada, "2026-03-11 00:00");
    let after = in_city(&ada, "2026-03-18 00:00");

    assert_eq!(held(&left), ["directory/police", "payroll/payslips"]);
    assert_eq!(states(&left), "directory suspended, mail active, payroll active");
    assert_eq!(held(&after), ["payroll/payslips"]);
    assert_eq!(states(&after), "directory suspended, mail suspended, payroll active");
    assert!(left.login_ended);
}

#[test]
fn what_ends_with_the_contract_is_kept_through_garden_leave() {
    let mut ada =
        hired("2020-01-01", Some("2026-03-10"), &[("2020-01-01", None, police("Officer"))]);
    ada.engagements[0].termination_date = Some(date("2026-06-30"));

    assert!(states(&in_city(&ada, "2026-07-30 23:59")).contains("payroll active"));
    let over = in_city(&ada, "2026-07-31 00:00");
    assert_eq!(states(&over), "directory suspended, mail suspended, payroll suspended");
    assert_eq!(held(&over), [""; 0]);
}

#[test]
fn an_operators_end_knows_no_grace() {
    let mut ada =
        hired("2020-01-01", Some("2026-12-31"), &[("2020-01-01", None, police("Officer"))]);
    ada.engagements[0].ends_at = Some(instant_of(&ada, "2026-03-10"));

    let ended = in_city(&ada, "2026-03-10 00:00");

    assert_eq!(held(&ended), [""; 0]);
    assert_eq!(states(&ended), "directory suspended, mail suspended, payroll suspended");
}

#[test]
fn an_unknown_attribute_takes_nothing_away_that_was_held_through_the_policy() {
    let mut blank = police("Officer");
    blank.remove("agency");
    let known = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);
    let blank = hired("2020-01-01", None, &[("2020-01-01", None, blank)]);
    let now = instant_of(&known, "2026-03-10");
    let before = desired(&known, &city(), &zone(), now).access;

    let kept = desired_after(&before, &blank, &city(), &zone(), now);
    let fresh = desired(&blank, &city(), &zone(), now);
    let again = desired_after(&kept.access, &blank, &city(), &zone(), now);

    assert_eq!(kept.unanswered, ["police".to_owned()].into());
    assert!(kept.access.reasons("directory", "police")[0].kept);
    assert!(fresh.access.reasons("directory", "police").is_empty());
    assert_eq!(again, kept);
}

#[test]
fn a_policy_may_deny_what_it_cannot_answer() {
    let known = hired("2020-01-01", None, &[("2020-01-01", None, fire("Driver"))]);
    let mut blank = known.clone();
    blank.slices[0].attributes.remove("agency");
    let now = instant_of(&known, "2026-03-10");
    let before = desired(&known, &city(), &zone(), now).access;

    let after = desired_after(&before, &blank, &city(), &zone(), now);

    assert!(!before.reasons("directory", "fire").is_empty());
    assert!(after.access.reasons("directory", "fire").is_empty());
}

#[test]
fn what_is_kept_for_want_of_an_answer_still_ends_with_the_engagement() {
    let known = hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))]);
    let now = instant_of(&known, "2026-03-10");
    let before = desired(&known, &city(), &zone(), now).access;
    let mut blank = known.clone();
    blank.slices[0].attributes.remove("agency");
    blank.engagements[0].last_working_day = Some(date("2026-03-01"));

    let after = desired_after(&before, &blank, &city(), &zone(), now);

    assert!(after.access.reasons("directory", "police").is_empty());
}

#[test]
fn a_policy_that_is_only_watched_grants_nothing_there() {
    let paymaster = |department: Option<&str>| {
        let mut attributes = police("PAYMASTER");
        attributes.extend(department.map(|name| ("department".to_owned(), text(name))));
        let ada = hired("2020-01-01", None, &[("2020-01-01", None, attributes)]);
        !in_city(&ada, "2026-03-10 00:00").access.reasons("payroll", "pay-run").is_empty()
    };

    assert!(paymaster(Some("Treasury")));
    assert!(!paymaster(Some("Harbour")));
    assert!(!paymaster(None));
}

#[test]
fn an_unknown_department_takes_nothing_away_where_a_policy_is_watched_in_some() {
    let mut attributes = police("PAYMASTER");
    attributes.insert("department".to_owned(), text("Treasury"));
    let known = hired("2020-01-01", None, &[("2020-01-01", None, attributes)]);
    let mut blank = known.clone();
    blank.slices[0].attributes.remove("department");
    let now = instant_of(&known, "2026-03-10");
    let before = desired(&known, &city(), &zone(), now).access;

    let after = desired_after(&before, &blank, &city(), &zone(), now);

    assert!(!before.reasons("payroll", "pay-run").is_empty());
    assert!(after.access.reasons("payroll", "pay-run")[0].kept);
}

#[test]
fn separated_duties_are_kept_apart_in_the_overlap_of_a_move() {
    let slices = [
        ("2020-01-01", Some("2026-03-10"), police("Officer")),
        ("2026-03-10", None, fire("Driver")),
    ];
    let ada = hired("2020-01-01", None, &slices);

    let overlap = in_city(&ada, "2026-03-10 00:00");
    let over = in_city(&ada, "2026-03-24 00:00");

    let name = |entitlement: &str| ("directory".to_owned(), entitlement.to_owned());
    let conflict = Conflict {
        separation: "fire-and-police".to_owned(),
        left: name("police"),
        right: name("fire"),
        prevented: true,
    };
    assert_eq!(overlap.conflicts, [conflict]);
    assert!(overlap.access.reasons("directory", "fire").is_empty());
    assert!(!overlap.access.reasons("directory", "police").is_empty());
    assert_eq!(overlap.next_boundary, Some(instant_of(&ada, "2026-03-24")));
    assert_eq!(over.conflicts, []);
    assert!(!over.access.reasons("directory", "fire").is_empty());
    assert!(over.access.reasons("directory", "police").is_empty());
}

#[test]
fn duties_that_are_only_watched_are_given_and_told() {
    let mut attributes = police("PAYMASTER");
    attributes.insert("department".to_owned(), text("Treasury"));
    let ada = hired("2020-01-01", None, &[("2020-01-01", None, attributes)]);

    let evaluation = in_city(&ada, "2026-03-10 00:00");

    assert_eq!(evaluation.conflicts[0].separation, "pay-and-post");
    assert!(!evaluation.conflicts[0].prevented);
    assert!(!evaluation.access.reasons("payroll", "pay-run").is_empty());
}

#[test]
fn a_leave_of_absence_suspends_and_revokes_nothing() {
    let mut away = police("Officer");
    away.insert("away".to_owned(), Value::Boolean(true));
    let slices = [
        ("2020-01-01", Some("2026-03-10"), police("Officer")),
        ("2026-03-10", Some("2026-06-01"), away),
        ("2026-06-01", None, police("Officer")),
    ];
    let ada = hired("2020-01-01", None, &slices);

    let working = in_city(&ada, "2026-03-09 12:00");
    let away = in_city(&ada, "2026-04-01 12:00");
    let back = in_city(&ada, "2026-06-01 00:00");

    assert_eq!(states(&away), "directory suspended, mail suspended, payroll active");
    assert_eq!(away.access.grants, working.access.grants);
    assert_eq!(back.access, working.access);
}

#[test]
fn only_what_the_persona_may_use_early_is_open_before_the_first_day() {
    let officer = hired("2026-03-10", None, &[("2026-03-10", None, police("Officer"))]);
    let trainee = hired("2026-03-10", None, &[("2026-03-10", None, police("TRAINEE"))]);

    let early = in_city(&officer, "2026-03-06 12:00");

    assert_eq!(states(&early), "directory suspended, mail active");
    // Another plan counts for trainees, and opens nothing.
    let early = in_city(&trainee, "2026-03-06 12:00");
    assert_eq!(states(&early), "directory suspended, mail suspended");
}

pub(super) fn city() -> Release {
    Release::compile(1, load("city.yaml", CITY).unwrap()).unwrap()
}

fn in_city(timeline: &Timeline, local: &str) -> Evaluation {
    let local: jiff::civil::DateTime = local.parse().unwrap();
    let now = local.to_zoned(zone()).unwrap().timestamp();
    desired(timeline, &city(), &zone(), now)
}
