//! From bytes to records: CSV as RFC 4180 has it, with bounded memory.

use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use csv_core::ReadRecordResult;

use super::row::Cells;
use super::{Error, ROW_BYTES_MAX, Reject};

/// A row with more columns than this is as good as one without an end.
const COLUMNS_MAX: usize = 4_096;

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// The bytes of a file, buffered.
pub(super) type Input<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Reads records; blank lines are skipped.
pub(super) struct Records<R> {
    input: Input<R>,
    parser: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The line of the next byte.
    line: u64,
    bytes_read: u64,
}

/// One record, its quotes resolved.
pub(super) struct Record<'a> {
    /// The line on which it begins.
    pub(super) line: u64,
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The record in columns, if it has as many as there should be.
    pub(super) fn cells(&self, columns: usize) -> Result<Cells<'a>, Reject> {
        let texts: Vec<&str> = self.fields().collect();
        let found = texts.len();
        if found == columns {
            return Ok(Cells { line: self.line, texts, fault: None });
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
        let (input, bytes_read) = open(input)?;
        Ok(Self {
            input,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            text: vec![0; ROW_BYTES_MAX],
            ends: vec![0; COLUMNS_MAX],
            line: 1,
            bytes_read,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let (mut length, mut columns) = (0, 0);
        loop {
            let buffer = fill(&mut self.input)?;
            let finished = buffer.is_empty();
            // At the end of the file a line end closes any record, unless a quote is open.
            let chunk = if finished { b"\n" } else { buffer };
            let (result, read, written, ended) =
                self.parser.read_record(chunk, &mut self.text[length..], &mut self.ends[columns..]);
            if !finished {
                let lines = line_ends(&chunk[..read]);
                self.consumed(read, lines);
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
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.record(line, length, columns).map(Some)
    }

    /// Leaves the input at the first byte of a record, so that its line is known exactly.
    fn skip_line_ends(&mut self) -> Result<bool, Error> {
        loop {
            let buffer = fill(&mut self.input)?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let count = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = count < buffer.len();
            let lines = line_ends(&buffer[..count]);
            self.consumed(count, lines);
            if more {
                return Ok(true);
            }
        }
    }

    fn consumed(&mut self, bytes: usize, lines: u64) {
        self.input.consume(bytes);
        self.line += lines;
        self.bytes_read += u64::try_from(bytes).unwrap_or_default();
    }

    fn record(&self, line: u64, length: usize, columns: usize) -> Result<Record<'_>, Error> {
        let (bytes, ends) = (&self.text[..length], &self.ends[..columns]);
        let text = std::str::from_utf8(bytes).map_err(|error| Error::Encoding {
            line: line + line_ends(&bytes[..error.valid_up_to()]),
        })?;
        // A character split by a separator is as wrong as half a character.
        if let Some(end) = ends.iter().find(|end| !text.is_char_boundary(**end)) {
            return Err(Error::Encoding { line: line + line_ends(&bytes[..*end]) });
        }
        Ok(Record { line, text, ends })
    }

    pub(super) const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Opens a file behind its mark, if it has one; returns how many bytes that took.
pub(super) fn open<R: Read>(mut input: R) -> Result<(Input<R>, u64), Error> {
    let mut head = Vec::new();
    input.by_ref().take(3).read_to_end(&mut head).map_err(Error::Read)?;
    if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
        return Err(Error::Encoding { line: 1 });
    }
    let mut bytes_read = 0;
    if head == UTF8_MARK {
        head.clear();
        bytes_read = 3;
    }
    Ok((BufReader::with_capacity(64 * 1024, Cursor::new(head).chain(input)), bytes_read))
}

pub(super) fn fill<R: Read>(input: &mut BufReader<R>) -> Result<&[u8], Error> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Read(error)),
        }
    }
    Ok(input.buffer())
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}
