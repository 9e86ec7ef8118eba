//! Whole numbers and dates: the intervals between the bounds that a question mentions.

use std::collections::{BTreeMap, BTreeSet};

use batsat::Lit;
use domain::{Date, Value};

use super::solver::Solver;
use crate::document::AttributeType;
use crate::formula::Atom;

/// The cuts in order; each says whether the value is at or past it.
pub(super) struct Numbers {
    kind: AttributeType,
    cuts: BTreeMap<Value, Lit>,
}

impl Numbers {
    /// Cuts the line at every bound, and on both sides of every value.
    pub(super) fn new<'f>(
        kind: AttributeType,
        atoms: impl Iterator<Item = &'f Atom>,
        solver: &mut Solver,
    ) -> Self {
        let mut wanted: BTreeSet<Value> = BTreeSet::new();
        for atom in atoms {
            match atom {
                Atom::AtLeast { bound, .. } => wanted.extend(Some(bound.clone())),
                Atom::OneOf { values, .. } => {
                    for value in values {
                        wanted.extend(successor(value));
                        wanted.insert(value.clone());
                    }
                }
                Atom::Known { .. }
                | Atom::StartsWith { .. }
                | Atom::EndsWith { .. }
                | Atom::Contains { .. }
                | Atom::Member { .. }
                | Atom::Opaque(_) => {}
            }
        }
        let mut cuts = BTreeMap::new();
        let mut before: Option<Lit> = None;
        for value in wanted.into_iter().filter(|value| kind.admits(value)) {
            let cut = if is_first(&value) { solver.truth() } else { solver.question() };
            if let Some(before) = before {
                solver.implies(cut, before);
            }
            before = Some(cut);
            cuts.insert(value, cut);
        }
        Self { kind, cuts }
    }

    pub(super) fn at_least(&self, bound: &Value, solver: &mut Solver) -> Lit {
        match self.cuts.get(bound) {
            Some(cut) => *cut,
            None => !solver.truth(),
        }
    }

    pub(super) fn equals(&self, value: &Value, solver: &mut Solver) -> Lit {
        let from = self.at_least(value, solver);
        let Some(past) = successor(value) else { return from };
        let past = self.at_least(&past, solver);
        let equals = solver.question();
        solver.implies(equals, from);
        solver.implies(equals, !past);
        solver.one_of([!from, past, equals]);
        equals
    }

    /// Returns the interval of the model: where it begins, and what is past it.
    pub(super) fn interval(&self, solver: &Solver) -> (Option<&Value>, Option<&Value>) {
        let from = self.cuts.iter().rev().find(|(_, cut)| solver.holds(**cut));
        let past = self.cuts.iter().find(|(_, cut)| !solver.holds(**cut));
        (from.map(|(value, _)| value), past.map(|(value, _)| value))
    }

    /// Returns a value of the model's interval.
    pub(super) fn value(&self, solver: &Solver) -> Value {
        match self.interval(solver) {
            (Some(from), _) => from.clone(),
            (None, Some(past)) => predecessor(past).unwrap_or_else(|| past.clone()),
            (None, None) if self.kind == AttributeType::Date => Value::Date(Date::ZERO),
            (None, None) => Value::Integer(0),
        }
    }
}

fn successor(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(number) => number.checked_add(1).map(Value::Integer),
        Value::Date(date) => date.tomorrow().ok().map(Value::Date),
        Value::Text(_) | Value::Boolean(_) | Value::List(_) => None,
    }
}

fn predecessor(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(number) => number.checked_sub(1).map(Value::Integer),
        Value::Date(date) => date.yesterday().ok().map(Value::Date),
        Value::Text(_) | Value::Boolean(_) | Value::List(_) => None,
    }
}

fn is_first(value: &Value) -> bool {
    *value == Value::Integer(i64::MIN) || *value == Value::Date(Date::MIN)
}
