//! What everybody answers to each question, as two sets: who says yes, and who can say at all.

use std::collections::BTreeMap;

use super::Population;
use super::bits::Bits;
use super::column::Column;
use super::model::Program;
use crate::formula::Atom;

/// How many words of a set are worked on at a time, so that what is between stays near.
const BLOCK: usize = 64;

/// The answers of everybody to some questions.
#[derive(Debug, Default)]
pub(super) struct Answers {
    yes: Vec<Bits>,
    /// Where it is known whose answer is unknown; shared by questions about one attribute.
    decided: Vec<Bits>,
    decided_of: Vec<usize>,
}

impl Answers {
    pub(super) fn of(population: &Population, atoms: &[&Atom]) -> Self {
        let people = population.places();
        let mut answers = Self {
            yes: vec![Bits::none(people); atoms.len()],
            decided: Vec::new(),
            decided_of: vec![0; atoms.len()],
        };
        let mut by_attribute: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, atom) in atoms.iter().enumerate() {
            match atom {
                Atom::Opaque(opaque) => {
                    let mut decided = Bits::none(people);
                    for place in 0..people {
                        let known = population.attributes(place, &opaque.attributes);
                        let answer = opaque.holds(&known);
                        decided.set(place, answer.is_some());
                        answers.set_yes(index, place, answer == Some(true));
                    }
                    answers.decide(&[index], decided);
                }
                Atom::Known { attribute }
                | Atom::OneOf { attribute, .. }
                | Atom::AtLeast { attribute, .. }
                | Atom::StartsWith { attribute, .. }
                | Atom::EndsWith { attribute, .. }
                | Atom::Contains { attribute, .. }
                | Atom::Member { attribute, .. } => {
                    by_attribute.entry(attribute).or_default().push(index);
                }
            }
        }
        for (attribute, indices) in by_attribute {
            match population.column(attribute) {
                Some(column) => answers.scan(column, &indices, atoms),
                None => answers.decide(&indices, Bits::none(people)),
            }
            let is_known = |index: &usize| matches!(atoms.get(*index), Some(Atom::Known { .. }));
            let always: Vec<usize> = indices.iter().copied().filter(is_known).collect();
            if !always.is_empty() {
                // Whether an attribute is known is never unknown.
                answers.decide(&always, population.everybody().clone());
            }
        }
        answers
    }

    fn set_yes(&mut self, atom: usize, place: usize, yes: bool) {
        if let Some(bits) = self.yes.get_mut(atom) {
            bits.set(place, yes);
        }
    }

    fn decide(&mut self, atoms: &[usize], decided: Bits) {
        let index = self.decided.len();
        self.decided.push(decided);
        for atom in atoms {
            if let Some(of) = self.decided_of.get_mut(*atom) {
                *of = index;
            }
        }
    }

    /// Asks each value of a column once, and goes over the people once.
    fn scan(&mut self, column: &Column, indices: &[usize], atoms: &[&Atom]) {
        let truths: Vec<Vec<u32>> = std::iter::once(Vec::new())
            .chain(column.values().map(|value| {
                let asked = indices.iter().enumerate().filter(|(_, index)| {
                    let atom = atoms.get(**index);
                    atom.is_some_and(|atom| atom.holds_of(value) == Some(true))
                });
                asked.filter_map(|(slot, _)| u32::try_from(slot).ok()).collect()
            }))
            .collect();
        let people = column.codes().len();
        let mut decided = Bits::none(people);
        let mut words = vec![0_u64; indices.len()];
        let mut touched: Vec<u32> = Vec::new();
        for (index, codes) in column.codes().chunks(64).enumerate() {
            let mut known = 0_u64;
            for (bit, code) in codes.iter().enumerate() {
                let code = usize::try_from(*code).unwrap_or_default();
                known |= u64::from(code != 0) << bit;
                for slot in truths.get(code).map(Vec::as_slice).unwrap_or_default() {
                    if let Some(word) = usize::try_from(*slot).ok().and_then(|s| words.get_mut(s)) {
                        if *word == 0 {
                            touched.push(*slot);
                        }
                        *word |= 1 << bit;
                    }
                }
            }
            if let Some(word) = decided.words_mut().get_mut(index) {
                *word = known;
            }
            for slot in touched.drain(..) {
                let Ok(slot) = usize::try_from(slot) else { continue };
                let word = words.get_mut(slot).map(std::mem::take).unwrap_or_default();
                let atom = indices.get(slot).and_then(|atom| self.yes.get_mut(*atom));
                if let Some(target) = atom.and_then(|bits| bits.words_mut().get_mut(index)) {
                    *target = word;
                }
            }
        }
        self.decide(indices, decided);
    }

    /// Asks every question of one person again.
    pub(super) fn update(&mut self, population: &Population, atoms: &[Atom], place: usize) {
        for (index, atom) in atoms.iter().enumerate() {
            let answer = match atom {
                Atom::Opaque(opaque) => {
                    opaque.holds(&population.attributes(place, &opaque.attributes))
                }
                Atom::Known { attribute } => {
                    let known = population.value(place, attribute).is_some();
                    population.everybody().has(place).then_some(known)
                }
                Atom::OneOf { attribute, .. }
                | Atom::AtLeast { attribute, .. }
                | Atom::StartsWith { attribute, .. }
                | Atom::EndsWith { attribute, .. }
                | Atom::Contains { attribute, .. }
                | Atom::Member { attribute, .. } => {
                    population.value(place, attribute).and_then(|value| atom.holds_of(value))
                }
            };
            self.set_yes(index, place, answer == Some(true));
            let of = self.decided_of.get(index).copied();
            if let Some(decided) = of.and_then(|of| self.decided.get_mut(of)) {
                decided.set(place, answer.is_some());
            }
        }
    }

    /// Tells whether a question is answered so by one person.
    pub(super) fn is(&self, atom: usize, wanted: bool, place: usize) -> bool {
        let yes = self.yes.get(atom).is_some_and(|bits| bits.has(place));
        let decided = self.decided_of.get(atom).and_then(|of| self.decided.get(*of));
        decided.is_some_and(|bits| bits.has(place)) && yes == wanted
    }

    /// Returns for whom a program is true.
    pub(super) fn holds(&self, program: &Program, everybody: &Bits) -> Bits {
        let mut found = Bits::none(0);
        self.holds_into(program, everybody, &mut found);
        found
    }

    pub(super) fn holds_into(&self, program: &Program, everybody: &Bits, found: &mut Bits) {
        found.clone_from(everybody);
        for (index, block) in found.words_mut().chunks_mut(BLOCK).enumerate() {
            self.combine(program, index * BLOCK, block, true);
        }
    }

    /// Keeps in a block those for whom a program is true, or adds them.
    fn combine(&self, program: &Program, from: usize, block: &mut [u64], keep: bool) {
        match (program, keep) {
            (Program::Constant(answer), true) => {
                if !answer {
                    block.fill(0);
                }
            }
            (Program::Constant(answer), false) => {
                if *answer {
                    block.fill(u64::MAX);
                }
            }
            (Program::Is(atom, wanted), keep) => self.question(*atom, *wanted, from, block, keep),
            (Program::All(parts), true) => {
                parts.iter().for_each(|part| self.combine(part, from, block, true));
            }
            (Program::Any(parts), false) => {
                parts.iter().for_each(|part| self.combine(part, from, block, false));
            }
            (Program::All(parts), false) => {
                let mut inner = [u64::MAX; BLOCK];
                parts.iter().for_each(|part| self.combine(part, from, &mut inner, true));
                block.iter_mut().zip(inner).for_each(|(word, inner)| *word |= inner);
            }
            (Program::Any(parts), true) => {
                let mut inner = [0; BLOCK];
                parts.iter().for_each(|part| self.combine(part, from, &mut inner, false));
                block.iter_mut().zip(inner).for_each(|(word, inner)| *word &= inner);
            }
        }
    }

    fn question(&self, atom: usize, wanted: bool, from: usize, block: &mut [u64], keep: bool) {
        let yes = self.yes.get(atom).map(Bits::words);
        let yes = yes.and_then(|words| words.get(from..)).unwrap_or_default();
        let decided = self.decided_of.get(atom).and_then(|of| self.decided.get(*of));
        let decided = decided.and_then(|bits| bits.words().get(from..)).unwrap_or_default();
        match (keep, wanted) {
            (true, true) => block.iter_mut().zip(yes).for_each(|(word, yes)| *word &= yes),
            (false, true) => block.iter_mut().zip(yes).for_each(|(word, yes)| *word |= yes),
            (true, false) => block
                .iter_mut()
                .zip(yes.iter().zip(decided))
                .for_each(|(word, (yes, decided))| *word &= decided & !yes),
            (false, false) => block
                .iter_mut()
                .zip(yes.iter().zip(decided))
                .for_each(|(word, (yes, decided))| *word |= decided & !yes),
        }
    }
}
