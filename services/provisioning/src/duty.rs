//! Duties of people who leave: what was theirs to do goes to whoever is next in line, with the plan that closes
//! their accounts.

pub(crate) mod table;

use std::collections::BTreeSet;

use domain::{AccountState, Attributes, Lane, PersonId, Value};
use store::timers::{self, Timer};
use store::{Error, Tx};

use crate::access::Announced;
use crate::account::Account;
use crate::release;
use crate::task;

/// The kind of the timers that stand for people who have left, and whose tasks go to others.
pub(crate) const TIMER: &str = "provisioning.departure";
/// The longest address that mail carries.
const ADDRESS_LENGTH_MAX: usize = 254;

/// Whoever is known under addresses, by the logins and attributes that they have or shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) person: PersonId,
    /// In lower case.
    pub(crate) addresses: BTreeSet<String>,
    pub(crate) standing: Standing,
}

/// Whether somebody can be asked for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Here,
    Gone,
    /// No account of theirs can be used, and nothing says why: they are to come, or are away.
    Unknown,
}

impl Addresses {
    /// Reads the addresses of a person from desired access and from the accounts that are known.
    pub(crate) fn of<'a>(
        announced: &Announced,
        accounts: impl Iterator<Item = &'a Account>,
    ) -> Self {
        let slices = || announced.access.0.values();
        let active = slices().any(|slice| slice.state == AccountState::Active);
        let desired = slices().flat_map(|slice| texts(&slice.attributes));
        let known = accounts.flat_map(|account| {
            texts(&account.attributes).chain(std::iter::once(account.login.as_str()))
        });
        let addresses = desired.chain(known).filter(|text| is_address(text));
        Self {
            person: announced.person,
            addresses: addresses.map(str::to_lowercase).collect(),
            standing: match announced.lane {
                _ if active => Standing::Here,
                Lane::Leaver => Standing::Gone,
                Lane::Regular => Standing::Unknown,
            },
        }
    }
}

/// Has those tasks looked at whose application is manual no longer: its work goes on without humans.
pub(crate) async fn look_at_tasks(tx: &mut Tx) -> Result<(), Error> {
    let applications = release::applications(tx).await?;
    if applications.is_empty() {
        return Ok(());
    }
    let manual = applications.iter().filter(|(_name, spec)| spec.connector.manual.is_some());
    let manual: Vec<&str> = manual.map(|(name, _spec)| name.as_str()).collect();
    let now = tx.now();
    let due: Vec<Timer> = task::table::elsewhere(tx, &manual)
        .await?
        .into_iter()
        .map(|key| Timer { key, lane: Lane::Regular, due_at: now })
        .collect();
    timers::set(tx, task::OVERDUE, &due).await
}

fn texts(attributes: &Attributes) -> impl Iterator<Item = &str> {
    attributes.values().filter_map(Value::as_text)
}

fn is_address(text: &str) -> bool {
    text.len() <= ADDRESS_LENGTH_MAX
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{Kin, Timestamp, Version};

    use super::*;
    use crate::access::{Access, Slice};

    fn announced(state: AccountState, lane: Lane, values: &[&str]) -> Announced {
        let attributes = values
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), Value::Text((*value).to_owned())))
            .collect();
        let (references, grants) = (BTreeMap::new(), BTreeSet::new());
        let slice = Slice { state, attributes, references, grants };
        Announced {
            person: PersonId(uuid::Uuid::nil()),
            version: Version::default(),
            person_version: Version::default(),
            release: 1,
            lane,
            recorded_at: Timestamp::UNIX_EPOCH,
            evaluated_at: Timestamp::UNIX_EPOCH,
            access: Access([("mail".to_owned(), slice)].into()),
            kin: Kin::default(),
            digest: Vec::new(),
        }
    }

    fn account(login: &str) -> Account {
        Account {
            account_id: Some("1".to_owned()),
            login: login.to_owned(),
            state: AccountState::Active,
            attributes: BTreeMap::new(),
            entitlements: BTreeSet::new(),
            linked: None,
            version: Version::default(),
            observed_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_person_is_known_by_what_looks_like_an_address() {
        let values = ["Ada@Example.org", "ada", "a@b", "at home @ last.example", "@example.org"];
        let accounts = [account("Old@example.org"), account("ada")];

        let announced = announced(AccountState::Active, Lane::Regular, &values);
        let here = Addresses::of(&announced, accounts.iter());

        let expected = ["ada@example.org", "old@example.org"].map(str::to_owned);
        assert_eq!(here.addresses, expected.into());
    }

    #[test]
    fn only_whoever_leaves_is_gone_and_only_whoever_can_sign_in_is_here() {
        for (state, lane, standing) in [
            (AccountState::Active, Lane::Leaver, Standing::Here),
            (AccountState::Active, Lane::Regular, Standing::Here),
            (AccountState::Suspended, Lane::Regular, Standing::Unknown),
            (AccountState::Suspended, Lane::Leaver, Standing::Gone),
        ] {
            let announced = announced(state, lane, &["a@b.example"]);
            assert_eq!(Addresses::of(&announced, [].iter()).standing, standing);
        }
    }
}
