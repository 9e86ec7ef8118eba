//! The analysable form of a condition: what evaluation, explanation and proofs have in common.
//!
//! A formula is true, false or unknown. Unknown attributes make the questions that rest on them
//! unknown; `&&`, `||` and `!` are those of Kleene's strong logic, which is what CEL does with errors
//! under these operators (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>).

mod print;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use domain::{Attributes, Value};

use crate::condition::Opaque;

/// A condition, or a part of one, with its place in the text.
#[derive(Debug, Clone)]
pub struct Formula {
    /// What it asks.
    pub node: Node,
    /// The bytes of the condition's text that say it.
    pub span: Range<usize>,
}

/// How a formula is made.
#[derive(Debug, Clone)]
pub enum Node {
    /// True or false whoever is asked about.
    Constant(bool),
    /// One question about one attribute.
    Atom(Atom),
    /// The opposite; unknown stays unknown.
    Not(Box<Formula>),
    /// True if all are true, false if one is false.
    All(Vec<Formula>),
    /// True if one is true, false if all are false.
    Any(Vec<Formula>),
}

/// One question about one attribute.
///
/// Each is unknown for a person whose attribute is unknown, except [`Atom::Known`], which is never
/// unknown, and [`Atom::Opaque`], which says itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Atom {
    /// Whether the attribute is known: `has(person.title)`.
    Known {
        /// The attribute.
        attribute: String,
    },
    /// Whether its value is one of these, which have the attribute's type; none at all is possible.
    OneOf {
        /// The attribute: a text, whole number, date, or yes or no.
        attribute: String,
        /// The values.
        values: BTreeSet<Value>,
    },
    /// Whether its value is this one or a later or greater one.
    AtLeast {
        /// The attribute: a whole number or a date.
        attribute: String,
        /// The bound: [`Value::Integer`] or [`Value::Date`], as the attribute's type.
        bound: Value,
    },
    /// Whether its text begins so.
    StartsWith {
        /// The attribute: a text.
        attribute: String,
        /// The beginning.
        text: String,
    },
    /// Whether its text ends so.
    EndsWith {
        /// The attribute: a text.
        attribute: String,
        /// The end.
        text: String,
    },
    /// Whether its text has this in it.
    Contains {
        /// The attribute: a text.
        attribute: String,
        /// The part.
        text: String,
    },
    /// Whether the list holds this text.
    Member {
        /// The attribute: a list.
        attribute: String,
        /// The element.
        value: String,
    },
    /// What only the CEL interpreter can answer; nothing can be proved about it.
    Opaque(Arc<Opaque>),
}

impl Formula {
    /// Tells whether it is true of a person; `None` when what it rests on is unknown.
    ///
    /// Values are taken as they are: one of another type than was declared is a mistake of the caller,
    /// which [`crate::Condition::holds`] does not make.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> Option<bool> {
        self.holds_with(attributes, &|name| attributes.get(name))
    }

    pub(crate) fn holds_with<'a>(
        &self,
        attributes: &Attributes,
        value: &dyn Fn(&str) -> Option<&'a Value>,
    ) -> Option<bool> {
        match &self.node {
            Node::Constant(answer) => Some(*answer),
            Node::Atom(Atom::Opaque(opaque)) => opaque.holds(attributes),
            Node::Atom(atom) => atom.holds(value),
            Node::Not(part) => part.holds_with(attributes, value).map(|answer| !answer),
            Node::All(parts) => strong(parts, false, attributes, value),
            Node::Any(parts) => strong(parts, true, attributes, value),
        }
    }

    /// Shows every question in it, in the order of the text.
    pub fn for_each_atom<'a>(&'a self, seen: &mut dyn FnMut(&'a Atom)) {
        match &self.node {
            Node::Constant(_) => {}
            Node::Atom(atom) => seen(atom),
            Node::Not(part) => part.for_each_atom(seen),
            Node::All(parts) | Node::Any(parts) => {
                for part in parts {
                    part.for_each_atom(seen);
                }
            }
        }
    }
}

/// Answers `deciding` if one part does, the opposite if all do that, and else not.
fn strong<'a>(
    parts: &[Formula],
    deciding: bool,
    attributes: &Attributes,
    value: &dyn Fn(&str) -> Option<&'a Value>,
) -> Option<bool> {
    let mut answer = Some(!deciding);
    for part in parts {
        match part.holds_with(attributes, value) {
            Some(found) if found == deciding => return Some(deciding),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

impl Atom {
    /// Returns the attributes that it reads.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        let (one, several) = match self {
            Self::Known { attribute }
            | Self::OneOf { attribute, .. }
            | Self::AtLeast { attribute, .. }
            | Self::StartsWith { attribute, .. }
            | Self::EndsWith { attribute, .. }
            | Self::Contains { attribute, .. }
            | Self::Member { attribute, .. } => (Some(attribute.as_str()), None),
            Self::Opaque(opaque) => (None, Some(opaque.attributes.iter().map(String::as_str))),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// Tells whether it is true of a person, given the values that are known.
    fn holds<'a>(&self, value: &dyn Fn(&str) -> Option<&'a Value>) -> Option<bool> {
        match self {
            Self::Known { attribute } => Some(value(attribute).is_some()),
            Self::OneOf { attribute, .. }
            | Self::AtLeast { attribute, .. }
            | Self::StartsWith { attribute, .. }
            | Self::EndsWith { attribute, .. }
            | Self::Contains { attribute, .. }
            | Self::Member { attribute, .. } => self.holds_of(value(attribute)?),
            Self::Opaque(_) => None,
        }
    }

    /// Tells whether it is true of its attribute's value; `None` when that has another type.
    pub(crate) fn holds_of(&self, value: &Value) -> Option<bool> {
        match (self, value) {
            (Self::Known { .. }, _) => Some(true),
            (Self::OneOf { values, .. }, value) => match values.first() {
                Some(first) if std::mem::discriminant(first) != std::mem::discriminant(value) => {
                    None
                }
                Some(_) | None => Some(values.contains(value)),
            },
            (Self::AtLeast { bound: Value::Integer(bound), .. }, Value::Integer(number)) => {
                Some(number >= bound)
            }
            (Self::AtLeast { bound: Value::Date(bound), .. }, Value::Date(date)) => {
                Some(date >= bound)
            }
            (Self::StartsWith { text: start, .. }, Value::Text(text)) => {
                Some(text.starts_with(start.as_str()))
            }
            (Self::EndsWith { text: end, .. }, Value::Text(text)) => {
                Some(text.ends_with(end.as_str()))
            }
            (Self::Contains { text: part, .. }, Value::Text(text)) => {
                Some(text.contains(part.as_str()))
            }
            (Self::Member { value, .. }, Value::List(items)) => Some(items.contains(value)),
            (
                Self::AtLeast { .. }
                | Self::StartsWith { .. }
                | Self::EndsWith { .. }
                | Self::Contains { .. }
                | Self::Member { .. }
                | Self::Opaque(_),
                _,
            ) => None,
        }
    }
}
