//! What speaks for and against, side by side.

use std::fmt::Write as _;

use domain::PersonId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What speaks for and against, of each person whom it may be, or for each side of a conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// The likelier first.
    pub(crate) sides: Vec<Side>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Whose side it is; absent: nobody's who is known.
    pub(crate) person: Option<PersonId>,
    /// How much speaks for the person, of 100; absent: it was not scored.
    pub(crate) points: Option<i32>,
    pub(crate) attributes: Vec<Compared>,
}

/// One attribute of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// What the source says, if that may be kept.
    pub(crate) stated: Option<String>,
    /// What was known, if that was kept.
    pub(crate) known: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Agrees,
    Differs,
    /// One of the two says nothing.
    Unknown,
}

impl Evidence {
    /// Stands for exactly this: SHA-256, in hexadecimal digits.
    pub(crate) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for side in &self.sides {
            hash.update(format!("{:?}{:?}", side.person, side.points));
            for one in &side.attributes {
                let Compared { name, verdict, stated, known } = one;
                for part in [Some(name), stated.as_ref(), known.as_ref()] {
                    hash.update(part.map_or(0, |part| part.len() + 1).to_be_bytes());
                    hash.update(part.map(String::as_str).unwrap_or_default());
                }
                hash.update(format!("{verdict:?}"));
            }
            hash.update([0]);
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
    }

    /// The same without any value.
    pub(crate) fn without_values(mut self) -> Self {
        for one in self.sides.iter_mut().flat_map(|side| &mut side.attributes) {
            (one.stated, one.known) = (None, None);
        }
        self
    }
}
