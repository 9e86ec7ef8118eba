//! People who are one, and people who are so no more.

use std::collections::BTreeSet;

use domain::Kin;

use super::schedules::city;
use super::*;

const NOW: &str = "2026-03-10 12:00";

#[test]
fn who_is_merged_into_another_holds_nothing_and_has_not_left() {
    let mut ada = officer();
    ada.kin.merged_into = Some(somebody(2));

    let merged = at(&ada, NOW);

    assert_eq!(merged.access, Access { kin: ada.kin, ..Access::default() });
    assert!(!merged.login_ended);
    assert_eq!(merged.next_boundary, None);
}

#[test]
fn who_is_merged_into_another_keeps_nothing_for_want_of_an_answer() {
    let release = city();
    let mut ada = officer();
    let now = instant_of(&ada, "2026-03-10");
    let before = desired(&ada, &release, &zone(), now).access;
    ada.slices[0].attributes.remove("agency");
    assert!(!desired_after(&before, &ada, &release, &zone(), now).access.grants.is_empty());

    ada.kin.merged_into = Some(somebody(2));
    let merged = desired_after(&before, &ada, &release, &zone(), now);

    assert!(merged.access.grants.is_empty() && merged.access.accounts.is_empty());
    assert!(merged.unanswered.is_empty());
}

#[test]
fn desired_access_says_under_which_ids_the_person_is_known() {
    let mut ada = officer();
    let alone = at(&ada, NOW).access;
    ada.kin = Kin { merged: BTreeSet::from([somebody(2)]), ..Kin::default() };

    let both = at(&ada, NOW).access;

    assert_eq!((&both.accounts, &both.grants), (&alone.accounts, &alone.grants));
    assert_eq!(both.kin, ada.kin);
    assert_ne!(both.digest(), alone.digest());
}

#[test]
fn nobody_elses_desired_access_has_another_digest_for_it() {
    let none = Access::default();

    assert_eq!(none.canonical(), r#"{"accounts":{},"grants":[]}"#);
    assert_eq!(none.digest(), "65077a358405a8deffa13ecced55d48f21174da4be2a4d7045a9252e642ef2be");
    assert!(!at(&officer(), NOW).access.canonical().contains("\"kin\""));
    assert!(!serde_json::to_string(&officer()).unwrap().contains("\"kin\""));
    assert_eq!(serde_json::from_str::<Access>(&none.canonical()).unwrap(), none);
}

fn officer() -> Timeline {
    hired("2020-01-01", None, &[("2020-01-01", None, police("Officer"))])
}

fn somebody(number: u32) -> PersonId {
    format!("018f0000-0000-7000-8000-{number:012}").parse().unwrap()
}
