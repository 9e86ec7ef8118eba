//! The analysable form of a condition: what evaluation, explanation and proofs have in common.
//!
//! A formula is true, false or unknown. Unknown attributes make the questions that rest on them
//! unknown; `&&`, `||` and `!` are those of Kleene's strong logic, which is what CEL does with errors
//! under these operators (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use domain::Value;

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
