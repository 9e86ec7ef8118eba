//! People who are one, and people who are so no more: whose word counts first, and whose an account
//! is. Pure.
//!
//! What is announced of a person says under which other ids they are known. Of two people who are
//! merged or split, the survivor's word counts first: it moves the accounts of both, and the other's
//! is waited with until then. So neither closes what the other is about to take over, and whichever
//! comes first, the end is the same.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Kin, PersonId};

use crate::account::Account;
use crate::dossier::Key;

/// An account that goes to another person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Move {
    pub(crate) application: String,
    pub(crate) from: PersonId,
    pub(crate) to: PersonId,
}

impl Move {
    /// Where the account is.
    pub(crate) fn source(&self) -> Key {
        (self.from, self.application.clone())
    }

    /// Where it goes.
    pub(crate) fn target(&self) -> Key {
        (self.to, self.application.clone())
    }
}

/// Whose word announced desired access waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// The survivor's, to take the person in or to let them go.
    Survivor,
    /// That of somebody who says that the two are not one any more, whom the person takes in: one of
    /// the two has something newer to say.
    Other,
}

/// Returns whose word has to come before what is announced of a person.
///
/// Who goes on under a survivor's id waits for the survivor to take them in, and who does so no more
/// for the survivor to let them go.
pub(crate) fn waits<'a>(
    person: PersonId,
    before: &Kin,
    announced: &Kin,
    kin_of: impl Fn(PersonId) -> Option<&'a Kin>,
) -> Option<Awaited> {
    let taken_in = |survivor| takes_in(survivor, person, &kin_of);
    let too_early = match (before.merged_into, announced.merged_into) {
        (_, Some(survivor)) => !taken_in(survivor),
        (Some(survivor), None) => taken_in(survivor),
        (None, None) => false,
    };
    // Who let somebody go before, and takes them in again, knows better.
    let denied = announced
        .merged
        .difference(&before.split)
        .any(|other| kin_of(*other).is_some_and(|kin| kin.split.contains(&person)));
    match (too_early, denied) {
        (true, _) => Some(Awaited::Survivor),
        (false, true) => Some(Awaited::Other),
        (false, false) => None,
    }
}

/// Whether a person rests: they went on under a survivor's id, the survivor has let them go, and
/// what they shall hold themselves is not known yet.
pub(crate) fn rests<'a>(
    person: PersonId,
    kin: &Kin,
    kin_of: impl Fn(PersonId) -> Option<&'a Kin>,
) -> bool {
    kin.merged_into.is_some_and(|survivor| !takes_in(survivor, person, &kin_of))
}

/// Returns the accounts that go to other people because of what a person's kin says, at most one to
/// each place.
///
/// Who has an account keeps it: that of somebody merged into them stays where it is. An account that
/// carries the id of somebody who is not of their kin any more goes back.
pub(crate) fn moves<'a>(
    person: PersonId,
    kin: &Kin,
    accounts: &BTreeMap<Key, Account>,
    kin_of: impl Fn(PersonId) -> Option<&'a Kin>,
) -> Vec<Move> {
    let has = |person: PersonId, application: &str| {
        of(accounts, person).any(|(name, _account)| name == application)
    };
    let is_theirs =
        |other| kin.merged.iter().any(|id| *id == other || takes_in(*id, other, &kin_of));
    let mut moves: Vec<Move> = of(accounts, person)
        .filter_map(|(application, account)| {
            let back = account.linked.filter(|other| !is_theirs(*other))?;
            let application = application.to_owned();
            (!has(back, &application)).then_some(Move { application, from: person, to: back })
        })
        .collect();
    let given: BTreeSet<String> = moves.iter().map(|moved| moved.application.clone()).collect();
    let mut taken: BTreeMap<&str, (bool, PersonId)> = BTreeMap::new();
    for other in &kin.merged {
        for (application, account) in of(accounts, *other) {
            if has(person, application) && !given.contains(application) {
                continue;
            }
            // Of several, one that can be used.
            let candidate = (account.state != AccountState::Active, *other);
            let best = taken.entry(application).or_insert(candidate);
            *best = candidate.min(*best);
        }
    }
    moves.extend(taken.into_iter().map(|(application, (_closed, other))| Move {
        application: application.to_owned(),
        from: other,
        to: person,
    }));
    moves
}

/// The accounts that a person has.
fn of(
    accounts: &BTreeMap<Key, Account>,
    person: PersonId,
) -> impl Iterator<Item = (&str, &Account)> {
    accounts
        .range((person, String::new())..)
        .take_while(move |(key, _account)| key.0 == person)
        .filter(|(_key, account)| account.exists())
        .map(|(key, account)| (key.1.as_str(), account))
}

fn takes_in<'a>(
    survivor: PersonId,
    person: PersonId,
    kin_of: &impl Fn(PersonId) -> Option<&'a Kin>,
) -> bool {
    kin_of(survivor).is_some_and(|kin| kin.merged.contains(&person))
}

#[cfg(test)]
mod tests;
