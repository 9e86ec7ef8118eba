//! Logins: reserved before they are asked for, never given to another person.
//!
//! The wish comes from policies; a number makes it unique: `ada`, `ada2`, `ada3`.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use store::{Error, Tx};

use crate::dossier::Key;

/// A person who needs a login in an application.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) key: Key,
    pub(crate) base: String,
}

/// One login to be reserved.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) application: String,
    pub(crate) folded: String,
    pub(crate) login: String,
    pub(crate) base: String,
    pub(crate) suffix: i32,
    pub(crate) person: PersonId,
}

/// A login that goes to another person together with the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandedOver {
    pub(crate) application: String,
    pub(crate) folded: String,
    pub(crate) from: PersonId,
    pub(crate) to: PersonId,
}

/// People of one name in one application at most.
const SUFFIX_MAX: i32 = 9999;
/// A candidate fails only when another base led to the same login, which is rare.
const ROUNDS_MAX: usize = 100;

/// Reserves a login for each wish; whoever got none has used up all there are.
pub(crate) async fn reserve(
    tx: &mut Tx,
    mut wishes: Vec<Wish>,
) -> Result<BTreeMap<Key, String>, Error> {
    let mut reserved = BTreeMap::new();
    let mut tried: BTreeMap<(String, String), i32> = BTreeMap::new();
    for _round in 0..ROUNDS_MAX {
        if wishes.is_empty() {
            break;
        }
        let families: BTreeSet<(String, String)> = wishes.iter().map(family).collect();
        for (family, highest) in table::highest(tx, &families).await? {
            let known = tried.entry(family).or_default();
            *known = highest.max(*known);
        }
        let candidates: Vec<Candidate> =
            wishes.iter().filter_map(|wish| candidate(wish, &mut tried)).collect();
        let taken = table::insert(tx, &candidates).await?;
        for candidate in candidates {
            if taken.contains(&(candidate.application.clone(), candidate.folded)) {
                reserved.insert((candidate.person, candidate.application), candidate.login);
            }
        }
        wishes.retain(|wish| !reserved.contains_key(&wish.key));
    }
    Ok(reserved)
}

/// Reserves the login that an account was made with; says whether nobody else has it.
pub(crate) async fn claim(tx: &mut Tx, key: &Key, login: &str) -> Result<bool, Error> {
    let folded = login.to_lowercase();
    let candidate = Candidate {
        application: key.1.clone(),
        folded: folded.clone(),
        login: login.to_owned(),
        base: folded.clone(),
        suffix: 1,
        person: key.0,
    };
    let inserted = table::insert(tx, &[candidate]).await?;
    Ok(!inserted.is_empty() || table::holder(tx, &key.1, &folded).await? == Some(key.0))
}

fn family(wish: &Wish) -> (String, String) {
    (wish.key.1.clone(), wish.base.to_lowercase())
}

fn candidate(wish: &Wish, tried: &mut BTreeMap<(String, String), i32>) -> Option<Candidate> {
    let highest = tried.entry(family(wish)).or_default();
    if *highest >= SUFFIX_MAX {
        return None;
    }
    *highest += 1;
    let login = numbered(&wish.base, *highest);
    Some(Candidate {
        application: wish.key.1.clone(),
        folded: login.to_lowercase(),
        login,
        base: wish.base.to_lowercase(),
        suffix: *highest,
        person: wish.key.0,
    })
}

/// The number goes before the `@` of an address.
fn numbered(base: &str, number: i32) -> String {
    if number == 1 {
        return base.to_owned();
    }
    match base.split_once('@') {
        Some((local, domain)) => format!("{local}{number}@{domain}"),
        None => format!("{base}{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_goes_before_the_domain_of_an_address() {
        assert_eq!(numbered("ada", 1), "ada");
        assert_eq!(numbered("ada", 2), "ada2");
        assert_eq!(numbered("ada@city.example", 3), "ada3@city.example");
    }
}
