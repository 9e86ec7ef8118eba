//! What values attributes can have at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{AttributeSchema, AttributeType};

/// What values the attributes of anybody can have.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    pub(super) attributes: BTreeMap<String, Column>,
}

/// What values one attribute can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// `None` when nothing is known of it: then every answer about it is thought possible.
    pub(super) kind: Option<AttributeType>,
    /// The only values of a text or of the elements of a list; none: any.
    pub(super) values: BTreeSet<String>,
    /// Whether nobody lacks it.
    pub(super) known: bool,
}

impl Domain {
    /// Returns what a schema says; anybody may lack any attribute.
    ///
    /// Even an attribute that is not optional is unknown until a source has told it.
    #[must_use]
    pub fn of(schema: &AttributeSchema) -> Self {
        let attributes = schema.attributes.iter().map(|(name, attribute)| {
            let (kind, values) = (Some(attribute.kind), attribute.values.clone());
            (name.clone(), Column { kind, values, known: false })
        });
        Self { attributes: attributes.collect() }
    }

    /// Returns the same where nobody lacks an attribute that the schema does not call optional.
    #[must_use]
    pub fn of_complete(schema: &AttributeSchema) -> Self {
        let mut domain = Self::of(schema);
        for (name, column) in &mut domain.attributes {
            column.known = schema.attributes.get(name).is_some_and(|found| !found.optional);
        }
        domain
    }

    /// Returns what holds under one schema or the other.
    ///
    /// Of an attribute that has another type in each nothing is known.
    #[must_use]
    pub fn of_both(old: &AttributeSchema, new: &AttributeSchema) -> Self {
        let mut domain = Self::of(old);
        for (name, column) in Self::of(new).attributes {
            domain
                .attributes
                .entry(name)
                .and_modify(|known| known.widen(&column))
                .or_insert(column);
        }
        domain
    }
}

impl Column {
    fn widen(&mut self, other: &Self) {
        if self.kind != other.kind {
            self.kind = None;
        }
        if self.values.is_empty() || other.values.is_empty() {
            self.values.clear();
        } else {
            self.values.extend(other.values.iter().cloned());
        }
    }
}
