//! From bytes to records: CSV as RFC 4180 has it, with bounded memory.

use std::io::Read;

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter};

use super::row::Cells;
use super::window::{More, Window};
use super::{Error, ROW_BYTES_MAX, Reject};

/// A row with more columns than this is as good as one without an end.
const COLUMNS_MAX: usize = 4_096;

/// Reads records; blank lines are skipped.
pub(super) struct Records<R> {
    input: Window<R>,
    parser: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The line of the next byte.
    line: u64,
    /// Bytes of the record that was read last, which are still in front.
    read: usize,
}

/// One record, its quotes resolved.
pub(super) struct Record<'a> {
    /// The line on which it begins.
    pub(super) line: u64,
    /// As it is written, without the end of its line.
    pub(super) raw: &'a [u8],
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The record in columns, if it has as many as there should be.
    pub(super) fn cells(&self, columns: usize) -> Result<Cells<'a>, Reject> {
        let texts: Vec<&str> = self.fields().collect();
        let found = texts.len();
        if found == columns {
            return Ok(Cells { line: self.line, raw: self.raw, texts, fault: None });
        }
        let reason = format!("has {found} columns and should have {columns}");
        Err(Reject { line: self.line, column: String::new(), reason, worker_id: None })
    }

    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let text = self.text;
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let field = &text[start..*end];
            start = *end;
            field
        })
    }
}

impl<R: Read> Records<R> {
    pub(super) fn try_new(input: R, delimiter: u8) -> Result<Self, Error> {
        Ok(Self {
            input: Window::open(input)?,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            text: vec![0; ROW_BYTES_MAX],
            ends: vec![0; COLUMNS_MAX],
            line: 1,
            read: 0,
        })
    }

    /// Passes over the next record if `known` recognises it by its line and bytes, without parsing it.
    ///
    /// Where the record ends is guessed by counting quotes. The guess cannot be wrong for bytes that were a
    /// whole record before: what a parser makes of them depends on nothing else.
    pub(super) fn pass<T>(
        &mut self,
        known: impl FnOnce(u64, &[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let (end, lines) = loop {
            match guess_end(self.input.bytes()) {
                Some(guess) => break guess,
                None => match self.input.more()? {
                    More::Bytes => {}
                    More::End => break (self.input.bytes().len(), line_ends(self.input.bytes())),
                    More::Full => return Ok(None),
                },
            }
        };
        let raw = without_line_end(&self.input.bytes()[..end]);
        let passed = known(self.line, raw);
        if passed.is_some() {
            let length = raw.len();
            self.input.take(length);
            self.line += lines;
        }
        Ok(passed)
    }

    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let (mut length, mut columns) = (0, 0);
        let finished = loop {
            let rest = &self.input.bytes()[self.read..];
            let mut finished = false;
            if rest.is_empty() {
                match self.input.more()? {
                    More::Bytes => continue,
                    More::End => finished = true,
                    More::Full => return Err(Error::RowTooLong { line }),
                }
            }
            // At the end of the file a line end closes any record, unless a quote is open.
            let chunk = if finished { b"\n" } else { &self.input.bytes()[self.read..] };
            let (result, read, written, ended) =
                self.parser.read_record(chunk, &mut self.text[length..], &mut self.ends[columns..]);
            if !finished {
                self.read += read;
            }
            length += written;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty if finished => {
                    return Err(Error::UnclosedQuote { line });
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(Error::RowTooLong { line });
                }
                ReadRecordResult::Record | ReadRecordResult::End => break finished,
            }
        };
        let raw = &self.input.bytes()[..self.read];
        self.line += line_ends(raw);
        // Whatever closed the record is the last byte that was read of it.
        let raw = if finished { raw } else { &raw[..raw.len().saturating_sub(1)] };
        self.record(line, raw, length, columns).map(Some)
    }

    /// Leaves the input at the first byte of a record, so that its line is known exactly.
    fn skip_line_ends(&mut self) -> Result<bool, Error> {
        self.input.take(std::mem::take(&mut self.read));
        loop {
            if self.input.is_empty()? {
                return Ok(false);
            }
            let bytes = self.input.bytes();
            let count = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = count < bytes.len();
            self.line += line_ends(&bytes[..count]);
            self.input.take(count);
            if more {
                return Ok(true);
            }
        }
    }

    fn record<'a>(
        &'a self,
        line: u64,
        raw: &'a [u8],
        length: usize,
        columns: usize,
    ) -> Result<Record<'a>, Error> {
        let (bytes, ends) = (&self.text[..length], &self.ends[..columns]);
        let text = std::str::from_utf8(bytes).map_err(|error| Error::Encoding {
            line: line + line_ends(&bytes[..error.valid_up_to()]),
        })?;
        // A character split by a separator is as wrong as half a character.
        if let Some(end) = ends.iter().find(|end| !text.is_char_boundary(**end)) {
            return Err(Error::Encoding { line: line + line_ends(&bytes[..*end]) });
        }
        Ok(Record { line, raw, text, ends })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.input.taken() + u64::try_from(self.read).unwrap_or_default()
    }
}

/// Where a record ends if every quote opens or closes a quotation, and how many lines end within it.
fn guess_end(bytes: &[u8]) -> Option<(usize, u64)> {
    let (mut from, mut quotes, mut lines) = (0, 0_usize, 0);
    loop {
        let end = from + memchr(b'\n', &bytes[from..])?;
        quotes += memchr_iter(b'"', &bytes[from..end]).count();
        if quotes.is_multiple_of(2) {
            return Some((end, lines));
        }
        lines += 1;
        from = end + 1;
    }
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &bytes[..end.map_or(0, |last| last + 1)]
}

fn line_ends(bytes: &[u8]) -> u64 {
    u64::try_from(memchr_iter(b'\n', bytes).count()).unwrap_or_default()
}
