use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Name};

/// A named set of entitlements: a persona's access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<BundleEntitlement>,
    /// Bundles of which everything is in it, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bundles: BTreeSet<Name>,
}

/// One entitlement of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleEntitlement {
    /// The application.
    pub application: Name,
    /// The entitlement's name in it.
    pub entitlement: String,
}

impl Bundle {
    pub(super) fn problems(&self) -> Vec<Finding> {
        if self.entitlements.is_empty() && self.bundles.is_empty() {
            let message = "empty; name at least one entitlement or bundle, or remove it";
            return vec![("spec.entitlements".to_owned(), message.to_owned())];
        }
        let mut seen = BTreeSet::new();
        let twice =
            self.entitlements.iter().enumerate().filter(|(_, member)| !seen.insert(*member));
        twice
            .map(|(index, member)| {
                let BundleEntitlement { application, entitlement } = member;
                let message =
                    format!("`{entitlement}` of {application} is listed twice; remove one");
                (format!("spec.entitlements[{index}]"), message)
            })
            .collect()
    }
}
