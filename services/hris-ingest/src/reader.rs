//! Reads one file of a source, row by row.
//!
//! A file is sound or it is refused as a whole: encoding, header, quotes and sizes are fatal. A row
//! is taken over or rejected with its line, column and reason; what the row says is never repeated.

mod header;
mod records;
mod rejects;
mod row;

pub use rejects::{REJECTS_KEPT_MAX, Rejects};
pub use row::{FIELD_BYTES_MAX, KEY_BYTES_MAX, Reject, Row};

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};

use domain::Date;
use sha2::{Digest, Sha256};

use crate::mapping::Source;
use records::Records;

/// The most rows of one file.
pub const ROWS_MAX: u64 = 5_000_000;

/// The longest row, in bytes.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// What one row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It was taken over.
    Row(Row),
    /// It was not.
    Reject(Reject),
}

/// A file that cannot be used. Nothing of it may be applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its bytes could not be had.
    #[error("read the file")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty: not even a header is in it")]
    Empty,
    /// It is in another encoding.
    #[error("line {line} is not UTF-8: convert the file to UTF-8 and import it again")]
    Encoding {
        /// Where the first wrong byte is.
        line: u64,
    },
    /// Its columns are not those of the mapping.
    #[error("the header is not the one the mapping names: {differences}")]
    Header {
        /// Expected and found columns with their positions.
        differences: String,
    },
    /// A row has no end within reason.
    #[error("the row at line {line} is longer than {ROW_BYTES_MAX} bytes: is a quote not closed?")]
    RowTooLong {
        /// Where the row begins.
        line: u64,
    },
    /// The file ends within quotes.
    #[error("the row at line {line} opens a quote that is never closed")]
    UnclosedQuote {
        /// Where the row begins.
        line: u64,
    },
    /// There are more rows than one file may have.
    #[error("the file has more than {ROWS_MAX} rows")]
    TooManyRows,
}

/// Reads the rows of one file; ends after the first error.
///
/// Rows that repeat an engagement are rejected, which takes the memory of what was read: 128 bits
/// of a hash and a line for each row, about 200 MiB at the most.
pub struct Reader<'a, R> {
    source: &'a Source,
    snapshot_date: Date,
    records: Records<R>,
    first_lines: HashMap<[u8; 16], u64>,
    rows: u64,
    failed: bool,
}

impl<'a, R: Read> Reader<'a, R> {
    /// Starts to read a file that speaks for `snapshot_date`, header first.
    ///
    /// # Errors
    /// When the file is empty, is not UTF-8, or has another header than the mapping says.
    pub fn try_new(source: &'a Source, snapshot_date: Date, input: R) -> Result<Self, Error> {
        let mut records = Records::try_new(input)?;
        let found = records.next()?.ok_or(Error::Empty)?;
        header::check(&source.columns, &found.fields().collect::<Vec<_>>())?;
        let first_lines = HashMap::new();
        Ok(Self { source, snapshot_date, records, first_lines, rows: 0, failed: false })
    }

    /// How many bytes of the file were read, for progress.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    fn read(&mut self) -> Result<Option<Line>, Error> {
        let Some(record) = self.records.next()? else { return Ok(None) };
        self.rows += 1;
        if self.rows > ROWS_MAX {
            return Err(Error::TooManyRows);
        }
        let row = match row::read(self.source, self.snapshot_date, &record) {
            Ok(row) => row,
            Err(reject) => return Ok(Some(Line::Reject(reject))),
        };
        let first = match self.first_lines.entry(fingerprint(&row)) {
            Entry::Vacant(place) => {
                place.insert(row.line);
                return Ok(Some(Line::Row(row)));
            }
            Entry::Occupied(first) => *first.get(),
        };
        let reject = Reject {
            line: row.line,
            column: row::column_of(self.source, self.source.engagement),
            reason: format!("is the same engagement of the same worker as in line {first}"),
            worker_id: Some(row.worker_id),
        };
        Ok(Some(Line::Reject(reject)))
    }
}

impl<R: Read> Iterator for Reader<'_, R> {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.read();
        self.failed = line.is_err();
        line.transpose()
    }
}

impl<R> std::fmt::Debug for Reader<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}, {} rows)", self.source.name(), self.rows)
    }
}

fn fingerprint(row: &Row) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(row.worker_id.len().to_be_bytes());
    hash.update(&row.worker_id);
    hash.update(&row.engagement_key);
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.finalize()[..16]);
    fingerprint
}

#[cfg(test)]
mod tests;
