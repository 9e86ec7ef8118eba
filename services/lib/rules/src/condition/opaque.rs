use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use cel::IdedExpr;
use cel::common::types::CelBool;
use domain::Attributes;

use super::person::Person;
use crate::document::Attribute;

/// A part of a condition that only the CEL interpreter can answer.
///
/// Two of the same text ask the same question.
#[derive(Clone)]
pub struct Opaque {
    /// The part's own text.
    pub text: String,
    /// The attributes it reads.
    pub attributes: BTreeSet<String>,
    pub(super) types: BTreeMap<String, Attribute>,
    pub(super) program: Arc<IdedExpr>,
}

impl Opaque {
    /// Tells whether it is true of a person; `None` when the interpreter cannot say.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> Option<bool> {
        let person = Person::new(attributes, &self.types);
        let context = super::context(&person);
        let value = cel::Value::resolve_val(&self.program, &context).ok()?;
        value.downcast_ref::<CelBool>().map(|answer| *answer.inner())
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opaque").field(&self.text).finish()
    }
}

impl PartialEq for Opaque {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Opaque {}

impl PartialOrd for Opaque {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Opaque {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
