//! Desired access as provisioning keeps it: by application, without reasons.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, Kin, Lane, PersonId, Timestamp, Value, Version};
use proto::Invalid;
use proto::common::v1 as wire;
use proto::convert;
use proto::policy::v1::DesiredAccessChanged;
use rules::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What shall hold for a person, by application. One that is not named shall hold nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Access(pub(crate) BTreeMap<String, Slice>);

/// What shall hold for a person in one application.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice {
    pub(crate) state: AccountState,
    pub(crate) attributes: Attributes,
    /// Attributes whose value another account supplies, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) references: BTreeMap<String, Reference>,
    pub(crate) grants: BTreeSet<String>,
}

/// Desired access as it was announced.
#[derive(Clone)]
pub(crate) struct Announced {
    pub(crate) person: PersonId,
    pub(crate) version: Version,
    pub(crate) person_version: Version,
    pub(crate) release: i64,
    pub(crate) lane: Lane,
    pub(crate) recorded_at: Timestamp,
    /// From when on it holds.
    pub(crate) evaluated_at: Timestamp,
    pub(crate) access: Access,
    /// Whose accounts are this person's, too, and whose are not any more.
    pub(crate) kin: Kin,
    pub(crate) digest: Vec<u8>,
}

impl Slice {
    /// The login the person would like to have.
    pub(crate) fn login(&self) -> Option<&str> {
        let login = self.attributes.get(rules::USER_NAME).and_then(Value::as_text)?;
        (!login.is_empty()).then_some(login)
    }

    /// The attributes without the login, which is decided here.
    pub(crate) fn managed(&self) -> Attributes {
        let mut managed = self.attributes.clone();
        managed.remove(rules::USER_NAME);
        managed
    }
}

impl Announced {
    /// Reads an event.
    ///
    /// An account in a state that cannot be asked for is an account that shall not be usable.
    pub(crate) fn read(event: &DesiredAccessChanged) -> Result<Self, Invalid> {
        let mut access = Access::default();
        for account in &event.accounts {
            let state: AccountState = wire::AccountState::try_from(account.state)
                .map_err(|_unknown| Invalid::field("accounts.state", "unknown enum value"))?
                .try_into()?;
            let attributes = convert::attributes(&account.attributes)?;
            let references = references(&account.references)?;
            if references.keys().any(|name| attributes.contains_key(name)) {
                return Err(Invalid::field("accounts.references", "also given as an attribute"));
            }
            let slice = Slice { state, attributes, references, grants: BTreeSet::new() };
            let name = named("accounts.application", &account.application)?;
            if access.0.insert(name, slice).is_some() {
                return Err(Invalid::field("accounts.application", "named twice"));
            }
        }
        for grant in &event.grants {
            let slice = access.0.get_mut(&grant.application).ok_or_else(|| {
                Invalid::field("grants.application", "no account in the application is desired")
            })?;
            slice.grants.insert(named("grants.entitlement", &grant.entitlement)?);
        }
        let kin = convert::kin(event.kin.as_ref())?;
        let digest = digest(&access, &kin);
        Ok(Self {
            person: convert::id("person_id", &event.person_id)?,
            version: convert::version("version", event.version.as_ref())?,
            person_version: convert::version("person_version", event.person_version.as_ref())?,
            release: release(event.release)?,
            lane: lane(event.lane)?,
            recorded_at: convert::instant("person_recorded_at", event.person_recorded_at.as_ref())?,
            evaluated_at: convert::instant("evaluated_at", event.evaluated_at.as_ref())?,
            access,
            kin,
            digest,
        })
    }
}

impl Access {
    /// Whether anything in it refers to another account.
    pub(crate) fn refers(&self) -> bool {
        self.0.values().any(|slice| !slice.references.is_empty())
    }

    /// Other people to whose accounts it refers.
    pub(crate) fn others(&self) -> impl Iterator<Item = PersonId> {
        let references = self.0.values().flat_map(|slice| slice.references.values());
        references.filter_map(|reference| reference.person)
    }
}

/// Most people have no kin, and their digest knows nothing of it.
fn digest(access: &Access, kin: &Kin) -> Vec<u8> {
    let mut digest = Sha256::new_with_prefix(serde_json::to_vec(access).unwrap_or_default());
    if !kin.is_none() {
        digest.update(serde_json::to_vec(kin).unwrap_or_default());
    }
    digest.finalize().to_vec()
}

fn references(
    references: &BTreeMap<String, wire::AccountReference>,
) -> Result<BTreeMap<String, Reference>, Invalid> {
    let read = |reference: &wire::AccountReference| {
        Ok(Reference {
            person: match reference.person_id.as_str() {
                "" => None,
                person => Some(convert::id("accounts.references.person_id", person)?),
            },
            application: named("accounts.references.application", &reference.application)?,
            attribute: named("accounts.references.attribute", &reference.attribute)?,
        })
    };
    references.iter().map(|(name, reference)| Ok((name.clone(), read(reference)?))).collect()
}

/// Reads the number of a release.
pub(crate) fn release(number: u64) -> Result<i64, Invalid> {
    match i64::try_from(number) {
        Ok(0) => Err(Invalid::Missing("release")),
        Ok(number) => Ok(number),
        Err(error) => Err(Invalid::field("release", error)),
    }
}

/// Reads a lane.
pub(crate) fn lane(lane: i32) -> Result<Lane, Invalid> {
    wire::Lane::try_from(lane)
        .map_err(|_unknown| Invalid::field("lane", "unknown enum value"))?
        .try_into()
}

fn named(field: &'static str, name: &str) -> Result<String, Invalid> {
    if name.is_empty() { Err(Invalid::Missing(field)) } else { Ok(name.to_owned()) }
}
