use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, EngagementId, Kin, Timestamp};
use serde::{Deserialize, Serialize};

use crate::document::canonical;
use crate::reference::Reference;

/// The account attribute that holds the wished login.
pub const USER_NAME: &str = "userName";

/// What a person shall hold at an instant, and until when that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What the person shall hold.
    pub access: Access,
    /// The earliest later instant at which `access` may change without any new fact.
    pub next_boundary: Option<Timestamp>,
    /// No engagement is running and none is to come; also true of a person without engagements, unless
    /// they are merged into another: who goes on under another id has not left.
    pub login_ended: bool,
    /// Policies that hold what they granted when they cannot answer, and cannot answer now.
    pub unanswered: BTreeSet<String>,
    /// Duties that must stay apart and are desired together, by the separation's name.
    pub conflicts: Vec<Conflict>,
}

/// Two entitlements that nobody may hold together, and that policies give to one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conflict {
    /// The separation's name.
    pub separation: String,
    /// Application and entitlement of the one side.
    pub left: (String, String),
    /// Application and entitlement of the other side.
    pub right: (String, String),
    /// Whether one of the two is kept back until the other has gone.
    pub prevented: bool,
}

/// Desired access: accounts with state and attributes, and grants with reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Desired accounts by application. An application that is not named shall hold none.
    pub accounts: BTreeMap<String, DesiredAccount>,
    /// Grants in the order of application and entitlement, each once.
    pub grants: Vec<DesiredGrant>,
    /// Whose accounts are this person's, too, and whose are not any more.
    #[serde(default, skip_serializing_if = "Kin::is_none")]
    pub kin: Kin,
}

/// The account a person shall have in one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAccount {
    /// Whether it can be used.
    pub state: AccountState,
    /// The wished login as [`USER_NAME`] and the mapped attributes; unknown ones are left out.
    pub attributes: Attributes,
    /// Attributes whose value another account supplies, by name; none of them is in `attributes`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, Reference>,
}

/// An entitlement the person shall hold, with everything that justifies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DesiredGrant {
    /// The application's name.
    pub application: String,
    /// The entitlement's name in it.
    pub entitlement: String,
    /// Why it is held, in order, at least one.
    pub reasons: Vec<Reason>,
}

/// What justifies a grant, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The policy that grants.
    pub policy: String,
    /// The bundle through which it grants.
    pub bundle: String,
    /// The engagement for which its condition holds.
    pub engagement: EngagementId,
    /// The first instant at which it justifies the grant.
    pub from: Timestamp,
    /// The first instant at which it does not any more; `None` when no end is known.
    pub until: Option<Timestamp>,
    /// Its condition cannot be answered any more: it is kept because it was held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

impl Access {
    /// Returns why the person holds an entitlement; nothing when they do not.
    #[must_use]
    pub fn reasons(&self, application: &str, entitlement: &str) -> &[Reason] {
        self.grants
            .binary_search_by(|grant| {
                (grant.application.as_str(), grant.entitlement.as_str())
                    .cmp(&(application, entitlement))
            })
            .ok()
            .and_then(|index| self.grants.get(index))
            .map_or(&[], |grant| &grant.reasons)
    }

    /// Returns the one text that equal access has: JSON with sorted keys.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::json(self)
    }

    /// Returns the SHA-256 of the canonical text, hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        canonical::digest(&self.canonical())
    }
}
