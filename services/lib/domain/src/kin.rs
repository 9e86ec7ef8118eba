use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::PersonId;

/// Under which other ids a person is, or was, known.
///
/// It is state like everything else that is told of a person: who learns it late or twice comes to the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kin {
    /// The person is this one: what was theirs stands there, and nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<PersonId>,
    /// Ids that stand for this person, too: what was theirs is this person's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub merged: BTreeSet<PersonId>,
    /// Ids that stood for one person with this one, and do not any more: each has its own again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub split: BTreeSet<PersonId>,
}

impl Kin {
    /// Whether the person was never known under another id.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.merged_into.is_none() && self.merged.is_empty() && self.split.is_empty()
    }

    /// Everybody who is named.
    pub fn all(&self) -> impl Iterator<Item = PersonId> {
        self.merged_into.iter().chain(&self.merged).chain(&self.split).copied()
    }
}
