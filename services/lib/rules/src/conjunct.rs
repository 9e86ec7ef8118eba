//! A condition taken apart into what all has to be true.

use std::collections::BTreeSet;

use domain::{Attributes, Value};
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, position};
use crate::formula::{Formula, Node};

/// One of the parts of a condition that all have to be true, as it stands for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conjunct {
    /// As it is written.
    pub text: String,
    /// The line in the condition's text, counted from 1.
    pub line: usize,
    /// The column in that line, counted from 1.
    pub column: usize,
    /// Whether it is true; `None` when what it rests on is unknown.
    pub truth: Option<bool>,
    /// The attributes it reads, by name; `None` is unknown.
    pub attributes: Vec<(String, Option<Value>)>,
}

impl Condition {
    /// Returns every conjunct, as it stands for somebody.
    #[must_use]
    pub fn conjuncts(&self, attributes: &Attributes) -> Vec<Conjunct> {
        let mut parts = Vec::new();
        gather(self.formula(), &mut parts);
        parts.into_iter().map(|part| self.conjunct(part, attributes)).collect()
    }

    fn conjunct(&self, part: &Formula, attributes: &Attributes) -> Conjunct {
        let (line, column) = position(self.text(), part.span.start);
        let known = |name: &str| self.value(attributes, name);
        let mut names = BTreeSet::new();
        part.for_each_atom(&mut |atom| names.extend(atom.attributes()));
        Conjunct {
            text: self.text().get(part.span.clone()).unwrap_or_default().to_owned(),
            line,
            column,
            truth: part.holds_with(attributes, &known),
            attributes: names
                .into_iter()
                .map(|name| (name.to_owned(), known(name).cloned()))
                .collect(),
        }
    }
}

fn gather<'a>(formula: &'a Formula, parts: &mut Vec<&'a Formula>) {
    match &formula.node {
        Node::All(all) => all.iter().for_each(|part| gather(part, parts)),
        Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::Any(_) => parts.push(formula),
    }
}
