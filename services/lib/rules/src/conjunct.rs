//! A condition taken apart into what has to be true.

use domain::{Attributes, Value};
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Finding};
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
    /// Returns every conjunct, as it stands for somebody, in the order of the text.
    ///
    /// The condition is true when all are, and false when one is.
    #[must_use]
    pub fn conjuncts(&self, attributes: &Attributes) -> Vec<Conjunct> {
        let mut parts = Vec::new();
        flatten(self.formula(), &mut parts);
        parts.into_iter().map(|part| self.conjunct(part, attributes)).collect()
    }

    fn conjunct(&self, part: &Formula, attributes: &Attributes) -> Conjunct {
        let Finding { line, column, .. } = Finding::new(self.text(), part.span.start, "");
        let read = part.attributes();
        Conjunct {
            text: self.text().get(part.span.clone()).unwrap_or_default().to_owned(),
            line,
            column,
            truth: self.truth(part, attributes),
            attributes: read
                .into_iter()
                .map(|name| (name.to_owned(), self.value(attributes, name).cloned()))
                .collect(),
        }
    }
}

fn flatten<'f>(formula: &'f Formula, parts: &mut Vec<&'f Formula>) {
    match &formula.node {
        Node::All(inner) => inner.iter().for_each(|part| flatten(part, parts)),
        Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::Any(_) => parts.push(formula),
    }
}
