//! Rows that a source has listed before: who is told again with the same words has no news.
//!
//! A row is recognised by its bytes, before it is taken apart, or else by what the mapping reads of it.
//! Files mostly list their rows in the order of the one before, so the row after the last one that was
//! recognised is looked at first; an index is made when another comes.

mod index;
mod marks;

use std::fmt;
use std::io;

use uuid::Uuid;

use index::Index;
pub use marks::{Details, Key, Marks};
pub(super) use marks::{Marker, engagement, filled};

/// How far ahead of the last row that was recognised the next one is looked for without an index.
const AHEAD: usize = 8;

/// Reads the details of rows when the first one comes that is not recognised by its bytes.
pub type Load = Box<dyn FnOnce() -> io::Result<Vec<Details>> + Send + Sync>;

/// The rows that a source listed last, as far as its workers are still as they said.
///
/// Takes 40 bytes of memory for each, and about 50 more once one comes that is not known by its bytes.
#[derive(Default)]
pub struct KnownRows {
    /// In the order of their numbers.
    rows: Vec<KnownRow>,
    /// Those of the last rows until the others are loaded, then of all.
    details: Vec<Details>,
    load: Option<Load>,
    /// The row that comes after the one that was recognised last.
    next: usize,
    /// Whether there are no details, and never will be.
    by_bytes_alone: bool,
    by_raw: Option<Index>,
    by_detail: Option<Indexes>,
    seen: u64,
    seen_firsts: u64,
}

#[derive(Debug)]
struct Indexes {
    digests: Index,
    engagements: Index,
}

#[derive(Debug, Clone, Copy)]
struct KnownRow {
    raw: Uuid,
    number: i64,
    filled: u64,
    /// Where it was seen; nought: nowhere.
    line: u32,
    first: bool,
    /// Whether a row that is not known speaks of its engagement.
    spoken_of: bool,
}

/// Rows that were passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub rows: u64,
    /// How many say something of each of the mapping's first attributes.
    pub filled: [u64; 64],
    /// Of so many rows in a row, which is not in `filled` yet.
    same: (u64, u64),
}

impl Default for Passed {
    fn default() -> Self {
        Self { rows: 0, filled: [0; 64], same: (0, 0) }
    }
}

impl Passed {
    /// Counts a row that says something of these attributes, a bit each.
    pub(super) fn count(&mut self, filled: u64) {
        self.rows += 1;
        if self.same.0 != filled {
            self.settle();
            self.same.0 = filled;
        }
        self.same.1 += 1;
    }

    /// With everything in `filled`.
    pub(super) fn settled(mut self) -> Self {
        self.settle();
        self
    }

    fn settle(&mut self) {
        let (mut filled, rows) = std::mem::take(&mut self.same);
        while filled != 0 {
            self.filled[filled.trailing_zeros() as usize] += rows;
            filled &= filled - 1;
        }
    }
}

impl KnownRows {
    /// Makes room for so many.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), ..Self::default() }
    }

    /// Adds a row whose details are loaded if need be; its number is greater than those before it.
    pub fn push_packed(&mut self, number: i64, raw: Uuid, filled: u64, first: bool) {
        self.rows.push(KnownRow { raw, number, filled, line: 0, first, spoken_of: false });
    }

    /// Says how to load the details of the rows so far, in their order.
    #[must_use]
    pub fn loading(mut self, load: Load) -> Self {
        self.load = Some(load);
        self
    }

    /// Adds a row; `first` of those of its worker. Its number is greater than those before it.
    pub fn push(&mut self, number: i64, marks: Marks, first: bool) {
        self.push_packed(number, marks.raw, marks.filled, first);
        self.details.push(Details { digest: marks.digest, engagement: marks.engagement });
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

    /// Takes note of a row that a file has on a line, if it is known by its bytes, and nothing before it
    /// speaks of its engagement; returns what it fills.
    pub(super) fn see_raw(&mut self, raw: Uuid, line: u64) -> Option<u64> {
        let fits = |row: &KnownRow| row.raw == raw && row.line == 0 && !row.spoken_of;
        let ahead = &self.rows[self.next..self.rows.len().min(self.next + AHEAD)];
        let place = match ahead.iter().position(fits) {
            Some(ahead) => self.next + ahead,
            None => {
                let rows = &self.rows;
                let known = || rows.iter().map(|row| row.raw);
                let index = self.by_raw.get_or_insert_with(|| Index::of(known()));
                index.find(raw, |place| fits(&rows[place]))?
            }
        };
        self.next = place + 1;
        Some(self.see(place, line))
    }

    /// Takes note of a row that is not known by its bytes, if it is by its digest.
    ///
    /// # Errors
    /// When the details of the known rows cannot be had.
    pub(super) fn see_digest(&mut self, digest: Uuid, line: u64) -> io::Result<Option<u64>> {
        self.detail()?;
        let Some(indexes) = &self.by_detail else { return Ok(None) };
        let place = indexes.digests.find(digest, |place| {
            let row = &self.rows[place];
            self.details[place].digest == digest && row.line == 0 && !row.spoken_of
        });
        Ok(place.map(|place| self.see(place, line)))
    }

    fn see(&mut self, place: usize, line: u64) -> u64 {
        let row = &mut self.rows[place];
        row.line = u32::try_from(line).unwrap_or(u32::MAX);
        self.seen += 1;
        self.seen_firsts += u64::from(row.first);
        row.filled
    }

    /// Takes note that a row that is not known speaks of an engagement; returns the line of the known one
    /// that did before.
    ///
    /// # Errors
    /// When the details of the known rows cannot be had.
    pub(super) fn speak(&mut self, engagement: Uuid) -> io::Result<Option<u64>> {
        self.detail()?;
        let Some(indexes) = &self.by_detail else { return Ok(None) };
        let details = &self.details;
        let same = |place: usize| details[place].engagement == engagement;
        let Some(place) = indexes.engagements.find(engagement, same) else { return Ok(None) };
        let row = &mut self.rows[place];
        row.spoken_of = true;
        Ok((row.line > 0).then_some(u64::from(row.line)))
    }

    /// Loads the details and makes the indexes over them, unless there are no rows.
    fn detail(&mut self) -> io::Result<()> {
        if self.rows.is_empty() || self.by_detail.is_some() || self.by_bytes_alone {
            return Ok(());
        }
        if let Some(load) = self.load.take() {
            let mut details = load()?;
            details.append(&mut self.details);
            self.details = details;
        }
        if self.details.len() != self.rows.len() {
            return Err(io::Error::other("the details of known rows are not those of the rows"));
        }
        self.by_detail = Some(Indexes {
            digests: Index::of(self.details.iter().map(|one| one.digest)),
            engagements: Index::of(self.details.iter().map(|one| one.engagement)),
        });
        Ok(())
    }

    /// How many were seen that are the first of their worker.
    #[must_use]
    pub const fn seen_firsts(&self) -> u64 {
        self.seen_firsts
    }

    /// Whether every one was seen.
    #[must_use]
    pub fn all_seen(&self) -> bool {
        self.seen == u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// The numbers of the rows that were not seen.
    pub fn unseen(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().filter(|row| row.line == 0).map(|row| row.number)
    }

    /// Returns those of some rows that were seen, by their numbers, as rows that were not.
    #[must_use]
    pub fn again(&self, numbers: &[i64]) -> Self {
        let mut places: Vec<usize> = numbers
            .iter()
            .filter_map(|number| self.rows.binary_search_by_key(number, |row| row.number).ok())
            .filter(|place| self.rows[*place].line > 0)
            .collect();
        places.sort_unstable();
        // Without details, every row was seen by its bytes, and will be again.
        let by_bytes_alone = self.details.len() != self.rows.len();
        let details = places.iter().filter(|_place| !by_bytes_alone);
        let details = details.map(|place| self.details[*place]).collect();
        let row = |place: &usize| KnownRow { line: 0, spoken_of: false, ..self.rows[*place] };
        let rows = places.iter().map(row).collect();
        Self { rows, details, by_bytes_alone, ..Self::default() }
    }

    /// How many of these are the first of their worker.
    #[must_use]
    pub fn firsts(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.first)).sum()
    }
}

impl fmt::Debug for KnownRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownRows({} of {} seen)", self.seen, self.rows.len())
    }
}
