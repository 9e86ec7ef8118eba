//! What is said of everybody is what is said of each, whichever way it is found.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::*;
use crate::Condition;
use crate::condition::tests::agreement::{condition, fixed, somebody};
use crate::condition::tests::schema;

const PEOPLE: u64 = 150;

/// Texts of conditions, each with the numbers of the entitlements it grants.
type Policies = Vec<(String, Vec<usize>)>;

#[test]
fn everybody_at_once_is_each_alone() {
    run(250, &(policies(), 0..1_000_u64), |(policies, seed)| {
        let people = people(seed);
        let model = model(&policies);
        let population = population(&people);
        let matches = Matches::of(&population, &model);
        let index = Index::new(&model);
        let mut rows = Vec::new();
        matches.for_each_person(&population, &model, |place, row| {
            rows.push((place, row.to_vec()));
        });
        let unknown: Vec<_> = (0..policies.len())
            .map(|policy| matches.unknown(&population, &model, policy))
            .collect();

        prop_assert_eq!(rows.len(), people.len());
        for (place, (_, attributes)) in people.iter().enumerate() {
            let mut holds = Vec::new();
            for (policy, granting) in model.policies.iter().enumerate() {
                let answer = granting.condition.holds(attributes);
                let bits = matches.policy(policy).unwrap();
                prop_assert_eq!(bits.has(place), answer == Some(true), "{}", policy);
                prop_assert_eq!(unknown[policy].has(place), answer.is_none(), "{}", policy);
                holds.extend((answer == Some(true)).then_some(policy));
            }
            prop_assert_eq!(index.policies(&model, attributes), holds);
            let granted = granted(&model, attributes);
            prop_assert_eq!(&rows[place], &(place, granted.clone()));
            prop_assert_eq!(index.entitlements(&model, attributes), granted.clone());
            for entitlement in 0..model.entitlements().len() {
                let bits = matches.entitlement(&model, entitlement);
                prop_assert_eq!(bits.has(place), granted.contains(&entitlement));
            }
            let both = matches.both(&model, &[0], &[1, 2]);
            let apart = granted.contains(&0) && (granted.contains(&1) || granted.contains(&2));
            prop_assert_eq!(both.has(place), apart);
        }
        Ok(())
    });
}

#[test]
fn a_changed_person_is_as_if_they_had_always_been_so() {
    run(250, &(policies(), 0..1_000_u64), |(policies, seed)| {
        let mut people = people(seed);
        let model = model(&policies);
        let mut changed = population(&people);
        let mut matches = Matches::of(&changed, &model);

        let newcomer = (PersonId(Uuid::from_u128(u128::from(PEOPLE) + 1)), somebody(seed + 7_000));
        people.push(newcomer);
        for step in [3_usize, 64, 149, 150] {
            let attributes = somebody(seed + 9_000 + u64::try_from(step).unwrap());
            people[step].1 = attributes;
            let sequence = changed.sequence() + 1;
            changed.replace(people[step].0, Some(&people[step].1), sequence);
            matches.update(&changed, &model, people[step].0);
            prop_assert_eq!(matches.sequence(), sequence);
        }
        let gone = people[5].0;
        changed.replace(gone, None, changed.sequence() + 1);
        matches.update(&changed, &model, gone);
        let fresh = population(&people);
        let expected = Matches::of(&fresh, &model);
        let again = Matches::of(&changed, &model);

        for policy in 0..policies.len() {
            let mut wanted = expected.policy(policy).unwrap().clone();
            wanted.set(5, false);
            prop_assert_eq!(matches.policy(policy), Some(&wanted));
            prop_assert_eq!(again.policy(policy), Some(&wanted));
        }
        Ok(())
    });
}

#[test]
fn a_what_if_names_exactly_who_gains_and_who_loses() {
    let grants = proptest::collection::vec(0..6_usize, 0..4);
    run(250, &(policies(), proptest::option::of(condition()), grants, 0..8_usize), |drawn| {
        let (policies, edited, grants, which) = drawn;
        let people = people(0);
        let population = population(&people);
        let before = model(&policies);
        let matches = Matches::of(&population, &before);
        let mut wanted = policies.clone();
        let name = format!("p{which}");
        let edited_condition =
            edited.as_ref().map(|text| Condition::compile(text, &schema()).unwrap());
        let grants: Vec<_> = grants.into_iter().collect();
        let named: Vec<_> = grants.iter().map(|grant| entitlement(*grant)).collect();

        let edit = Edit { policy: &name, condition: edited_condition.as_ref(), grants: &named };
        let what_if = WhatIf::of(&population, &before, &matches, &edit);

        let replaced = (edited.unwrap_or_else(|| "false".to_owned()), grants);
        if which < wanted.len() {
            wanted[which] = replaced;
        } else {
            wanted.push(replaced);
        }
        let after = model(&wanted);
        let compared = compare((&before, &matches), (&after, &Matches::of(&population, &after)));
        prop_assert_eq!(&what_if.changes, &compared);
        for (place, (_, attributes)) in people.iter().enumerate() {
            let names = |model: &Model| -> BTreeSet<Entitlement> {
                let granted = granted(model, attributes);
                granted.into_iter().map(|index| model.entitlements()[index].clone()).collect()
            };
            let (held, would) = (names(&before), names(&after));
            let told = |side: fn(&Change) -> &Bits| -> BTreeSet<Entitlement> {
                let changes = what_if.changes.iter().filter(|change| side(change).has(place));
                changes.map(|change| change.entitlement.clone()).collect()
            };
            prop_assert_eq!(told(|change| &change.gained), &would - &held);
            prop_assert_eq!(told(|change| &change.lost), &held - &would);
            let answer = edited_condition.as_ref().map(|known| known.holds(attributes));
            prop_assert_eq!(what_if.after.has(place), answer == Some(Some(true)));
            prop_assert_eq!(what_if.unknown.has(place), answer == Some(None));
        }
        Ok(())
    });
}

#[test]
fn an_entitlement_goes_with_the_last_policy_that_grants_it() {
    for granting in 1..5_usize {
        let people = people(3);
        let population = population(&people);
        let mut policies: Policies =
            (0..granting).map(|_| ("has(person.agency)".to_owned(), vec![0])).collect();
        while let Some(last) = policies.len().checked_sub(1) {
            let model = model(&policies);
            let matches = Matches::of(&population, &model);
            let name = format!("p{last}");

            let edit = Edit { policy: &name, condition: None, grants: &[] };
            let what_if = WhatIf::of(&population, &model, &matches, &edit);

            let holders = matches.entitlement(&model, 0);
            assert!(!holders.is_empty());
            if last == 0 {
                assert_eq!(what_if.changes[0].lost, holders);
                assert!(what_if.changes[0].gained.is_empty());
            } else {
                assert_eq!(what_if.changes, []);
            }
            policies.pop();
        }
    }
}

#[test]
fn the_order_of_people_and_the_run_change_nothing() {
    run(20, &policies(), |policies| {
        let people = people(11);
        let backwards: Vec<_> = people.iter().rev().cloned().collect();
        let held = |people: &[(PersonId, Attributes)]| {
            let population = population(people);
            let model = model(&policies);
            let matches = Matches::of(&population, &model);
            let sets = matches.entitlements(&model);
            let mut held: Vec<Vec<PersonId>> =
                sets.iter().map(|set| population.people(set).collect()).collect();
            held.iter_mut().for_each(|people| people.sort());
            held
        };

        prop_assert_eq!(held(&people), held(&people));
        prop_assert_eq!(held(&people), held(&backwards));
        Ok(())
    });
}

#[test]
fn a_person_is_asked_only_what_may_hold() {
    let policies: Policies = (0..100)
        .map(|n| (format!("person.agency == \"a{n}\" && person.level > 1"), vec![0]))
        .chain([("person.remote".to_owned(), vec![1]), ("!person.remote".to_owned(), vec![1])])
        .collect();
    let model = model(&policies);
    let index = Index::new(&model);
    let attributes = Attributes::from([
        ("agency".to_owned(), Value::Text("a7".to_owned())),
        ("level".to_owned(), Value::Integer(2)),
        ("remote".to_owned(), Value::Boolean(true)),
    ]);

    assert_eq!(index.candidates(&attributes), [7, 100, 101]);
    assert_eq!(index.policies(&model, &attributes), [7, 100]);
}

fn run<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, fixed()).run(strategy, test).unwrap();
}

fn policies() -> impl Strategy<Value = Policies> {
    let grants = proptest::collection::vec(0..6_usize, 1..4);
    proptest::collection::vec((condition(), grants), 1..8)
}

fn people(seed: u64) -> Vec<(PersonId, Attributes)> {
    let ids = (0..PEOPLE).map(|n| PersonId(Uuid::from_u128(u128::from(n))));
    ids.zip(seed * 1_000..).map(|(id, seed)| (id, somebody(seed))).collect()
}

fn population(people: &[(PersonId, Attributes)]) -> Population {
    Population::new(&schema(), 1, people.iter().map(|(id, attributes)| (*id, attributes)))
}

fn model(policies: &Policies) -> Model {
    let schema = schema();
    let compiled: Vec<_> = policies
        .iter()
        .enumerate()
        .map(|(index, (text, grants))| {
            let condition = Condition::compile(text, &schema).unwrap();
            let grants: Vec<_> = grants.iter().map(|grant| entitlement(*grant)).collect();
            (format!("p{index}"), condition, grants)
        })
        .collect();
    let policies = compiled.iter();
    Model::new(policies.map(|(name, condition, grants)| (name.as_str(), condition, grants.clone())))
}

fn entitlement(number: usize) -> Entitlement {
    Entitlement { application: "directory".to_owned(), entitlement: format!("e{number}") }
}

/// What each policy for itself grants a person, without anything that is shared.
fn granted(model: &Model, attributes: &Attributes) -> Vec<usize> {
    let holding = model.policies.iter();
    let holding = holding.filter(|policy| policy.condition.holds(attributes) == Some(true));
    let granted: BTreeSet<usize> = holding.flat_map(|policy| policy.grants.clone()).collect();
    granted.into_iter().collect()
}
