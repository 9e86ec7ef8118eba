//! Duties of people who leave: what was theirs to do goes to whoever is next in line, with the plan that closes
//! their accounts.

pub(crate) mod table;

use std::collections::BTreeSet;

use domain::{AccountState, Attributes, Lane, PersonId, Value};

use crate::access::Announced;

/// The kind of the timers that stand for people who have left, and whose tasks go to others.
pub(crate) const TIMER: &str = "provisioning.departure";
/// The longest address that mail carries.
const ADDRESS_LENGTH_MAX: usize = 254;

/// Whoever is known under addresses, by the logins and attributes that they shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) person: PersonId,
    /// In lower case.
    pub(crate) addresses: BTreeSet<String>,
    /// No account of theirs can be used.
    pub(crate) gone: bool,
}

impl Addresses {
    /// Reads the addresses of a person from desired access.
    pub(crate) fn of(announced: &Announced) -> Self {
        let slices = || announced.access.0.values();
        let active = slices().any(|slice| slice.state == AccountState::Active);
        let addresses =
            slices().flat_map(|slice| texts(&slice.attributes)).filter(|text| is_address(text));
        Self {
            person: announced.person,
            addresses: addresses.map(str::to_lowercase).collect(),
            // Whoever is to come has no account that can be used, either.
            gone: announced.lane == Lane::Leaver && !active,
        }
    }
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
            access: Access([("mail".to_owned(), slice)].into()),
            kin: Kin::default(),
            digest: Vec::new(),
        }
    }

    #[test]
    fn a_person_is_known_by_what_looks_like_an_address() {
        let values = ["Ada@Example.org", "ada", "a@b", "at home @ last.example", "@example.org"];

        let here = Addresses::of(&announced(AccountState::Active, Lane::Regular, &values));

        assert_eq!(here.addresses, ["ada@example.org".to_owned()].into());
    }

    #[test]
    fn only_whoever_leaves_is_gone() {
        for (state, lane, gone) in [
            (AccountState::Active, Lane::Leaver, false),
            (AccountState::Suspended, Lane::Regular, false),
            (AccountState::Suspended, Lane::Leaver, true),
        ] {
            assert_eq!(Addresses::of(&announced(state, lane, &["a@b.example"])).gone, gone);
        }
    }
}
