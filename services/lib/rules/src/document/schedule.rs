//! From when to when a grant is justified, in dates of the engagement and days around them.

use std::fmt;

use jiff::{Span, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Days;

/// Days before (`-P5D`) or after (`P5D`) a date.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Offset(i32);

impl Offset {
    /// Makes an offset that lies so many days before its date.
    #[must_use]
    pub fn before(days: Days) -> Self {
        Self(-i32::from(days.count()))
    }

    /// Returns the days; negative before the date.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Tells whether it is the date itself.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Returns the days as a span to move dates by.
    #[must_use]
    pub fn span(self) -> Span {
        self.0.days()
    }
}

impl TryFrom<String> for Offset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sign, days) = match text.strip_prefix('-') {
            Some(days) => (-1, days),
            None => (1, text.as_str()),
        };
        let days = Days::try_from(days.to_owned()).map_err(|message| {
            format!("{message}; days before the anchor have a minus sign, as in -P5D")
        })?;
        Ok(Self(sign * i32::from(days.count())))
    }
}

impl From<Offset> for String {
    fn from(offset: Offset) -> Self {
        offset.to_string()
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}P{}D", self.0.unsigned_abs())
    }
}

/// The first day of a grant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The date that counts; only `start_date` can begin anything.
    pub anchor: StartAnchor,
    /// Days before or after it.
    #[serde(default, skip_serializing_if = "Offset::is_zero")]
    pub offset: Offset,
}

/// The dates with which a grant may begin.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StartAnchor {
    /// The first day of the engagement.
    StartDate,
}

/// The last day of a grant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The date that counts.
    pub anchor: EndAnchor,
    /// Days before or after it.
    #[serde(default, skip_serializing_if = "Offset::is_zero")]
    pub offset: Offset,
}

/// The dates with which a grant may end.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EndAnchor {
    /// The last day of work; where none is known, the day the contract ends.
    LastWorkingDay,
    /// The day the contract ends; where none is known, the last day of work.
    TerminationDate,
}

/// What becomes of a grant when its end comes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct OnLeave {
    /// Days after the end for which it is still held.
    pub grace: Days,
    /// What the account may do meanwhile.
    #[serde(default)]
    pub action: LeaveAction,
}

/// What an account may do while a grant is held after its end.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LeaveAction {
    /// Nothing: it is closed with the last working day, and what it holds is kept for a return.
    #[default]
    Suspend,
    /// Everything: it stays usable, as a payroll portal may have to.
    Keep,
}
