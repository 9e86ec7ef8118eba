//! One attribute of anybody: whether it is known, and in which region its value is.

use std::collections::{BTreeMap, BTreeSet};

use batsat::Lit;
use domain::Value;

use super::numbers::Numbers;
use super::solver::Solver;
use super::texts::{Chosen, Texts};
use super::universe::Column;
use crate::document::AttributeType;
use crate::formula::Atom;

pub(super) struct Region<'f> {
    known: Lit,
    /// What each question says of the value, were it known.
    says: BTreeMap<&'f Atom, Lit>,
    values: Values<'f>,
}

enum Values<'f> {
    Boolean(Lit),
    Numbers(Numbers),
    Texts(Texts<'f>),
    List(BTreeMap<&'f str, Lit>),
    /// Every answer is thought possible, and nobody can be named.
    Free,
}

/// What the attribute is in the model.
pub(super) enum Answers {
    Value(Value),
    Unknown,
    /// It was impossible, which the solver now knows.
    Refused,
}

impl<'f> Region<'f> {
    pub(super) fn new(
        column: Option<&'f Column>,
        atoms: BTreeSet<&'f Atom>,
        solver: &mut Solver,
    ) -> Self {
        let kind = column.and_then(|column| column.kind);
        let known = if column.is_some_and(|column| column.known) {
            solver.truth()
        } else {
            solver.question()
        };
        let fits = |atom: &&Atom| kind.is_some_and(|kind| asks(atom, kind));
        let fitting = || atoms.iter().copied().filter(fits);
        let values = match (kind, column) {
            (Some(AttributeType::Boolean), _) => Values::Boolean(solver.question()),
            (Some(kind @ (AttributeType::Integer | AttributeType::Date)), _) => {
                Values::Numbers(Numbers::new(kind, fitting(), solver))
            }
            (Some(AttributeType::String), Some(column)) => {
                Values::Texts(Texts::new(&column.values, fitting(), solver))
            }
            (Some(AttributeType::List), Some(column)) => {
                Values::List(members(&column.values, fitting(), solver))
            }
            (None | Some(AttributeType::String | AttributeType::List), _) => Values::Free,
        };
        let mut says = BTreeMap::new();
        for atom in &atoms {
            let says_so = if fits(atom) {
                values.says(atom, solver)
            } else {
                // What has another type than is asked for makes no question true or false. Nothing
                // that was checked asks so; thinking every answer possible is sound.
                solver.question()
            };
            says.insert(*atom, says_so);
        }
        Self { known, says, values }
    }

    /// Whether it is known.
    pub(super) fn known(&self) -> Lit {
        self.known
    }

    /// Whether its value answers yes.
    pub(super) fn says(&self, atom: &Atom) -> Lit {
        self.says.get(atom).copied().unwrap_or(self.known)
    }

    /// Returns what it is in the model.
    pub(super) fn answer(&self, solver: &mut Solver) -> Answers {
        if !solver.holds(self.known) {
            return Answers::Unknown;
        }
        match &self.values {
            Values::Boolean(yes) => Answers::Value(Value::Boolean(solver.holds(*yes))),
            Values::Numbers(numbers) => Answers::Value(numbers.value(solver)),
            Values::List(members) => {
                let held = members.iter().filter(|(_, member)| solver.holds(**member));
                Answers::Value(Value::List(held.map(|(text, _)| (*text).to_owned()).collect()))
            }
            Values::Texts(texts) => match texts.choose(solver) {
                Chosen::Text(text) => Answers::Value(Value::Text(text)),
                Chosen::Refused => Answers::Refused,
            },
            Values::Free => Answers::Unknown,
        }
    }
}

impl Values<'_> {
    fn says(&self, atom: &Atom, solver: &mut Solver) -> Lit {
        match (atom, self) {
            (Atom::Known { .. }, _) => solver.truth(),
            (Atom::OneOf { values, .. }, Self::Boolean(yes)) => {
                let has = |answer| values.contains(&Value::Boolean(answer));
                match (has(true), has(false)) {
                    (true, true) => solver.truth(),
                    (true, false) => *yes,
                    (false, true) => !*yes,
                    (false, false) => !solver.truth(),
                }
            }
            (Atom::OneOf { values, .. }, Self::Numbers(numbers)) => {
                let equal = values.iter().map(|value| numbers.equals(value, solver)).collect();
                any(equal, solver)
            }
            (Atom::OneOf { values, .. }, Self::Texts(texts)) => {
                let named = values.iter().filter_map(Value::as_text);
                let equal = named.map(|text| texts.equals(text, solver)).collect();
                any(equal, solver)
            }
            (Atom::AtLeast { bound, .. }, Self::Numbers(numbers)) => {
                numbers.at_least(bound, solver)
            }
            (
                Atom::StartsWith { .. } | Atom::EndsWith { .. } | Atom::Contains { .. },
                Self::Texts(texts),
            ) => texts.has(atom, solver),
            (Atom::Member { value, .. }, Self::List(members)) => {
                members.get(value.as_str()).copied().unwrap_or_else(|| !solver.truth())
            }
            (
                Atom::OneOf { .. }
                | Atom::AtLeast { .. }
                | Atom::StartsWith { .. }
                | Atom::EndsWith { .. }
                | Atom::Contains { .. }
                | Atom::Member { .. }
                | Atom::Opaque(_),
                _,
            ) => solver.question(),
        }
    }
}

/// Returns what holds exactly when one of several does.
fn any(literals: Vec<Lit>, solver: &mut Solver) -> Lit {
    match literals.as_slice() {
        [] => !solver.truth(),
        [only] => *only,
        several => {
            let name = solver.question();
            for literal in several {
                solver.implies(*literal, name);
            }
            solver.one_of(several.iter().copied().chain([!name]));
            name
        }
    }
}

fn members<'f>(
    values: &BTreeSet<String>,
    atoms: impl Iterator<Item = &'f Atom>,
    solver: &mut Solver,
) -> BTreeMap<&'f str, Lit> {
    let mut members = BTreeMap::new();
    for atom in atoms {
        if let Atom::Member { value, .. } = atom
            && (values.is_empty() || values.contains(value))
        {
            members.entry(value.as_str()).or_insert_with(|| solver.question());
        }
    }
    members
}

/// Tells whether a question is one for values of a type.
fn asks(atom: &Atom, kind: AttributeType) -> bool {
    match atom {
        Atom::Known { .. } => true,
        Atom::OneOf { values, .. } => values.iter().all(|value| kind.admits(value)),
        Atom::AtLeast { bound, .. } => {
            matches!(kind, AttributeType::Integer | AttributeType::Date) && kind.admits(bound)
        }
        Atom::StartsWith { .. } | Atom::EndsWith { .. } | Atom::Contains { .. } => {
            kind == AttributeType::String
        }
        Atom::Member { .. } => kind == AttributeType::List,
        Atom::Opaque(_) => false,
    }
}
