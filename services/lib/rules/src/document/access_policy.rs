use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Days, Finding, Name};

/// Who holds which bundles, and how long before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicy {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// CEL over `person`; whoever it holds for is granted the bundles.
    pub condition: String,
    /// What is granted.
    pub grants: Vec<PolicyGrant>,
    /// Civil days before the first day of an engagement from which it is granted.
    #[serde(default, skip_serializing_if = "Days::is_zero")]
    pub lead: Days,
    /// Civil days for which an employed person keeps it after the condition stopped holding.
    #[serde(default, skip_serializing_if = "Days::is_zero")]
    pub overlap: Days,
}

/// One thing a policy grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyGrant {
    /// The bundle.
    pub bundle: Name,
}

impl AccessPolicy {
    pub(super) fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.condition.trim().is_empty() {
            let message = "empty; write `true` if everybody is meant";
            found.push(("spec.condition".to_owned(), message.to_owned()));
        }
        if self.grants.is_empty() {
            let message = "empty; name at least one bundle, or remove the policy";
            found.push(("spec.grants".to_owned(), message.to_owned()));
        }
        let mut seen = BTreeSet::new();
        for (index, grant) in self.grants.iter().enumerate() {
            if !seen.insert(grant) {
                let message = format!("`{}` is granted twice; remove one", grant.bundle);
                found.push((format!("spec.grants[{index}].bundle"), message));
            }
        }
        found
    }
}
