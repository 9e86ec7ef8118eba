use std::hash::Hasher as _;

use domain::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use uuid::Uuid;

use crate::mapping::Source;
use crate::reader::row::{self, Cells};

/// What a row is known by, each 128 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Everything that is read of the row, and the mapping by which it is.
    pub digest: Uuid,
    /// Whose engagement it is, and from when it holds: two rows of one file must not share it.
    pub engagement: Uuid,
    /// Which of the mapping's first 64 attributes it says something of, a bit each from the lowest on.
    #[serde(default)]
    pub filled: u64,
    /// The row as it is written, and the mapping by which it is read; nil: bytes alone do not say what it
    /// means.
    #[serde(default)]
    pub raw: Uuid,
}

/// What a row is known by if its bytes are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Details {
    /// As in [`Marks`].
    pub digest: Uuid,
    /// As in [`Marks`].
    pub engagement: Uuid,
}

/// What makes the marks of bytes this source's: whoever does not know it cannot write a row that is taken
/// for another.
#[derive(Clone, Copy, Default)]
pub struct Key(Uuid);

impl Key {
    /// The key that a source has for good.
    #[must_use]
    pub const fn new(key: Uuid) -> Self {
        Self(key)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Makes the marks of rows.
#[derive(Debug, Clone)]
pub(in crate::reader) struct Marker {
    /// What every digest begins with.
    mapping: Sha256,
    /// What the mark of every row's bytes begins with; absent where they say something else another day.
    raw: Option<SipHasher24>,
}

impl Marker {
    pub(in crate::reader) fn new(source: &Source, key: Key) -> Self {
        let depends = source.fields.iter().any(|field| field.kind.depends_on_snapshot());
        let mut raw = SipHasher24::new_with_key(key.0.as_bytes());
        raw.write(&source.digest());
        let mapping = Sha256::new_with_prefix(source.digest());
        Self { mapping, raw: (!depends).then_some(raw) }
    }

    /// Whether rows have marks of their bytes.
    pub(in crate::reader) const fn marks_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// The mark of a row's bytes, as they are written; nil without.
    pub(in crate::reader) fn raw(&self, bytes: &[u8]) -> Uuid {
        let Some(mut hash) = self.raw else { return Uuid::nil() };
        hash.write(bytes);
        let hash = hash.finish128();
        Uuid::from_u64_pair(hash.h1, hash.h2)
    }

    /// The digest of what the mapping reads of a row.
    pub(in crate::reader) fn digest(
        &self,
        source: &Source,
        snapshot_date: Date,
        cells: &Cells<'_>,
    ) -> Uuid {
        let mut hash = self.mapping.clone();
        for field in &source.fields {
            // What is computed is so of fields of columns.
            let Some(column) = field.column() else { continue };
            let text = cells.texts[column];
            hash.update(text.len().to_be_bytes());
            hash.update(text);
            // What such a text means depends on the day for which the file speaks.
            if field.kind.depends_on_snapshot() {
                let value = row::value(field, text, snapshot_date).ok();
                let value = value.and_then(|read| read.value).map(|value| value.to_string());
                hash.update(value.unwrap_or_default());
            }
        }
        mark(hash)
    }
}

/// Which of the mapping's first attributes a row says something of.
pub(in crate::reader) fn filled(source: &Source, row: &row::Row) -> u64 {
    let names = source.attributes().take(64).enumerate();
    let says = |(_, name): &(usize, &str)| row.attributes.contains_key(*name);
    names.filter(says).fold(0, |filled, (place, _)| filled | 1 << place)
}

/// The mark of the engagement that a row speaks of.
pub(in crate::reader) fn engagement(row: &row::Row) -> Uuid {
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
