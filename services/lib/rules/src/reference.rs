//! Account attributes whose value another account supplies: `accounts.<application>.<attribute>`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::PersonId;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::document::{Application, Document};
use crate::suggest::did_you_mean;

/// The application's own immutable id of an account.
pub const ACCOUNT_ID: &str = "id";
/// What the person signs in with.
pub const LOGIN: &str = "login";

/// A value that an account supplies: resolved from observed access just before it is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Whose account it is; `None`: that of the person the reference is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The application that has the account.
    pub application: String,
    /// [`ACCOUNT_ID`], [`LOGIN`] or the name of one of the account's attributes.
    pub attribute: String,
}

/// A reference as it is written, before a person gives it a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    whose: Whose,
    application: String,
    attribute: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Manager,
}

impl Pointer {
    /// Returns the reference for somebody with this manager; none when it needs one and none is
    /// known.
    pub(crate) fn of(&self, manager: Option<PersonId>) -> Option<Reference> {
        let person = match self.whose {
            Whose::Own => None,
            Whose::Manager => Some(manager?),
        };
        let (application, attribute) = (self.application.clone(), self.attribute.clone());
        Some(Reference { person, application, attribute })
    }
}

/// Reads an expression that is meant as a reference; `None` when it is not meant as one.
pub(crate) fn parse(text: &str) -> Option<Result<Pointer, String>> {
    let text = text.trim();
    let (whose, rest) = match text.strip_prefix("manager.") {
        Some(rest) => (Whose::Manager, rest),
        None => (Whose::Own, text),
    };
    if whose == Whose::Own && !rest.starts_with("accounts.") {
        return None;
    }
    let parts: Vec<&str> = rest.split('.').collect();
    Some(match parts.as_slice() {
        ["accounts", application, attribute] if is_word(application) && is_word(attribute) => {
            let (application, attribute) = ((*application).to_owned(), (*attribute).to_owned());
            Ok(Pointer { whose, application, attribute })
        }
        _ => Err("is not a reference; one stands alone and is written \
                  accounts.<application>.<attribute> or manager.accounts.<application>.<attribute>"
            .to_owned()),
    })
}

fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(letter)
}

/// The applications of a set of documents, by name.
pub(crate) type Applications<'a> = BTreeMap<&'a str, (&'a Document, &'a Application)>;

/// Says everything that is wrong with what a reference leads to.
pub(crate) fn check(pointer: &Pointer, from: &str, known: &Applications<'_>) -> Result<(), String> {
    let name = pointer.application.as_str();
    let Some((_document, application)) = known.get(name) else {
        let hint = did_you_mean(name, known.keys().copied());
        return Err(format!("there is no Application `{name}`{hint}"));
    };
    if pointer.whose == Whose::Own && name == from {
        return Err("refers to the very account it belongs to; name another application".to_owned());
    }
    let attribute = pointer.attribute.as_str();
    let mapped = &application.account.attributes;
    if attribute == ACCOUNT_ID || attribute == LOGIN || mapped.contains_key(attribute) {
        return Ok(());
    }
    let names = mapped.keys().map(String::as_str).chain([ACCOUNT_ID, LOGIN]);
    let hint = did_you_mean(attribute, names);
    Err(format!("Application {name} maps no attribute `{attribute}`{hint}"))
}

/// Adds a problem for every circle of applications whose accounts wait for each other, and for every
/// attribute that would take its value from itself.
///
/// Managers' accounts make no circle of applications: managers differ from person to person, so
/// nobody needs to wait for oneself. But two people may each be the other's manager, and an
/// attribute that leads back to itself would then go round and round between them.
pub(crate) fn check_circles<'a>(
    known: &Applications<'a>,
    references: impl IntoIterator<Item = (&'a str, &'a str, &'a Pointer)>,
    problems: &mut Vec<Problem>,
) {
    let mut accounts = Edges::new();
    let mut attributes = Edges::new();
    for (application, attribute, pointer) in references {
        let to = &pointer.application;
        if pointer.whose == Whose::Own && to != application {
            accounts.entry(application.to_owned()).or_default().insert(to.clone());
        }
        let from = format!("{application}.{attribute}");
        attributes.entry(from).or_default().insert(format!("{to}.{}", pointer.attribute));
    }
    let account_circles = circles(&accounts);
    let attribute_circles = match account_circles.is_empty() {
        true => circles(&attributes),
        false => Vec::new(),
    };
    let told = [
        ("accounts wait for each other in a circle", account_circles),
        ("an attribute takes its value from itself", attribute_circles),
    ];
    for (what, circles) in told {
        for circle in circles {
            let Some(start) = circle.first() else { continue };
            let name = start.split('.').next().unwrap_or_default();
            let Some((document, _application)) = known.get(name) else { continue };
            let way = circle.join(" -> ");
            let message = format!("{what}: {way} -> {start}; take one of the references out");
            problems.push(document.problem("spec.account.attributes", message));
        }
    }
}

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Returns circles that have no place in common, each by its first place in order.
fn circles(edges: &Edges) -> Vec<Vec<&str>> {
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for start in edges.keys() {
        if !circles.iter().flatten().any(|place| *place == start.as_str()) {
            circles.extend(circle(start, edges));
        }
    }
    circles
}

/// Returns the shortest way from a place back to itself, without its repetition at the end.
fn circle<'a>(start: &'a str, edges: &'a Edges) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(here) = waiting.pop_front() {
        for next in edges.get(here).into_iter().flatten().map(String::as_str) {
            if next == start {
                let mut way = vec![here];
                while let Some(before) = way.last().and_then(|place| came_from.get(place)) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, here);
                waiting.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
