//! Which conditions grant what, as the documents of a release say it.

use std::collections::{BTreeMap, BTreeSet};

use domain::Value;

use crate::document::{DEPARTMENT, Mode};
use crate::formula::{Atom, Formula, Node};
use crate::release::{Policy, Release, Schedule};

/// An application and one of its entitlements.
pub(super) type Entitlement = (String, String);

/// For each entitlement the policies that grant it.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    formulas: BTreeMap<String, Formula>,
    by_entitlement: BTreeMap<Entitlement, BTreeSet<Source>>,
}

/// One way in which a policy grants an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) mode: Mode,
    pub(super) schedule: Schedule,
}

/// A policy that grants, and whether it does so by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    policy: String,
    by_itself: bool,
}

impl Grants {
    /// Returns what the policies of a release grant; one that is only watched grants nothing.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        let mut grants = Self::default();
        for policy in release.policies() {
            let Some(formula) = effective(policy) else { continue };
            grants.formulas.insert(policy.name().to_owned(), formula);
            for offer in policy.offers() {
                let by_itself = offer.mode == Mode::Birthright;
                for entitlement in &offer.entitlements {
                    let application = release.application_of(entitlement).to_owned();
                    let source = Source { policy: policy.name().to_owned(), by_itself };
                    grants
                        .by_entitlement
                        .entry((application, entitlement.name.clone()))
                        .or_default()
                        .insert(source);
                }
            }
        }
        grants
    }

    /// Returns the entitlements that are granted at all, in order.
    pub fn entitlements(&self) -> impl Iterator<Item = &Entitlement> {
        self.by_entitlement.keys()
    }

    /// Returns the conditions under which an entitlement can be had, by itself or by asking for it.
    #[must_use]
    pub fn of_entitlement(&self, entitlement: &Entitlement) -> Vec<&Formula> {
        self.granting(entitlement, |_source| true)
    }

    /// Returns the conditions under which an entitlement comes without asking.
    #[must_use]
    pub fn birthrights_of(&self, entitlement: &Entitlement) -> Vec<&Formula> {
        self.granting(entitlement, |source| source.by_itself)
    }

    /// Returns when a policy grants; `None` when it is only watched.
    pub(super) fn of_policy(&self, policy: &str) -> Option<&Formula> {
        self.formulas.get(policy)
    }

    fn granting(&self, entitlement: &Entitlement, wanted: fn(&Source) -> bool) -> Vec<&Formula> {
        let sources = self.by_entitlement.get(entitlement).into_iter().flatten();
        let policies: BTreeSet<&str> =
            sources.filter(|source| wanted(source)).map(|source| source.policy.as_str()).collect();
        policies.into_iter().filter_map(|policy| self.formulas.get(policy)).collect()
    }
}

/// Returns when a policy grants: its condition, and not where it is only watched.
fn effective(policy: &Policy) -> Option<Formula> {
    let condition = policy.condition().formula().clone();
    let Some(observe) = policy.observe() else { return Some(condition) };
    if observe.departments.is_empty() {
        return None;
    }
    let span = condition.span.clone();
    let values = observe.departments.iter().map(|name| Value::Text(name.clone())).collect();
    let watched = Node::Atom(Atom::OneOf { attribute: DEPARTMENT.to_owned(), values });
    let watched = Formula { node: watched, span: span.clone() };
    let enforced = Formula { node: Node::Not(Box::new(watched)), span: span.clone() };
    Some(Formula { node: Node::All(vec![condition, enforced]), span })
}
