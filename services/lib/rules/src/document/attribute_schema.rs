use std::collections::{BTreeMap, BTreeSet};

use domain::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Finding;

/// What is known of people: the attributes that conditions may name.
///
/// Some names mean something beyond policies, by convention. What people are told about a person
/// rests on `display_name`, `mail`, `title`, `department` and `location`, each of type `string`; a
/// source that has them should map them to these names. None of them has to be declared: one that no
/// policy asks for needs no place in the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeSchema {
    /// The attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// What is true of everybody, and may be taken for granted in proofs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

/// Something that is true of everybody: whoever the one condition holds for, the other holds for too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// CEL over `person`, as in `person.location == "Lyon"`.
    #[serde(rename = "if")]
    pub condition: String,
    /// CEL over `person`, as in `person.country == "FR"`.
    pub then: String,
}

/// One attribute of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether some people have none. A condition that rests on it should ask `has(person.x)` first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The only values there are, of a text or of the texts in a list; none at all: any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub values: BTreeSet<String>,
}

/// What the values of an attribute are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Attribute {
    /// Tells whether a value is one that this attribute can have: of its type, and where the only
    /// values are listed, one of them. What a source says beyond that is unknown to policies.
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        let listed = |text: &String| self.values.is_empty() || self.values.contains(text);
        self.kind.admits(value)
            && match value {
                Value::Text(text) => listed(text),
                Value::List(items) => items.iter().all(listed),
                Value::Integer(_) | Value::Boolean(_) | Value::Date(_) => true,
            }
    }
}

impl AttributeType {
    /// What a value of the type is called, as in `is not a whole number`.
    #[must_use]
    pub const fn described(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Boolean => "a yes or no (true or false)",
            Self::Date => "a date, such as \"2026-03-10\"",
            Self::List => "a list of texts",
        }
    }

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
        let closed = self.attributes.iter().filter(|(_name, attribute)| {
            !attribute.values.is_empty()
                && !matches!(attribute.kind, AttributeType::String | AttributeType::List)
        });
        let closed = closed.map(|(name, _attribute)| {
            let message = "only texts and lists of texts can be told by their values; remove them";
            (format!("spec.attributes.{name}.values"), message.to_owned())
        });
        let names = self
            .attributes
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
            });
        names.chain(closed).collect()
    }
}
