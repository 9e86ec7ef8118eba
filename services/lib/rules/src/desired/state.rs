//! What was gathered over all engagements and policies.

use std::collections::BTreeMap;

use domain::Timestamp;
use jiff::tz::TimeZone;

use super::span::{Interval, Span};
use crate::access::{Access, DesiredGrant, Reason};
use crate::release::{Entitlement, Offer, Policy, Release};

/// What intervals say about one application at the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// Nothing was ever granted in it.
    Never,
    /// Something was granted, nothing is held: the account is kept, and closed.
    Past,
    /// The same, and it was held to the end of an engagement.
    Left,
    /// Something is held.
    Held,
    /// Something is held that keeps the account open whatever the engagement.
    Open,
}

pub(super) struct State<'a> {
    release: &'a Release,
    now: Timestamp,
    applications: Vec<Use>,
    reasons: BTreeMap<&'a Entitlement, Vec<Reason>>,
    next_boundary: Option<Timestamp>,
}

impl<'a> State<'a> {
    pub(super) fn new(release: &'a Release, now: Timestamp) -> Self {
        let applications = vec![Use::Never; release.applications().len()];
        Self { release, now, applications, reasons: BTreeMap::new(), next_boundary: None }
    }

    pub(super) fn boundary(&mut self, instant: Option<Timestamp>) {
        let later = instant.filter(|instant| *instant > self.now);
        self.next_boundary = match (self.next_boundary, later) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    pub(super) fn next_boundary(&self) -> Option<Timestamp> {
        self.next_boundary
    }

    pub(super) fn use_of(&self, application: usize) -> Use {
        self.applications.get(application).copied().unwrap_or(Use::Never)
    }

    /// Adds what an offer gives in an interval.
    pub(super) fn interval(
        &mut self,
        span: &Span,
        policy: &Policy,
        offer: &'a Offer,
        interval: Interval,
    ) {
        self.boundary(Some(interval.from));
        self.boundary(interval.until);
        if interval.from > self.now {
            return;
        }
        let held = interval.until.is_none_or(|until| self.now < until);
        let left = interval.until.zip(span.ends).is_some_and(|(until, ends)| ends <= until);
        let use_of = match (held, interval.keeps_open) {
            (false, _) if left => Use::Left,
            (false, _) => Use::Past,
            (true, false) => Use::Held,
            (true, true) => Use::Open,
        };
        self.give(offer, use_of, || Reason {
            policy: policy.name().to_owned(),
            bundle: offer.bundle.clone(),
            engagement: span.engagement,
            from: interval.from,
            until: interval.until,
            kept: false,
        });
    }

    /// Keeps what a policy granted for an engagement, because it cannot be asked any more.
    pub(super) fn keep(
        &mut self,
        before: &Access,
        span: &Span,
        policy: &'a Policy,
        zone: &TimeZone,
    ) {
        for offer in policy.birthrights() {
            let until = span.left(&offer.schedule, zone);
            if until.is_some_and(|until| until <= self.now) {
                continue;
            }
            let held = before.grants.iter().flat_map(|grant| &grant.reasons).find(|reason| {
                reason.policy == policy.name()
                    && reason.bundle == offer.bundle
                    && reason.engagement == span.engagement
            });
            let Some(held) = held else { continue };
            self.boundary(until);
            let from = held.from;
            self.give(offer, Use::Held, || Reason {
                policy: policy.name().to_owned(),
                bundle: offer.bundle.clone(),
                engagement: span.engagement,
                from,
                until,
                kept: true,
            });
        }
    }

    fn give(&mut self, offer: &'a Offer, use_of: Use, reason: impl Fn() -> Reason) {
        for entitlement in &offer.entitlements {
            if let Some(known) = self.applications.get_mut(entitlement.application) {
                *known = use_of.max(*known);
            }
            if use_of < Use::Held {
                continue;
            }
            let reasons = self.reasons.entry(entitlement).or_default();
            let reason = reason();
            // What an overlap still justifies need not be kept as well.
            let doubled = reason.kept
                && reasons.iter().any(|known| {
                    (&known.policy, &known.bundle, known.engagement)
                        == (&reason.policy, &reason.bundle, reason.engagement)
                        && known.until == reason.until
                });
            if !doubled {
                reasons.push(reason);
            }
        }
    }

    /// Since when an entitlement is held, if it is.
    pub(super) fn held_since(&self, entitlement: &Entitlement) -> Option<Timestamp> {
        self.reasons.get(entitlement)?.iter().map(|reason| reason.from).min()
    }

    /// Keeps an entitlement back.
    pub(super) fn withhold(&mut self, entitlement: &Entitlement) {
        self.reasons.remove(entitlement);
    }

    pub(super) fn grants(self) -> Vec<DesiredGrant> {
        let release = self.release;
        self.reasons
            .into_iter()
            .map(|(entitlement, mut reasons)| {
                reasons.sort_unstable();
                DesiredGrant {
                    application: release.application_of(entitlement).to_owned(),
                    entitlement: entitlement.name.clone(),
                    reasons,
                }
            })
            .collect()
    }
}
