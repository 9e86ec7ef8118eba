use std::collections::{BTreeMap, HashMap};

use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use domain::{Attributes, Value};

use super::check::{PERSON, ROW, Subject};
use crate::document::{Attribute, AttributeSchema};

/// A person as expressions see them.
///
/// An attribute whose value is not of the type that the schema declares is unknown, like one
/// that is missing: neither may decide anything.
pub(crate) struct Person<'a> {
    subject: Subject,
    attributes: &'a Attributes,
    types: &'a dyn Types,
}

/// What says of which type an attribute's values are.
pub(crate) trait Types: Sync {
    fn declared(&self, attribute: &str) -> Option<&Attribute>;
}

impl Types for AttributeSchema {
    fn declared(&self, attribute: &str) -> Option<&Attribute> {
        self.attributes.get(attribute)
    }
}

impl Types for BTreeMap<String, Attribute> {
    fn declared(&self, attribute: &str) -> Option<&Attribute> {
        self.get(attribute)
    }
}

impl<'a> Person<'a> {
    pub(crate) fn new(attributes: &'a Attributes, types: &'a dyn Types) -> Self {
        Self { subject: PERSON, attributes, types }
    }

    /// A row as expressions see it: a person of other attributes and another name.
    pub(crate) fn row(fields: &'a Attributes, types: &'a dyn Types) -> Self {
        Self { subject: ROW, attributes: fields, types }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let value = self.attributes.get(name)?;
        self.types.declared(name)?.admits(value).then_some(value)
    }
}

// The interpreter asks for the longest qualified name first, so that `person.title` is found
// without a map of the whole person; `has(person.title)` asks for `person`.
impl VariableResolver for Person<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let part = variable.strip_prefix(self.subject.name);
        if let Some(name) = part.and_then(|part| part.strip_prefix('.')) {
            return self.get(name).map(|value| CowVal::Owned(boxed(value)));
        }
        (variable == self.subject.name).then(|| {
            let known = self.attributes.keys().filter_map(|name| Some((name, self.get(name)?)));
            let map: HashMap<CelMapKey<'b>, Box<dyn Val + 'b>> =
                known.map(|(name, value)| (CelMapKey::from(name.as_str()), boxed(value))).collect();
            CowVal::owned(CelMap::from(map))
        })
    }
}

fn boxed(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Text(text) => Box::new(CelString::from(text.as_str())),
        Value::Integer(number) => Box::new(CelInt::from(*number)),
        Value::Boolean(answer) => Box::new(CelBool::from(*answer)),
        Value::Date(date) => Box::new(CelString::from(date.to_string())),
        Value::List(items) => {
            let items: Vec<Box<dyn Val + '_>> = items
                .iter()
                .map(|item| Box::new(CelString::from(item.as_str())) as Box<dyn Val + '_>)
                .collect();
            Box::new(CelList::from(items))
        }
    }
}
