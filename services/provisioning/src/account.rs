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
        Self {
            account_id: Some(observed.account_id.clone()),
            login: observed.login.clone(),
            state: observed.state,
            attributes,
            // An account that is made anew holds nothing of what the former one held.
            entitlements: before
                .filter(|before| before.exists())
                .map(|before| before.entitlements.clone())
                .unwrap_or_default(),
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
        self.observed_at = at;
    }

    /// Whether the application shows something else than before.
    pub(crate) fn differs(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| {
            let Self { account_id, login, state, attributes, entitlements, .. } = self;
            (account_id, login, *state, attributes, entitlements)
                != (
                    &before.account_id,
                    &before.login,
                    before.state,
                    &before.attributes,
                    &before.entitlements,
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
