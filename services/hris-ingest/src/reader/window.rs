//! The bytes of a file that come next, with room for any row.

use std::io::{ErrorKind, Read};

use super::Error;

/// Longer than any row can be: one of `ROW_BYTES_MAX` bytes, each a quote and written as two.
const BYTES: usize = 256 * 1024;

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// A part of a file that moves on as bytes are taken off its front.
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    taken: u64,
}

/// What came of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// There are more bytes than before.
    Bytes,
    /// The file has ended.
    End,
    /// There is no room for more.
    Full,
}

impl<R: Read> Window<R> {
    /// Opens a file behind its mark, if it has one.
    pub(super) fn open(input: R) -> Result<Self, Error> {
        let mut window = Self { input, bytes: vec![0; BYTES], start: 0, end: 0, taken: 0 };
        while window.bytes().len() < UTF8_MARK.len() {
            match window.more()? {
                More::Bytes => {}
                More::End | More::Full => break,
            }
        }
        if UTF16_MARKS.iter().any(|mark| window.bytes().starts_with(mark)) {
            return Err(Error::Encoding { line: 1 });
        }
        if window.bytes().starts_with(&UTF8_MARK) {
            window.take(UTF8_MARK.len());
        }
        Ok(window)
    }

    /// The bytes that come next, as far as they were read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Reads on behind what was read.
    pub(super) fn more(&mut self) -> Result<More, Error> {
        if self.end == self.bytes.len() {
            if self.start == 0 {
                return Ok(More::Full);
            }
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.input.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(More::End),
                Ok(read) => {
                    self.end += read;
                    return Ok(More::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }

    /// Whether there is nothing left; reads on if need be.
    pub(super) fn is_empty(&mut self) -> Result<bool, Error> {
        Ok(self.start == self.end && self.more()? == More::End)
    }

    /// Takes bytes off the front.
    pub(super) fn take(&mut self, count: usize) {
        self.start += count;
        self.taken += u64::try_from(count).unwrap_or_default();
    }

    /// How many were taken.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }
}
