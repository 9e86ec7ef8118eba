//! From what is held to what shall be held: the steps, in the order in which they are taken.
//!
//! Pure. Within one application an account comes before its grants, a leaver's account is closed
//! before anything is revoked, and what a mover gains comes before what the mover loses.

use std::collections::BTreeSet;

use domain::{AccountState, Attributes};
use sha2::{Digest as _, Sha256};

use crate::access::Slice;
use crate::account::Account;

/// What is done in an application, in the order in which it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    CreateAccount,
    UpdateAccount,
    EnableAccount,
    DisableAccount,
    Grant,
    Revoke,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// Empty unless it is a grant or a revocation.
    pub(crate) entitlement: String,
}

/// The account a person shall have.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Active or suspended.
    pub(crate) state: AccountState,
    /// Without the login.
    pub(crate) attributes: Attributes,
    pub(crate) grants: BTreeSet<String>,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::CreateAccount,
        Self::UpdateAccount,
        Self::EnableAccount,
        Self::DisableAccount,
        Self::Grant,
        Self::Revoke,
    ];

    /// The kind's name in SQL and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::CreateAccount => "create",
            Self::UpdateAccount => "update",
            Self::EnableAccount => "enable",
            Self::DisableAccount => "disable",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }

    /// Returns the kind that `as_str` gave this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it concerns the account itself: all of these are one request.
    pub(crate) const fn is_of_account(self) -> bool {
        match self {
            Self::CreateAccount
            | Self::UpdateAccount
            | Self::EnableAccount
            | Self::DisableAccount => true,
            Self::Grant | Self::Revoke => false,
        }
    }
}

impl Step {
    pub(crate) fn account(kind: Kind) -> Self {
        Self { kind, entitlement: String::new() }
    }

    pub(crate) fn grant(entitlement: &str) -> Self {
        Self { kind: Kind::Grant, entitlement: entitlement.to_owned() }
    }

    pub(crate) fn revoke(entitlement: &str) -> Self {
        Self { kind: Kind::Revoke, entitlement: entitlement.to_owned() }
    }
}

impl Target {
    /// Returns what desired access asks for in one application; other accounts supply `referred`.
    ///
    /// An account that shall not be there is closed and emptied: removing it has its own approval.
    pub(crate) fn of(desired: Option<&Slice>, referred: &Attributes) -> Self {
        let closed = || Self {
            state: AccountState::Suspended,
            attributes: Attributes::new(),
            grants: BTreeSet::new(),
        };
        let Some(slice) = desired else { return closed() };
        match slice.state {
            AccountState::None | AccountState::Deleted => closed(),
            AccountState::Active | AccountState::Suspended => {
                let mut attributes = slice.managed();
                attributes.extend(referred.clone());
                Self { state: slice.state, attributes, grants: slice.grants.clone() }
            }
        }
    }

    /// Whether the account is to be closed and emptied, if there is one.
    pub(crate) fn closes(&self) -> bool {
        self.state != AccountState::Active && self.grants.is_empty()
    }
}

/// Returns the steps from what one application holds of a person to what it shall hold.
pub(crate) fn plan(target: &Target, observed: Option<&Account>) -> Vec<Step> {
    let mut steps = Vec::new();
    let Some(account) = observed.filter(|account| account.exists()) else {
        // An account that nobody could use and that holds nothing is not made.
        if target.state == AccountState::Active || !target.grants.is_empty() {
            steps.push(Step::account(Kind::CreateAccount));
            steps.extend(target.grants.iter().map(|grant| Step::grant(grant)));
        }
        return steps;
    };
    let differs = |(name, value)| account.attributes.get(name) != Some(value);
    if target.attributes.iter().any(differs) {
        steps.push(Step::account(Kind::UpdateAccount));
    }
    if target.state != account.state {
        steps.push(Step::account(match target.state {
            AccountState::Active => Kind::EnableAccount,
            AccountState::Suspended | AccountState::None | AccountState::Deleted => {
                Kind::DisableAccount
            }
        }));
    }
    steps.extend(target.grants.difference(&account.entitlements).map(|grant| Step::grant(grant)));
    steps.extend(account.entitlements.difference(&target.grants).map(|held| Step::revoke(held)));
    steps
}

/// Returns the SHA-256 of a plan: equal plans have equal hashes, in whatever order they are given.
pub(crate) fn hash<'a>(steps: impl Iterator<Item = (&'a str, &'a Step)>) -> Vec<u8> {
    let ordered: BTreeSet<(&str, &Step)> = steps.collect();
    let mut hash = Sha256::new();
    for (application, step) in ordered {
        for part in [application, step.kind.as_str(), &step.entitlement] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests;
