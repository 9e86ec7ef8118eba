//! Who shall hold what: the one pure function behind evaluation, explanation and simulation.
//!
//! Everything is decided in instants. A date becomes an instant once, and whatever compares dates
//! with the present compares those instants, so that the boundaries named are exactly the moments
//! at which an answer changes, also on days on which midnight does not exist or comes twice.

mod separation;
pub(crate) mod span;
mod stage;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Timestamp};
use jiff::tz::TimeZone;

use crate::access::{Access, DesiredAccount, Evaluation};
use crate::condition::{Person, context};
use crate::document::OnUnknown;
use crate::release::{Policy, Release};
use crate::timeline::{Slice, Timeline};
use span::Span;
use stage::Stage;
use state::{State, Use};

/// Returns what a person who holds nothing yet shall hold at an instant, and until when that is so.
///
/// `default_zone` is the zone of dates when the timeline names none. The same arguments give the
/// same answer, for any past or future `now`. For a person of whom [`Evaluation::unanswered`] is not
/// empty, [`desired_after`] tells what they keep.
#[must_use]
pub fn desired(
    timeline: &Timeline,
    release: &Release,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Evaluation {
    desired_after(&Access::default(), timeline, release, default_zone, now)
}

/// Returns what a person shall hold at an instant who was given `before`, and until when that is so.
///
/// What was given before matters to policies alone whose condition cannot be answered: they take
/// away nothing that they granted, and grant nothing else.
#[must_use]
pub fn desired_after(
    before: &Access,
    timeline: &Timeline,
    release: &Release,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Evaluation {
    if timeline.kin.merged_into.is_some() {
        return elsewhere(timeline);
    }
    let zone = timeline.zone_or(default_zone);
    let spans = span::bridged(timeline, release, &zone);
    let answer = |policy: &Policy, slice: usize| {
        timeline.slices.get(slice).map_or(Some(false), |slice| policy.holds(&slice.attributes))
    };

    let mut state = State::new(release, now);
    let mut unanswered = BTreeSet::new();
    for span in &spans {
        state.boundary(Some(span.starts));
        state.boundary(span.ends);
        for stretch in &span.stretches {
            state.boundary(Some(stretch.starts));
        }
        for policy in release.policies() {
            let holds: Vec<Option<bool>> =
                span.stretches.iter().map(|stretch| answer(policy, stretch.slice)).collect();
            let holds = |slice: usize| {
                let mut known = span.stretches.iter().zip(&holds);
                known.any(|(stretch, holds)| stretch.slice == slice && *holds == Some(true))
            };
            for offer in policy.birthrights() {
                for interval in span.intervals(&offer.schedule, &zone, holds) {
                    state.interval(span, policy, offer, interval);
                }
            }
            if policy.on_unknown() == OnUnknown::Hold && is_unanswered(span, policy, now, &answer) {
                unanswered.insert(policy.name().to_owned());
                state.keep(before, span, policy, &zone);
            }
        }
    }

    let in_force = span::in_force(&spans, now).and_then(|slice| timeline.slices.get(slice));
    let profile = in_force.map(|slice| &slice.attributes);
    let stage = Stage::of(release, &spans, profile, &zone, now);
    for boundary in stage.boundaries() {
        state.boundary(Some(boundary));
    }
    let conflicts = separation::separate(release, &mut state);
    let held = timeline.held_since.filter(|since| *since <= now);
    state.boundary(timeline.held_since);
    let accounts = accounts(release, &state, &stage, in_force, held.is_some());
    let next_boundary = state.next_boundary();
    Evaluation {
        access: Access { accounts, grants: state.grants(), kin: timeline.kin.clone() },
        next_boundary,
        login_ended: held.is_some()
            || spans.iter().all(|span| span.ends.is_some_and(|ends| ends <= now)),
        unanswered,
        conflicts,
    }
}

/// Returns what somebody shall hold who goes on under another id: nothing, whatever was held before.
fn elsewhere(timeline: &Timeline) -> Evaluation {
    Evaluation {
        access: Access { kin: timeline.kin.clone(), ..Access::default() },
        next_boundary: None,
        login_ended: false,
        unanswered: BTreeSet::new(),
        conflicts: Vec::new(),
    }
}

fn is_unanswered(
    span: &Span,
    policy: &Policy,
    now: Timestamp,
    answer: &impl Fn(&Policy, usize) -> Option<bool>,
) -> bool {
    span.stretch_at(now).is_some_and(|stretch| answer(policy, stretch.slice).is_none())
}

fn accounts(
    release: &Release,
    state: &State<'_>,
    stage: &Stage,
    in_force: Option<&Slice>,
    is_held: bool,
) -> BTreeMap<String, DesiredAccount> {
    let person = in_force.map(|slice| Person::new(&slice.attributes, release.schema()));
    let profile = person.as_ref().map(context);
    let manager = in_force.and_then(|slice| slice.manager);
    let mut accounts = BTreeMap::new();
    for (index, application) in release.applications().enumerate() {
        let use_of = state.use_of(index);
        if use_of == Use::Never {
            continue;
        }
        let state = match stage.is_open(index, use_of) && !is_held {
            true => AccountState::Active,
            false => AccountState::Suspended,
        };
        let attributes =
            profile.as_ref().map(|context| application.attributes(context)).unwrap_or_default();
        let references = application.references(manager);
        let account = DesiredAccount { state, attributes, references };
        accounts.insert(application.name().to_owned(), account);
    }
    accounts
}

#[cfg(test)]
pub(crate) mod tests;
