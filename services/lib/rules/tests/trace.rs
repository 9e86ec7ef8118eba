//! Why somebody holds something, and what they would hold as somebody else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use domain::{Attributes, Date, EngagementId, Timestamp, Value};
use jiff::tz::TimeZone;
use rules::{
    Access, Engagement, Outcome, Release, Slice, Timeline, assuming, desired, desired_after,
    document, profiles, trace,
};

const DOCUMENTS: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec:
  attributes:
    agency: {type: string}
    title: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.title)}
  entitlements: [{name: police}, {name: radio}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police-core}
spec:
  entitlements:
    - {application: directory, entitlement: police}
    - {application: directory, entitlement: radio}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: radio}
spec:
  entitlements: [{application: directory, entitlement: radio}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: drivers}
spec: {condition: person.title == "Driver", grants: [{bundle: radio}]}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police}
spec: {condition: person.agency == "Police", grants: [{bundle: police-core}], lead: P5D, overlap: P3D}
"#;

#[test]
fn every_policy_that_could_grant_is_named_with_its_outcome() {
    let ada =
        timeline(None, &[("2026-03-10", None, &[("agency", "Police"), ("title", "Officer")])]);

    let radio = outcomes(&ada, "2026-03-20T12:00:00Z", "radio");
    let police = outcomes(&ada, "2026-03-20T12:00:00Z", "police");

    assert_eq!(radio, ["drivers [radio] Refused", "police [police-core] Granted"]);
    assert_eq!(police, ["police [police-core] Granted"]);
}

#[test]
fn a_grant_that_waits_for_its_lead_names_the_instant() {
    let ada = timeline(None, &[("2026-03-10", None, &[("agency", "Police")])]);

    let early = outcomes(&ada, "2026-03-04T23:59:59Z", "police");
    let led = outcomes(&ada, "2026-03-05T00:00:00Z", "police");

    assert_eq!(early, ["police [police-core] Later(2026-03-05T00:00:00Z)"]);
    assert_eq!(led, ["police [police-core] Granted"]);
}

#[test]
fn a_mover_is_granted_until_the_overlap_ends_and_told_since_when_it_is_over() {
    let ada = timeline(
        None,
        &[
            ("2020-01-01", Some("2026-03-10"), &[("agency", "Police"), ("title", "Officer")]),
            ("2026-03-10", None, &[("agency", "Fire"), ("title", "Chief")]),
        ],
    );

    let overlap = outcomes(&ada, "2026-03-12T12:00:00Z", "police");
    let over = outcomes(&ada, "2026-03-13T00:00:00Z", "police");

    assert_eq!(overlap, ["police [police-core] Granted"]);
    assert_eq!(over, ["police [police-core] Over(2026-03-13T00:00:00Z)"]);
}

#[test]
fn an_unknown_attribute_is_said_to_be_unknown() {
    let ada = timeline(None, &[("2026-03-10", None, &[("agency", "Fire")])]);

    assert_eq!(
        outcomes(&ada, "2026-03-20T12:00:00Z", "radio"),
        ["drivers [radio] Unknown", "police [police-core] Refused"]
    );
}

#[test]
fn what_is_kept_for_want_of_an_answer_is_said_to_be_kept() {
    let release = release();
    let now = "2026-03-20T12:00:00Z";
    let known = timeline(None, &[("2020-01-01", None, &[("agency", "Police")])]);
    let blank = timeline(None, &[("2020-01-01", None, &[])]);
    let before = desired(&known, &release, &TimeZone::UTC, now.parse().unwrap()).access;
    let after = desired_after(&before, &blank, &release, &TimeZone::UTC, now.parse().unwrap());

    let held = lines(&blank, &release, now, "police", &after.access);
    let never = lines(&blank, &release, now, "police", &Access::default());

    assert_eq!(held, ["police [police-core] Kept"]);
    assert_eq!(never, ["police [police-core] Unknown"]);
}

#[test]
fn a_policy_that_is_watched_or_waits_to_be_asked_says_so() {
    let watched = DOCUMENTS.replace("lead: P5D", "observe: {departments: [Patrol]}, lead: P5D");
    let asked =
        DOCUMENTS.replace("{bundle: police-core}", "{bundle: police-core, mode: requestable}");
    let compile = |text: &str| {
        let schema = "    title: {type: string}\n    department: {type: string}\n";
        let text = text.replace("    title: {type: string}\n", schema);
        Release::compile(1, document::load("city.yaml", &text).unwrap()).unwrap()
    };
    let ada = |department| {
        timeline(None, &[("2020-01-01", None, &[("agency", "Police"), ("department", department)])])
    };
    let now = "2026-03-20T12:00:00Z";
    let outcome = |text: &str, department| {
        lines(&ada(department), &compile(text), now, "police", &Access::default())
    };

    assert_eq!(outcome(&watched, "Patrol"), ["police [police-core] Observed"]);
    assert_eq!(outcome(&watched, "Office"), ["police [police-core] Granted"]);
    assert_eq!(outcome(&asked, "Office"), ["police [police-core] Requestable"]);
}

#[test]
fn what_the_release_does_not_have_is_refused_with_a_suggestion() {
    let (release, ada) = (release(), timeline(None, &[]));
    let ask = |application, entitlement| {
        let now = "2026-03-20T12:00:00Z".parse().unwrap();
        let nothing = Access::default();
        trace(&ada, &release, &TimeZone::UTC, now, (application, entitlement), &nothing)
            .unwrap_err()
            .to_string()
    };

    assert_eq!(
        ask("directry", "radio"),
        "there is no Application `directry`; did you mean `directory`?"
    );
    assert_eq!(
        ask("directory", "radios"),
        "Application directory has no entitlement `radios`; did you mean `radio`?"
    );
}

/// What a trace calls granted is what desired access holds, at every hour of a mover's life.
#[test]
fn a_trace_agrees_with_desired_access_at_every_instant() {
    let ada = timeline(
        Some("2026-03-20"),
        &[
            ("2026-03-01", Some("2026-03-07"), &[("agency", "Police")]),
            ("2026-03-07", Some("2026-03-09"), &[("agency", "Fire"), ("title", "Driver")]),
            ("2026-03-09", Some("2026-03-14"), &[("title", "Driver")]),
            ("2026-03-14", None, &[("agency", "Police"), ("title", "Officer")]),
        ],
    );
    let release = release();
    let mut now: Timestamp = "2026-02-20T00:00:00Z".parse().unwrap();
    let end: Timestamp = "2026-03-25T00:00:00Z".parse().unwrap();

    while now < end {
        let access = desired(&ada, &release, &TimeZone::UTC, now).access;
        for entitlement in ["police", "radio"] {
            let asked = ("directory", entitlement);
            let traces = trace(&ada, &release, &TimeZone::UTC, now, asked, &access).unwrap();
            let granting: Vec<&str> = traces
                .iter()
                .filter(|trace| {
                    trace.engagements.iter().any(|course| course.outcome == Outcome::Granted)
                })
                .map(|trace| trace.policy.as_str())
                .collect();
            let reasons: Vec<&str> = access
                .reasons("directory", entitlement)
                .iter()
                .map(|reason| reason.policy.as_str())
                .collect();
            assert_eq!(granting, reasons, "{entitlement} at {now}");
        }
        now += jiff::SignedDuration::from_hours(1);
    }
}

#[test]
fn an_assumption_replaces_what_is_in_force_and_leaves_the_rest() {
    let ada = timeline(
        None,
        &[
            ("2020-01-01", Some("2026-04-01"), &[("agency", "Police"), ("title", "Officer")]),
            ("2026-04-01", None, &[("agency", "Police"), ("title", "Sergeant")]),
        ],
    );
    let now: Timestamp = "2026-03-20T12:00:00Z".parse().unwrap();
    let assumed = BTreeMap::from([
        ("agency".to_owned(), None),
        ("title".to_owned(), Some(Value::Text("Driver".to_owned()))),
    ]);

    let other = assuming(&ada, &TimeZone::UTC, now, &assumed);

    assert_eq!(other.slices[0].attributes, attributes(&[("title", "Driver")]));
    assert_eq!(other.slices[1], ada.slices[1]);
    let access = desired(&other, &release(), &TimeZone::UTC, now).access;
    let held: Vec<&str> = access.grants.iter().map(|grant| grant.entitlement.as_str()).collect();
    assert_eq!(held, ["radio"]);
}

#[test]
fn only_engagements_that_run_have_profiles() {
    let ada = timeline(
        Some("2026-03-20"),
        &[
            ("2026-03-01", Some("2026-03-10"), &[("agency", "Police")]),
            ("2026-03-10", None, &[("agency", "Fire")]),
        ],
    );
    let at = |now: &str| {
        let found = profiles(&ada, &TimeZone::UTC, now.parse().unwrap());
        found.into_iter().map(|(_id, found)| found["agency"].to_string()).collect::<Vec<_>>()
    };

    assert!(at("2026-02-28T23:59:59Z").is_empty());
    assert_eq!(at("2026-03-01T00:00:00Z"), ["Police"]);
    assert_eq!(at("2026-03-10T00:00:00Z"), ["Fire"]);
    assert!(at("2026-03-21T00:00:00Z").is_empty());
}

fn outcomes(timeline: &Timeline, now: &str, entitlement: &str) -> Vec<String> {
    lines(timeline, &release(), now, entitlement, &Access::default())
}

fn lines(
    timeline: &Timeline,
    release: &Release,
    now: &str,
    entitlement: &str,
    access: &Access,
) -> Vec<String> {
    let now = now.parse().unwrap();
    trace(timeline, release, &TimeZone::UTC, now, ("directory", entitlement), access)
        .unwrap()
        .iter()
        .map(|trace| {
            let outcome = trace.engagements[0].outcome;
            format!("{} [{}] {outcome:?}", trace.policy, trace.bundle)
        })
        .collect()
}

fn release() -> Release {
    Release::compile(1, document::load("city.yaml", DOCUMENTS).unwrap()).unwrap()
}

type Said<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

fn timeline(last_working_day: Option<&str>, slices: &[Said<'_>]) -> Timeline {
    let engagement: EngagementId = "018f0000-0000-7000-9000-000000000001".parse().unwrap();
    let date = |text: &str| text.parse::<Date>().unwrap();
    Timeline {
        zone: None,
        held_since: None,
        kin: domain::Kin::default(),
        engagements: vec![Engagement {
            id: engagement,
            start: slices.first().map_or_else(|| date("2026-01-01"), |slice| date(slice.0)),
            last_working_day: last_working_day.map(date),
            termination_date: None,
            ends_at: None,
            quiet_through: None,
        }],
        slices: slices
            .iter()
            .map(|(from, until, said)| Slice {
                engagement,
                from: date(from),
                until: until.map(date),
                attributes: attributes(said),
                manager: None,
            })
            .collect(),
    }
}

fn attributes(said: &[(&str, &str)]) -> Attributes {
    said.iter()
        .map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned())))
        .collect()
}
