use std::collections::BTreeMap;

use domain::Date;

use super::row::{self, Cells, Reject, Row};
use crate::mapping::{Source, Unlisted};

/// Values that are told apart; further ones are counted as if they were empty.
const VALUES_MAX: usize = 1_000;

/// The values of a file that the mapping's value maps do not list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnlistedValues {
    counts: BTreeMap<(usize, String), (Unlisted, u64)>,
}

impl UnlistedValues {
    /// Reads a row, and counts its values.
    pub(super) fn read(
        &mut self,
        source: &Source,
        snapshot_date: Date,
        cells: &Cells<'_>,
    ) -> Result<Row, Reject> {
        row::read(source, snapshot_date, cells, &mut |field, text, becomes| {
            let mut value = (field, text);
            if self.counts.len() >= VALUES_MAX && !self.counts.contains_key(&value) {
                value.1.clear();
            }
            self.counts.entry(value).or_insert((becomes, 0)).1 += 1;
        })
    }

    /// The field's name, the value, what becomes of it, and in how many rows it stands.
    pub fn of<'a>(
        &'a self,
        source: &'a Source,
    ) -> impl Iterator<Item = (&'a str, &'a str, Unlisted, u64)> {
        self.counts.iter().map(|((field, value), (becomes, rows))| {
            (source.fields[*field].name.as_str(), value.as_str(), *becomes, *rows)
        })
    }

    /// In how many rows each field has a value for which the file is to be held.
    pub fn holding(&self, source: &Source) -> BTreeMap<String, u64> {
        let mut holding = BTreeMap::new();
        for (field, _value, becomes, rows) in self.of(source) {
            if becomes == Unlisted::Hold {
                *holding.entry(field.to_owned()).or_default() += rows;
            }
        }
        holding
    }
}
