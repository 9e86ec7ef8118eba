use std::collections::HashMap;
use std::sync::Arc;

use domain::Value;

use crate::document::Attribute;

/// Stands for a value that is unknown.
pub(super) const UNKNOWN: u32 = 0;

/// One attribute of everybody: a number for each, which stands for its value.
///
/// Values of every type are kept once. What is asked of an attribute is therefore asked once for each
/// value that occurs, by the code that asks it of one person, and not once for each person.
#[derive(Debug)]
pub(super) struct Column {
    declared: Attribute,
    codes: Vec<u32>,
    values: Vec<Arc<Value>>,
    known: HashMap<Arc<Value>, u32>,
}

impl Column {
    pub(super) fn new(declared: Attribute, people: usize) -> Self {
        let codes = vec![UNKNOWN; people];
        Self { declared, codes, values: Vec::new(), known: HashMap::new() }
    }

    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Returns the values that occur or occurred, in the order of their codes, from 1.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.values.iter().map(AsRef::as_ref)
    }

    pub(super) fn value(&self, place: usize) -> Option<&Value> {
        let code = usize::try_from(*self.codes.get(place)?).ok()?;
        self.values.get(code.checked_sub(1)?).map(AsRef::as_ref)
    }

    /// Sets one person's value; one that was not declared is unknown.
    pub(super) fn set(&mut self, place: usize, value: Option<&Value>) {
        let code = value
            .filter(|value| self.declared.admits(value))
            .map_or(UNKNOWN, |value| self.code(value));
        if self.codes.len() <= place {
            self.codes.resize(place + 1, UNKNOWN);
        }
        if let Some(known) = self.codes.get_mut(place) {
            *known = code;
        }
    }

    fn code(&mut self, value: &Value) -> u32 {
        if let Some(code) = self.known.get(value) {
            return *code;
        }
        let value = Arc::new(value.clone());
        self.values.push(Arc::clone(&value));
        let code = u32::try_from(self.values.len()).expect("a person has one value of a column");
        self.known.insert(value, code);
        code
    }
}
