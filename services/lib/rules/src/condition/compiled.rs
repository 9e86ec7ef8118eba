//! A condition: its text, its analysable form, and what should be said about it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, Value};

use super::check::{self, Facts};
use super::expression::{Parsed, parse};
use super::places::Places;
use super::{Finding, Shape, lower};
use crate::document::{Attribute, AttributeSchema};
use crate::formula::{Atom, Formula, Node};

/// How many parts a condition may have, each question and each operator counted.
const PARTS_MAX: usize = 1_000;
/// How many parts may need the CEL interpreter.
const OPAQUE_MAX: usize = 16;

/// A condition over a person, checked against an attribute schema.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    formula: Formula,
    types: BTreeMap<String, Attribute>,
    warnings: Vec<Finding>,
}

impl Condition {
    /// Parses, checks and lowers a condition.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn compile(text: &str, schema: &AttributeSchema) -> Result<Self, Vec<Finding>> {
        Self::with_facts(text, schema, check::FACTS)
    }

    pub(super) fn with_facts(
        text: &str,
        schema: &AttributeSchema,
        facts: Facts,
    ) -> Result<Self, Vec<Finding>> {
        let Parsed { program, brackets, .. } = parse(text, schema, &[Shape::Boolean], facts)?;
        let places = Places::new(text, program.source_info(), brackets);
        let formula = lower::lower(program.expression(), schema, &places);
        let mut size = Size::default();
        size.count(&formula);
        if size.parts > PARTS_MAX || size.opaque > OPAQUE_MAX {
            let message = format!(
                "has more than {PARTS_MAX} parts, or more than {OPAQUE_MAX} of the kind that can \
                 only be interpreted; split the policy up"
            );
            return Err(vec![Finding::new(text, 0, message)]);
        }
        let types: BTreeMap<_, _> = size
            .attributes
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), schema.attributes.get(name)?.clone())))
            .collect();
        let mut warnings = Vec::new();
        let optional = |name: &str| schema.attributes.get(name).is_some_and(facts.optional);
        unguarded(&formula, text, &optional, &BTreeSet::new(), &mut warnings);
        warnings.sort();
        warnings.dedup();
        Ok(Self { text: text.to_owned(), formula, types, warnings })
    }

    /// Returns the condition as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the analysable form; its spans are those of [`Self::text`].
    #[must_use]
    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// Returns the attributes that the condition reads, as they are declared.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.types
    }

    /// Returns what is allowed and yet likely not what was meant.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Tells whether the condition holds; `None` when an attribute it rests on is unknown.
    ///
    /// A value that is not one the schema declares is unknown.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> Option<bool> {
        self.formula.holds_with(attributes, &|name| self.value(attributes, name))
    }

    /// Returns a value that the condition may read, if it is known and of its declared type.
    pub(crate) fn value<'a>(&self, attributes: &'a Attributes, name: &str) -> Option<&'a Value> {
        let value = attributes.get(name)?;
        self.types.get(name)?.admits(value).then_some(value)
    }
}

#[derive(Default)]
struct Size<'a> {
    parts: usize,
    opaque: usize,
    attributes: BTreeSet<&'a str>,
}

impl<'a> Size<'a> {
    fn count(&mut self, formula: &'a Formula) {
        self.parts += 1;
        match &formula.node {
            Node::Constant(_) => {}
            Node::Atom(atom) => {
                self.opaque += usize::from(matches!(atom, Atom::Opaque(_)));
                self.attributes.extend(atom.attributes());
            }
            Node::Not(part) => self.count(part),
            Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| self.count(part)),
        }
    }
}

/// Warns of questions about attributes that somebody may lack for good, unless it is asked first
/// whether they are known.
fn unguarded<'a>(
    formula: &'a Formula,
    text: &str,
    optional: &dyn Fn(&str) -> bool,
    guarded: &BTreeSet<&'a str>,
    warnings: &mut Vec<Finding>,
) {
    match &formula.node {
        Node::Constant(_) | Node::Atom(Atom::Known { .. }) => {}
        Node::Atom(atom) => {
            for name in atom.attributes() {
                if optional(name) && !guarded.contains(name) {
                    let message = format!(
                        "asks about person.{name}, which may stay unknown for good, and then so \
                         does the answer; write has(person.{name}) && ..."
                    );
                    warnings.push(Finding::new(text, formula.span.start, message));
                }
            }
        }
        Node::Not(part) => unguarded(part, text, optional, guarded, warnings),
        Node::All(parts) | Node::Any(parts) => {
            let mut guarded = guarded.clone();
            guarded.extend(parts.iter().filter_map(guard));
            for part in parts {
                unguarded(part, text, optional, &guarded, warnings);
            }
        }
    }
}

fn guard(formula: &Formula) -> Option<&str> {
    match &formula.node {
        Node::Atom(Atom::Known { attribute }) => Some(attribute),
        Node::Not(part) => guard(part),
        Node::Constant(_) | Node::Atom(_) | Node::All(_) | Node::Any(_) => None,
    }
}
