//! From bytes to JSON objects: one a line, with bounded memory.

use std::collections::BTreeMap;
use std::io::Read;

use memchr::memchr;
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::row::Cells;
use super::window::{More, Window};
use super::{Error, ROW_BYTES_MAX};

/// Joins the names of members that stand inside each other.
const PATH_SEPARATOR: char = '.';
/// How much of a member's name is told.
const NAME_CHARACTERS_MAX: usize = 64;

/// Reads lines; blank ones are skipped.
pub(super) struct Lines<R> {
    input: Window<R>,
    /// The line of the next byte.
    line: u64,
}

/// What a line holds, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) texts: Vec<String>,
    /// The first thing that is wrong: the column and the reason.
    pub(super) fault: Option<(String, String)>,
}

impl<R: Read> Lines<R> {
    /// Opens a file that has at least one line.
    pub(super) fn try_new(input: R) -> Result<Self, Error> {
        let mut lines = Self { input: Window::open(input)?, line: 1 };
        if lines.input.is_empty()? { Err(Error::NoLines) } else { Ok(lines) }
    }

    /// Takes the next line over: its number, its bytes without their end, and its text.
    pub(super) fn next<T>(
        &mut self,
        take: impl FnOnce(u64, &[u8], &str) -> T,
    ) -> Result<Option<T>, Error> {
        let (length, is_closed) = loop {
            if self.input.is_empty()? {
                return Ok(None);
            }
            let (length, is_closed) = self.length()?;
            if !self.input.bytes()[..length].iter().all(u8::is_ascii_whitespace) {
                break (length, is_closed);
            }
            self.leave(length, is_closed);
        };
        let (line, bytes) = (self.line, &self.input.bytes()[..length]);
        let text = std::str::from_utf8(bytes).map_err(|_error| Error::Encoding { line })?;
        let taken = take(line, bytes, text);
        self.leave(length, is_closed);
        Ok(Some(taken))
    }

    /// Passes over the next line if `known` recognises it by its number and bytes.
    pub(super) fn pass<T>(
        &mut self,
        known: impl FnOnce(u64, &[u8]) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        if self.input.is_empty()? {
            return Ok(None);
        }
        let (length, is_closed) = self.length()?;
        let passed = known(self.line, &self.input.bytes()[..length]);
        if passed.is_some() {
            self.leave(length, is_closed);
        }
        Ok(passed)
    }

    fn leave(&mut self, length: usize, is_closed: bool) {
        self.input.take(length + usize::from(is_closed));
        self.line += u64::from(is_closed);
    }

    /// How long the next line is, and whether its end is in the file.
    fn length(&mut self) -> Result<(usize, bool), Error> {
        let too_long = Error::LineTooLong { line: self.line };
        loop {
            let bytes = self.input.bytes();
            let length = memchr(b'\n', bytes);
            if length.unwrap_or(bytes.len()) > ROW_BYTES_MAX {
                return Err(too_long);
            }
            if let Some(length) = length {
                return Ok((length, true));
            }
            match self.input.more()? {
                More::Bytes => {}
                More::End => return Ok((self.input.bytes().len(), false)),
                More::Full => return Err(too_long),
            }
        }
    }

    pub(super) const fn bytes_read(&self) -> u64 {
        self.input.taken()
    }
}

impl Object {
    /// The object in columns; it stands on this line, written as these bytes.
    pub(super) fn cells<'a>(&'a self, line: u64, raw: &'a [u8]) -> Cells<'a> {
        let texts = self.texts.iter().map(String::as_str).collect();
        Cells { line, raw, texts, fault: self.fault.clone() }
    }
}

/// Reads one object into columns, whose names are paths. Members that are no column are a fault when
/// `strict`, else nothing. The reason why a line is no object does not repeat it.
pub(super) fn object(columns: &[String], strict: bool, text: &str) -> Result<Object, String> {
    let members: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Eof => "is cut off: the line ends within its JSON object".to_owned(),
            Category::Data => "is not a JSON object".to_owned(),
            Category::Syntax | Category::Io => {
                format!("is not JSON: there is a mistake at byte {} of the line", error.column())
            }
        })?;
    let places: BTreeMap<&str, usize> =
        columns.iter().enumerate().map(|(place, column)| (column.as_str(), place)).collect();
    let texts = vec![String::new(); columns.len()];
    let mut into = Flat { places, strict, object: Object { texts, fault: None } };
    into.members("", members);
    Ok(into.object)
}

struct Flat<'a> {
    places: BTreeMap<&'a str, usize>,
    strict: bool,
    object: Object,
}

impl Flat<'_> {
    fn members(&mut self, path: &str, members: Map<String, Value>) {
        for (name, value) in members {
            let path = if path.is_empty() { name } else { format!("{path}{PATH_SEPARATOR}{name}") };
            self.member(path, value);
        }
    }

    fn member(&mut self, path: String, value: Value) {
        if let Some(place) = self.places.get(path.as_str()) {
            match text(value) {
                Ok(text) => self.object.texts[*place] = text,
                Err(reason) => self.fault(path, reason),
            }
            return;
        }
        let holds = |column: &str| {
            column.strip_prefix(&path).is_some_and(|rest| rest.starts_with(PATH_SEPARATOR))
        };
        if self.places.keys().any(|column| holds(column)) {
            match value {
                Value::Object(members) => self.members(&path, members),
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    self.fault(path, "should be an object");
                }
            }
        } else if self.strict {
            self.fault(path, "is not among the mapping's columns");
        }
    }

    fn fault(&mut self, path: String, reason: &str) {
        let path = path.chars().take(NAME_CHARACTERS_MAX).collect();
        self.object.fault.get_or_insert((path, reason.to_owned()));
    }
}

fn text(value: Value) -> Result<String, &'static str> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(answer) => Ok(answer.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text),
        Value::Array(_) => Err("is a list and should be one value"),
        Value::Object(_) => Err("is an object and should be one value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn fault(text: &str) -> String {
        let object = object(&columns(&["id", "name.given", "name.family"]), true, text).unwrap();
        let (column, reason) = object.fault.unwrap();
        format!("{column}: {reason}")
    }

    #[test]
    fn members_are_found_by_their_paths() {
        let columns = columns(&["id", "name.given", "name.family", "active"]);
        let text = r#"{"name": {"family": "Lovelace", "middle": 1}, "id": 7, "active": true}"#;

        let read = object(&columns, false, text).unwrap();

        assert_eq!(read.texts, ["7", "", "Lovelace", "true"]);
        assert_eq!(read.fault, None);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_path() {
        assert_eq!(
            fault(r#"{"name": {"middle": 1}}"#),
            "name.middle: is not among the mapping's columns"
        );
        assert_eq!(fault(r#"{"name": "Ada"}"#), "name: should be an object");
        assert_eq!(
            fault(r#"{"name": {"given": ["Ada"]}}"#),
            "name.given: is a list and should be one value"
        );
        assert_eq!(fault(r#"{"id": {}}"#), "id: is an object and should be one value");
    }

    #[test]
    fn a_line_that_is_no_object_is_told_without_repeating_it() {
        let reason = |text| object(&[], true, text).unwrap_err();
        assert_eq!(
            reason(r#"{"id": "secret""#),
            "is cut off: the line ends within its JSON object"
        );
        assert_eq!(reason(r#"["secret"]"#), "is not a JSON object");
        assert_eq!(
            reason(r#"{"id": secret}"#),
            "is not JSON: there is a mistake at byte 8 of the line"
        );
        assert_eq!(reason("{} {}"), "is not JSON: there is a mistake at byte 4 of the line");
    }
}
