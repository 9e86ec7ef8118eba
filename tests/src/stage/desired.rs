use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Lane, PersonId, Timestamp, Value, Version};
use proto::common::v1 as common;
use proto::policy::v1::{DesiredAccessChanged, DesiredAccount, DesiredGrant};
use uuid::Uuid;

use super::RELEASE;

/// What shall hold for a person; the same login everywhere.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Whose number leads to an id and a login.
    pub number: u128,
    /// How often something else was desired.
    pub counter: i64,
    /// In which lane it is announced.
    pub lane: Lane,
    /// A title that all accounts carry.
    pub title: String,
    /// What the person holds in which application.
    pub grants: BTreeMap<String, BTreeSet<String>>,
    /// Whether the accounts are usable.
    pub active: bool,
}

/// The person of a number.
#[must_use]
pub fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

impl Desired {
    /// Somebody who comes, with accounts that hold these grants.
    #[must_use]
    pub fn joiner(number: u128, applications: &[String], grants: &[&str]) -> Self {
        let grants: BTreeSet<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
        Self {
            number,
            counter: 1,
            lane: Lane::Regular,
            title: "Clerk".to_owned(),
            grants: applications.iter().map(|name| (name.clone(), grants.clone())).collect(),
            active: true,
        }
    }

    /// The same person, who leaves.
    #[must_use]
    pub fn left(&self) -> Self {
        let emptied = self.grants.keys().map(|name| (name.clone(), BTreeSet::new()));
        Self {
            counter: self.counter + 1,
            lane: Lane::Leaver,
            grants: emptied.collect(),
            active: false,
            ..self.clone()
        }
    }

    /// The login that is wished for.
    #[must_use]
    pub fn login(&self) -> String {
        format!("p{}", self.number)
    }

    /// The event that announces it.
    pub(super) fn changed(&self, now: Timestamp) -> DesiredAccessChanged {
        let version = Some(Version { epoch: 1, counter: self.counter }.into());
        let attributes = BTreeMap::from([
            (rules::USER_NAME.to_owned(), Value::Text(self.login())),
            ("displayName".to_owned(), Value::Text(format!("Person {}", self.number))),
            ("title".to_owned(), Value::Text(self.title.clone())),
        ]);
        let state = if self.active { AccountState::Active } else { AccountState::Suspended };
        let accounts = self.grants.keys().map(|application| DesiredAccount {
            application: application.clone(),
            state: common::AccountState::from(state).into(),
            attributes: proto::convert::wire_attributes(&attributes),
            references: std::iter::empty().collect(),
        });
        let grants = self.grants.iter().flat_map(|(application, grants)| {
            grants.iter().map(|entitlement| DesiredGrant {
                application: application.clone(),
                entitlement: entitlement.clone(),
                reasons: Vec::new(),
            })
        });
        DesiredAccessChanged {
            person_id: person(self.number).to_string(),
            version,
            person_version: version,
            release: RELEASE,
            lane: common::Lane::from(self.lane).into(),
            evaluated_at: Some(now.into()),
            accounts: accounts.collect(),
            grants: grants.collect(),
            person_recorded_at: Some(now.into()),
            kin: None,
        }
    }
}
