use domain::{Attributes, Timestamp, Value};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::*;
use crate::desired::tests::schedules::CITY;
use crate::document::load;
use crate::timeline::{Engagement, Slice};
use crate::{Access, desired, desired_after};

#[test]
fn whoever_is_not_affected_holds_the_same_at_any_instant() {
    let old = release(CITY);
    let changes = [
        ("person.agency == \"Fire\"\n", "person.agency == \"Harbour\"\n"),
        ("onUnknown: deny", "onUnknown: hold"),
        ("overlap: P14D", "overlap: P1D"),
        ("bundles: [post]", "bundles: [post, archive]"),
        ("mode: requestable", "mode: birthright"),
        ("departments: [Harbour]", "departments: [Treasury]"),
        ("mode: prevent", "mode: detect"),
        ("leaving: {open: [mail], for: P2D}", "leaving: {open: [mail], for: P9D}"),
        ("metadata: {name: trainees}", "metadata: {name: apprentices}"),
        (
            "{name: mail}\nspec:\n  connector: {kind: inprocess}\n  account: {login: slug(person.display_name)}",
            "{name: mail}\nspec:\n  connector: {kind: inprocess}\n  account: {login: slug(person.title)}",
        ),
        (
            "department: {type: string, optional: true}",
            "department: {type: integer, optional: true}",
        ),
        (
            "metadata: {name: pay-run}\nspec:\n  condition",
            "metadata: {name: pay-run-2}\nspec:\n  condition",
        ),
    ];
    let (mut unaffected, mut affected) = (0, 0);
    for (from, to) in changes {
        assert!(CITY.contains(from), "{from}");
        let new = release(&CITY.replace(from, to));
        let change = Change::between(&old, &new);
        assert!(!change.is_empty(), "{to}");
        for seed in 0..60 {
            let timeline = Dice(seed).timeline();
            if change.may_affect(&timeline) {
                affected += 1;
                continue;
            }
            unaffected += 1;
            let mut before = Access::default();
            for day in (0..500_i32).step_by(3) {
                let now = first() + jiff::SignedDuration::from_hours(24 * i64::from(day));
                let one = desired_after(&before, &timeline, &old, &TimeZone::UTC, now);
                let other = desired_after(&before, &timeline, &new, &TimeZone::UTC, now);
                assert_eq!(one, other, "{to}: seed {seed} at {now}");
                before = one.access;
            }
        }
    }
    assert!(unaffected > 100 && affected > 100, "{unaffected} {affected}");
}

#[test]
fn what_means_the_same_changes_nothing() {
    let old = release(CITY);
    let new =
        release(&CITY.replace("metadata: {name: mail}", "metadata: {name: mail, labels: {a: b}}"));
    let limits = "---\napiVersion: tenure.dev/v1\nkind: Breaker\nmetadata: {name: b}\n\
                  spec: {limits: [{of: loss, count: 1}]}\n";
    let limited = release(&format!("{CITY}{limits}"));

    assert!(Change::between(&old, &new).is_empty());
    assert!(Change::between(&old, &limited).is_empty());
    assert_ne!(old.content_hash(), new.content_hash());
}

#[test]
fn gains_and_losses_are_told_apart() {
    let old = release(CITY);
    let new =
        release(&CITY.replace("person.agency == \"Fire\"\n", "person.agency == \"Harbour\"\n"));
    let fireman = working("Fire");
    let docker = working("Harbour");
    let now = first() + jiff::SignedDuration::from_hours(24 * 365);
    let difference = |timeline: &Timeline| {
        let access = |release| desired(timeline, release, &TimeZone::UTC, now).access;
        Difference::between(&access(&old), &access(&new))
    };

    let fire = ("directory".to_owned(), "fire".to_owned());
    assert_eq!(difference(&fireman).losses, [fire.clone()].into());
    assert_eq!(difference(&docker).gains, [fire].into());
    assert!(difference(&working("Police")).is_empty());
    assert_eq!(Change::between(&old, &new).policies(), ["fire"].into());
}

fn release(text: &str) -> Release {
    Release::compile(1, load("city.yaml", text).unwrap()).unwrap()
}

fn first() -> Timestamp {
    "2025-12-01T00:00:00Z".parse().unwrap()
}

fn working(agency: &str) -> Timeline {
    let mut timeline = Timeline::default();
    engage(&mut timeline, 0, 0, None, vec![(0, attributes(Some(agency), "Officer", None))]);
    timeline
}

fn attributes(agency: Option<&str>, title: &str, department: Option<&str>) -> Attributes {
    let known = [
        ("agency", agency),
        ("title", Some(title)),
        ("department", department),
        ("display_name", Some("Ada")),
    ];
    let known = known.into_iter();
    known
        .filter_map(|(name, value)| Some((name.to_owned(), Value::Text(value?.to_owned()))))
        .collect()
}

fn engage(
    timeline: &mut Timeline,
    number: u32,
    start: i32,
    days: Option<i32>,
    slices: Vec<(i32, Attributes)>,
) {
    let day = |offset: i32| {
        let first: domain::Date = "2026-01-01".parse().unwrap();
        first + offset.days()
    };
    let id = format!("00000000-0000-0000-0000-{number:012}").parse().unwrap();
    timeline.engagements.push(Engagement {
        id,
        start: day(start),
        last_working_day: days.map(|days| day(start + days)),
        termination_date: days.map(|days| day(start + days + 20)),
        ends_at: None,
        quiet_through: None,
    });
    let ends: Vec<_> = slices.iter().skip(1).map(|(from, _)| Some(day(start + from))).collect();
    let ends = ends.into_iter().chain([None]);
    timeline.slices.extend(slices.into_iter().zip(ends).map(|((from, attributes), until)| Slice {
        engagement: id,
        from: day(start + from),
        until,
        attributes,
        manager: None,
    }));
}

/// A small generator, so that a seed stands for a timeline for good.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let index = usize::try_from(self.roll(u64::try_from(texts.len()).unwrap())).unwrap();
        texts[index]
    }

    fn timeline(&mut self) -> Timeline {
        let mut timeline = Timeline::default();
        for number in 0..=u32::try_from(self.roll(2)).unwrap() {
            let start = i32::try_from(self.roll(200)).unwrap();
            let days = (self.roll(2) == 0).then(|| i32::try_from(self.roll(200)).unwrap());
            let slices = (0..=i32::try_from(self.roll(3)).unwrap())
                .map(|index| {
                    let agency =
                        (self.roll(6) > 0).then(|| self.pick(&["Police", "Fire", "Parks"]));
                    let title = self.pick(&["Officer", "TRAINEE", "PAYMASTER"]);
                    let department =
                        (self.roll(2) > 0).then(|| self.pick(&["Harbour", "Treasury"]));
                    (index * 30, attributes(agency, title, department))
                })
                .collect();
            engage(&mut timeline, number, start, days, slices);
        }
        timeline
    }
}
