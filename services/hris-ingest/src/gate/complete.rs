use std::collections::BTreeMap;

use crate::mapping::{Completeness, Source};
use crate::reader::{Passed, Row};

/// A share of so few tells nothing.
const ROWS_FEW: u64 = 20;
const PEOPLE_FEW: u64 = 2;

/// What a read of a file has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Rows that were taken over.
    pub(crate) rows: u64,
    /// How many of them say something, by attribute.
    pub(crate) fills: BTreeMap<String, u64>,
}

impl Read {
    /// Counts rows that were taken over before, and are listed again.
    pub(crate) fn count_passed(&mut self, source: &Source, passed: &Passed) {
        self.rows += passed.rows;
        for (attribute, filled) in source.attributes().zip(passed.filled) {
            if filled > 0 {
                *self.fills.entry(attribute.to_owned()).or_default() += filled;
            }
        }
    }

    /// Counts one row that was taken over.
    pub(crate) fn count(&mut self, row: &Row) {
        self.rows += 1;
        for attribute in row.attributes.keys() {
            match self.fills.get_mut(attribute) {
                Some(count) => *count += 1,
                None => drop(self.fills.insert(attribute.clone(), 1)),
            }
        }
    }
}

/// Why a file is no read of the whole source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Incomplete {
    #[error(
        "the file has {rows} rows that can be used, and the last one that was taken over had {last}: \
         was it cut off? If it is whole, import it with spec.limits.rows_percent below {percent}"
    )]
    Rows { rows: u64, last: u64, percent: u8 },
    #[error(
        "{known} of the file's {listed} people are among the {present} who are present: does it come \
         from another company, or is its key another one? If it is right, import it with \
         spec.limits.overlap_percent below {percent}"
    )]
    Overlap { known: u64, listed: u64, present: u64, percent: u8 },
    #[error(
        "{attribute} says something in {filled} of the file's {rows} rows, and did in {filled_before} \
         of {rows_before}: was it left out of the export? If it is right, import it with \
         spec.limits.filled_percent below {percent}, or without the attribute"
    )]
    Filled {
        attribute: String,
        filled: u64,
        rows: u64,
        filled_before: u64,
        rows_before: u64,
        percent: u8,
    },
}

/// Asks whether a file has about as many rows as the last good one, and says as much in them.
pub(crate) fn whole<'a>(
    limits: Completeness,
    attributes: impl Iterator<Item = &'a str>,
    last: &Read,
    read: &Read,
) -> Result<(), Incomplete> {
    if let Some(percent) = limits.rows_percent
        && last.rows.saturating_sub(read.rows) > ROWS_FEW
        && below(read.rows, last.rows, percent)
    {
        return Err(Incomplete::Rows { rows: read.rows, last: last.rows, percent });
    }
    let Some(percent) = limits.filled_percent else { return Ok(()) };
    for attribute in attributes {
        let count = |of: &Read| of.fills.get(attribute).copied().unwrap_or_default();
        let (filled, filled_before) = (count(read), count(last));
        let emptied = filled_before > last.rows / 2
            && filled < read.rows.div_ceil(2)
            && read.rows - filled > PEOPLE_FEW;
        // Shares of files of different lengths, without fractions.
        let (share, share_before) = (
            u128::from(filled) * u128::from(last.rows) * 100,
            u128::from(filled_before) * u128::from(read.rows) * u128::from(percent),
        );
        if emptied && share < share_before {
            let attribute = attribute.to_owned();
            let (rows, rows_before) = (read.rows, last.rows);
            return Err(Incomplete::Filled {
                attribute,
                filled,
                rows,
                filled_before,
                rows_before,
                percent,
            });
        }
    }
    Ok(())
}

/// Asks whether a file is about the people who are present at all.
pub(crate) fn overlaps(
    limits: Completeness,
    present: u64,
    listed: u64,
    known: u64,
) -> Result<(), Incomplete> {
    match limits.overlap_percent {
        Some(percent)
            if present.min(listed) > PEOPLE_FEW && below(known, present.min(listed), percent) =>
        {
            Err(Incomplete::Overlap { known, listed, present, percent })
        }
        Some(_) | None => Ok(()),
    }
}

fn below(amount: u64, of: u64, percent: u8) -> bool {
    u128::from(amount) * 100 < u128::from(of) * u128::from(percent)
}
