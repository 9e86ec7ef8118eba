//! Who shall hold what: the one pure function behind evaluation, explanation and simulation.
//!
//! Everything is decided in instants. A date becomes an instant once, and whatever compares dates
//! with the present compares those instants, so that the boundaries named are exactly the moments
//! at which an answer changes, also on days on which midnight does not exist or comes twice.

pub(crate) mod span;

use std::collections::BTreeMap;

use domain::{AccountState, Timestamp};
use jiff::tz::TimeZone;

use crate::access::{Access, DesiredAccount, DesiredGrant, Evaluation, Reason};
use crate::condition::{Person, context};
use crate::release::Release;
use crate::timeline::Timeline;
use span::{Interval, Span};

/// Returns what a person shall hold at an instant, and until when that is so.
///
/// `default_zone` is the zone of dates when the timeline names none. The same arguments give the
/// same answer, for any past or future `now`.
#[must_use]
pub fn desired(
    timeline: &Timeline,
    release: &Release,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Evaluation {
    let zone = timeline.zone_or(default_zone);
    let spans = span::spans(timeline, &zone);
    let people: Vec<_> = timeline
        .slices
        .iter()
        .map(|slice| Person::new(&slice.attributes, release.schema()))
        .collect();
    let contexts: Vec<_> = people.iter().map(context).collect();

    let mut state = State::new(release, now);
    for span in &spans {
        state.boundary(Some(span.starts));
        state.boundary(span.ends);
        for stretch in &span.stretches {
            state.boundary(Some(stretch.starts));
        }
        for policy in release.policies() {
            let holds = |slice: usize| {
                let slice = timeline.slices.get(slice);
                slice.is_some_and(|slice| policy.holds(&slice.attributes) == Some(true))
            };
            for interval in span.intervals(policy, &zone, holds) {
                state.interval(span, policy, interval);
            }
        }
    }

    let employed = spans.iter().any(|span| span.runs_at(now));
    let in_force = span::in_force(&spans, now);
    let profile = in_force.and_then(|slice| contexts.get(slice));
    let manager = in_force.and_then(|slice| timeline.slices.get(slice)?.manager);
    let mut accounts = BTreeMap::new();
    for (application, use_of) in release.applications().zip(&state.applications) {
        let state = match use_of {
            Use::Never => continue,
            Use::Past => AccountState::Suspended,
            Use::Held if employed => AccountState::Active,
            Use::Held => AccountState::Suspended,
        };
        let attributes = profile.map(|context| application.attributes(context)).unwrap_or_default();
        let references = application.references(manager);
        let account = DesiredAccount { state, attributes, references };
        accounts.insert(application.name().to_owned(), account);
    }
    Evaluation {
        access: Access { accounts, grants: state.grants(release) },
        next_boundary: state.next_boundary,
        login_ended: spans.iter().all(|span| span.ends.is_some_and(|ends| ends <= now)),
    }
}

/// What intervals say about one application at the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Nothing was ever granted in it.
    Never,
    /// Something was granted, nothing is held: the account is kept, and closed.
    Past,
    /// Something is held.
    Held,
}

/// What was gathered over all engagements and policies.
struct State<'a> {
    now: Timestamp,
    applications: Vec<Use>,
    reasons: BTreeMap<(usize, &'a str), Vec<Reason>>,
    next_boundary: Option<Timestamp>,
}

impl<'a> State<'a> {
    fn new(release: &Release, now: Timestamp) -> Self {
        let applications = vec![Use::Never; release.applications().len()];
        Self { now, applications, reasons: BTreeMap::new(), next_boundary: None }
    }

    fn boundary(&mut self, instant: Option<Timestamp>) {
        let later = instant.filter(|instant| *instant > self.now);
        self.next_boundary = match (self.next_boundary, later) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn interval(&mut self, span: &Span, policy: &'a crate::Policy, interval: Interval) {
        self.boundary(Some(interval.from));
        self.boundary(interval.until);
        if interval.from > self.now {
            return;
        }
        let held = interval.until.is_none_or(|until| self.now < until);
        let use_of = if held { Use::Held } else { Use::Past };
        for granted in policy.grants() {
            if let Some(known) = self.applications.get_mut(granted.application) {
                *known = use_of.max(*known);
            }
            if held {
                let key = (granted.application, granted.entitlement.as_str());
                self.reasons.entry(key).or_default().push(Reason {
                    policy: policy.name().to_owned(),
                    bundle: granted.bundle.clone(),
                    engagement: span.engagement,
                    from: interval.from,
                    until: interval.until,
                });
            }
        }
    }

    fn grants(&mut self, release: &Release) -> Vec<DesiredGrant> {
        let names: Vec<&str> = release.applications().map(crate::Application::name).collect();
        std::mem::take(&mut self.reasons)
            .into_iter()
            .filter_map(|((application, entitlement), mut reasons)| {
                reasons.sort_unstable();
                Some(DesiredGrant {
                    application: (*names.get(application)?).to_owned(),
                    entitlement: entitlement.to_owned(),
                    reasons,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
