use domain::breaker;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Finding;

/// What looks like an accident, and is not done before a second person has looked at it.
///
/// One release has at most one; without one a cautious default counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The limits; each is looked at for itself.
    pub limits: Vec<BreakerLimit>,
}

/// One limit: of what, per what, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerLimit {
    /// What is counted.
    pub of: Counted,
    /// Within what it is counted.
    #[serde(default)]
    pub per: Grouping,
    /// More than so many are held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// More than this share of what there was, in percent, is held back, however few that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// What a limit counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Grants that are given.
    Gain,
    /// Grants that are taken away.
    Loss,
    /// Accounts that are closed.
    Closing,
    /// People for whom anything changes.
    People,
}

/// Within what a limit counts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// The change as a whole.
    #[default]
    Change,
    /// Each application.
    Application,
    /// Each department.
    Department,
    /// Each class of privilege.
    Privilege,
}

impl Breaker {
    /// The limits as the breaker judges by them.
    #[must_use]
    pub fn limits(&self) -> Vec<breaker::Limit> {
        self.limits
            .iter()
            .map(|BreakerLimit { of, per, count, percent }| breaker::Limit {
                of: match of {
                    Counted::Gain => breaker::Kind::Gain,
                    Counted::Loss => breaker::Kind::Loss,
                    Counted::Closing => breaker::Kind::Closing,
                    Counted::People => breaker::Kind::People,
                },
                per: match per {
                    Grouping::Change => breaker::Grouping::Change,
                    Grouping::Application => breaker::Grouping::Application,
                    Grouping::Department => breaker::Grouping::Department,
                    Grouping::Privilege => breaker::Grouping::Privilege,
                },
                count: *count,
                percent: *percent,
                rate: None,
                above: 0,
            })
            .collect()
    }

    pub(super) fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.limits.is_empty() {
            let message = "empty; name at least one limit, or remove the breaker";
            found.push(("spec.limits".to_owned(), message.to_owned()));
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let field = format!("spec.limits[{index}]");
            if limit.count.is_none() && limit.percent.is_none() {
                found.push((field.clone(), "limits nothing; add count or percent".to_owned()));
            }
            if limit.percent.is_some_and(|percent| percent > 100) {
                found.push((format!("{field}.percent"), "more than 100 percent".to_owned()));
            }
        }
        found
    }
}
