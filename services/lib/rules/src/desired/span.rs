//! One engagement in instants: when it runs, what holds in it, and from when to when.

use domain::time::{CutOff, instant};
use domain::{Date, EngagementId, Timestamp};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use crate::document::{Days, EndAnchor, LeaveAction};
use crate::release::{Release, Schedule};
use crate::timeline::{Engagement, Timeline};

/// An engagement in instants.
pub(crate) struct Span {
    pub(crate) engagement: EngagementId,
    pub(crate) starts: Timestamp,
    /// Exclusive.
    pub(crate) ends: Option<Timestamp>,
    /// By date, without overlap, within the engagement.
    pub(crate) stretches: Vec<Stretch>,
    first_day: Date,
    /// The last day of work and the last day of the contract, each standing in for the other.
    last_days: Option<(Date, Date)>,
    /// An operator ended it before its dates did: then everything ends with that instant.
    is_cut: bool,
    /// The next engagement begins soon after it: when it ended itself, and when that one begins.
    bridge: Option<(Timestamp, Timestamp)>,
}

/// How many days after the end of an engagement the next may begin, unless a plan says otherwise: the
/// night, or a weekend.
const BRIDGE_DAYS: i64 = 3;

/// A slice, cut to its engagement.
pub(crate) struct Stretch {
    pub(crate) starts: Timestamp,
    /// Index into the timeline's slices.
    pub(crate) slice: usize,
    pub(crate) from: Date,
    until: Until,
}

/// Where a stretch or a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Before this day, while the engagement goes on.
    Day(Date),
    /// With the engagement.
    End,
}

/// A time in which a policy justifies its grants; `until` is exclusive, and later than `from`.
#[derive(Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// The account stays usable as long as the interval, also after the engagement.
    pub(crate) keeps_open: bool,
}

/// Returns the engagements in the order of their starts, as access goes by them: one that the next
/// follows within some days goes on until that one begins.
///
/// Whatever was held to the end of it is held until then, so that what both give never blinks.
pub(crate) fn bridged(timeline: &Timeline, release: &Release, zone: &TimeZone) -> Vec<Span> {
    let mut spans = spans(timeline, zone);
    let next: Vec<Option<Timestamp>> = spans
        .iter()
        .map(|span| {
            let days = bridge_days(span, timeline, release);
            spans.iter().filter(|next| span.precedes(next, days)).map(|next| next.starts).min()
        })
        .collect();
    for (span, next) in spans.iter_mut().zip(next) {
        if let (Some(ends), Some(next)) = (span.ends, next) {
            span.ends = Some(ends.max(next));
            span.bridge = Some((ends, next));
        }
    }
    spans
}

/// How many days the plan allows of the persona that ends.
fn bridge_days(span: &Span, timeline: &Timeline, release: &Release) -> jiff::Span {
    let last = span.stretches.last().and_then(|stretch| timeline.slices.get(stretch.slice));
    let plan = last.and_then(|last| release.plan_of(&last.attributes));
    plan.and_then(|plan| plan.bridge).map_or_else(|| BRIDGE_DAYS.days(), Days::span)
}

/// Returns the engagements in the order of their starts.
pub(crate) fn spans(timeline: &Timeline, zone: &TimeZone) -> Vec<Span> {
    let mut spans: Vec<_> =
        timeline.engagements.iter().map(|engagement| span(timeline, engagement, zone)).collect();
    spans.sort_by_key(|span| (span.starts, span.engagement));
    spans
}

fn span(timeline: &Timeline, engagement: &Engagement, zone: &TimeZone) -> Span {
    let by_date = engagement.last_day().map(|day| instant(day, CutOff::EndOfDay, zone));
    let ends = by_date.into_iter().chain(engagement.ends_at).min();
    let is_cut = engagement.ends_at.is_some_and(|cut| by_date.is_none_or(|day| cut < day));
    let last_days = engagement.last_day().map(|work| {
        (work, engagement.termination_date.map_or(work, |contract| contract.max(work)))
    });
    let mut stretches = stretches(timeline, engagement, zone);
    let mut first = true;
    stretches.retain(|stretch| {
        std::mem::take(&mut first) || ends.is_none_or(|ends| stretch.starts < ends)
    });
    Span {
        engagement: engagement.id,
        starts: instant(engagement.start, CutOff::StartOfDay, zone),
        ends,
        stretches,
        first_day: engagement.start,
        last_days,
        is_cut,
        bridge: None,
    }
}

fn stretches(timeline: &Timeline, engagement: &Engagement, zone: &TimeZone) -> Vec<Stretch> {
    let last_day = engagement.last_day();
    let mut slices: Vec<_> = timeline
        .slices
        .iter()
        .enumerate()
        .filter(|(_, slice)| slice.engagement == engagement.id)
        .collect();
    slices.sort_by_key(|(_, slice)| slice.from);
    let mut stretches = Vec::with_capacity(slices.len());
    for (place, (index, slice)) in slices.iter().enumerate() {
        let next = slices.get(place + 1).map(|(_, next)| next.from);
        let until = slice.until.into_iter().chain(next).min();
        let from = slice.from.max(engagement.start);
        if until.is_some_and(|until| until <= from)
            || (from > engagement.start && last_day.is_some_and(|last| from > last))
        {
            continue;
        }
        let until = match until {
            Some(until) if last_day.is_none_or(|last| until <= last) => Until::Day(until),
            Some(_) | None => Until::End,
        };
        let starts = instant(from, CutOff::StartOfDay, zone);
        stretches.push(Stretch { starts, slice: *index, from, until });
    }
    stretches
}

/// Returns the slice that describes the person at an instant.
///
/// It is taken from the running engagement that started first; when none runs, from the one that
/// ended last; before the first day, from the one that starts first.
pub(crate) fn in_force(spans: &[Span], now: Timestamp) -> Option<usize> {
    let running = spans.iter().find(|span| span.runs_at(now));
    let ended = || {
        let ended = spans.iter().filter(|span| span.ends.is_some_and(|ends| ends <= now));
        ended.max_by_key(|span| (span.ends, span.starts, span.engagement))
    };
    let span = running.or_else(ended).or_else(|| spans.first())?;
    let begun = span.stretches.iter().rev().find(|stretch| stretch.starts <= now);
    begun.or_else(|| span.stretches.first()).map(|stretch| stretch.slice)
}

impl Span {
    /// Whether another engagement begins within so many days after this one has ended by its dates.
    fn precedes(&self, next: &Self, days: jiff::Span) -> bool {
        let Some((work, _contract)) = self.last_days.filter(|_days| !self.is_cut) else {
            return false;
        };
        let begins = |span: &Self| span.ends.is_none_or(|ends| span.starts < ends);
        let within = work < next.first_day && next.first_day <= work.saturating_add(days);
        within && begins(self) && begins(next)
    }

    /// An instant at which something of it is over, which is not before the next engagement begins if it
    /// was held to the end.
    fn over(&self, at: Timestamp) -> Timestamp {
        match self.bridge {
            Some((ends, next)) if ends <= at => at.max(next),
            Some(_) | None => at,
        }
    }

    pub(crate) fn runs_at(&self, now: Timestamp) -> bool {
        self.starts <= now && self.ends.is_none_or(|ends| now < ends)
    }

    /// Returns the stretch that counts at an instant: the one begun last, else the first to come.
    pub(crate) fn stretch_at(&self, now: Timestamp) -> Option<&Stretch> {
        let begun = self.stretches.iter().rev().find(|stretch| stretch.starts <= now);
        begun.or_else(|| self.stretches.first())
    }

    /// Returns when accounts that stay open for some days after the end are closed; `None` when no
    /// end is known.
    pub(crate) fn closes(&self, days: jiff::Span, zone: &TimeZone) -> Option<Timestamp> {
        match self.last_days {
            Some((work, _)) if !self.is_cut => {
                Some(self.over(instant(work.saturating_add(days), CutOff::EndOfDay, zone)))
            }
            Some(_) | None => self.ends,
        }
    }

    /// Returns when something is justified, given the slices for which its condition holds.
    pub(crate) fn intervals(
        &self,
        schedule: &Schedule,
        zone: &TimeZone,
        holds: impl Fn(usize) -> bool,
    ) -> Vec<Interval> {
        let mut intervals: Vec<Interval> = Vec::new();
        let mut stretches = self.stretches.iter().filter(|stretch| holds(stretch.slice)).peekable();
        while let Some(first) = stretches.next() {
            let mut until = first.until;
            while let Some(next) =
                stretches.next_if(|next| matches!(until, Until::Day(day) if day == next.from))
            {
                until = next.until;
            }
            let interval = Interval {
                from: self.given(first, schedule, zone),
                until: self.taken(until, schedule, zone),
                keeps_open: until == Until::End && !self.is_cut && keeps_open(schedule),
            };
            if interval.until.is_some_and(|until| until <= interval.from) {
                continue;
            }
            // An overlap may reach into the next run: what is held once is justified once.
            match intervals.last_mut() {
                Some(last) if last.until.is_none_or(|until| interval.from <= until) => {
                    last.until = interval.until;
                    last.keeps_open = interval.keeps_open;
                }
                _ => intervals.push(interval),
            }
        }
        intervals
    }

    fn given(&self, first: &Stretch, schedule: &Schedule, zone: &TimeZone) -> Timestamp {
        if schedule.start.is_zero() {
            return first.starts;
        }
        let day = self.first_day.saturating_add(schedule.start.span());
        let anchored = instant(day, CutOff::StartOfDay, zone);
        match first.from > self.first_day {
            // Days before the first day belong to those who begin, not to those who move.
            true => anchored.max(first.starts),
            false => anchored,
        }
    }

    // A run that ends while the engagement goes on ends with the very instant at which the next
    // one begins, so that what both justify never blinks.
    fn taken(&self, until: Until, schedule: &Schedule, zone: &TimeZone) -> Option<Timestamp> {
        match until {
            Until::End => self.left(schedule, zone),
            Until::Day(day) => {
                let day = day.saturating_add(schedule.overlap.span());
                let until = instant(day, CutOff::StartOfDay, zone);
                Some(self.ends.map_or(until, |ends| ends.min(until)))
            }
        }
    }

    /// Returns when a leaver holds it no longer; `None` when no end is known.
    pub(crate) fn left(&self, schedule: &Schedule, zone: &TimeZone) -> Option<Timestamp> {
        let Some((work, contract)) = self.last_days.filter(|_days| !self.is_cut) else {
            return self.ends;
        };
        let day = match schedule.end.anchor {
            EndAnchor::LastWorkingDay => work,
            EndAnchor::TerminationDate => contract,
        };
        let day = day.saturating_add(schedule.end.offset.span());
        let grace = schedule.on_leave.map(|leave| leave.grace).unwrap_or_default();
        let day = day.saturating_add(grace.span());
        Some(self.over(instant(day, CutOff::EndOfDay, zone)))
    }
}

fn keeps_open(schedule: &Schedule) -> bool {
    schedule.on_leave.is_some_and(|leave| leave.action == LeaveAction::Keep)
}
