use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of documents, in the order in which they are listed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Kind {
    /// What is known of people; one per release.
    AttributeSchema,
    /// A target system.
    Application,
    /// A named set of entitlements.
    Bundle,
    /// Who holds which bundles.
    AccessPolicy,
    /// What nobody may hold together.
    SeparationOfDuties,
    /// What accounts may do in the stages of a persona's life.
    LifecyclePlan,
    /// What looks like an accident.
    Breaker,
}

impl Kind {
    /// The kind as it is written in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AttributeSchema => "AttributeSchema",
            Self::Application => "Application",
            Self::Bundle => "Bundle",
            Self::AccessPolicy => "AccessPolicy",
            Self::SeparationOfDuties => "SeparationOfDuties",
            Self::LifecyclePlan => "LifecyclePlan",
            Self::Breaker => "Breaker",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
