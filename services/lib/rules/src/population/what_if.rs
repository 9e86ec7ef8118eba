use std::collections::BTreeSet;

use super::Population;
use super::answers::Answers;
use super::bits::Bits;
use super::matches::Matches;
use super::model::{Entitlement, Model, Program};
use crate::condition::Condition;
use crate::formula::Atom;

/// One policy as it would be.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    /// The policy's name; one that the model does not have is added.
    pub policy: &'a str,
    /// For whom it would grant; `None` when there would be no such policy.
    pub condition: Option<&'a Condition>,
    /// What it would grant.
    pub grants: &'a [Entitlement],
}

/// What an edit of one policy would do to the people of a population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// For whom the policy grants.
    pub before: Bits,
    /// For whom it would grant.
    pub after: Bits,
    /// Of whom it would be unknown.
    pub unknown: Bits,
    /// Who would gain or lose what, by entitlement; those without a change are left out.
    pub changes: Vec<Change>,
}

/// Who would gain and who would lose one entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The entitlement.
    pub entitlement: Entitlement,
    /// Who would be granted it and is not.
    pub gained: Bits,
    /// Who would not be granted it by any policy and is.
    pub lost: Bits,
}

impl WhatIf {
    /// Says what an edit would do, given what holds without it.
    #[must_use]
    pub fn of(population: &Population, model: &Model, matches: &Matches, edit: &Edit<'_>) -> Self {
        let policy = model.policies.iter().position(|policy| policy.name == edit.policy);
        let nobody = Bits::none(population.places());
        let before = policy.and_then(|policy| matches.policy(policy)).unwrap_or(&nobody).clone();
        let old: BTreeSet<&Entitlement> = policy
            .and_then(|policy| model.policies.get(policy))
            .into_iter()
            .flat_map(|policy| &policy.grants)
            .filter_map(|grant| model.entitlements.get(*grant))
            .collect();
        let granted = edit.condition.map(|_| edit.grants).unwrap_or_default();
        let new: BTreeSet<&Entitlement> = granted.iter().collect();
        let (after, unknown) = match edit.condition {
            Some(condition) => ask(population, condition),
            None => (nobody.clone(), nobody.clone()),
        };
        let mut changes = Vec::new();
        for entitlement in old.union(&new) {
            let by = model.entitlement(entitlement).and_then(|place| model.granted_by.get(place));
            let others = by.into_iter().flatten().copied().filter(|by| Some(*by) != policy);
            let mut others = matches.union(others);
            if others.is_empty() {
                others = nobody.clone();
            }
            let side = |granted: bool, people: &Bits| {
                let mut held = others.clone();
                if granted {
                    held.add(people);
                }
                held
            };
            let held = side(old.contains(entitlement), &before);
            let would = side(new.contains(entitlement), &after);
            changes.extend(change(entitlement, &held, &would));
        }
        Self { before, after, unknown, changes }
    }
}

/// Says who would gain or lose what if one model took the place of another; entitlements in order.
#[must_use]
pub fn compare(before: (&Model, &Matches), after: (&Model, &Matches)) -> Vec<Change> {
    let entitlements = before.0.entitlements.iter().chain(&after.0.entitlements);
    let entitlements: BTreeSet<&Entitlement> = entitlements.collect();
    let held = |(model, matches): (&Model, &Matches), entitlement: &Entitlement| {
        let place = model.entitlement(entitlement);
        let by = place.and_then(|place| model.granted_by.get(place));
        matches.union(by.into_iter().flatten().copied())
    };
    entitlements
        .into_iter()
        .filter_map(|entitlement| {
            change(entitlement, &held(before, entitlement), &held(after, entitlement))
        })
        .collect()
}

fn change(entitlement: &Entitlement, held: &Bits, would: &Bits) -> Option<Change> {
    let size = held.words().len().max(would.words().len()) * 64;
    let side = |from: &Bits, without: &Bits| {
        let mut found = Bits::none(size);
        found.add(from);
        found.drop(without);
        found
    };
    let (gained, lost) = (side(would, held), side(held, would));
    (!gained.is_empty() || !lost.is_empty()).then(|| Change {
        entitlement: entitlement.clone(),
        gained,
        lost,
    })
}

/// Returns for whom a condition holds, and of whom it is unknown.
fn ask(population: &Population, condition: &Condition) -> (Bits, Bits) {
    let mut atoms = BTreeSet::new();
    condition.formula().for_each_atom(&mut |atom| {
        atoms.insert(atom);
    });
    let atoms: Vec<&Atom> = atoms.into_iter().collect();
    let answers = Answers::of(population, &atoms);
    let number = |atom: &Atom| atoms.binary_search(&atom).ok();
    let program = |wanted| Program::of(condition.formula(), wanted, &number);
    let everybody = population.everybody();
    let holds = answers.holds(&program(true), everybody);
    let mut unknown = everybody.clone();
    unknown.drop(&holds);
    unknown.drop(&answers.holds(&program(false), everybody));
    (holds, unknown)
}
