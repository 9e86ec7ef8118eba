use std::collections::{BTreeMap, BTreeSet};

use domain::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Days, End, Finding, Name, OnLeave, Start};

/// Who holds which bundles, and how long before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessPolicy {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// CEL over `person`; whoever it holds for is granted the bundles.
    pub condition: String,
    /// What becomes of what is held through the policy when its condition cannot be answered.
    #[serde(default, skip_serializing_if = "OnUnknown::is_default")]
    pub on_unknown: OnUnknown,
    /// Where the policy is only watched: it grants nothing there, and its agreement is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Observe>,
    /// What is granted.
    pub grants: Vec<PolicyGrant>,
    /// Civil days before the first day of an engagement from which it is granted, where a grant says
    /// nothing else.
    #[serde(default, skip_serializing_if = "Days::is_zero")]
    pub lead: Days,
    /// Civil days for which an employed person keeps it after the condition stopped holding, where a
    /// grant says nothing else.
    #[serde(default, skip_serializing_if = "Days::is_zero")]
    pub overlap: Days,
    /// People made up to show what the policy means; checked whenever it is saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<PolicyTest>,
}

/// One thing a policy grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyGrant {
    /// The bundle.
    pub bundle: Name,
    /// Whether it comes by itself.
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// When it begins; the policy's lead before the first day, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// When it ends; with the last working day, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Civil days for which a mover keeps it; the policy's, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Days>,
    /// What a leaver keeps for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_leave: Option<OnLeave>,
}

/// How what a policy grants comes to people.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By itself.
    #[default]
    Birthright,
    /// When they ask and somebody approves.
    Requestable,
    /// When they ask; it is approved already.
    Preapproved,
}

/// What becomes of what is held through a policy when its condition cannot be answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// It is kept: a feed with blanks takes nothing from anybody.
    #[default]
    Hold,
    /// It is taken away.
    Deny,
}

/// Where a policy is only watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// Values of `person.department`; none at all: everywhere. Somebody whose department is unknown
    /// is only watched.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub departments: BTreeSet<String>,
}

/// A person made up, and what the policy shall say of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTest {
    /// Attributes by name; those that are not named are unknown.
    pub person: BTreeMap<String, TestValue>,
    /// What the condition answers.
    pub expect: Expectation,
}

/// The value of an attribute as it is written in a document; a date is a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TestValue {
    /// A yes or a no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text or a date.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// What a condition answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// It holds.
    Granted,
    /// It does not hold.
    Denied,
    /// What it rests on is unknown.
    Unknown,
}

/// The attribute that [`Observe`] looks at.
pub const DEPARTMENT: &str = "department";

const TESTS_MAX: usize = 100;
const GRANTS_MAX: usize = 200;

impl OnUnknown {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Mode {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Expectation {
    /// What is said of the answer of a condition.
    #[must_use]
    pub fn of(answer: Option<bool>) -> Self {
        match answer {
            Some(true) => Self::Granted,
            Some(false) => Self::Denied,
            None => Self::Unknown,
        }
    }

    /// The expectation as it is written in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl TestValue {
    /// Returns the value that an attribute of a type would have, if this is one.
    pub(crate) fn typed(&self, kind: super::AttributeType) -> Option<Value> {
        use super::AttributeType;
        match (kind, self) {
            (AttributeType::String, Self::Text(text)) => Some(Value::Text(text.clone())),
            (AttributeType::Integer, Self::Integer(number)) => Some(Value::Integer(*number)),
            (AttributeType::Boolean, Self::Boolean(answer)) => Some(Value::Boolean(*answer)),
            (AttributeType::Date, Self::Text(text)) => text.parse().ok().map(Value::Date),
            (AttributeType::List, Self::List(items)) => Some(Value::List(items.clone())),
            (
                AttributeType::String
                | AttributeType::Integer
                | AttributeType::Boolean
                | AttributeType::Date
                | AttributeType::List,
                _,
            ) => None,
        }
    }
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
        if self.grants.len() > GRANTS_MAX {
            let message = format!("more than {GRANTS_MAX}; put what belongs together in a bundle");
            found.push(("spec.grants".to_owned(), message));
        }
        if self.tests.len() > TESTS_MAX {
            let message = format!("more than {TESTS_MAX}; keep those that say something new");
            found.push(("spec.tests".to_owned(), message));
        }
        let mut seen = BTreeSet::new();
        for (index, grant) in self.grants.iter().enumerate() {
            if !seen.insert(&grant.bundle) {
                let message = format!("`{}` is granted twice; remove one", grant.bundle);
                found.push((format!("spec.grants[{index}].bundle"), message));
            }
            if let Some(leave) = grant.on_leave
                && leave.grace.is_zero()
            {
                let message = "no day at all; remove onLeave, or say for how many days it is kept";
                found.push((format!("spec.grants[{index}].onLeave.grace"), message.to_owned()));
            }
        }
        found
    }
}
