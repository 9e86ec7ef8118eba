use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A part of a condition that only the CEL interpreter can answer.
///
/// Two of the same text ask the same question.
#[derive(Debug, Clone)]
pub struct Opaque {
    /// The part's own text.
    pub text: String,
    /// The attributes it reads.
    pub attributes: BTreeSet<String>,
}

impl PartialEq for Opaque {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Opaque {}

impl PartialOrd for Opaque {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Opaque {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}
