//! Texts: one region for every mentioned text, and "any other" told apart by the mentioned parts.
//!
//! Of a closed list the values themselves are the regions. Of an open one the parts that "any other"
//! text has or lacks are free at first; a combination that no text has is refused when the solver
//! proposes it.

mod realise;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use batsat::Lit;
use domain::Value;

use self::realise::{Realised, realise};
use self::words::Word;
use super::solver::Solver;
use crate::formula::Atom;

/// Up to how many questions about parts of one attribute are compared with each other beforehand.
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
    TooMany,
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
        if self.closed || self.parts.len() > COMPARED_MAX {
            return;
        }
        for (index, (word, part)) in self.parts.values().enumerate() {
            for (other, (outer, whole)) in self.parts.values().enumerate() {
                if index != other && word.is_in(outer) {
                    solver.implies(*whole, *part);
                } else if index < other && word.excludes(outer) {
                    solver.one_of([!*part, !*whole]);
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
    pub(super) fn choose(&self, solver: &mut Solver, states_max: usize) -> Chosen {
        if let Some((text, _)) = self.constants.iter().find(|(_, is)| solver.holds(**is)) {
            return Chosen::Text((*text).to_owned());
        }
        let parts: Vec<(&Word, Lit, bool)> =
            self.parts.values().map(|(word, part)| (word, *part, solver.holds(*part))).collect();
        let others: Vec<Word> = self.constants.keys().map(|text| Word::equal(text)).collect();
        match split(&parts, &others, states_max) {
            Realised::Text(text) => Chosen::Text(text),
            Realised::TooMany => Chosen::TooMany,
            Realised::Impossible => {
                let (parts, others) = self.reason(parts, &others, states_max);
                let not = parts.into_iter().map(|(_, part, so)| if so { !part } else { part });
                let unless = others.then(|| self.constants.values().copied()).into_iter().flatten();
                solver.one_of(not.chain(unless));
                Chosen::Refused
            }
        }
    }

    /// Leaves out what the impossibility does not rest on.
    fn reason<'w>(
        &self,
        mut parts: Vec<(&'w Word, Lit, bool)>,
        others: &[Word],
        states_max: usize,
    ) -> (Vec<(&'w Word, Lit, bool)>, bool) {
        let alone = split(&parts, &[], states_max) == Realised::Impossible;
        let others = if alone { &[] } else { others };
        let mut index = 0;
        while index < parts.len() {
            let mut fewer = parts.clone();
            fewer.remove(index);
            if split(&fewer, others, states_max) == Realised::Impossible {
                parts = fewer;
            } else {
                index += 1;
            }
        }
        (parts, !alone)
    }
}

fn split(parts: &[(&Word, Lit, bool)], others: &[Word], states_max: usize) -> Realised {
    let of =
        |wanted| parts.iter().filter(move |(_, _, so)| *so == wanted).map(|(word, _, _)| *word);
    let wanted: Vec<&Word> = of(true).collect();
    let refused: Vec<&Word> = of(false).chain(others).collect();
    realise(&wanted, &refused, states_max)
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
