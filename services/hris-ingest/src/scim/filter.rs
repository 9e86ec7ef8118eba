//! Filters of RFC 7644 section 3.4.2.2, and the paths of PATCH that hold them. Pure.
//!
//! Length, depth and number of terms are bounded, so that neither reading nor asking a filter can take
//! more than a request may.

mod parse;

use std::fmt;

use domain::Timestamp;
use serde_json::Value;

use super::error::Error;

/// The longest filter, in bytes.
pub(crate) const FILTER_BYTES_MAX: usize = 4 * 1024;
/// How deep parentheses, brackets and `not` may stand inside each other.
const DEPTH_MAX: usize = 16;
/// The most comparisons of one filter.
const TERMS_MAX: usize = 64;

/// Attributes whose values differ by case, in lower case; of the others it does not count.
const CASE_EXACT: [&str; 2] = ["id", "externalid"];

/// What a resource may be asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One of them holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The attribute has a value.
    Present(Attribute),
    /// One of the attribute's values compares so.
    Compare(Attribute, Operator, Value),
    /// All of it holds of one value of the attribute.
    Values(Attribute, Box<Filter>),
}

/// Where a value stands, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The schema, if it is stated.
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) sub: Option<String>,
}

/// Where a PATCH operation works.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) attribute: Attribute,
    /// Which of the attribute's values; absent: all.
    pub(crate) filter: Option<Filter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// Reads a filter.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        parse::filter(text).map_err(|reason| Error::filter(format!("the filter {reason}")))
    }

    /// Whether it holds of a resource.
    pub(crate) fn matches(&self, resource: &Value) -> bool {
        match self {
            Self::And(one, other) => one.matches(resource) && other.matches(resource),
            Self::Or(one, other) => one.matches(resource) || other.matches(resource),
            Self::Not(filter) => !filter.matches(resource),
            Self::Present(attribute) => {
                attribute.values(resource).into_iter().any(|value| !is_unassigned(value))
            }
            Self::Compare(attribute, operator, literal) => {
                let values = attribute.values(resource);
                let exact = attribute.is_case_exact();
                let holds = |value: &&Value| compare(value, *operator, literal, exact);
                match (operator, literal) {
                    // Nothing is equal to null, and so is an attribute without a value.
                    (Operator::Equal, Value::Null) => values.into_iter().all(is_unassigned),
                    (Operator::NotEqual, Value::Null) => {
                        values.into_iter().any(|value| !is_unassigned(value))
                    }
                    (Operator::NotEqual, _) => {
                        !values.iter().any(|value| compare(value, Operator::Equal, literal, exact))
                    }
                    (_, _) => values.iter().any(holds),
                }
            }
            Self::Values(attribute, filter) => {
                attribute.elements(resource).into_iter().any(|value| filter.matches(value))
            }
        }
    }

    /// Every attribute that it asks for; those inside brackets below the one before them.
    pub(crate) fn attributes(&self) -> Vec<&Attribute> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                let mut attributes = one.attributes();
                attributes.extend(other.attributes());
                attributes
            }
            Self::Not(filter) => filter.attributes(),
            Self::Present(attribute)
            | Self::Compare(attribute, _, _)
            | Self::Values(attribute, _) => vec![attribute],
        }
    }

    /// The text that a top-level attribute must be equal to, whatever else must hold.
    pub(crate) fn demands(&self, name: &str) -> Option<&str> {
        match self {
            Self::And(one, other) => one.demands(name).or_else(|| other.demands(name)),
            Self::Compare(attribute, Operator::Equal, Value::String(text))
                if attribute.sub.is_none() && attribute.name.eq_ignore_ascii_case(name) =>
            {
                Some(text)
            }
            Self::Or(..)
            | Self::Not(_)
            | Self::Present(_)
            | Self::Compare(..)
            | Self::Values(..) => None,
        }
    }
}

impl Filter {
    fn write_within_and(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(..) => write!(f, "({self})"),
            Self::And(..)
            | Self::Not(_)
            | Self::Present(_)
            | Self::Compare(..)
            | Self::Values(..) => write!(f, "{self}"),
        }
    }
}

impl Path {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        parse::path(text).map_err(|reason| Error::path(format!("the path {reason}")))
    }
}

impl Attribute {
    /// The values of the attribute as a whole, one by one.
    fn elements<'a>(&self, resource: &'a Value) -> Vec<&'a Value> {
        let extended = self.schema.as_deref().and_then(|schema| member(resource, schema));
        match member(extended.unwrap_or(resource), &self.name) {
            Some(Value::Array(values)) => values.iter().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        }
    }

    /// Everything that stands there. Of complex values, what is meant is their `value`.
    fn values<'a>(&self, resource: &'a Value) -> Vec<&'a Value> {
        let elements = self.elements(resource).into_iter();
        match &self.sub {
            Some(sub) => elements.filter_map(|value| member(value, sub)).collect(),
            None => elements.map(|value| member(value, "value").unwrap_or(value)).collect(),
        }
    }

    fn is_case_exact(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        CASE_EXACT.contains(&name.as_str()) && self.sub.is_none()
    }
}

/// Returns a member of an object by its name, whose case does not count.
pub(crate) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let members = object.as_object()?;
    members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|one| one.1))
}

fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn compare(value: &Value, operator: Operator, literal: &Value, exact: bool) -> bool {
    match (value, literal) {
        (Value::String(value), Value::String(literal)) => texts(value, operator, literal, exact),
        (Value::Bool(value), Value::Bool(literal)) => {
            operator == Operator::Equal && value == literal
        }
        // Some clients write booleans as texts.
        (Value::Bool(value), Value::String(literal)) => {
            operator == Operator::Equal && literal.eq_ignore_ascii_case(&value.to_string())
        }
        (Value::Number(value), Value::Number(literal)) => {
            let order = value.as_f64().zip(literal.as_f64());
            order
                .and_then(|(value, literal)| value.partial_cmp(&literal))
                .is_some_and(|order| operator.allows(order))
        }
        (_, _) => false,
    }
}

fn texts(value: &str, operator: Operator, literal: &str, exact: bool) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let (value, literal) = if exact {
        (value.to_owned(), literal.to_owned())
    } else {
        (value.to_lowercase(), literal.to_lowercase())
    };
    match operator {
        Operator::Contains => value.contains(&literal),
        Operator::StartsWith => value.starts_with(&literal),
        Operator::EndsWith => value.ends_with(&literal),
        Operator::Equal
        | Operator::NotEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Less
        | Operator::LessOrEqual => {
            let order = match (instant(&value), instant(&literal)) {
                (Some(value), Some(literal)) => value.cmp(&literal),
                (_, _) => value.cmp(&literal),
            };
            operator.allows(order)
        }
    }
}

impl Operator {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Equal, "eq"),
        (Self::NotEqual, "ne"),
        (Self::Contains, "co"),
        (Self::StartsWith, "sw"),
        (Self::EndsWith, "ew"),
        (Self::Greater, "gt"),
        (Self::GreaterOrEqual, "ge"),
        (Self::Less, "lt"),
        (Self::LessOrEqual, "le"),
    ];

    fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|(operator, _)| operator)
    }

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(operator, _)| *operator == self).map_or("eq", |one| one.1)
    }

    fn allows(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(one, other) => {
                one.write_within_and(f)?;
                f.write_str(" and ")?;
                other.write_within_and(f)
            }
            Self::Or(one, other) => write!(f, "{one} or {other}"),
            Self::Not(filter) => write!(f, "not ({filter})"),
            Self::Present(attribute) => write!(f, "{attribute} pr"),
            Self::Compare(attribute, operator, literal) => {
                write!(f, "{attribute} {} {literal}", operator.name())
            }
            Self::Values(attribute, filter) => write!(f, "{attribute}[{filter}]"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
