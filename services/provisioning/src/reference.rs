//! What accounts take from other accounts: values of observed access, looked up just before they
//! are needed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, PersonId, Value};
use rules::{ACCOUNT_ID, LOGIN, Reference};

use crate::access::Slice;
use crate::account::Account;
use crate::dossier::Key;

/// The kind of the timers that stand for people whose references lead to accounts that changed.
pub(crate) const TIMER: &str = "reference";

/// Accounts of others, or in other applications, that references lead to.
#[derive(Clone, Default)]
pub(crate) struct Referred {
    /// Those that were looked for, found or not.
    accounts: BTreeMap<Key, Option<Account>>,
    /// Those that may still come to be: work is open there, or nothing is known of the person yet.
    awaited: BTreeSet<Key>,
}

/// What the references of one account come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) attributes: Attributes,
    /// Attributes without a value, with the account that should supply it.
    pub(crate) missing: BTreeMap<String, Key>,
}

impl Referred {
    /// Keeps what was looked for.
    pub(crate) fn extend(&mut self, keys: BTreeSet<Key>, mut found: BTreeMap<Key, Account>) {
        self.accounts.extend(keys.into_iter().map(|key| {
            let account = found.remove(&key);
            (key, account)
        }));
    }

    pub(crate) fn await_also(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.awaited.extend(keys);
    }

    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.accounts.contains_key(key)
    }

    pub(crate) fn account(&self, key: &Key) -> Option<&Account> {
        self.accounts.get(key)?.as_ref()
    }

    pub(crate) fn is_awaited(&self, key: &Key) -> bool {
        self.awaited.contains(key)
    }
}

/// Returns the account that a reference of a person leads to.
pub(crate) fn leads_to(reference: &Reference, person: PersonId) -> Key {
    (reference.person.unwrap_or(person), reference.application.clone())
}

/// Returns the accounts that the references of people's slices lead to.
pub(crate) fn targets<'a>(
    slices: impl IntoIterator<Item = (PersonId, &'a Slice)>,
) -> BTreeSet<Key> {
    slices
        .into_iter()
        .flat_map(|(person, slice)| {
            slice.references.values().map(move |reference| leads_to(reference, person))
        })
        .collect()
}

/// Looks up what the references of an account come to.
pub(crate) fn resolve<'a>(
    slice: &Slice,
    person: PersonId,
    find: impl Fn(&Key) -> Option<&'a Account>,
) -> Resolved {
    let mut resolved = Resolved::default();
    for (name, reference) in &slice.references {
        let key = leads_to(reference, person);
        match find(&key).and_then(|account| value(account, &reference.attribute)) {
            Some(value) => {
                resolved.attributes.insert(name.clone(), value);
            }
            None => {
                resolved.missing.insert(name.clone(), key);
            }
        }
    }
    resolved
}

fn value(account: &Account, attribute: &str) -> Option<Value> {
    if !account.exists() {
        return None;
    }
    let text = |text: &str| (!text.is_empty()).then(|| Value::Text(text.to_owned()));
    match attribute {
        ACCOUNT_ID => text(account.account_id.as_deref()?),
        LOGIN => text(&account.login),
        name => account.attributes.get(name).cloned(),
    }
}

#[cfg(test)]
mod tests;
