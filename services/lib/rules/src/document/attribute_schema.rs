use std::collections::BTreeMap;

use domain::Value;
use serde::{Deserialize, Serialize};

use super::Finding;

/// What is known of people: the attributes that conditions may name.
///
/// Some names mean something beyond policies, by convention. What people are told about a person
/// rests on `display_name`, `mail`, `title`, `department` and `location`, each of type `string`; a
/// source that has them should map them to these names. None of them has to be declared: one that no
/// policy asks for needs no place in the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSchema {
    /// The attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// One attribute of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What the values of an attribute are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Free text.
    String,
    /// A whole number.
    Integer,
    /// A yes or a no.
    Boolean,
    /// A civil date; conditions see it as text, `2026-01-31`, which sorts like the date.
    Date,
    /// Several texts.
    List,
}

impl AttributeType {
    /// Tells whether a value is of this type.
    #[must_use]
    pub fn admits(self, value: &Value) -> bool {
        match value {
            Value::Text(_) => self == Self::String,
            Value::Integer(_) => self == Self::Integer,
            Value::Boolean(_) => self == Self::Boolean,
            Value::Date(_) => self == Self::Date,
            Value::List(_) => self == Self::List,
        }
    }
}

/// Words that mean something else in a condition.
const RESERVED: [&str; 4] = ["false", "in", "null", "true"];

impl AttributeSchema {
    pub(super) fn problems(&self) -> Vec<Finding> {
        self.attributes
            .keys()
            .filter(|name| {
                let mut letters = name.chars();
                let first = letters.next().is_some_and(|c| c.is_ascii_lowercase());
                let rest =
                    letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                !first || !rest || RESERVED.contains(&name.as_str())
            })
            .map(|name| {
                (
                    format!("spec.attributes.{name}"),
                    "not an attribute name; use lower-case letters, digits and `_`, beginning \
                     with a letter"
                        .to_owned(),
                )
            })
            .collect()
    }
}
