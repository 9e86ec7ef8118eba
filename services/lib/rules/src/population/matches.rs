use domain::PersonId;

use super::Population;
use super::answers::Answers;
use super::bits::{Bits, ones};
use super::model::{Model, Program};
use crate::formula::Atom;

/// How many words of people are turned from sets into rows at a time: one line of a cache.
const ROW_WORDS: usize = 8;

/// For whom each policy of a model grants, in a population.
#[derive(Debug)]
pub struct Matches {
    sequence: u64,
    answers: Answers,
    policies: Vec<Bits>,
}

impl Matches {
    /// Asks every policy of everybody.
    #[must_use]
    pub fn of(population: &Population, model: &Model) -> Self {
        let atoms: Vec<&Atom> = model.atoms.iter().collect();
        let answers = Answers::of(population, &atoms);
        let sequence = population.sequence();
        let mut matches = Self { sequence, answers, policies: Vec::new() };
        matches.decide(population, model);
        matches
    }

    /// Decides every policy for everybody again from the answers that are there.
    pub fn decide(&mut self, population: &Population, model: &Model) {
        let everybody = population.everybody();
        self.policies.resize_with(model.policies.len(), || Bits::none(0));
        for (policy, bits) in model.policies.iter().zip(&mut self.policies) {
            self.answers.holds_into(&policy.program, everybody, bits);
        }
    }

    /// Takes over what a population has of one person since they changed.
    pub fn update(&mut self, population: &Population, model: &Model, person: PersonId) {
        self.sequence = population.sequence();
        let Some(place) = population.place(person) else { return };
        self.answers.update(population, &model.atoms, place);
        let there = population.everybody().has(place);
        for (policy, bits) in model.policies.iter().zip(&mut self.policies) {
            let is = |atom, wanted| self.answers.is(atom, wanted, place);
            bits.set(place, there && policy.program.holds(&is));
        }
    }

    /// Returns the change up to which the population was asked.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns for whom a policy grants, by its place in the model.
    #[must_use]
    pub fn policy(&self, policy: usize) -> Option<&Bits> {
        self.policies.get(policy)
    }

    /// Returns of whom it is unknown whether a policy grants.
    #[must_use]
    pub fn unknown(&self, population: &Population, model: &Model, policy: usize) -> Bits {
        let mut found = population.everybody().clone();
        if let (Some(holds), Some(policy)) = (self.policies.get(policy), model.policies.get(policy))
        {
            let number = |atom: &Atom| model.atoms.binary_search(atom).ok();
            let fails = Program::of(policy.condition.formula(), false, &number);
            found.drop(holds);
            found.drop(&self.answers.holds(&fails, population.everybody()));
        }
        found
    }

    /// Returns who is granted an entitlement by some policy, by its place in the model.
    #[must_use]
    pub fn entitlement(&self, model: &Model, entitlement: usize) -> Bits {
        self.union(model.granted_by.get(entitlement).into_iter().flatten().copied())
    }

    /// Returns who is granted each entitlement, in the model's order.
    #[must_use]
    pub fn entitlements(&self, model: &Model) -> Vec<Bits> {
        (0..model.entitlements.len()).map(|index| self.entitlement(model, index)).collect()
    }

    /// Returns who is granted something of both sides: entitlements that nobody may hold together.
    #[must_use]
    pub fn both(&self, model: &Model, left: &[usize], right: &[usize]) -> Bits {
        let side = |entitlements: &[usize]| {
            let by = entitlements.iter().filter_map(|index| model.granted_by.get(*index));
            self.union(by.flatten().copied())
        };
        let mut found = side(left);
        found.keep(&side(right));
        found
    }

    /// Shows everybody's entitlements, person by person: the place, and what is granted in order.
    pub fn for_each_person(
        &self,
        population: &Population,
        model: &Model,
        mut seen: impl FnMut(usize, &[usize]),
    ) {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); ROW_WORDS * 64];
        let everybody = population.everybody().words();
        for (index, there) in everybody.chunks(ROW_WORDS).enumerate() {
            let from = index * ROW_WORDS;
            for (entitlement, by) in model.granted_by.iter().enumerate() {
                let mut held = [0_u64; ROW_WORDS];
                for policy in by {
                    let bits = self.policies.get(*policy).map(Bits::words).unwrap_or_default();
                    let bits = bits.get(from..).unwrap_or_default();
                    held.iter_mut().zip(bits).for_each(|(held, bits)| *held |= bits);
                }
                for (rows, word) in rows.chunks_mut(64).zip(held) {
                    for bit in ones(word) {
                        if let Some(row) = rows.get_mut(bit) {
                            row.push(entitlement);
                        }
                    }
                }
            }
            for (word, there) in there.iter().enumerate() {
                for bit in ones(*there) {
                    if let Some(row) = rows.get(word * 64 + bit) {
                        seen((from + word) * 64 + bit, row);
                    }
                }
            }
            rows.iter_mut().for_each(Vec::clear);
        }
    }

    pub(super) fn union(&self, policies: impl Iterator<Item = usize>) -> Bits {
        let mut found = Bits::none(self.policies.first().map_or(0, |bits| bits.words().len() * 64));
        policies.filter_map(|policy| self.policies.get(policy)).for_each(|bits| found.add(bits));
        found
    }
}
