//! Accounts that are there already, for people who are to get one: taken over, not made again.

use std::collections::{BTreeMap, BTreeSet};

use domain::{PersonId, Value};
use rules::document;
use store::{Error, Tx};

use crate::access::Slice;
use crate::observed::{self, Key, Seen};

/// What is there already for a person.
#[derive(Clone)]
pub(super) enum Found {
    /// This account.
    One(Box<Seen>),
    /// Several accounts fit the person, or several people the account: a human has to say whose is which.
    Doubt,
}

/// One person's candidates: by the first key that recognises any account.
struct Candidates {
    /// The attribute and its value; none: the person's id.
    by: Option<(String, String)>,
    accounts: Vec<String>,
}

/// Looks for accounts that are nobody's and that a person's own id, or the keys of the document, recognise.
pub(super) async fn look(
    tx: &mut Tx,
    application: &str,
    spec: &document::Application,
    wants: &[(PersonId, &Slice)],
) -> Result<BTreeMap<PersonId, Found>, Error> {
    let keys = |(person, slice): &(PersonId, &Slice)| {
        let own = std::iter::once((None, Key::of_person(*person)));
        let mapped = spec.reconciliation.keys.iter().filter_map(|attribute| {
            let value = slice.attributes.get(attribute).and_then(Value::as_text)?;
            let by = (attribute.clone(), value.trim().to_lowercase());
            Some((Some(by), Key::of(attribute, value)?))
        });
        own.chain(mapped).collect::<Vec<_>>()
    };
    let all: BTreeSet<Key> = wants.iter().flat_map(keys).map(|(_by, key)| key).collect();
    if all.is_empty() {
        return Ok(BTreeMap::new());
    }
    let recognised = observed::table::recognised(tx, application, &all).await?;
    if recognised.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut candidates: BTreeMap<PersonId, Candidates> = BTreeMap::new();
    for want in wants {
        let first = keys(want).into_iter().find_map(|(by, key)| {
            let accounts = recognised.get(&key)?.clone();
            Some(Candidates { by, accounts })
        });
        if let Some(first) = first {
            candidates.insert(want.0, first);
        }
    }
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (attribute, value) in candidates.values().filter_map(|one| one.by.as_ref()) {
        values.entry(attribute.clone()).or_default().insert(value.clone());
    }
    let sharers = observed::table::sharers(tx, application, &values).await?;
    let ids: Vec<&str> =
        candidates.values().flat_map(|one| &one.accounts).map(String::as_str).collect();
    let seen = observed::table::accounts(tx, application, &ids).await?;
    Ok(decide(&candidates, &sharers, &seen))
}

/// An account is a person's when nothing else fits either of them.
fn decide(
    candidates: &BTreeMap<PersonId, Candidates>,
    sharers: &BTreeMap<(String, String), i64>,
    seen: &BTreeMap<String, Seen>,
) -> BTreeMap<PersonId, Found> {
    let mut takers: BTreeMap<&str, usize> = BTreeMap::new();
    for account in candidates.values().flat_map(|one| &one.accounts) {
        *takers.entry(account).or_default() += 1;
    }
    let found = |one: &Candidates| {
        let [account] = one.accounts.as_slice() else { return Some(Found::Doubt) };
        let shared = one.by.as_ref().and_then(|by| sharers.get(by)).is_some_and(|count| *count > 1);
        if shared || takers.get(account.as_str()).is_some_and(|count| *count > 1) {
            return Some(Found::Doubt);
        }
        seen.get(account).map(|seen| Found::One(Box::new(seen.clone())))
    };
    candidates.iter().filter_map(|(person, one)| Some((*person, found(one)?))).collect()
}

#[cfg(test)]
mod tests {
    use domain::{AccountState, ReadingId};
    use uuid::Uuid;

    use super::*;
    use crate::connectors::ObservedAccount;

    fn person(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn by(attribute: &str, value: &str, accounts: &[&str]) -> Candidates {
        Candidates {
            by: Some((attribute.to_owned(), value.to_owned())),
            accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
        }
    }

    fn seen(id: &str) -> (String, Seen) {
        let account = ObservedAccount {
            account_id: id.to_owned(),
            login: id.to_owned(),
            state: AccountState::Active,
            attributes: BTreeMap::new(),
        };
        let reading = ReadingId(Uuid::nil());
        (id.to_owned(), Seen { reading, account, carries: None, holdings: BTreeMap::new() })
    }

    fn decided(candidates: Vec<Candidates>, sharers: &[(&str, &str, i64)]) -> Vec<String> {
        let candidates = (1..).map(person).zip(candidates).collect();
        let sharers = sharers
            .iter()
            .map(|(attribute, value, count)| {
                (((*attribute).to_owned(), (*value).to_owned()), *count)
            })
            .collect();
        let accounts = ["a", "b"].map(seen).into();
        let decided = decide(&candidates, &sharers, &accounts);
        let shown = |found: Found| match found {
            Found::One(seen) => seen.account.account_id,
            Found::Doubt => "doubt".to_owned(),
        };
        decided.into_values().map(shown).collect()
    }

    #[test]
    fn an_account_that_fits_one_person_alone_is_that_persons() {
        let candidates = vec![by("number", "1", &["a"]), by("number", "2", &["b"])];

        assert_eq!(decided(candidates, &[("number", "1", 1), ("number", "2", 1)]), ["a", "b"]);
    }

    #[test]
    fn of_several_accounts_none_is_taken() {
        assert_eq!(decided(vec![by("mail", "x", &["a", "b"])], &[("mail", "x", 1)]), ["doubt"]);
    }

    #[test]
    fn what_two_people_are_recognised_by_recognises_neither() {
        let elsewhere = decided(vec![by("name", "john", &["a"])], &[("name", "john", 2)]);
        let here = decided(vec![by("name", "john", &["a"]), by("mail", "x", &["a"])], &[]);

        assert_eq!(elsewhere, ["doubt"]);
        assert_eq!(here, ["doubt", "doubt"]);
    }
}
