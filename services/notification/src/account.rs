//! Accounts as applications were last seen to hold them.

pub(crate) mod table;

use domain::{AccountState, PersonId, Timestamp, Version};
use proto::provisioning::v1::AccountChanged;
use proto::{Invalid, convert};

use crate::standing::clean;

/// An account of a person in an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) person: PersonId,
    pub(crate) application: String,
    pub(crate) version: Version,
    pub(crate) login: String,
    pub(crate) state: AccountState,
    pub(crate) observed_at: Timestamp,
}

impl Account {
    /// Reads an event.
    pub(crate) fn read(event: &AccountChanged) -> Result<Self, Invalid> {
        let state = proto::common::v1::AccountState::try_from(event.state)
            .map_err(|_unknown| Invalid::field("state", "unknown enum value"))?;
        if event.application.is_empty() {
            return Err(Invalid::Missing("application"));
        }
        Ok(Self {
            person: convert::id("person_id", &event.person_id)?,
            application: event.application.clone(),
            version: convert::version("version", event.version.as_ref())?,
            login: clean(&event.login),
            state: state.try_into()?,
            observed_at: convert::instant("observed_at", event.observed_at.as_ref())?,
        })
    }

    /// When it was seen closed, if it does not exist.
    pub(crate) fn closed_at(&self) -> Option<Timestamp> {
        match self.state {
            AccountState::Active | AccountState::Suspended => None,
            AccountState::None | AccountState::Deleted => Some(self.observed_at),
        }
    }
}
