use std::collections::{BTreeMap, BTreeSet};

use domain::AccountState;
use serde::{Deserialize, Serialize};

use crate::access::{Access, DesiredAccount};

/// What somebody gains and loses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Application and entitlement of what is held after and not before.
    pub gains: BTreeSet<(String, String)>,
    /// Application and entitlement of what is held before and not after.
    pub losses: BTreeSet<(String, String)>,
    /// What becomes of accounts, by application; those that stay as they are have no place here.
    pub accounts: BTreeMap<String, AccountChange>,
}

/// What becomes of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountChange {
    /// It is made.
    Created,
    /// It can be used again.
    Opened,
    /// It can be used no longer.
    Closed,
    /// It shall not be there at all any more.
    Dropped,
    /// It says something else of its owner.
    Changed,
}

impl AccountChange {
    /// What becomes of it, in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Dropped => "dropped",
            Self::Changed => "changed",
        }
    }
}

impl Difference {
    /// Compares what somebody shall hold with what they shall hold otherwise.
    #[must_use]
    pub fn between(before: &Access, after: &Access) -> Self {
        let held = |access: &Access| -> BTreeSet<(String, String)> {
            let grants = access.grants.iter();
            grants.map(|grant| (grant.application.clone(), grant.entitlement.clone())).collect()
        };
        let (old, new) = (held(before), held(after));
        let names: BTreeSet<&String> =
            before.accounts.keys().chain(after.accounts.keys()).collect();
        let accounts = names.into_iter().filter_map(|name| {
            let change = account(before.accounts.get(name), after.accounts.get(name))?;
            Some((name.clone(), change))
        });
        Self {
            gains: new.difference(&old).cloned().collect(),
            losses: old.difference(&new).cloned().collect(),
            accounts: accounts.collect(),
        }
    }

    /// Tells whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gains.is_empty() && self.losses.is_empty() && self.accounts.is_empty()
    }
}

fn account(
    before: Option<&DesiredAccount>,
    after: Option<&DesiredAccount>,
) -> Option<AccountChange> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => return Some(AccountChange::Created),
        (Some(_), None) => return Some(AccountChange::Dropped),
        (Some(before), Some(after)) => (before, after),
    };
    match (before.state, after.state) {
        (one, other) if one == other => (before != after).then_some(AccountChange::Changed),
        (_, AccountState::Active) => Some(AccountChange::Opened),
        (_, AccountState::None | AccountState::Suspended | AccountState::Deleted) => {
            Some(AccountChange::Closed)
        }
    }
}
