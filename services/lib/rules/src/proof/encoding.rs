//! A question about everybody as clauses, and a model as somebody.
//!
//! Each formula is asked in one of four modes, because true and false are not each other's opposite.
//! All four are conjunctions or disjunctions of modes of the parts, down to two literals of an atom:
//! whether its attribute is known, and whether its value answers yes.

use std::collections::{BTreeMap, BTreeSet};

use batsat::Lit;
use domain::Attributes;

use super::column::{Answers, Region};
use super::solver::{Outcome, Solver};
use super::universe::Domain;
use super::{Budget, Why};
use crate::formula::{Atom, Formula, Node};

/// What is demanded of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    True,
    False,
    NotTrue,
    NotFalse,
}

/// A formula and what is demanded of it.
pub(super) type Demand<'f> = (&'f Formula, Mode);
/// Of each inner list one demand is to be met.
pub(super) type Question<'f> = Vec<Vec<Demand<'f>>>;

pub(super) enum Found {
    Nobody,
    /// Somebody who differs from what is claimed in nothing but what cannot be encoded.
    Somebody(Attributes),
    Undecided(Why),
}

pub(super) struct Encoding<'f> {
    solver: Solver,
    regions: BTreeMap<&'f str, Region<'f>>,
    /// The parts that only the interpreter can answer: whether each is true, and whether false.
    opaque: BTreeMap<&'f str, (Lit, Lit)>,
    budget: Budget,
}

/// A mode of a formula in terms of its parts.
enum View<'f> {
    Constant(bool),
    One(Demand<'f>),
    Every(&'f [Formula], Mode),
    Some(&'f [Formula], Mode),
    Atom(&'f Atom),
}

impl<'f> Encoding<'f> {
    pub(super) fn new(domain: &'f Domain, question: &Question<'f>, budget: Budget) -> Self {
        let mut solver = Solver::new(budget.conflicts);
        let mut atoms: BTreeMap<&'f str, BTreeSet<&'f Atom>> = BTreeMap::new();
        let mut opaque = BTreeMap::new();
        for (formula, _) in question.iter().flatten() {
            formula.for_each_atom(&mut |atom| {
                if let Atom::Opaque(leaf) = atom {
                    opaque.entry(leaf.text.as_str()).or_insert_with(|| {
                        let (yes, no) = (solver.question(), solver.question());
                        solver.one_of([!yes, !no]);
                        (yes, no)
                    });
                } else if let Some(attribute) = atom.attributes().next() {
                    atoms.entry(attribute).or_default().insert(atom);
                }
            });
        }
        let regions = atoms
            .into_iter()
            .map(|(name, atoms)| {
                (name, Region::new(domain.attributes.get(name), atoms, &mut solver))
            })
            .collect();
        Self { solver, regions, opaque, budget }
    }

    /// Finds somebody of whom every demand holds.
    pub(super) fn find(&mut self, question: &Question<'f>) -> Found {
        for demands in question {
            self.demand_one(demands);
        }
        for _round in 0..self.budget.rounds {
            match self.solver.solve() {
                Outcome::NoModel => return Found::Nobody,
                Outcome::OutOfBudget => return Found::Undecided(Why::Conflicts),
                Outcome::Model => {}
            }
            if let Some(attributes) = self.somebody() {
                return Found::Somebody(attributes);
            }
        }
        Found::Undecided(Why::Rounds)
    }

    /// Reads the model; `None` when no such texts exist, which the solver then knows.
    fn somebody(&mut self) -> Option<Attributes> {
        let mut attributes = Attributes::new();
        for (name, region) in &self.regions {
            match region.answer(&mut self.solver) {
                Answers::Value(value) => {
                    attributes.insert((*name).to_owned(), value);
                }
                Answers::Unknown => {}
                Answers::Refused => {
                    // The model is gone with the first clause that is added to it.
                    return None;
                }
            }
        }
        Some(attributes)
    }

    /// Demands one of several.
    fn demand_one(&mut self, demands: &[Demand<'f>]) {
        if let [only] = demands {
            self.demand(*only);
            return;
        }
        let mut clause = Vec::with_capacity(demands.len());
        for demand in demands {
            self.either(*demand, &mut clause);
        }
        self.solver.one_of(clause);
    }

    /// Demands a mode of a formula outright, without names for what it is a conjunction of.
    fn demand(&mut self, demand: Demand<'f>) {
        match view(demand) {
            View::One(part) => self.demand(part),
            View::Every(parts, mode) => parts.iter().for_each(|part| self.demand((part, mode))),
            View::Constant(true) => {}
            View::Constant(false) | View::Some(..) | View::Atom(_) => {
                let mut clause = Vec::new();
                self.either(demand, &mut clause);
                self.solver.one_of(clause);
            }
        }
    }

    /// Adds to a clause what makes it hold when the demand is met.
    fn either(&mut self, demand: Demand<'f>, clause: &mut Vec<Lit>) {
        match view(demand) {
            View::One(part) => self.either(part, clause),
            View::Some(parts, mode) => {
                for part in parts {
                    self.either((part, mode), clause);
                }
            }
            View::Constant(false) => {}
            View::Constant(true) => {
                let truth = self.solver.truth();
                clause.push(truth);
            }
            View::Every(parts, mode) => {
                let name = self.solver.question();
                for part in parts {
                    let mut inner = vec![!name];
                    self.either((part, mode), &mut inner);
                    self.solver.one_of(inner);
                }
                clause.push(name);
            }
            View::Atom(atom) => self.atom(atom, demand.1, clause),
        }
    }

    fn atom(&mut self, atom: &'f Atom, mode: Mode, clause: &mut Vec<Lit>) {
        if let Atom::Opaque(leaf) = atom {
            if let Some((yes, no)) = self.opaque.get(leaf.text.as_str()) {
                clause.push(match mode {
                    Mode::True => *yes,
                    Mode::False => *no,
                    Mode::NotTrue => !*yes,
                    Mode::NotFalse => !*no,
                });
            }
            return;
        }
        let region = atom.attributes().next().and_then(|name| self.regions.get(name));
        let Some(region) = region else { return };
        let (known, yes) = (region.known(), region.says(atom));
        let (asks_known, wanted) = match mode {
            Mode::True => (true, yes),
            Mode::False => (true, !yes),
            Mode::NotTrue => (false, !yes),
            Mode::NotFalse => (false, yes),
        };
        match (matches!(atom, Atom::Known { .. }), asks_known) {
            (true, _) => clause.push(match mode {
                Mode::True | Mode::NotFalse => known,
                Mode::False | Mode::NotTrue => !known,
            }),
            (false, false) => clause.extend([!known, wanted]),
            (false, true) => {
                let both = self.solver.question();
                self.solver.implies(both, known);
                self.solver.implies(both, wanted);
                clause.push(both);
            }
        }
    }
}

fn view<'f>((formula, mode): Demand<'f>) -> View<'f> {
    match (&formula.node, mode) {
        (Node::Constant(answer), Mode::True | Mode::NotFalse) => View::Constant(*answer),
        (Node::Constant(answer), Mode::False | Mode::NotTrue) => View::Constant(!*answer),
        (Node::Not(part), Mode::True) => View::One((part, Mode::False)),
        (Node::Not(part), Mode::False) => View::One((part, Mode::True)),
        (Node::Not(part), Mode::NotTrue) => View::One((part, Mode::NotFalse)),
        (Node::Not(part), Mode::NotFalse) => View::One((part, Mode::NotTrue)),
        (Node::All(parts), Mode::True | Mode::NotFalse)
        | (Node::Any(parts), Mode::False | Mode::NotTrue) => View::Every(parts, mode),
        (Node::All(parts), Mode::False | Mode::NotTrue)
        | (Node::Any(parts), Mode::True | Mode::NotFalse) => View::Some(parts, mode),
        (Node::Atom(atom), _) => View::Atom(atom),
    }
}
