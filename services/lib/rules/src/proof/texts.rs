//! Texts: one region for every mentioned text, and "any other" told apart by the mentioned parts.
//!
//! Of a closed list the values themselves are the regions. Of an open one, some text has the wanted
//! parts and none of the refused ones exactly when no two of them clash: one that is refused lies
//! within one that is wanted, or two wanted beginnings (or ends) differ. For then the wanted parts in
//! a row, with a letter between them that nothing mentions, are such a text: a refused part would have
//! to lie between two such letters, and so within a wanted part. The same letter makes it differ from
//! every mentioned text.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use batsat::Lit;
use domain::Value;

use self::words::{Word, spelled};
use super::solver::Solver;
use crate::formula::Atom;

/// Up to how many questions about parts of one attribute are compared with each other beforehand;
/// beyond it those are compared that the solver wants together.
const COMPARED_MAX: usize = 256;

pub(super) struct Texts<'f> {
    /// Whether the value is this text.
    constants: BTreeMap<&'f str, Lit>,
    /// Questions about parts, when any text is possible.
    parts: BTreeMap<&'f Atom, (Word, Lit)>,
    closed: bool,
}

/// What a text is in the model.
pub(super) enum Chosen {
    Text(String),
    /// No text is like that; now the solver knows.
    Refused,
}

impl<'f> Texts<'f> {
    pub(super) fn new(
        values: &'f BTreeSet<String>,
        atoms: impl Iterator<Item = &'f Atom>,
        solver: &mut Solver,
    ) -> Self {
        let mut mentioned: BTreeSet<&'f str> = BTreeSet::new();
        let mut parts = BTreeMap::new();
        for atom in atoms {
            if let Atom::OneOf { values, .. } = atom {
                mentioned.extend(values.iter().filter_map(Value::as_text));
            } else if let Some(word) = Word::asked(atom) {
                parts.insert(atom, (word, solver.question()));
            }
        }
        let closed = !values.is_empty();
        if closed {
            mentioned = chosen(values, &mentioned, &parts);
        }
        let constants = mentioned.into_iter().map(|text| (text, solver.question())).collect();
        let texts = Self { constants, parts, closed };
        texts.relate(solver);
        texts
    }

    fn relate(&self, solver: &mut Solver) {
        let all: Vec<Lit> = self.constants.values().copied().collect();
        solver.at_most_one(&all);
        if self.closed {
            solver.one_of(all);
        }
        for (text, constant) in &self.constants {
            if self.parts.is_empty() {
                break;
            }
            let marked = Word::equal(text);
            for (word, part) in self.parts.values() {
                solver.implies(*constant, if word.is_in(&marked) { *part } else { !*part });
            }
        }
        if self.closed {
            return;
        }
        for (word, part) in self.parts.values() {
            if word.is_in_all() {
                solver.one_of([*part]);
            }
        }
        if self.parts.len() > COMPARED_MAX {
            return;
        }
        let parts: Vec<&(Word, Lit)> = self.parts.values().collect();
        for (index, (one, one_holds)) in parts.iter().enumerate() {
            for (other, other_holds) in parts.iter().skip(index + 1) {
                for (first, second) in [(true, true), (true, false), (false, true)] {
                    if clash((one, first), (other, second)) {
                        solver.one_of([not(*one_holds, first), not(*other_holds, second)]);
                    }
                }
            }
        }
    }

    pub(super) fn equals(&self, text: &str, solver: &mut Solver) -> Lit {
        match self.constants.get(text) {
            Some(constant) => *constant,
            None => !solver.truth(),
        }
    }

    pub(super) fn has(&self, atom: &Atom, solver: &mut Solver) -> Lit {
        match self.parts.get(atom) {
            Some((_, part)) => *part,
            None => !solver.truth(),
        }
    }

    /// Returns the text of the model, if there is one like that.
    pub(super) fn choose(&self, solver: &mut Solver) -> Chosen {
        if let Some((text, _)) = self.constants.iter().find(|(_, is)| solver.holds(**is)) {
            return Chosen::Text((*text).to_owned());
        }
        let parts: Vec<(&Word, Lit, bool)> =
            self.parts.values().map(|(word, part)| (word, *part, solver.holds(*part))).collect();
        let mut refused = false;
        for (index, (one, one_holds, first)) in parts.iter().enumerate() {
            for (other, other_holds, second) in parts.iter().skip(index + 1) {
                if clash((one, *first), (other, *second)) {
                    solver.one_of([not(*one_holds, *first), not(*other_holds, *second)]);
                    refused = true;
                }
            }
        }
        if refused {
            return Chosen::Refused;
        }
        let wanted: Vec<&Word> =
            parts.iter().filter(|(_, _, so)| *so).map(|(word, ..)| *word).collect();
        let mentioned = self.constants.keys().flat_map(|text| text.chars());
        let asked = parts.iter().flat_map(|(word, ..)| word.letters());
        Chosen::Text(spelled(&wanted, &mentioned.chain(asked).collect()))
    }
}

/// Tells whether no text other than those mentioned answers two questions like that.
fn clash((one, first): (&Word, bool), (other, second): (&Word, bool)) -> bool {
    match (first, second) {
        (true, true) => one.excludes(other),
        (true, false) => other.is_in(one),
        (false, true) => one.is_in(other),
        (false, false) => false,
    }
}

fn not(literal: Lit, holds: bool) -> Lit {
    if holds { !literal } else { literal }
}

/// Returns the values of a closed list that are mentioned, and one for each way in which the others
/// answer what is asked.
fn chosen<'f>(
    values: &'f BTreeSet<String>,
    mentioned: &BTreeSet<&'f str>,
    parts: &BTreeMap<&'f Atom, (Word, Lit)>,
) -> BTreeSet<&'f str> {
    let mut chosen: BTreeSet<&str> =
        mentioned.iter().copied().filter(|text| values.contains(*text)).collect();
    let others = values.iter().map(String::as_str).filter(|text| !mentioned.contains(text));
    if parts.is_empty() {
        chosen.extend(others.take(1));
        return chosen;
    }
    let mut ways: BTreeMap<Vec<bool>, &str> = BTreeMap::new();
    for text in others {
        let marked = Word::equal(text);
        let way = parts.values().map(|(word, _)| word.is_in(&marked)).collect();
        ways.entry(way).or_insert(text);
    }
    chosen.extend(ways.into_values());
    chosen
}

#[cfg(test)]
mod tests;
