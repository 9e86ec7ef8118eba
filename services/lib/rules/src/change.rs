//! What one release changes against another: whom it can concern, and what they gain and lose.

mod difference;

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Mode, Spec, canonical};
use crate::release::{Policy, Release, Schedule};
use crate::timeline::Timeline;

pub use difference::{AccountChange, Difference};

/// What differs between two releases, as far as it can change what anybody shall hold.
///
/// [`Change::may_affect`] never misses anybody: for whom it says no, both releases give the same
/// desired access at every instant. It may name somebody for whom nothing changes.
#[derive(Debug)]
pub struct Change<'a> {
    old: &'a Release,
    new: &'a Release,
    /// Something that everybody's access rests on.
    everybody: bool,
    /// Names of policies of which only the condition differs.
    reworded: Vec<(&'a Policy, &'a Policy)>,
    /// Policies, of either release, that give something else, or give it otherwise.
    others: Vec<&'a Policy>,
}

impl<'a> Change<'a> {
    /// Compares two releases.
    #[must_use]
    pub fn between(old: &'a Release, new: &'a Release) -> Self {
        let mut change =
            Self { old, new, everybody: false, reworded: Vec::new(), others: Vec::new() };
        change.everybody = types(old) != types(new) || plans(old) != plans(new);
        let touched = change.touched_applications();
        let before: BTreeMap<&str, &Policy> =
            old.policies().map(|policy| (policy.name(), policy)).collect();
        let after: BTreeMap<&str, &Policy> =
            new.policies().map(|policy| (policy.name(), policy)).collect();
        let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for name in names {
            match (before.get(name), after.get(name)) {
                (Some(one), Some(other)) => {
                    let gives = (gives(old, one), gives(new, other));
                    if gives.0 != gives.1 || gives.0.applications(&touched) {
                        change.others.extend([*one, *other]);
                    } else if one.condition().text() != other.condition().text() {
                        change.reworded.push((*one, *other));
                    }
                }
                (one, other) => change.others.extend(one.into_iter().chain(other)),
            }
        }
        change
    }

    /// Tells whether nobody's access can differ.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.everybody && self.reworded.is_empty() && self.others.is_empty()
    }

    /// Tells whether what somebody shall hold may differ between the two releases at any instant.
    #[must_use]
    pub fn may_affect(&self, timeline: &Timeline) -> bool {
        self.everybody
            || timeline.slices.iter().any(|slice| {
                let attributes = &slice.attributes;
                self.others.iter().any(|policy| policy.holds(attributes) != Some(false))
                    || self
                        .reworded
                        .iter()
                        .any(|(one, other)| one.holds(attributes) != other.holds(attributes))
            })
    }

    /// Returns the names of the policies that differ, in order.
    #[must_use]
    pub fn policies(&self) -> BTreeSet<&'a str> {
        let reworded = self.reworded.iter().map(|(one, _other)| *one);
        self.others.iter().copied().chain(reworded).map(Policy::name).collect()
    }

    /// The applications whose accounts look otherwise, or whose entitlements are held apart
    /// otherwise.
    fn touched_applications(&self) -> BTreeSet<String> {
        let (before, after) = (accounts(self.old), accounts(self.new));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let mut touched: BTreeSet<String> = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .cloned()
            .collect();
        let (before, after) = (separations(self.old), separations(self.new));
        for name in before.keys().chain(after.keys()) {
            if before.get(name) != after.get(name) {
                let sides = [before.get(name), after.get(name)];
                touched.extend(sides.into_iter().flatten().flat_map(|kept| kept.1.clone()));
            }
        }
        touched
    }
}

/// The types of attributes: a value of another type is unknown.
fn types(release: &Release) -> BTreeMap<&str, crate::document::AttributeType> {
    let attributes = &release.schema().attributes;
    attributes.iter().map(|(name, attribute)| (name.as_str(), attribute.kind)).collect()
}

/// The lifecycle plans, each in its one text.
fn plans(release: &Release) -> Vec<String> {
    let plans = release.documents().filter_map(|(document, _digest)| match &document.spec {
        Spec::LifecyclePlan(plan) => Some(canonical::json(&(document.name(), plan))),
        Spec::AttributeSchema(_)
        | Spec::Application(_)
        | Spec::Bundle(_)
        | Spec::AccessPolicy(_)
        | Spec::SeparationOfDuties(_)
        | Spec::Breaker(_) => None,
    });
    plans.collect()
}

/// What accounts look like, by application.
fn accounts(release: &Release) -> BTreeMap<String, String> {
    let applications = release.applications();
    applications.map(|one| (one.name().to_owned(), canonical::json(&one.spec().account))).collect()
}

/// What is kept apart, and in which applications, by name.
fn separations(release: &Release) -> BTreeMap<&str, (String, BTreeSet<String>)> {
    let separations = release.separations();
    separations
        .map(|one| {
            let both = || one.left().iter().chain(one.right());
            let applications =
                both().map(|entitlement| release.application_of(entitlement).to_owned()).collect();
            let sides = [one.left(), one.right()].map(|side| {
                side.iter()
                    .map(|entitlement| (release.application_of(entitlement), &entitlement.name))
                    .collect::<Vec<_>>()
            });
            (one.name(), (canonical::json(&(one.mode(), sides)), applications))
        })
        .collect()
}

/// What a policy gives, apart from whom.
#[derive(PartialEq)]
struct Gives<'a> {
    on_unknown: crate::document::OnUnknown,
    observe: Option<&'a crate::document::Observe>,
    offers: Vec<Given<'a>>,
}

/// What is given through one bundle: application and entitlement of everything in it.
#[derive(PartialEq)]
struct Given<'a> {
    bundle: &'a str,
    mode: Mode,
    schedule: Schedule,
    entitlements: Vec<(&'a str, &'a str)>,
}

impl Gives<'_> {
    fn applications(&self, touched: &BTreeSet<String>) -> bool {
        let given = self.offers.iter().flat_map(|given| &given.entitlements);
        given.into_iter().any(|(application, _entitlement)| touched.contains(*application))
    }
}

fn gives<'a>(release: &'a Release, policy: &'a Policy) -> Gives<'a> {
    let offers = policy.offers().iter().map(|offer| {
        let entitlements = offer.entitlements.iter();
        let entitlements = entitlements
            .map(|entitlement| (release.application_of(entitlement), entitlement.name.as_str()))
            .collect();
        Given {
            bundle: offer.bundle.as_str(),
            mode: offer.mode,
            schedule: offer.schedule,
            entitlements,
        }
    });
    Gives { on_unknown: policy.on_unknown(), observe: policy.observe(), offers: offers.collect() }
}

#[cfg(test)]
mod tests;
