//! What a change of a release does to anybody who could exist.

use std::collections::BTreeSet;

use super::grants::{Entitlement, Grants};
use super::verify::axioms;
use super::{Answer, Budget, Domain, Prover, Why};
use crate::document::{self, AttributeSchema};
use crate::formula::{Atom, Formula, Node};
use crate::release::Release;

/// What a change does to whom policies give something; when they give it is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The entitlements that somebody gets who did not.
    pub widened: Vec<Difference>,
    /// The entitlements that somebody does not get any more.
    pub narrowed: Vec<Difference>,
    /// The entitlements of which one or the other could not be found out.
    pub undecided: Vec<Difference>,
}

/// One entitlement to which a change makes a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Application and entitlement.
    pub entitlement: Entitlement,
    /// Whether this is about getting it without asking, rather than about getting it at all.
    pub by_itself: bool,
    /// The refutation or what ran out.
    pub answer: Answer,
}

/// Compares what two releases grant; facts are those of the later one.
#[must_use]
pub fn compare(old: &Release, new: &Release) -> Comparison {
    let domain = Domain::of_both(old.schema(), new.schema());
    let prover = Prover::new(domain, axioms(new.schema()), Budget::default());
    let (before, after) = (Grants::of(old), Grants::of(new));
    let all: BTreeSet<&Entitlement> = before.entitlements().chain(after.entitlements()).collect();
    let retyped = retyped(old.schema(), new.schema());
    let mut comparison = Comparison::default();
    for entitlement in all {
        let at_all = (before.of_entitlement(entitlement), after.of_entitlement(entitlement));
        let alone = (before.birthrights_of(entitlement), after.birthrights_of(entitlement));
        let same = same_lists(&at_all.0, &alone.0) && same_lists(&at_all.1, &alone.1);
        let looks = [(false, Some(at_all)), (true, (!same).then_some(alone))];
        for (by_itself, formulas) in looks {
            let Some((old, new)) = formulas else { continue };
            if old.iter().chain(&new).any(|formula| asks_about(formula, &retyped)) {
                let (entitlement, answer) = (entitlement.clone(), Answer::Undecided(Why::Types));
                comparison.undecided.push(Difference { entitlement, by_itself, answer });
            } else {
                comparison.look(&prover, entitlement, by_itself, &old, &new);
            }
        }
    }
    comparison
}

impl Comparison {
    /// Tells whether it is proved that nobody gets anything that they did not get.
    #[must_use]
    pub fn only_removes(&self) -> bool {
        self.widened.is_empty() && self.undecided.is_empty()
    }

    /// Tells whether it is proved that everybody gets what they got.
    #[must_use]
    pub fn is_equivalent(&self) -> bool {
        self.only_removes() && self.narrowed.is_empty()
    }

    fn look(
        &mut self,
        prover: &Prover,
        entitlement: &Entitlement,
        by_itself: bool,
        old: &[&Formula],
        new: &[&Formula],
    ) {
        if same_lists(old, new) {
            return;
        }
        let both = [(new, old, &mut self.widened), (old, new, &mut self.narrowed)];
        for (formulas, by, found) in both {
            let answer = prover.covered(formulas, by);
            let undecided = matches!(answer, Answer::Undecided(_));
            let entitlement = entitlement.clone();
            let difference = Difference { entitlement, by_itself, answer };
            if undecided {
                self.undecided.push(difference);
            } else if !difference.answer.is_proved() {
                found.push(difference);
            }
        }
    }
}

/// Returns the attributes that have another type than before: the same question asks something else.
fn retyped<'s>(old: &'s AttributeSchema, new: &AttributeSchema) -> BTreeSet<&'s str> {
    let other = |(name, attribute): (&'s String, &document::Attribute)| {
        let new = new.attributes.get(name)?;
        (new.kind != attribute.kind).then_some(name.as_str())
    };
    old.attributes.iter().filter_map(other).collect()
}

fn asks_about(formula: &Formula, names: &BTreeSet<&str>) -> bool {
    let mut found = false;
    formula.for_each_atom(&mut |atom: &Atom| {
        found |= atom.attributes().any(|name| names.contains(name));
    });
    found
}

fn same_lists(one: &[&Formula], other: &[&Formula]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}

/// Tells whether two formulas are written alike.
fn same(one: &Formula, other: &Formula) -> bool {
    let alike = |one: &[Formula], other: &[Formula]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
    };
    match (&one.node, &other.node) {
        (Node::Constant(one), Node::Constant(other)) => one == other,
        (Node::Atom(one), Node::Atom(other)) => one == other,
        (Node::Not(one), Node::Not(other)) => same(one, other),
        (Node::All(one), Node::All(other)) | (Node::Any(one), Node::Any(other)) => {
            alike(one, other)
        }
        (Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::All(_) | Node::Any(_), _) => {
            false
        }
    }
}

#[cfg(test)]
mod tests;
