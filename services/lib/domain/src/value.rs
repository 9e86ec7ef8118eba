use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One attribute of a person or of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// Free text, or one of a closed list.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A yes or a no.
    Boolean(bool),
    /// A civil date.
    Date(Date),
    /// Several texts.
    List(Vec<String>),
}

/// Attributes by name. A name that is missing is unknown, not false.
pub type Attributes = BTreeMap<String, Value>;

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Boolean(_) | Self::Date(_) | Self::List(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(answer) => answer.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}
