//! The header must be the mapping's columns, in their order.

use super::Error;

const DIFFERENCES_MAX: usize = 10;
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn check(expected: &[String], found: &[&str]) -> Result<(), Error> {
    if found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f == e) {
        return Ok(());
    }
    let list = expected.join(", ");
    // A first line without any expected name may well be a person's row: it is not repeated.
    if !found.iter().any(|found| expected.iter().any(|expected| expected == found)) {
        let count = found.len();
        let differences =
            format!("expected {list}; none of them is among the {count} columns of the first line");
        return Err(Error::Header { differences });
    }
    let count = expected.len().max(found.len());
    let differences: Vec<_> = (0..count)
        .filter_map(|column| difference(column + 1, expected.get(column), found.get(column)))
        .collect();
    let more = differences.len().saturating_sub(DIFFERENCES_MAX);
    let mut text = differences[..differences.len() - more].join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    Err(Error::Header { differences: format!("{text}; expected {list}") })
}

fn difference(position: usize, expected: Option<&String>, found: Option<&&str>) -> Option<String> {
    match (expected, found.map(|found| shown(found))) {
        (Some(expected), Some(found)) => (*expected != found)
            .then(|| format!("column {position} should be {expected:?} and is {found:?}")),
        (Some(expected), None) => {
            Some(format!("column {position} should be {expected:?} and is missing"))
        }
        (None, Some(found)) => Some(format!("column {position} should not be there: {found:?}")),
        (None, None) => None,
    }
}

fn shown(found: &str) -> String {
    found.chars().take(NAME_CHARACTERS_MAX).collect()
}
