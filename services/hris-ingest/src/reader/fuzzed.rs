//! What a fuzzer may feed: whatever it is given, it is taken over, rejected or refused, and once it is
//! known, passed over.

use domain::Date;

use super::{KnownRows, Line, Reader};
use crate::mapping::Source;

/// Reads a file, and once more as one that is known; returns how many rows were taken over.
///
/// # Panics
/// When a row that is known is taken over again, or a repeated one is known twice.
#[must_use]
pub fn file(source: &Source, file: &[u8]) -> u64 {
    let day = Date::constant(2026, 3, 2);
    let Ok(reader) = Reader::try_new(source, day, file) else { return 0 };
    let (mut known, mut rows, mut rejects) = (KnownRows::default(), 0_i64, 0);
    for line in reader {
        match line {
            Ok(Line::Row(row)) => {
                known.push(rows, row.marks.unwrap_or_default(), true);
                rows += 1;
            }
            Ok(Line::Reject(_)) => rejects += 1,
            Err(_) => return 0,
        }
    }
    let Ok(reader) = Reader::try_new(source, day, file) else { return 0 };
    let (mut reader, mut rejected) = (reader.knowing(known), 0);
    for line in reader.by_ref() {
        match line {
            Ok(Line::Row(row)) => panic!("line {} is known, and taken over again", row.line),
            Ok(Line::Reject(_)) => rejected += 1,
            Err(_) => return 0,
        }
    }
    assert_eq!(rejected, rejects, "as many rows are rejected the second time");
    let rows = rows.unsigned_abs();
    assert_eq!(reader.into_known().1.rows, rows, "what was taken over is passed over");
    rows
}
