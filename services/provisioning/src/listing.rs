//! A list of an application's accounts, as somebody exported it: read like any application. Pure, but for
//! `table`.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, PersonId, Value};
use serde::{Deserialize, Serialize};

use crate::connectors::{Holding, ObservedAccount, Page, SeenAccount};

/// One account of a list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    login: String,
    active: bool,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    entitlements: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

/// Why a list is no list. It names the place, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the list is empty; its first line names the columns, and every other one an account")]
    Empty,
    #[error("there is no column `login`; the first line names the columns")]
    NoLogin,
    #[error("column {0}: named twice, or not at all")]
    Header(usize),
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: &'static str },
    #[error("more than {LINES_MAX} accounts")]
    TooLong,
}

const LINES_MAX: usize = 50_000;
const TEXT_LENGTH_MAX: usize = 1_000;
const LOGIN: &str = "login";
const STATE: &str = "state";
const ENTITLEMENTS: &str = "entitlements";
/// What separates entitlements.
const SEPARATOR: char = ';';

/// Reads a list in CSV (RFC 4180), with a header.
///
/// # Errors
/// The first line that cannot be used: half a list proves nothing.
pub(crate) fn read(text: &[u8]) -> Result<Vec<Line>, Problem> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(|error| malformed(&error))?.clone();
    if header.is_empty() {
        return Err(Problem::Empty);
    }
    let mut named = BTreeSet::new();
    for (at, name) in header.iter().enumerate() {
        if name.is_empty() || !named.insert(name) {
            return Err(Problem::Header(at + 1));
        }
    }
    if !named.contains(LOGIN) {
        return Err(Problem::NoLogin);
    }
    let mut lines = Vec::new();
    let mut logins = BTreeSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| malformed(&error))?;
        let number = record.position().map_or(0, csv::Position::line);
        let of = |problem| Problem::Line { line: number, problem };
        if lines.len() == LINES_MAX {
            return Err(Problem::TooLong);
        }
        let line = line(&header, &record).map_err(of)?;
        if !logins.insert(line.login.to_lowercase()) {
            return Err(of("the login is listed twice"));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn line(header: &csv::StringRecord, record: &csv::StringRecord) -> Result<Line, &'static str> {
    let mut line = Line {
        login: String::new(),
        active: true,
        entitlements: BTreeSet::new(),
        attributes: BTreeMap::new(),
    };
    for (name, value) in header.iter().zip(record) {
        if value.len() > TEXT_LENGTH_MAX {
            return Err("a value is longer than 1,000 bytes");
        }
        match name {
            LOGIN => value.clone_into(&mut line.login),
            STATE => {
                line.active = match value.to_lowercase().as_str() {
                    "" | "active" | "enabled" => true,
                    "suspended" | "disabled" | "inactive" => false,
                    _other => return Err("the state is neither active nor suspended"),
                };
            }
            ENTITLEMENTS => {
                let names = value.split(SEPARATOR).map(str::trim).filter(|name| !name.is_empty());
                line.entitlements = names.map(str::to_owned).collect();
            }
            _attribute if value.is_empty() => {}
            attribute => {
                line.attributes.insert(attribute.to_owned(), value.to_owned());
            }
        }
    }
    if line.login.is_empty() { Err("there is no login") } else { Ok(line) }
}

fn malformed(error: &csv::Error) -> Problem {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) {
        "not UTF-8"
    } else if matches!(error.kind(), csv::ErrorKind::UnequalLengths { .. }) {
        "more or fewer columns than the first line"
    } else {
        "not CSV"
    };
    Problem::Line { line, problem }
}

/// The id under which an account is known that has none of its own.
pub(crate) fn account_id(login: &str) -> String {
    login.to_lowercase()
}

/// How many entitlements are held in a list.
pub(crate) fn holdings(lines: &[Line]) -> usize {
    lines.iter().map(|line| line.entitlements.len()).sum()
}

/// Whose an account of a list is, by its login in lower case.
pub(crate) type Owners = BTreeMap<String, PersonId>;

/// What a list shows, as a connector would tell it: an account is theirs for whom its login was reserved, or
/// who has a task to be given it.
pub(crate) fn pages(lines: &[Line], owners: &Owners) -> [Page; 2] {
    let accounts = lines.iter().map(|line| {
        let attributes: Attributes = line
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), Value::Text(value.clone())))
            .collect();
        let account = ObservedAccount {
            account_id: account_id(&line.login),
            login: line.login.clone(),
            state: if line.active { AccountState::Active } else { AccountState::Suspended },
            attributes,
        };
        let person = owners.get(&account.account_id).copied();
        SeenAccount { account, person }
    });
    let holdings = lines.iter().flat_map(|line| {
        line.entitlements.iter().map(|entitlement| Holding {
            account_id: account_id(&line.login),
            entitlement: entitlement.clone(),
            through: None,
        })
    });
    [Page::Accounts(accounts.collect()), Page::Holdings(holdings.collect())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_logins_states_entitlements_and_attributes() {
        let text = "\u{feff}login,state,entitlements,floor\r\n\
                    Ada,,front-door; archive ,3\r\n\
                    bob,Disabled,,\r\n";

        let lines = read(text.as_bytes()).unwrap();

        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].login, "Ada");
        assert_eq!(lines[0].entitlements, ["archive".to_owned(), "front-door".to_owned()].into());
        assert_eq!(lines[0].attributes, [("floor".to_owned(), "3".to_owned())].into());
        assert!(lines[0].active && !lines[1].active);
        assert_eq!(holdings(&lines), 2);
    }

    #[test]
    fn a_list_that_cannot_be_used_is_refused_with_its_place_and_without_its_values() {
        for (text, complaint) in [
            ("", "the list is empty"),
            ("name\nada\n", "no column `login`"),
            ("login,login\nada,b\n", "column 2"),
            ("login,\nada,b\n", "column 2"),
            ("login,state\nada\n", "line 2: more or fewer"),
            ("login,state\nada,secret\n", "line 2: the state"),
            ("login\nada\nADA\n", "line 3: the login is listed twice"),
            ("login,floor\n,3\n", "line 2: there is no login"),
            ("login\n\u{0}\n", ""),
        ] {
            match read(text.as_bytes()) {
                Err(problem) => {
                    let told = problem.to_string();
                    assert!(told.contains(complaint), "{text:?}: {told}");
                    assert!(!told.contains("secret") && !told.to_lowercase().contains("ada"));
                }
                Ok(_lines) => assert!(complaint.is_empty(), "{text:?}"),
            }
        }
        let refused = read(b"login\n\xff\n").err();
        assert_eq!(refused, Some(Problem::Line { line: 2, problem: "not UTF-8" }));
    }
}
