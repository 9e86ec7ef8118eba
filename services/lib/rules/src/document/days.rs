use jiff::{Span, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of civil days, written as an ISO 8601 duration: `P5D`.
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
pub struct Days(u16);

impl Days {
    /// The longest duration a document may name: ten years.
    const MAX: u16 = 3660;

    /// Returns the number of days.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.0
    }

    /// Tells whether it is no day at all, which is the default everywhere.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// Returns the days as a span to move dates by.
    #[must_use]
    pub fn span(self) -> Span {
        i64::from(self.0).days()
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.strip_prefix('P')
            .and_then(|rest| rest.strip_suffix('D'))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|days| *days <= Self::MAX)
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not a number of days; write for instance P5D, at most P{}D",
                    Self::MAX
                )
            })
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        format!("P{}D", days.0)
    }
}
