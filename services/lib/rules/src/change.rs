//! What differs between two releases, and for whom that can matter.
//!
//! Invariant: whoever a change may not affect has equal desired access under both releases, with
//! equal boundaries, at every instant and whatever was held before.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, Timestamp, Value};
use jiff::tz::TimeZone;

use crate::desired::span;
use crate::document::{Attribute, DEPARTMENT, Kind};
use crate::release::{Entitlement, Offer, Policy, Release, Separation};
use crate::timeline::Timeline;

/// The differences between two releases.
#[derive(Debug)]
pub struct Change<'a> {
    old: &'a Release,
    new: &'a Release,
    documents: Vec<Difference>,
    /// Something differs that counts for everybody: an attribute, a plan.
    everybody: bool,
    policies: Vec<Changed<'a>>,
    /// Names of applications whose documents differ.
    applications: BTreeSet<&'a str>,
    /// Separations that differ, each beside the release it belongs to.
    separations: Vec<(&'a Release, &'a Separation)>,
}

/// One document that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub how: How,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Only the later release has it.
    Added,
    /// Both have it, with another content.
    Changed,
    /// Only the earlier release has it.
    Removed,
}

impl How {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A policy that differs, with what it resolves to.
#[derive(Debug)]
struct Changed<'a> {
    old: Option<&'a Policy>,
    new: Option<&'a Policy>,
    /// Both grant the same, and only ask differently for whom.
    same_grants: bool,
}

impl<'a> Change<'a> {
    /// Compares two releases.
    #[must_use]
    pub fn between(old: &'a Release, new: &'a Release) -> Self {
        let documents = differences(old, new);
        let differs = |kind: Kind| documents.iter().any(|document| document.kind == kind);
        let everybody = attributes_differ(&old.schema().attributes, &new.schema().attributes)
            || differs(Kind::LifecyclePlan);
        let names: BTreeSet<&str> = documents
            .iter()
            .filter(|document| document.kind == Kind::Application)
            .map(|document| document.name.as_str())
            .collect();
        let applications = old
            .applications()
            .chain(new.applications())
            .map(crate::release::Application::name)
            .filter(|name| names.contains(name))
            .collect();
        Self {
            old,
            new,
            everybody,
            policies: changed_policies(old, new),
            applications,
            separations: changed_separations(old, new),
            documents,
        }
    }

    /// Returns the documents that differ, by kind and name.
    #[must_use]
    pub fn documents(&self) -> &[Difference] {
        &self.documents
    }

    /// Returns the policies that differ, or grant through a bundle that does, by name.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().filter_map(|changed| changed.new.or(changed.old)).map(Policy::name)
    }

    /// Tells whether the change can matter to a person: with a no, it surely does not.
    #[must_use]
    pub fn may_affect(&self, timeline: &Timeline) -> bool {
        let slices = || timeline.slices.iter().map(|slice| &slice.attributes);
        self.everybody
            || self.policies.iter().any(|changed| slices().any(|slice| changed.matters(slice)))
            || self.has_changed_account(timeline)
            || self
                .separations
                .iter()
                .any(|(release, separation)| concerns(release, separation, timeline))
    }

    fn has_changed_account(&self, timeline: &Timeline) -> bool {
        if self.applications.is_empty() {
            return false;
        }
        let in_changed = |release: &Release, entitlement: &Entitlement| {
            self.applications.contains(release.application_of(entitlement))
        };
        [self.old, self.new].into_iter().any(|release| {
            may_grant(release, timeline, |entitlement| in_changed(release, entitlement))
        })
    }
}

impl Changed<'_> {
    fn matters(&self, slice: &Attributes) -> bool {
        let answer =
            |policy: Option<&Policy>| policy.map_or(Some(false), |policy| policy.holds(slice));
        let (old, new) = (answer(self.old), answer(self.new));
        match self.same_grants {
            true => old != new,
            false => old != Some(false) || new != Some(false),
        }
    }
}

/// Returns the department in which somebody is counted at an instant.
#[must_use]
pub fn department<'a>(
    timeline: &'a Timeline,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Option<&'a str> {
    let spans = span::spans(timeline, &timeline.zone_or(default_zone));
    let slice = timeline.slices.get(span::in_force(&spans, now)?)?;
    slice.attributes.get(DEPARTMENT).and_then(Value::as_text)
}

/// Tells whether a release may ever give a person an entitlement of a kind.
fn may_grant(
    release: &Release,
    timeline: &Timeline,
    wanted: impl Fn(&Entitlement) -> bool,
) -> bool {
    release.policies().any(|policy| {
        policy.birthrights().flat_map(|offer| &offer.entitlements).any(&wanted)
            && timeline.slices.iter().any(|slice| policy.holds(&slice.attributes) != Some(false))
    })
}

fn concerns(release: &Release, separation: &Separation, timeline: &Timeline) -> bool {
    let may_hold = |side: &BTreeSet<Entitlement>| {
        may_grant(release, timeline, |entitlement| side.contains(entitlement))
    };
    may_hold(separation.left()) && may_hold(separation.right())
}

/// Tells whether an attribute's values are others than before. Attributes that only one release
/// declares are named by nothing that both have.
fn attributes_differ(old: &BTreeMap<String, Attribute>, new: &BTreeMap<String, Attribute>) -> bool {
    old.iter().any(|(name, attribute)| {
        let values = |one: &Attribute| (one.kind, one.values.clone());
        new.get(name).is_some_and(|other| values(other) != values(attribute))
    })
}

fn differences(old: &Release, new: &Release) -> Vec<Difference> {
    let listed = |release: &Release| -> BTreeMap<(Kind, String), String> {
        release
            .documents()
            .map(|(document, digest)| {
                ((document.kind(), document.name().to_owned()), digest.to_owned())
            })
            .collect()
    };
    let (mut old, new) = (listed(old), listed(new));
    let mut found = Vec::new();
    for ((kind, name), digest) in new {
        let how = match old.remove(&(kind, name.clone())) {
            None => How::Added,
            Some(before) if before != digest => How::Changed,
            Some(_same) => continue,
        };
        found.push(Difference { kind, name, how });
    }
    let gone = old.into_keys().map(|(kind, name)| Difference { kind, name, how: How::Removed });
    found.extend(gone);
    found.sort();
    found
}

fn changed_policies<'a>(old: &'a Release, new: &'a Release) -> Vec<Changed<'a>> {
    let mut pairs: BTreeMap<&str, (Option<&Policy>, Option<&Policy>)> = BTreeMap::new();
    for policy in old.policies() {
        pairs.entry(policy.name()).or_default().0 = Some(policy);
    }
    for policy in new.policies() {
        pairs.entry(policy.name()).or_default().1 = Some(policy);
    }
    let mut changed = Vec::new();
    for (before, after) in pairs.into_values() {
        let same_grants = before.zip(after).is_some_and(|(before, after)| {
            before.on_unknown() == after.on_unknown() && grants(old, before).eq(grants(new, after))
        });
        let same_question = before.zip(after).is_some_and(|(before, after)| {
            before.condition().text() == after.condition().text()
                && before.observe() == after.observe()
        });
        if !(same_grants && same_question) {
            changed.push(Changed { old: before, new: after, same_grants });
        }
    }
    changed
}

/// What a policy grants, in names that mean the same in every release.
fn grants<'a>(
    release: &'a Release,
    policy: &'a Policy,
) -> impl Iterator<Item = (&'a str, crate::Schedule, Vec<(&'a str, &'a str)>)> {
    policy.birthrights().map(|Offer { bundle, schedule, entitlements, mode: _ }| {
        (bundle.as_str(), *schedule, named(release, entitlements))
    })
}

fn named<'a>(
    release: &'a Release,
    entitlements: impl IntoIterator<Item = &'a Entitlement>,
) -> Vec<(&'a str, &'a str)> {
    entitlements
        .into_iter()
        .map(|entitlement| (release.application_of(entitlement), entitlement.name.as_str()))
        .collect()
}

fn changed_separations<'a>(
    old: &'a Release,
    new: &'a Release,
) -> Vec<(&'a Release, &'a Separation)> {
    let says = |release: &'a Release, separation: &'a Separation| {
        let (left, right) = (named(release, separation.left()), named(release, separation.right()));
        (separation.name(), separation.mode(), left, right)
    };
    let lacks = |other: &'a Release, release: &'a Release, separation: &'a Separation| {
        let said = says(release, separation);
        !other.separations().any(|known| says(other, known) == said)
    };
    let only = |release: &'a Release, other: &'a Release| {
        release
            .separations()
            .filter(move |separation| lacks(other, release, separation))
            .map(move |separation| (release, separation))
    };
    only(old, new).chain(only(new, old)).collect()
}

#[cfg(test)]
mod tests;
