//! Exact figures of small histories.

use domain::{Attributes, Date, EngagementId, Value, Version};
use rules::{Engagement, Slice, Timeline, document};

use super::*;
use crate::timeline::Known;

const BASE: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec: {attributes: {agency: {type: string}}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.agency)}
  entitlements: [{name: police}, {name: staff}]
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: radio}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.agency)}
  entitlements: [{name: channel}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: staff}
spec: {entitlements: [{application: directory, entitlement: staff}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police}
spec: {entitlements: [{application: directory, entitlement: police}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: radio}
spec: {entitlements: [{application: radio, entitlement: channel}]}
"#;

const EVERYBODY: &str = "everybody";
const POLICE: &str = "police";

#[test]
fn a_draft_is_held_against_what_was_recorded_day_by_day() {
    let plan = plan(
        release(1, &[(EVERYBODY, "true", &["staff"]), (POLICE, IS_POLICE, &["police"])]),
        release(0, &[(POLICE, IS_POLICE, &["police", "radio"])]),
    );
    let mut tally = Tally::default();

    // Ada is with the police all the time. Bob, a fire fighter, becomes known after two samples.
    // Cy leaves the police after two samples.
    tally.add(&plan, &[received("2026-01-01", 1, &[("2020-01-01", "Police")])]);
    tally.add(&plan, &[received("2026-03-10", 1, &[("2020-01-01", "Fire")])]);
    tally.add(
        &plan,
        &[
            received("2026-01-01", 1, &[("2020-01-01", "Police")]),
            received("2026-03-12", 2, &[("2020-01-01", "Police"), ("2026-03-10", "Fire")]),
        ],
    );
    tally.add(&plan, &[received("2026-05-01", 1, &[("2020-01-01", "Police")])]);

    assert_eq!(tally.people, 3);
    assert_eq!(
        line(tally.total),
        "held 112 granted 84 covered 42 excess 42 gap 70, regrets 2 of 4"
    );
    assert_eq!(
        lines(&tally.policies),
        [
            "everybody: held 70 granted 0 covered 0 excess 0 gap 70, regrets 2 of 2",
            "police: held 42 granted 84 covered 42 excess 42 gap 0, regrets 0 of 2",
        ]
    );
    assert_eq!(
        lines(&tally.applications),
        [
            "directory: held 112 granted 42 covered 42 excess 0 gap 70, regrets 2 of 3",
            "radio: held 0 granted 42 covered 0 excess 42 gap 0, regrets 0 of 1",
        ]
    );
}

#[test]
fn what_is_taken_and_held_again_soon_is_regretted() {
    let documents: &[Granting<'_>] = &[(POLICE, IS_POLICE, &["police"])];
    let history = [
        received("2026-01-01", 1, &[("2020-01-01", "Police")]),
        received("2026-03-15", 2, &[("2020-01-01", "Police"), ("2026-03-15", "Fire")]),
        received("2026-03-20", 3, &[("2020-01-01", "Police")]),
    ];
    let regrets = |days: i64| {
        let mut plan = plan(release(1, documents), release(0, documents));
        plan.regret = SignedDuration::from_hours(24 * days);
        let mut tally = Tally::default();
        tally.add(&plan, &history);
        line(tally.total)
    };

    assert_eq!(regrets(7), "held 21 granted 21 covered 21 excess 0 gap 0, regrets 1 of 1");
    assert_eq!(regrets(6), "held 21 granted 21 covered 21 excess 0 gap 0, regrets 0 of 1");
}

#[test]
fn before_the_first_release_nothing_was_held() {
    let documents: &[Granting<'_>] = &[(POLICE, IS_POLICE, &["police"])];
    let mut plan = plan(release(1, documents), release(0, documents));
    for sample in plan.samples.iter_mut().take(3) {
        sample.recorded = None;
    }
    let mut tally = Tally::default();

    tally.add(&plan, &[received("2026-01-01", 1, &[("2020-01-01", "Police")])]);

    assert_eq!(line(tally.total), "held 7 granted 28 covered 7 excess 21 gap 0, regrets 0 of 0");
}

/// An evaluation stands until its next boundary, and not an instant longer.
#[test]
fn every_sample_is_as_if_it_was_evaluated_alone() {
    let draft = release(0, &[(EVERYBODY, "true", &["staff"]), (POLICE, IS_POLICE, &["police"])]);
    let mut plan = plan(release(1, &[]), draft);
    let first: Timestamp = "2026-02-25T00:00:00Z".parse().unwrap();
    plan.samples = (0..24 * 40)
        .map(|hour| Sample {
            at: first + SignedDuration::from_hours(hour),
            days: 1,
            recorded: None,
        })
        .collect();
    let history = [
        received("2026-02-26", 1, &[("2026-03-03", "Police"), ("2026-03-09", "Fire")]),
        received("2026-03-11", 2, &[("2026-03-03", "Police"), ("2026-03-20", "Fire")]),
    ];
    let known: Vec<_> = plan.samples.iter().map(|one| known_at(&history, one.at)).collect();

    let held = held_by_draft(&plan, &history, &known);

    assert_eq!(held.len(), plan.samples.len());
    for (sample, held) in plan.samples.iter().zip(&held) {
        let alone = history.iter().rfind(|version| version.at <= sample.at).map(|version| {
            let timeline = &version.known.timeline;
            by_name(&rules::desired(timeline, &plan.draft, &plan.zone, sample.at).access)
        });
        assert_eq!(*held, alone.unwrap_or_default(), "at {}", sample.at);
    }
}

const IS_POLICE: &str = "person.agency == \"Police\"";

type Granting<'a> = (&'a str, &'a str, &'a [&'a str]);

fn release(number: u64, policies: &[Granting<'_>]) -> Release {
    let mut text = BASE.to_owned();
    for (name, condition, bundles) in policies {
        let bundles: Vec<String> =
            bundles.iter().map(|bundle| format!("{{bundle: {bundle}}}")).collect();
        text.push_str(&format!(
            "---\napiVersion: tenure.dev/v1\nkind: AccessPolicy\nmetadata: {{name: {name}}}\n\
             spec:\n  condition: '{condition}'\n  grants: [{}]\n",
            bundles.join(", ")
        ));
    }
    Release::compile(number, document::load("draft.yaml", &text).unwrap()).unwrap()
}

/// Four weeks from the second of March.
fn plan(recorded: Release, draft: Release) -> Plan {
    let recorded = Arc::new(recorded);
    let first: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    let samples = (0..4)
        .map(|week| Sample {
            at: first + SignedDuration::from_hours(24 * 7 * week),
            days: 7,
            recorded: Some(Arc::clone(&recorded)),
        })
        .collect();
    Plan { samples, draft, regret: SignedDuration::from_hours(24 * 30), zone: TimeZone::UTC }
}

/// A version that came on a day: the agencies from dates on.
fn received(on: &str, counter: i64, agencies: &[(&str, &str)]) -> Received {
    let engagement: EngagementId = "018f0000-0000-7000-9000-000000000001".parse().unwrap();
    let date = |text: &str| text.parse::<Date>().unwrap();
    let at: Timestamp = format!("{on}T00:00:00Z").parse().unwrap();
    let slices = agencies.iter().enumerate().map(|(index, (from, agency))| Slice {
        engagement,
        from: date(from),
        until: agencies.get(index + 1).map(|(from, _agency)| date(from)),
        attributes: Attributes::from([("agency".to_owned(), Value::Text((*agency).to_owned()))]),
        manager: None,
    });
    let timeline = Timeline {
        zone: None,
        held_since: None,
        kin: domain::Kin::default(),
        engagements: vec![Engagement {
            id: engagement,
            start: date(agencies[0].0),
            last_working_day: None,
            termination_date: None,
            ends_at: None,
            quiet_through: None,
        }],
        slices: slices.collect(),
    };
    Received {
        known: Known { version: Version { epoch: 1, counter }, recorded_at: at, timeline },
        at,
    }
}

fn line(figures: Figures) -> String {
    let Figures { held, granted, covered, excess, gap, revocations, regrets } = figures;
    format!(
        "held {held} granted {granted} covered {covered} excess {excess} gap {gap}, \
         regrets {regrets} of {revocations}"
    )
}

fn lines(figures: &BTreeMap<String, Figures>) -> Vec<String> {
    figures.iter().map(|(name, figures)| format!("{name}: {}", line(*figures))).collect()
}
