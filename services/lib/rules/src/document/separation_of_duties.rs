use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Name};

/// What nobody may hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeparationOfDuties {
    /// For people: why the two are kept apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// One side.
    pub left: Duty,
    /// The other.
    pub right: Duty,
    /// What is done about it.
    pub mode: SeparationMode,
}

/// One side of a separation: a bundle as a whole or one entitlement, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// The bundle; each of its entitlements counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Name>,
    /// The application of the one entitlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Name>,
    /// The one entitlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<String>,
}

/// What is done about two duties that must stay apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeparationMode {
    /// A release in which anybody could ever be given both is refused.
    Prove,
    /// Whoever has one is not given the other before the first is gone.
    Prevent,
    /// Both are given, and it is said.
    Detect,
}

impl SeparationOfDuties {
    pub(super) fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (side, duty) in [("left", &self.left), ("right", &self.right)] {
            let told = match (&duty.bundle, &duty.application, &duty.entitlement) {
                (Some(_), None, None) | (None, Some(_), Some(_)) => continue,
                (None, None, None) => "names nothing",
                _ => "names too much or too little",
            };
            let remedy = "write {bundle: NAME}, or {application: NAME, entitlement: NAME}";
            found.push((format!("spec.{side}"), format!("{told}; {remedy}")));
        }
        if found.is_empty() && self.left == self.right {
            let message = "is the left side once more; name what must stay apart from it";
            found.push(("spec.right".to_owned(), message.to_owned()));
        }
        found
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.bundle, &self.application, &self.entitlement) {
            (Some(bundle), _, _) => write!(f, "bundle {bundle}"),
            (None, Some(application), Some(entitlement)) => {
                write!(f, "{application}/{entitlement}")
            }
            (None, _, _) => f.write_str("nothing"),
        }
    }
}
