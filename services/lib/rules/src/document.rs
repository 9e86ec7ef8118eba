//! Policy documents: what people write in YAML, strictly typed, with one canonical form each.

mod access_policy;
mod application;
mod attribute_schema;
mod breaker;
mod bundle;
pub(crate) mod canonical;
mod days;
mod kind;
mod lifecycle_plan;
mod load;
mod metadata;
mod minutes;
mod owner;
mod places;
mod read;
mod schedule;
mod schema;
mod separation_of_duties;
mod setting;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Problem;

pub use access_policy::{
    AccessPolicy, DEPARTMENT, Expectation, Mode, Observe, OnUnknown, PolicyGrant, PolicyTest,
    TestValue,
};
pub use application::{
    AccountRules, Application, Connector, ConnectorKind, DriftKind, Entitlement, Every, Evidence,
    Ldap, LdapDisable, LdapDisabled, LdapLayout, LdapSchema, Limits, Manual, Privilege, Rate,
    Reconciliation, Response, Verification, Window, Within, check_address,
};
pub use attribute_schema::{Attribute, AttributeSchema, AttributeType, Fact};
pub use breaker::{Breaker, BreakerLimit, Counted, Grouping};
pub use bundle::{Bundle, BundleEntitlement};
pub use days::Days;
pub use kind::Kind;
pub use lifecycle_plan::{Absence, Joining, Leaving, LifecyclePlan};
pub(crate) use load::duplicates;
pub use load::{load, load_all};
pub use metadata::{Metadata, Name};
pub use owner::Owner;
pub use schedule::{End, EndAnchor, LeaveAction, Offset, OnLeave, Start, StartAnchor};
pub use schema::json_schema;
pub use separation_of_duties::{Duty, SeparationMode, SeparationOfDuties};
pub use setting::{SecretReference, Setting};

/// One document, checked for itself; what it refers to is checked when a release is compiled.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it was read.
    pub place: Place,
    /// Name and labels.
    pub metadata: Metadata,
    /// What it says.
    pub spec: Spec,
    /// Where its fields were read.
    places: places::Places,
}

/// What a document says, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Spec {
    /// What is known of people.
    AttributeSchema(AttributeSchema),
    /// A target system.
    Application(Box<Application>),
    /// A named set of entitlements.
    Bundle(Bundle),
    /// Who holds which bundles.
    AccessPolicy(Box<AccessPolicy>),
    /// What nobody may hold together.
    SeparationOfDuties(Box<SeparationOfDuties>),
    /// What accounts may do in the stages of a persona's life.
    LifecyclePlan(Box<LifecyclePlan>),
    /// What looks like an accident.
    Breaker(Breaker),
}

/// A place in a file. Line and column count from 1; 0 is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file's path as it was given; empty for what was not read from a file.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A stored document that is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not the JSON of a document.
    #[error("read a document from its canonical JSON")]
    Json(#[source] serde_json::Error),
    /// It says something that no document may say.
    #[error("check a stored document: {0}")]
    Content(Problem),
}

impl Document {
    /// Rebuilds a document from its canonical JSON.
    ///
    /// # Errors
    /// When the bytes are not the JSON of a valid document.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let raw: read::Raw = serde_json::from_slice(json).map_err(Error::Json)?;
        let document = raw.into_document(Place::default(), places::Places::default());
        match document.problems().into_iter().next() {
            Some(problem) => Err(Error::Content(problem)),
            None => Ok(document),
        }
    }

    /// Returns the document's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.spec {
            Spec::AttributeSchema(_) => Kind::AttributeSchema,
            Spec::Application(_) => Kind::Application,
            Spec::Bundle(_) => Kind::Bundle,
            Spec::AccessPolicy(_) => Kind::AccessPolicy,
            Spec::SeparationOfDuties(_) => Kind::SeparationOfDuties,
            Spec::LifecyclePlan(_) => Kind::LifecyclePlan,
            Spec::Breaker(_) => Kind::Breaker,
        }
    }

    /// Returns the document's name, which is unique within its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_str()
    }

    /// Returns the one text that equal documents have: JSON with sorted keys, without defaults.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::json(&View {
            api_version: read::API_VERSION,
            kind: self.kind(),
            metadata: &self.metadata,
            spec: &self.spec,
        })
    }

    /// Returns the SHA-256 of the canonical text, hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        canonical::digest(&self.canonical())
    }

    /// Makes a problem with a field of this document.
    pub(crate) fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        let place = self.places.of(field).unwrap_or_else(|| self.place.clone());
        self.problem_at(place, field, message)
    }

    /// Makes a problem with a part of a field's text, which begins at a byte of it.
    pub(crate) fn problem_within(
        &self,
        field: &str,
        text: &str,
        offset: usize,
        message: impl Into<String>,
    ) -> Problem {
        let place = self.places.within(field, text, offset);
        self.problem_at(place.unwrap_or_else(|| self.place.clone()), field, message)
    }

    fn problem_at(&self, place: Place, field: &str, message: impl Into<String>) -> Problem {
        Problem {
            place,
            document: format!("{} {}", self.kind(), self.name()),
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// Returns what is wrong with the document taken by itself.
    fn problems(&self) -> Vec<Problem> {
        let found = match &self.spec {
            Spec::AttributeSchema(spec) => spec.problems(),
            Spec::Application(spec) => spec.problems(),
            Spec::Bundle(spec) => spec.problems(),
            Spec::AccessPolicy(spec) => spec.problems(),
            Spec::SeparationOfDuties(spec) => spec.problems(),
            Spec::LifecyclePlan(spec) => spec.problems(),
            Spec::Breaker(spec) => spec.problems(),
        };
        found.into_iter().map(|(field, message)| self.problem(&field, message)).collect()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => Ok(()),
            (file, 0) => f.write_str(file),
            (file, line) => write!(f, "{file}:{line}:{}", self.column),
        }
    }
}

/// A field path and what is wrong there.
type Finding = (String, String);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    api_version: &'static str,
    kind: Kind,
    metadata: &'a Metadata,
    spec: &'a Spec,
}

#[cfg(test)]
mod tests;
