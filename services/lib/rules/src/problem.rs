use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::Place;

/// Something in a set of documents that keeps it from becoming a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where it is, as far as that is known.
    pub place: Place,
    /// Kind and name of the document; empty when it could not be read that far.
    pub document: String,
    /// Path of the field inside the document; empty for the document as a whole.
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.place.to_string(), &self.document, &self.field];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}
