//! Where a source drops its files, what they are called, and when one is complete. Pure.

use domain::{Date, Timestamp};
use jiff::tz::TimeZone;
use regex::Regex;

use super::DateFormat;
use crate::facts::Contract;

const PATH_BYTES_MAX: usize = 256;
const PATH_DEPTH_MAX: usize = 8;
const PATTERN_BYTES_MAX: usize = 128;
/// The group of a pattern that says for which day a file speaks.
const DATE: &str = "date";

/// A watched folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Names of folders, each in the one before it, the first in the configured root.
    pub(crate) path: Vec<String>,
    pub(crate) files: FileNames,
    pub(crate) contract: Contract,
    pub(crate) complete: Complete,
}

/// What a source's files are called.
#[derive(Debug, Clone)]
pub(crate) struct FileNames {
    pattern: Regex,
    /// How the name says the day; without it, the file's last change does.
    date: Option<DateFormat>,
}

/// When a file is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complete {
    /// Once two looks have found it the same.
    Settled,
    /// Once a file of its name and `.done` stands beside it.
    Marked,
}

impl Complete {
    pub(super) const ALL: [Self; 2] = [Self::Settled, Self::Marked];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Marked => "marked",
        }
    }
}

/// Reads a path below the root. Its parts are plain names: none leads up or out.
pub(super) fn path(text: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let usable =
        |part: &String| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    if text.len() > PATH_BYTES_MAX || parts.len() > PATH_DEPTH_MAX || !parts.iter().all(usable) {
        return Err(format!(
            "must be names of letters, digits, '-', '_' and '.', joined by '/': at most \
             {PATH_DEPTH_MAX} of them and {PATH_BYTES_MAX} bytes, none of which begins with a dot"
        ));
    }
    Ok(parts)
}

impl FileNames {
    /// Reads a pattern, such as `people-{YYYY-MM-DD}.csv` or `staff*.csv`: what is in braces is a date,
    /// `*` stands for anything.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX || text.contains(['/', '\0']) {
            return Err(format!("must be a file's name, of at most {PATTERN_BYTES_MAX} bytes"));
        }
        let (before, date, after) = match text.split_once('{') {
            None => (text, None, ""),
            Some((before, rest)) => {
                let (format, after) =
                    rest.split_once('}').ok_or("opens a brace that is never closed")?;
                let date = DateFormat::parse(format).map_err(|error| error.to_string())?;
                if date.depends_on_snapshot() {
                    return Err("the year in a file's name must have four digits".to_owned());
                }
                (before, Some(date), after)
            }
        };
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err("holds one date in braces at most".to_owned());
        }
        let literal = |part: &str| regex::escape(part).replace("\\*", ".*");
        let day = date.as_ref().map(|date| format!("(?P<{DATE}>{})", shape(date)));
        let day = day.unwrap_or_default();
        let pattern = format!("(?s)^{}{day}{}$", literal(before), literal(after));
        let pattern = Regex::new(&pattern).map_err(|error| error.to_string())?;
        Ok(Self { pattern, date })
    }

    /// Whether a file of this name is one of the source's.
    pub(crate) fn matches(&self, name: &str) -> bool {
        !name.starts_with('.') && self.pattern.is_match(name)
    }

    /// The day for which a file speaks; nothing if its name should say it and does not.
    pub(crate) fn day(&self, name: &str, changed: Timestamp, zone: &TimeZone) -> Option<Date> {
        let changed = zone.to_datetime(changed).date();
        let Some(format) = &self.date else { return Some(changed) };
        let found = self.pattern.captures(name)?;
        format.read(found.name(DATE)?.as_str(), changed)
    }

    /// How a name says its day, if it does.
    pub(crate) const fn date(&self) -> Option<&DateFormat> {
        self.date.as_ref()
    }
}

/// What a date looks like, whether there is such a day or not.
fn shape(date: &DateFormat) -> String {
    let digits = [("YYYY", "4"), ("MM", "2"), ("DD", "2"), ("M", "1,2"), ("D", "1,2")];
    digits.into_iter().fold(regex::escape(&date.to_string()), |shape, (letters, count)| {
        shape.replace(letters, &format!("[0-9]{{{count}}}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(pattern: &str, name: &str) -> Option<String> {
        let names = FileNames::parse(pattern).unwrap();
        assert!(names.matches(name), "{pattern} {name}");
        let changed = "2026-03-02T23:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        names.day(name, changed, &zone).map(|day| day.to_string())
    }

    #[test]
    fn a_name_says_the_day_or_the_last_change_does_in_the_zone() {
        let named = |name| day("people-{YYYY-MM-DD}*.csv", name);
        assert_eq!(named("people-2026-02-27.csv").as_deref(), Some("2026-02-27"));
        assert_eq!(named("people-2026-02-27-2.csv").as_deref(), Some("2026-02-27"));
        assert_eq!(named("people-2026-02-30.csv"), None);
        assert_eq!(day("{DD.MM.YYYY}.csv", "01.03.2026.csv").as_deref(), Some("2026-03-01"));
        assert_eq!(day("*.csv", "staff.csv").as_deref(), Some("2026-03-03"));
    }

    #[test]
    fn only_what_the_pattern_names_is_a_file_of_the_source() {
        let matches = |pattern, name| FileNames::parse(pattern).unwrap().matches(name);
        assert!(matches("staff.csv", "staff.csv"));
        assert!(matches("staff*.csv", "staff-eu.csv"));
        for name in ["staff.csv.done", "staffxcsv", ".staff.csv", "STAFF.CSV", "a staff.csv"] {
            assert!(!matches("staff.csv", name), "{name}");
        }
        assert!(!matches("*", ".hidden"));
        assert!(!matches("{YYYY-MM-DD}.csv", "today.csv"));
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        assert_eq!(path("payroll/eu").unwrap(), ["payroll", "eu"]);
        let deep = ["a"; PATH_DEPTH_MAX + 1].join("/");
        for text in ["", "/etc", "..", "a/../b", "a//b", ".ssh", "a/", "~", "a b", "ä", &deep] {
            assert!(path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a/b", "{", "{YYYY}", "{YY-MM-DD}", "}", "{YYYY-MM-DD}{YYYY-MM-DD}"] {
            assert!(FileNames::parse(text).is_err(), "{text}");
        }
    }
}
