//! Whose word counts first, and whose an account is.

use std::collections::BTreeSet;

use domain::{Attributes, Timestamp, Version};
use uuid::Uuid;

use super::*;

/// Ada survives; Augusta is merged into her, and then is not any more.
const ADA: PersonId = PersonId(Uuid::from_u128(1));
const AUGUSTA: PersonId = PersonId(Uuid::from_u128(2));
const GRACE: PersonId = PersonId(Uuid::from_u128(3));

#[test]
fn who_is_merged_waits_until_the_survivor_takes_them_in_and_lets_them_go() {
    let (nobody, augusta) = (Kin::default(), merged_into(ADA));
    let (alone, both) = (Kin::default(), merged(&[AUGUSTA]));

    let survivor = Some(Awaited::Survivor);
    assert_eq!(waits(AUGUSTA, &nobody, &augusta, known(&[(ADA, &alone)])), survivor);
    assert_eq!(waits(AUGUSTA, &nobody, &augusta, known(&[])), survivor);
    assert_eq!(waits(AUGUSTA, &nobody, &augusta, known(&[(ADA, &both)])), None);
    assert_eq!(waits(AUGUSTA, &augusta, &nobody, known(&[(ADA, &both)])), survivor);
    assert_eq!(waits(AUGUSTA, &augusta, &nobody, known(&[(ADA, &alone)])), None);
    assert_eq!(waits(ADA, &alone, &both, known(&[(AUGUSTA, &nobody)])), None);
    assert_eq!(waits(ADA, &both, &alone, known(&[(AUGUSTA, &augusta)])), None);
}

#[test]
fn a_survivor_waits_for_who_says_that_they_are_not_one_any_more() {
    let (nobody, both) = (Kin::default(), merged(&[AUGUSTA]));
    let split = |other| Kin { split: BTreeSet::from([other]), ..Kin::default() };
    let augusta = split(ADA);

    // Something late of before the split, and somebody who is merged anew after it.
    assert_eq!(waits(ADA, &nobody, &both, known(&[(AUGUSTA, &augusta)])), Some(Awaited::Other));
    assert_eq!(waits(ADA, &split(AUGUSTA), &both, known(&[(AUGUSTA, &augusta)])), None);
}

#[test]
fn who_was_let_go_rests_until_it_is_known_what_they_shall_hold() {
    let (alone, both) = (Kin::default(), merged(&[AUGUSTA]));

    assert!(rests(AUGUSTA, &merged_into(ADA), known(&[(ADA, &alone)])));
    assert!(!rests(AUGUSTA, &merged_into(ADA), known(&[(ADA, &both)])));
    assert!(!rests(AUGUSTA, &alone, known(&[(ADA, &both)])));
}

#[test]
fn an_account_goes_to_who_has_none_and_comes_back_with_the_id_it_carries() {
    let held = accounts(&[(ADA, "mail", None), (AUGUSTA, "mail", None), (AUGUSTA, "wiki", None)]);
    let moved = accounts(&[(ADA, "mail", None), (ADA, "wiki", Some(AUGUSTA))]);

    assert_eq!(shown(ADA, &merged(&[AUGUSTA]), &held), ["wiki from 2 to 1"]);
    assert_eq!(shown(ADA, &merged(&[AUGUSTA]), &moved), [""; 0]);
    assert_eq!(shown(ADA, &Kin::default(), &moved), ["wiki from 1 to 2"]);
    assert_eq!(shown(AUGUSTA, &merged_into(ADA), &held), [""; 0]);
}

#[test]
fn an_account_that_was_closed_counts_and_one_that_is_gone_does_not() {
    let mut held = accounts(&[(ADA, "wiki", None), (AUGUSTA, "wiki", None)]);
    held.get_mut(&(ADA, "wiki".to_owned())).unwrap().state = AccountState::Suspended;
    assert_eq!(shown(ADA, &merged(&[AUGUSTA]), &held), [""; 0]);

    held.get_mut(&(ADA, "wiki".to_owned())).unwrap().vanish(Timestamp::UNIX_EPOCH);
    assert_eq!(shown(ADA, &merged(&[AUGUSTA]), &held), ["wiki from 2 to 1"]);
}

#[test]
fn of_several_who_are_merged_one_whose_account_can_be_used_gives_it() {
    let mut held = accounts(&[(AUGUSTA, "wiki", None), (GRACE, "wiki", None)]);
    held.get_mut(&(AUGUSTA, "wiki".to_owned())).unwrap().state = AccountState::Suspended;

    assert_eq!(shown(ADA, &merged(&[AUGUSTA, GRACE]), &held), ["wiki from 3 to 1"]);
}

#[test]
fn what_somebody_brought_who_is_merged_in_turn_stays_with_the_survivor() {
    // Grace was merged into Augusta before Augusta was merged into Ada.
    let held = accounts(&[(ADA, "wiki", Some(GRACE))]);
    let augusta = merged(&[GRACE]);

    let moves = moves(ADA, &merged(&[AUGUSTA]), &held, known(&[(AUGUSTA, &augusta)]));

    assert!(moves.is_empty(), "{moves:?}");
}

fn merged(others: &[PersonId]) -> Kin {
    Kin { merged: others.iter().copied().collect::<BTreeSet<_>>(), ..Kin::default() }
}

fn merged_into(survivor: PersonId) -> Kin {
    Kin { merged_into: Some(survivor), ..Kin::default() }
}

fn known<'a>(known: &'a [(PersonId, &'a Kin)]) -> impl Fn(PersonId) -> Option<&'a Kin> + Copy {
    move |id| known.iter().find(|(person, _kin)| *person == id).map(|(_person, kin)| *kin)
}

fn accounts(held: &[(PersonId, &str, Option<PersonId>)]) -> BTreeMap<Key, Account> {
    held.iter()
        .map(|(person, application, linked)| {
            let account = Account {
                account_id: Some("1".to_owned()),
                login: "ada".to_owned(),
                state: AccountState::Active,
                attributes: Attributes::new(),
                entitlements: BTreeSet::new(),
                linked: *linked,
                version: Version::default(),
                observed_at: Timestamp::UNIX_EPOCH,
            };
            ((*person, (*application).to_owned()), account)
        })
        .collect()
}

fn shown(person: PersonId, kin: &Kin, accounts: &BTreeMap<Key, Account>) -> Vec<String> {
    moves(person, kin, accounts, |_id| None)
        .iter()
        .map(|moved| {
            let (from, to) = (moved.from.0.as_u128(), moved.to.0.as_u128());
            format!("{} from {from} to {to}", moved.application)
        })
        .collect()
}
