//! Why a condition holds for a person or not, part by part, and what would have to be otherwise.

use std::collections::BTreeMap;

use domain::{Attributes, Value};
use serde::Serialize;

use crate::condition::{Condition, position};
use crate::formula::{Atom, Formula, Node};

/// Why a condition holds for a person or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it holds; `None` when what it rests on is unknown.
    pub holds: Option<bool>,
    /// What must hold all together, in the order of the text.
    pub conjuncts: Vec<Part>,
    /// The fewest questions that would have to be answered otherwise for it to hold.
    ///
    /// Each for itself: whether one person can ever answer all of them so is not looked at. Empty
    /// when it holds; `None` when it can hold for nobody.
    pub needed: Option<Vec<Needed>>,
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it stands and what it says.
    #[serde(flatten)]
    pub place: Quote,
    /// How it is made.
    pub kind: Kind,
    /// Whether it is true; `None` when that is unknown.
    pub holds: Option<bool>,
    /// What is known of the attributes that a question reads; `None` is unknown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Option<Value>>,
    /// What it is made of; a question has no parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// How a part of a condition is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// True or false whoever is asked about.
    Constant,
    /// A question about the person.
    Question,
    /// The opposite of its only part.
    Not,
    /// True if all parts are.
    All,
    /// True if one part is.
    Any,
}

/// A question that would have to be answered otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Where it stands and what it says.
    #[serde(flatten)]
    pub place: Quote,
    /// The answer; `None` is unknown.
    pub answer: Option<bool>,
    /// The answer that it would need.
    pub needs: bool,
    /// What is known of the attributes that it reads; `None` is unknown.
    pub values: BTreeMap<String, Option<Value>>,
}

/// A stretch of a condition's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The stretch itself.
    pub text: String,
    /// The first byte of it.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The character of the line at which it begins, from 1.
    pub column: usize,
}

impl Explanation {
    /// Explains what a condition says of a person.
    #[must_use]
    pub fn of(condition: &Condition, attributes: &Attributes) -> Self {
        let asked = Asked { condition, attributes };
        let formula = condition.formula();
        let mut conjuncts = Vec::new();
        asked.conjuncts(formula, &mut conjuncts);
        Self { holds: condition.holds(attributes), conjuncts, needed: asked.needed(formula, true) }
    }
}

struct Asked<'a> {
    condition: &'a Condition,
    attributes: &'a Attributes,
}

impl Asked<'_> {
    fn conjuncts(&self, formula: &Formula, found: &mut Vec<Part>) {
        match &formula.node {
            Node::All(parts) => parts.iter().for_each(|part| self.conjuncts(part, found)),
            Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::Any(_) => {
                found.push(self.part(formula));
            }
        }
    }

    fn part(&self, formula: &Formula) -> Part {
        let (kind, parts) = match &formula.node {
            Node::Constant(_) => (Kind::Constant, [].as_slice()),
            _ if question(formula).is_some() => (Kind::Question, [].as_slice()),
            Node::Atom(_) => (Kind::Question, [].as_slice()),
            Node::Not(part) => (Kind::Not, std::slice::from_ref(part.as_ref())),
            Node::All(parts) => (Kind::All, parts.as_slice()),
            Node::Any(parts) => (Kind::Any, parts.as_slice()),
        };
        Part {
            place: self.quote(formula),
            kind,
            holds: self.holds(formula),
            values: self.values(formula),
            parts: parts.iter().map(|part| self.part(part)).collect(),
        }
    }

    /// Returns the fewest questions to be answered otherwise for a part to be as wanted; `None` when
    /// it never is. Of ways that are as short, the first in the text is taken.
    fn needed(&self, formula: &Formula, wanted: bool) -> Option<Vec<Needed>> {
        if question(formula).is_some() {
            let answer = self.holds(formula);
            if answer == Some(wanted) {
                return Some(Vec::new());
            }
            let (place, values) = (self.quote(formula), self.values(formula));
            return Some(vec![Needed { place, answer, needs: wanted, values }]);
        }
        match &formula.node {
            Node::Constant(answer) => (*answer == wanted).then(Vec::new),
            Node::Atom(_) => None,
            Node::Not(part) => self.needed(part, !wanted),
            Node::All(parts) if wanted => self.all_needed(parts, wanted),
            Node::Any(parts) if !wanted => self.all_needed(parts, wanted),
            Node::All(parts) | Node::Any(parts) => {
                let ways = parts.iter().filter_map(|part| self.needed(part, wanted));
                ways.min_by_key(Vec::len)
            }
        }
    }

    fn all_needed(&self, parts: &[Formula], wanted: bool) -> Option<Vec<Needed>> {
        let mut found: Vec<Needed> = Vec::new();
        for part in parts {
            for needed in self.needed(part, wanted)? {
                if !found.iter().any(|known| known.place == needed.place) {
                    found.push(needed);
                }
            }
        }
        Some(found)
    }

    fn holds(&self, formula: &Formula) -> Option<bool> {
        let value = |name: &str| self.condition.value(self.attributes, name);
        formula.holds_with(self.attributes, &value)
    }

    fn values(&self, formula: &Formula) -> BTreeMap<String, Option<Value>> {
        let Some(atom) = question(formula) else { return BTreeMap::new() };
        atom.attributes()
            .map(|name| (name.to_owned(), self.condition.value(self.attributes, name).cloned()))
            .collect()
    }

    fn quote(&self, formula: &Formula) -> Quote {
        let text = self.condition.text();
        let (start, end) = (formula.span.start, formula.span.end);
        let (line, column) = position(text, start);
        let text = text.get(formula.span.clone()).unwrap_or_default().to_owned();
        Quote { text, start, end, line, column }
    }
}

/// Returns what a part asks, if it is one question as written: `a < b` is, though lowered to the
/// opposite of another.
fn question(formula: &Formula) -> Option<&Atom> {
    match &formula.node {
        Node::Atom(atom) => Some(atom),
        Node::Not(part) if part.span == formula.span => question(part),
        Node::Constant(_) | Node::Not(_) | Node::All(_) | Node::Any(_) => None,
    }
}

#[cfg(test)]
mod tests;
