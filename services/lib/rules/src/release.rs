//! A set of documents compiled as a whole: every reference resolved, every condition parsed.

mod compile;

use std::collections::BTreeMap;

use domain::{Attributes, PersonId};

use crate::Problem;
use crate::condition::{Condition, Expression};
use crate::document::{self, AttributeSchema, Days, Document};
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
    lead: Days,
    overlap: Days,
    grants: Vec<Granted>,
}

/// One entitlement that a policy grants through one bundle.
#[derive(Debug)]
pub(crate) struct Granted {
    /// Index into the release's applications.
    pub(crate) application: usize,
    pub(crate) entitlement: String,
    pub(crate) bundle: String,
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

    /// Returns the civil days before the first day from which it grants.
    #[must_use]
    pub fn lead(&self) -> Days {
        self.lead
    }

    /// Returns the civil days for which it still grants after its condition stopped holding.
    #[must_use]
    pub fn overlap(&self) -> Days {
        self.overlap
    }

    /// Returns for whom it grants.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Tells whether the condition holds; `None` when what it rests on is unknown.
    pub(crate) fn holds(&self, attributes: &Attributes) -> Option<bool> {
        self.condition.holds(attributes)
    }

    pub(crate) fn grants(&self) -> &[Granted] {
        &self.grants
    }
}

#[cfg(test)]
pub(crate) mod tests;
