use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Days, Finding, Name};

/// The stages of a persona's life, and what accounts may do in each.
///
/// One plan holds for a person: of those whose condition holds the one of the highest priority, the
/// first by name among equals. Where none holds, accounts open with the first day and close with the
/// last working day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecyclePlan {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// CEL over `person`: the persona.
    pub condition: String,
    /// Which plan counts when several hold: the highest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// How many days after the end of an engagement the next may begin for access to go on in between;
    /// three unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Days>,
    /// From the first thing granted to the first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining: Option<Joining>,
    /// While the condition holds, the person is away for a time: a leave of absence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    /// When somebody leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
}

/// What may be used before the first day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// Applications whose accounts are open as soon as something is granted there, such as a portal
    /// for those who have signed and not begun.
    pub open: BTreeSet<Name>,
}

/// A leave of absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// CEL over `person`: whether the person is away. Not why: that is nobody's business here.
    pub condition: String,
    /// Applications whose accounts stay open; all others are suspended, and nothing is revoked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open: BTreeSet<Name>,
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// Applications whose accounts stay open for a while after the last working day.
    pub open: BTreeSet<Name>,
    /// For how many days.
    #[serde(rename = "for")]
    pub days: Days,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

impl LifecyclePlan {
    pub(super) fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let conditions = [
            ("spec.condition", Some(&self.condition)),
            ("spec.absence.condition", self.absence.as_ref().map(|absence| &absence.condition)),
        ];
        for (field, condition) in conditions {
            if condition.is_some_and(|condition| condition.trim().is_empty()) {
                let message = "empty; write `true` if everybody is meant";
                found.push((field.to_owned(), message.to_owned()));
            }
        }
        if self.leaving.as_ref().is_some_and(|leaving| leaving.days.is_zero()) {
            let message = "no day at all; remove `leaving`, or say for how many days";
            found.push(("spec.leaving.for".to_owned(), message.to_owned()));
        }
        found
    }

    /// Returns the applications that stages name, with the fields that name them.
    pub(crate) fn applications(&self) -> impl Iterator<Item = (String, &Name)> {
        let stages = [
            ("joining", self.joining.as_ref().map(|stage| &stage.open)),
            ("absence", self.absence.as_ref().map(|stage| &stage.open)),
            ("leaving", self.leaving.as_ref().map(|stage| &stage.open)),
        ];
        stages.into_iter().flat_map(|(stage, open)| {
            let named = open.into_iter().flatten().enumerate();
            named.map(move |(index, name)| (format!("spec.{stage}.open[{index}]"), name))
        })
    }
}
