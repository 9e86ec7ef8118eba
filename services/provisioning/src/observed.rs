//! What applications were seen to have when they were read as a whole.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, PersonId, ReadingId};

use crate::connectors::ObservedAccount;

/// An account with what it holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The reading that showed it.
    pub(crate) reading: ReadingId,
    pub(crate) account: ObservedAccount,
    /// The person whose id it carries.
    pub(crate) carries: Option<PersonId>,
    /// What it holds, and the group through which; none: directly.
    pub(crate) holdings: BTreeMap<String, Option<String>>,
}

impl Seen {
    /// What it holds and can be taken from it, and what of `wanted` it holds through a group.
    pub(crate) fn entitlements(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let held = |(name, through): &(&String, &Option<String>)| {
            through.is_none() || wanted.contains(*name)
        };
        self.holdings.iter().filter(held).map(|(name, _through)| name.clone()).collect()
    }

    /// Whether anybody could do anything with it.
    pub(crate) fn is_used(&self) -> bool {
        self.account.state == AccountState::Active || !self.holdings.is_empty()
    }
}

/// By what an account may be recognised that carries nobody's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String);

impl Key {
    /// A person's id.
    pub(crate) fn of_person(person: PersonId) -> Self {
        Self(format!("={person}"))
    }

    /// The value of an attribute; case does not matter, and nothing recognises by nothing.
    pub(crate) fn of(attribute: &str, value: &str) -> Option<Self> {
        let value = value.trim().to_lowercase();
        (!value.is_empty()).then(|| Self(format!("{attribute}={value}")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
