//! Reads one file of a source, row by row.
//!
//! A file is sound or it is refused as a whole: encoding, header, quotes and sizes are fatal. A row
//! is taken over or rejected with its line, column and reason; what the row says is never repeated.

pub mod fuzzed;
mod header;
mod known;
mod lines;
mod records;
mod rejects;
mod row;
mod unlisted;
mod window;

pub use known::{Details, Key, KnownRows, Load, Marks, Passed};
pub use rejects::{REJECTS_KEPT_MAX, Rejects};
pub use row::{FIELD_BYTES_MAX, KEY_BYTES_MAX, Reject, Row};
pub use unlisted::UnlistedValues;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};

use domain::Date;
use uuid::Uuid;

use crate::mapping::{Format, Source, Unlisted, WORKER_ID};
use known::Marker;
use lines::Lines;
use records::Records;
use row::Cells;

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
    /// There is nothing in it, not even a line.
    #[error("the file is empty: there is not one line in it")]
    NoLines,
    /// A line has no end within reason.
    #[error("line {line} is longer than {ROW_BYTES_MAX} bytes: every object has a line of its own")]
    LineTooLong {
        /// The line.
        line: u64,
    },
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
/// Rows that are known are counted and passed over. Rows that repeat an engagement are rejected, which
/// takes the memory of what was read: 128 bits of a hash and a line for each row that is not known, about
/// 200 MiB at the most.
pub struct Reader<'a, R> {
    source: &'a Source,
    snapshot_date: Date,
    content: Content<R>,
    marker: Marker,
    known: KnownRows,
    /// Whether only those of the known rows are read, and nothing else.
    again: bool,
    passed: Passed,
    first_lines: HashMap<Uuid, u64>,
    unlisted: UnlistedValues,
    rows: u64,
    failed: bool,
}

/// A file by its format.
enum Content<R> {
    Csv(Box<Records<R>>),
    JsonLines(Lines<R>),
}

impl<'a, R: Read> Reader<'a, R> {
    /// Starts to read a file that speaks for `snapshot_date`, its header, if it has one, first.
    ///
    /// # Errors
    /// When the file is empty, is not UTF-8, or has another header than the mapping says.
    pub fn try_new(source: &'a Source, snapshot_date: Date, input: R) -> Result<Self, Error> {
        let content = match source.format() {
            Format::Csv | Format::Tsv => {
                let mut records = Records::try_new(input, source.delimiter)?;
                let found = records.next()?.ok_or(Error::Empty)?;
                header::check(&source.columns, &found.fields().collect::<Vec<_>>())?;
                Content::Csv(Box::new(records))
            }
            Format::JsonLines | Format::Scim => Content::JsonLines(Lines::try_new(input)?),
        };
        Ok(Self {
            source,
            snapshot_date,
            content,
            marker: Marker::new(source, Key::default()),
            known: KnownRows::default(),
            again: false,
            passed: Passed::default(),
            first_lines: HashMap::new(),
            unlisted: UnlistedValues::default(),
            rows: 0,
            failed: false,
        })
    }

    /// Marks rows by the source's key.
    #[must_use]
    pub fn marking(self, key: Key) -> Self {
        Self { marker: Marker::new(self.source, key), ..self }
    }

    /// Passes over rows that are known.
    #[must_use]
    pub fn knowing(self, known: KnownRows) -> Self {
        Self { known, ..self }
    }

    /// Reads these rows alone, of a file that was read before.
    #[must_use]
    pub fn again(self, rows: KnownRows) -> Self {
        Self { again: true, ..self.knowing(rows) }
    }

    /// How many rows were read, known ones included; so the number of the row that was read last.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The known rows and which of them the file has, and what those say that were passed over.
    #[must_use]
    pub fn into_known(self) -> (KnownRows, Passed) {
        (self.known, self.passed.settled())
    }

    /// The values of rows that were not known that value maps do not list.
    #[must_use]
    pub const fn unlisted(&self) -> &UnlistedValues {
        &self.unlisted
    }

    /// How many bytes of the file were read, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.content {
            Content::Csv(records) => records.bytes_read(),
            Content::JsonLines(lines) => lines.bytes_read(),
        }
    }

    fn read(&mut self) -> Result<Option<Line>, Error> {
        let (source, snapshot_date) = (self.source, self.snapshot_date);
        let passes = !self.again && self.marker.marks_raw();
        loop {
            if passes && !self.known.is_empty() {
                self.pass()?;
            }
            let (marker, known, again) = (&self.marker, &mut self.known, self.again);
            let unlisted = &mut self.unlisted;
            let take = |cells: &Cells<'_>| -> io::Result<Took> {
                let raw = marker.raw(cells.raw);
                let mut seen =
                    (again && marker.marks_raw()).then(|| known.see_raw(raw, cells.line)).flatten();
                let digest = marker.digest(source, snapshot_date, cells);
                if seen.is_none() && cells.fault.is_none() {
                    seen = known.see_digest(digest, cells.line)?;
                }
                Ok(match seen {
                    Some(filled) if !again => Took::Known { filled },
                    None if again => Took::Other,
                    Some(_) | None => match unlisted.read(source, snapshot_date, cells) {
                        Ok(row) => Took::Row(marked(source, row, raw, digest)),
                        Err(reject) => Took::Reject(reject),
                    },
                })
            };
            let Some(took) = self.content.next(source, take)? else { return Ok(None) };
            self.count_row()?;
            match took {
                Took::Known { filled } => self.passed.count(filled),
                Took::Other => {}
                Took::Reject(_) if again => {}
                Took::Reject(reject) => return Ok(Some(Line::Reject(reject))),
                Took::Row(row) => return self.unique(row).map(Some),
            }
        }
    }

    /// Passes over the rows that come next and are known by their bytes.
    fn pass(&mut self) -> Result<(), Error> {
        loop {
            let (marker, known) = (&self.marker, &mut self.known);
            let passed = self.content.pass(|line, bytes| known.see_raw(marker.raw(bytes), line))?;
            let Some(filled) = passed else { return Ok(()) };
            self.count_row()?;
            self.passed.count(filled);
        }
    }

    fn count_row(&mut self) -> Result<(), Error> {
        self.rows += 1;
        if self.rows > ROWS_MAX { Err(Error::TooManyRows) } else { Ok(()) }
    }

    /// Rejects a row that repeats an engagement.
    fn unique(&mut self, row: Row) -> Result<Line, Error> {
        let engagement = row.marks.unwrap_or_default().engagement;
        let first = match self.first_lines.entry(engagement) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(place) => {
                let seen = if self.again {
                    None
                } else {
                    self.known.speak(engagement).map_err(Error::Read)?
                };
                match seen {
                    Some(first) => first,
                    None => {
                        place.insert(row.line);
                        return Ok(Line::Row(row));
                    }
                }
            }
        };
        Ok(Line::Reject(Reject {
            line: row.line,
            column: row::column_of(self.source, self.source.engagement),
            reason: format!("is the same engagement of the same worker as in line {first}"),
            worker_id: Some(row.worker_id),
        }))
    }
}

/// What becomes of a row.
enum Took {
    /// It says what is known.
    Known {
        /// Which attributes it says something of.
        filled: u64,
    },
    /// It is none of those that are read again.
    Other,
    Row(Row),
    Reject(Reject),
}

fn marked(source: &Source, mut row: Row, raw: Uuid, digest: Uuid) -> Row {
    let (engagement, filled) = (known::engagement(&row), known::filled(source, &row));
    row.marks = Some(Marks { digest, engagement, filled, raw });
    row
}

impl<R: Read> Content<R> {
    /// Passes over what comes next if it is known by its line and bytes.
    fn pass<T>(&mut self, known: impl FnOnce(u64, &[u8]) -> Option<T>) -> Result<Option<T>, Error> {
        match self {
            Self::Csv(records) => records.pass(known),
            Self::JsonLines(lines) => lines.pass(known),
        }
    }

    /// Takes what comes next, or says why it is no row.
    fn next(
        &mut self,
        source: &Source,
        take: impl FnOnce(&Cells<'_>) -> io::Result<Took>,
    ) -> Result<Option<Took>, Error> {
        let took = match self {
            Self::Csv(records) => {
                let Some(record) = records.next()? else { return Ok(None) };
                match record.cells(source.columns.len()) {
                    Ok(cells) => take(&cells),
                    Err(reject) => Ok(Took::Reject(reject)),
                }
            }
            Self::JsonLines(lines) => {
                let took = lines.next(|line, raw, text| {
                    match lines::object(&source.columns, source.strict, text) {
                        Ok(object) => take(&object.cells(line, raw)),
                        Err(reason) => {
                            let column = String::new();
                            Ok(Took::Reject(Reject { line, column, reason, worker_id: None }))
                        }
                    }
                })?;
                let Some(took) = took else { return Ok(None) };
                took
            }
        };
        took.map(Some).map_err(Error::Read)
    }
}

/// Reads one JSON object by itself; `line` is its place among others.
///
/// # Errors
/// When it is no object, or not what the mapping says.
pub fn object(source: &Source, day: Date, line: u64, text: &str) -> Result<Row, Reject> {
    if text.len() > ROW_BYTES_MAX {
        let reason = format!("is longer than {ROW_BYTES_MAX} bytes");
        return Err(Reject { line, column: String::new(), reason, worker_id: None });
    }
    let object = lines::object(&source.columns, source.strict, text).map_err(|reason| {
        let column = String::new();
        Reject { line, column, reason, worker_id: None }
    })?;
    alone(source, day, &object.cells(line, &[]))
}

/// Reads one record from the texts of the mapping's columns, in their order.
///
/// # Errors
/// When it is not what the mapping says.
pub fn texts(source: &Source, day: Date, texts: &[String]) -> Result<Row, Reject> {
    let texts = texts.iter().map(String::as_str).collect();
    alone(source, day, &Cells { line: 1, raw: &[], texts, fault: None })
}

/// Reads a record that stands in no file: it cannot be held, so a value that would hold a file rejects it.
fn alone(source: &Source, day: Date, cells: &Cells<'_>) -> Result<Row, Reject> {
    let mut holds = None;
    let row = row::read(source, day, cells, &mut |field, _text, becomes| {
        if becomes == Unlisted::Hold {
            holds.get_or_insert(field);
        }
    })?;
    match holds {
        None => Ok(row),
        Some(field) => Err(Reject {
            line: cells.line,
            column: row::column_of(source, Some(field)),
            reason: "is not among the values that the mapping lists".to_owned(),
            worker_id: Some(row.worker_id),
        }),
    }
}

/// Says a record of the worker as whom somebody is known, whatever key it states.
#[must_use]
pub fn with_worker_id(row: Row, worker_id: &str) -> Row {
    let mut row = row;
    if let Some(told) = row.attributes.get_mut(WORKER_ID) {
        *told = domain::Value::Text(worker_id.to_owned());
    }
    worker_id.clone_into(&mut row.worker_id);
    row
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

#[cfg(test)]
mod tests;
