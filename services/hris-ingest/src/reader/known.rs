//! Rows that a source has listed before: who is told again with the same words has no news.

use std::collections::HashMap;

use domain::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::row::{self, Cells};
use crate::mapping::Source;

/// What a row is known by, each 128 bits of a SHA-256.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Everything that is read of the row, and the mapping by which it is.
    pub digest: Uuid,
    /// Whose engagement it is, and from when it holds: two rows of one file must not share it.
    pub engagement: Uuid,
    /// Which of the mapping's first 64 attributes it says something of, a bit each from the lowest on.
    #[serde(default)]
    pub filled: u64,
}

/// The rows that a source listed last, as far as its workers are still as they said.
///
/// Takes about 130 bytes of memory for each.
#[derive(Debug, Default)]
pub struct KnownRows {
    rows: HashMap<Uuid, KnownRow>,
}

#[derive(Debug, Clone, Copy)]
struct KnownRow {
    marks: Marks,
    first: bool,
    seen: bool,
}

/// Rows that were passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub rows: u64,
    /// How many say something of each of the mapping's first attributes.
    pub filled: [u64; 64],
}

impl Default for Passed {
    fn default() -> Self {
        Self { rows: 0, filled: [0; 64] }
    }
}

impl Passed {
    pub(super) fn count(&mut self, marks: Marks) {
        self.rows += 1;
        let mut filled = marks.filled;
        while filled != 0 {
            self.filled[filled.trailing_zeros() as usize] += 1;
            filled &= filled - 1;
        }
    }
}

impl KnownRows {
    /// Makes room for so many.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: HashMap::with_capacity(rows) }
    }

    /// Adds a row; `first` of those of its worker.
    pub fn insert(&mut self, marks: Marks, first: bool) {
        let row = KnownRow { marks, first, seen: false };
        self.rows.insert(marks.digest, row);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes note of a row that a file has, if it is known, was not seen before, and `is_first` to speak
    /// of its engagement; returns its marks if so.
    pub(super) fn see(
        &mut self,
        digest: Uuid,
        is_first: impl FnOnce(&Uuid) -> bool,
    ) -> Option<Marks> {
        let known = self.rows.get_mut(&digest)?;
        if known.seen || !is_first(&known.marks.engagement) {
            return None;
        }
        known.seen = true;
        Some(known.marks)
    }

    /// How many were seen that are the first of their worker.
    #[must_use]
    pub fn seen_firsts(&self) -> u64 {
        self.rows.values().map(|row| u64::from(row.seen && row.first)).sum()
    }

    /// The rows that were not seen.
    pub fn unseen(&self) -> impl Iterator<Item = Uuid> {
        self.rows.iter().filter(|(_, row)| !row.seen).map(|(digest, _)| *digest)
    }

    /// Returns those of some rows that were seen, as rows that were not.
    #[must_use]
    pub fn again(&self, digests: &[Uuid]) -> Self {
        let rows = digests.iter().filter_map(|digest| {
            let row = self.rows.get(digest).filter(|row| row.seen)?;
            Some((*digest, KnownRow { seen: false, ..*row }))
        });
        Self { rows: rows.collect() }
    }

    /// How many of these are the first of their worker.
    #[must_use]
    pub fn firsts(&self) -> u64 {
        self.rows.values().map(|row| u64::from(row.first)).sum()
    }
}

/// Makes the marks of rows.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    /// What every digest begins with.
    mapping: Sha256,
}

impl Marker {
    pub(super) fn new(source: &Source) -> Self {
        Self { mapping: Sha256::new_with_prefix(source.digest()) }
    }

    /// The digest of what the mapping reads of a row.
    pub(super) fn digest(&self, source: &Source, snapshot_date: Date, cells: &Cells<'_>) -> Uuid {
        let mut hash = self.mapping.clone();
        for field in &source.fields {
            let text = cells.texts[field.column];
            hash.update(text.len().to_be_bytes());
            hash.update(text);
            // What such a text means depends on the day for which the file speaks.
            if field.kind.depends_on_snapshot() {
                let value = row::value(field, &cells.texts, snapshot_date);
                let value = value.ok().flatten().map(|value| value.to_string());
                hash.update(value.unwrap_or_default());
            }
        }
        mark(hash)
    }
}

/// Which of the mapping's first attributes a row says something of.
pub(super) fn filled(source: &Source, row: &super::Row) -> u64 {
    let names = source.attributes().take(64).enumerate();
    let says = |(_, name): &(usize, &str)| row.attributes.contains_key(*name);
    names.filter(says).fold(0, |filled, (place, _)| filled | 1 << place)
}

/// The mark of the engagement that a row speaks of.
pub(super) fn engagement(row: &super::Row) -> Uuid {
    let mut hash = Sha256::new();
    for part in [&row.worker_id, &row.engagement_key] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(row.effective_date.map(|day| day.to_string()).unwrap_or_default());
    mark(hash)
}

fn mark(hash: Sha256) -> Uuid {
    let mut mark = [0; 16];
    mark.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(mark)
}
