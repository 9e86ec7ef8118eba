//! Seeded random timelines: the boundaries are exact, and grants agree with counting days.

use domain::time::{CutOff, instant};
use jiff::{SignedDuration, ToSpan};

use super::*;

const SEEDS: u64 = 300;
const ZONES: [&str; 4] = ["UTC", "America/New_York", "America/Havana", "Pacific/Apia"];

#[test]
fn between_two_boundaries_nothing_changes() {
    for release in [release(), schedules::city()] {
        boundaries_are_exact(&release);
    }
}

fn boundaries_are_exact(release: &Release) {
    let zone = zone();
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let timeline = dice.timeline();
        let mut now = instant(first_day() - 40.days(), CutOff::StartOfDay, &TimeZone::UTC);
        let end = now + SignedDuration::from_hours(24 * 400);
        let mut evaluation = desired(&timeline, release, &zone, now);
        while let Some(boundary) = evaluation.next_boundary.or(Some(end)).filter(|at| *at <= end) {
            let gap = now.duration_until(boundary);
            for moment in [gap / 3, gap / 2, gap - SignedDuration::from_nanos(1)] {
                let between = desired(&timeline, release, &zone, now + moment);
                assert_eq!(between.access, evaluation.access, "seed {seed} at {}", now + moment);
                assert_eq!(between.login_ended, evaluation.login_ended, "seed {seed}");
                assert_eq!(between.conflicts, evaluation.conflicts, "seed {seed}");
                assert_eq!(between.next_boundary, evaluation.next_boundary, "seed {seed}");
            }
            assert!(boundary > now, "seed {seed}");
            now = boundary;
            evaluation = desired(&timeline, release, &zone, now);
            if now == end {
                break;
            }
        }
    }
}

#[test]
fn grants_agree_with_counting_the_days() {
    let release = release();
    let mut compared = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let timeline = Timeline { zone: Some("UTC".to_owned()), ..dice.timeline() };
        for offset in -10..150_i32 {
            let day = first_day() + offset.days();
            let noon =
                instant(day, CutOff::StartOfDay, &TimeZone::UTC) + SignedDuration::from_hours(12);
            let access = desired(&timeline, &release, &TimeZone::UTC, noon).access;
            for (entitlement, agency, lead, overlap) in
                [("police", "Police", 5, 3), ("fire", "Fire", 0, 0)]
            {
                let expected = timeline
                    .engagements
                    .iter()
                    .any(|engagement| counted(&timeline, engagement, agency, lead, overlap, day));
                let held = !access.reasons("directory", entitlement).is_empty();
                assert_eq!(held, expected, "seed {seed}: {entitlement} on {day}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, SEEDS * 160 * 2);
}

/// The rules once more, told day by day instead of by intervals.
fn counted(
    timeline: &Timeline,
    engagement: &Engagement,
    agency: &str,
    lead: i32,
    overlap: i32,
    day: Date,
) -> bool {
    let last = last_day(engagement);
    let is_bridged = |next: &&Engagement| {
        let gap = (engagement.start <= last && engagement.last_working_day == Some(last))
            .then(|| last.until(next.start).unwrap().get_days());
        gap.is_some_and(|days| (1..=3).contains(&days)) && next.start <= last_day(next)
    };
    let next = timeline.engagements.iter().filter(is_bridged).map(|next| next.start).min();
    // What was held on the last day is held until the next engagement begins.
    let reached = next.map_or(last, |next| next - 1.days());
    let known = |day: Date| {
        timeline.slices.iter().any(|slice| {
            slice.engagement == engagement.id
                && slice.from <= day
                && slice.until.is_none_or(|until| day < until)
                && slice.attributes.get("agency") == Some(&text(agency))
                && (agency == "Fire" || slice.attributes.contains_key("title"))
        })
    };
    let holds = |day: Date| engagement.start <= day && day <= reached && known(day.min(last));
    let early =
        day < engagement.start && day + lead.days() >= engagement.start && known(engagement.start);
    let late = (1..=overlap).any(|days| holds(day - days.days()));
    day <= reached && (holds(day) || early || late)
}

/// The last day by the dates, or by an operator, who ends engagements at midnight here.
fn last_day(engagement: &Engagement) -> Date {
    let ended = engagement.ends_at.map(|ends| TimeZone::UTC.to_datetime(ends).date() - 1.days());
    engagement.last_working_day.into_iter().chain(ended).min().unwrap_or(Date::MAX)
}

fn first_day() -> Date {
    // The clocks of all zones change within the days that follow.
    date("2026-10-01")
}

/// A small deterministic generator (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn days(&mut self, sides: u64) -> jiff::Span {
        i64::try_from(self.roll(sides)).unwrap().days()
    }

    fn timeline(&mut self) -> Timeline {
        let place = usize::try_from(self.roll(5)).unwrap();
        let mut timeline = Timeline {
            zone: ZONES.get(place).map(|zone| (*zone).to_owned()),
            ..Timeline::default()
        };
        for number in 0..self.roll(4) {
            self.engagement(&mut timeline, engagement(u32::try_from(number).unwrap()));
        }
        timeline
    }

    fn engagement(&mut self, timeline: &mut Timeline, id: EngagementId) {
        let start = first_day() + self.days(60);
        let ends = self.roll(3) > 0;
        let last_working_day = ends.then(|| start - 10.days() + self.days(70));
        let ended = (self.roll(4) == 0).then(|| start - 10.days() + self.days(70));
        timeline.engagements.push(Engagement {
            id,
            start,
            last_working_day,
            termination_date: last_working_day
                .filter(|_| self.roll(2) == 0)
                .map(|day| day + 30.days()),
            ends_at: ended.map(|day| instant(day, CutOff::StartOfDay, &TimeZone::UTC)),
            quiet_through: None,
        });
        let mut from = start;
        for _ in 0..self.roll(5) {
            let until = from + (1 + i64::try_from(self.roll(20)).unwrap()).days();
            let open = self.roll(6) == 0;
            let attributes = self.attributes();
            timeline.slices.push(Slice {
                engagement: id,
                from,
                until: (!open).then_some(until),
                attributes,
                manager: None,
            });
            if open {
                return;
            }
            // Now and then something is missing between two slices.
            from = if self.roll(4) == 0 { until + self.days(6) } else { until };
        }
    }

    fn attributes(&mut self) -> Attributes {
        let agency = if self.roll(2) == 0 { "Police" } else { "Fire" };
        let title = if self.roll(2) == 0 { "Officer" } else { "Sergeant" };
        let mut attributes = person(agency, title);
        for name in ["agency", "title"] {
            if self.roll(8) == 0 {
                attributes.remove(name);
            }
        }
        attributes
    }
}
