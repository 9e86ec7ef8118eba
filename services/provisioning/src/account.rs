//! Observed access: a person's account in one application as it was last read.

pub(crate) mod table;

use std::collections::BTreeSet;

use domain::{AccountState, Attributes, Lane, PersonId, Timestamp, Version};
use proto::provisioning::v1::AccountChanged;
use serde_json::{Value as Json, json};

use crate::connectors::ObservedAccount;
use crate::dossier::Key;

/// A person's account in one application, with what it holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The application's own id; there while there is an account.
    pub(crate) account_id: Option<String>,
    pub(crate) login: String,
    pub(crate) state: AccountState,
    pub(crate) attributes: Attributes,
    pub(crate) entitlements: BTreeSet<String>,
    /// The person whose id it carries in the application; absent: the one whose account it is.
    pub(crate) linked: Option<PersonId>,
    pub(crate) version: Version,
    pub(crate) observed_at: Timestamp,
}

/// An account that takes values from another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependency {
    pub(crate) of: Key,
    pub(crate) on: Key,
}

impl Account {
    /// Whether the application has it.
    pub(crate) fn exists(&self) -> bool {
        match self.state {
            AccountState::Active | AccountState::Suspended => true,
            AccountState::None | AccountState::Deleted => false,
        }
    }

    /// Takes over what was read.
    ///
    /// The connector confirmed that the account agrees with `asked`, whose values keep their form:
    /// an application may spell a number as a text, and that is no difference.
    pub(crate) fn read(
        before: Option<&Self>,
        observed: &ObservedAccount,
        asked: &Attributes,
        at: Timestamp,
    ) -> Self {
        let mut attributes = observed.attributes.clone();
        attributes.extend(asked.clone());
        let existing = before.filter(|before| before.exists());
        Self {
            account_id: Some(observed.account_id.clone()),
            login: observed.login.clone(),
            state: observed.state,
            attributes,
            // An account that is made anew holds nothing of what the former one held.
            entitlements: existing.map(|before| before.entitlements.clone()).unwrap_or_default(),
            linked: existing.and_then(|before| before.linked),
            version: before.map(|before| before.version).unwrap_or_default(),
            observed_at: at,
        }
    }

    /// Takes over that the application does not have it, and so nothing that it held.
    pub(crate) fn vanish(&mut self, at: Timestamp) {
        self.account_id = None;
        self.state = AccountState::None;
        self.attributes.clear();
        self.entitlements.clear();
        self.linked = None;
        self.observed_at = at;
    }

    /// Returns the account as it is in other hands, in the place of what they had: the application is
    /// not asked, and knows it by the id that it carries.
    pub(crate) fn handed_over(&self, from: PersonId, to: PersonId, before: Option<&Self>) -> Self {
        let carries = self.linked.unwrap_or(from);
        Self {
            linked: (carries != to).then_some(carries),
            version: before.map(|before| before.version).unwrap_or_default(),
            ..self.clone()
        }
    }

    /// Whether the application shows something else than before.
    pub(crate) fn differs(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| {
            let Self { account_id, login, state, attributes, entitlements, linked, .. } = self;
            (account_id, login, *state, attributes, entitlements, *linked)
                != (
                    &before.account_id,
                    &before.login,
                    before.state,
                    &before.attributes,
                    &before.entitlements,
                    before.linked,
                )
        })
    }

    /// What an action keeps of the account it found.
    pub(crate) fn found(&self) -> Json {
        json!({
            "state": self.state.as_str(),
            "login": self.login,
            "attributes": self.attributes,
        })
    }

    /// Announces the account as it is.
    pub(crate) fn changed(
        &self,
        person: PersonId,
        application: &str,
        lane: Lane,
    ) -> AccountChanged {
        AccountChanged {
            person_id: person.to_string(),
            application: application.to_owned(),
            account_id: self.account_id.clone().unwrap_or_default(),
            login: self.login.clone(),
            state: proto::common::v1::AccountState::from(self.state).into(),
            entitlements: self.entitlements.iter().cloned().collect(),
            version: Some(self.version.into()),
            observed_at: Some(self.observed_at.into()),
            lane: proto::common::v1::Lane::from(lane).into(),
        }
    }
}
