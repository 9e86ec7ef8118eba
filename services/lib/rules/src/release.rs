//! A set of documents compiled as a whole: every reference resolved, every condition parsed.

mod compile;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, PersonId, Value};

use crate::Problem;
use crate::condition::{Condition, Expression};
use crate::document::{
    self, AttributeSchema, Breaker, DEPARTMENT, Days, Document, End, EndAnchor, Mode, Observe,
    Offset, OnLeave, OnUnknown, Privilege, SeparationMode,
};
use crate::reference::{Pointer, Reference};

/// A set of policy documents, ready to be evaluated; share it in an `Arc`.
#[derive(Debug)]
pub struct Release {
    number: u64,
    content_hash: String,
    documents: Vec<(Document, String)>,
    schema: AttributeSchema,
    applications: Vec<Application>,
    policies: Vec<Policy>,
    plans: Vec<Plan>,
    separations: Vec<Separation>,
    breaker: Option<Breaker>,
    /// Entitlements that are more than standard, by application and name.
    privileged: BTreeMap<String, BTreeMap<String, Privilege>>,
}

/// An application of a release.
#[derive(Debug)]
pub struct Application {
    name: String,
    spec: document::Application,
    attributes: Vec<(String, Expression)>,
    references: Vec<(String, Pointer)>,
}

/// An access policy of a release.
#[derive(Debug)]
pub struct Policy {
    name: String,
    condition: Condition,
    on_unknown: OnUnknown,
    observe: Option<Observe>,
    offers: Vec<Offer>,
}

/// What a policy grants through one bundle.
#[derive(Debug)]
pub struct Offer {
    /// The bundle.
    pub bundle: String,
    /// Whether it comes by itself.
    pub mode: Mode,
    /// From when to when.
    pub schedule: Schedule,
    /// What is in the bundle, each once.
    pub entitlements: Vec<Entitlement>,
}

/// From when to when something is granted to whom a condition holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Days before or after the first day.
    pub start: Offset,
    /// The date with which it ends, and days before or after it.
    pub end: End,
    /// Civil days for which somebody keeps it for whom the condition stopped holding.
    pub overlap: Days,
    /// What a leaver keeps for a while.
    pub on_leave: Option<OnLeave>,
}

/// One entitlement of one application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entitlement {
    /// Index into the release's applications.
    pub application: usize,
    /// Its name.
    pub name: String,
}

/// What accounts may do in the stages of a persona's life; applications are indexes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) condition: Condition,
    pub(crate) joining: BTreeSet<usize>,
    pub(crate) absence: Option<(Condition, BTreeSet<usize>)>,
    pub(crate) leaving: BTreeSet<usize>,
    pub(crate) leaving_days: Days,
    pub(crate) bridge: Option<Days>,
}

/// What nobody may hold together.
#[derive(Debug)]
pub struct Separation {
    name: String,
    mode: SeparationMode,
    left: BTreeSet<Entitlement>,
    right: BTreeSet<Entitlement>,
}

impl Release {
    /// Compiles documents into the release with a number.
    ///
    /// # Errors
    /// Every problem in the documents at once, ordered by place.
    pub fn compile(number: u64, documents: Vec<Document>) -> Result<Self, Vec<Problem>> {
        compile::release(number, documents)
    }

    /// Returns the release's number, which only grows.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the SHA-256 over the sorted digests of the documents, hexadecimal.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    /// Returns the documents with their digests, by kind and name.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = (&Document, &str)> {
        self.documents.iter().map(|(document, digest)| (document, digest.as_str()))
    }

    /// Returns the attributes that conditions may name.
    #[must_use]
    pub fn schema(&self) -> &AttributeSchema {
        &self.schema
    }

    /// Returns the applications by name.
    pub fn applications(&self) -> impl ExactSizeIterator<Item = &Application> {
        self.applications.iter()
    }

    /// Returns the application with a name.
    #[must_use]
    pub fn application(&self, name: &str) -> Option<&Application> {
        let index =
            self.applications.binary_search_by(|application| application.name.as_str().cmp(name));
        index.ok().and_then(|index| self.applications.get(index))
    }

    /// Returns the policies by name.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Policy> {
        self.policies.iter()
    }

    /// Returns the policy with a name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        let index = self.policies.binary_search_by(|policy| policy.name.as_str().cmp(name));
        index.ok().and_then(|index| self.policies.get(index))
    }

    /// Returns what nobody may hold together, by name.
    pub fn separations(&self) -> impl ExactSizeIterator<Item = &Separation> {
        self.separations.iter()
    }

    /// Returns the limits of what is done without a second person, if a document sets them.
    #[must_use]
    pub fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// Returns how much harm whoever holds an entitlement could do.
    #[must_use]
    pub fn privilege(&self, application: &str, entitlement: &str) -> Privilege {
        let of_application = self.privileged.get(application);
        of_application.and_then(|known| known.get(entitlement)).copied().unwrap_or_default()
    }

    /// Returns the name of the application of an entitlement of this release.
    #[must_use]
    pub fn application_of(&self, entitlement: &Entitlement) -> &str {
        self.applications.get(entitlement.application).map_or("", Application::name)
    }

    /// Returns the plan that counts for a profile.
    pub(crate) fn plan_of(&self, profile: &Attributes) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.condition.holds(profile) == Some(true))
    }
}

impl Application {
    /// Returns the application's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what its document says.
    #[must_use]
    pub fn spec(&self) -> &document::Application {
        &self.spec
    }

    /// Returns the account attributes of a person; those that are unknown are left out.
    pub(crate) fn attributes(&self, context: &cel::Context) -> Attributes {
        self.attributes
            .iter()
            .filter_map(|(name, expression)| Some((name.clone(), expression.value(context)?)))
            .collect()
    }

    /// Returns the account attributes that other accounts supply, for somebody with this manager.
    pub(crate) fn references(&self, manager: Option<PersonId>) -> BTreeMap<String, Reference> {
        self.references
            .iter()
            .filter_map(|(name, pointer)| Some((name.clone(), pointer.of(manager)?)))
            .collect()
    }
}

impl Policy {
    /// Returns the policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns for whom it grants.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Tells whether the policy grants, to somebody with these attributes; `None` when what that
    /// rests on is unknown, the department included where it is only watched in some.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> Option<bool> {
        let holds = self.condition.holds(attributes);
        match &self.observe {
            None => holds,
            Some(Observe { departments }) if departments.is_empty() => Some(false),
            Some(Observe { departments }) => match (holds, department(attributes)) {
                (Some(false), _) => Some(false),
                (_, Some(name)) if departments.contains(name) => Some(false),
                (holds, Some(_elsewhere)) => holds,
                (Some(true) | None, None) => None,
            },
        }
    }

    /// Returns what becomes of what is held when the condition cannot be answered.
    #[must_use]
    pub fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    /// Tells whether the policy is only watched for somebody with these attributes; where it is
    /// watched in some departments, it is for whoever's department is unknown.
    #[must_use]
    pub fn is_observed_for(&self, attributes: &Attributes) -> bool {
        let Some(Observe { departments }) = &self.observe else { return false };
        departments.is_empty()
            || department(attributes).is_none_or(|name| departments.contains(name))
    }

    /// Returns where the policy is only watched; `None` when it is enforced everywhere.
    #[must_use]
    pub fn observe(&self) -> Option<&Observe> {
        self.observe.as_ref()
    }

    /// Returns what it grants, bundle by bundle.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Returns what it grants to whoever it holds for, without anybody asking.
    pub fn birthrights(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(|offer| offer.mode == Mode::Birthright)
    }
}

fn department(attributes: &Attributes) -> Option<&str> {
    attributes.get(DEPARTMENT).and_then(Value::as_text)
}

impl Schedule {
    /// Tells whether nothing is granted earlier or later than the engagement's own days.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.start.is_zero()
            && self.end.offset.is_zero()
            && self.end.anchor == EndAnchor::LastWorkingDay
            && self.overlap.is_zero()
            && self.on_leave.is_none()
    }
}

impl Separation {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what is done about it.
    #[must_use]
    pub fn mode(&self) -> SeparationMode {
        self.mode
    }

    /// Returns the entitlements of the one side.
    #[must_use]
    pub fn left(&self) -> &BTreeSet<Entitlement> {
        &self.left
    }

    /// Returns the entitlements of the other side.
    #[must_use]
    pub fn right(&self) -> &BTreeSet<Entitlement> {
        &self.right
    }
}

#[cfg(test)]
pub(crate) mod tests;
