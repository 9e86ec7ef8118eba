//! Documents from the text of YAML files, with every problem found on the way.

use std::collections::BTreeMap;

use serde_saphyr::{Spanned, UserMessageFormatter};

use super::places::Places;
use super::{Document, Place, read};
use crate::Problem;

/// Reads the documents of one file; `path` is for messages only.
///
/// # Errors
/// Every problem in the file, in the order of the file.
pub fn load(path: &str, text: &str) -> Result<Vec<Document>, Vec<Problem>> {
    load_all([(path, text)])
}

/// Reads the documents of several files, each given as path and text.
///
/// # Errors
/// Every problem in any of the files; a kind and name that were used before are one.
pub fn load_all<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Document>, Vec<Problem>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for (path, text) in files {
        read_file(path, text, &mut documents, &mut problems);
    }
    problems.extend(duplicates(&documents));
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// Returns a problem for every document whose kind and name another one before it has.
pub(crate) fn duplicates(documents: &[Document]) -> Vec<Problem> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        let first = *seen.entry((document.kind(), document.name())).or_insert(document);
        if !std::ptr::eq(first, document) {
            let message = match first.place.to_string().as_str() {
                "" => "is there twice; rename or remove one".to_owned(),
                place => format!("is already defined at {place}; rename or remove one"),
            };
            problems.push(document.problem("metadata.name", message));
        }
    }
    problems
}

fn read_file(path: &str, text: &str, documents: &mut Vec<Document>, problems: &mut Vec<Problem>) {
    let mut places = Places::of_file(path, text);
    let mut bytes = text.as_bytes();
    for entry in serde_saphyr::read::<_, Spanned<read::Raw>>(&mut bytes) {
        match entry {
            Ok(Spanned { value, referenced, .. }) => {
                let at = (referenced.line(), referenced.column());
                let places = places.remove(&at).unwrap_or_default();
                let document = value.into_document(place(path, Some(referenced)), places);
                problems.extend(document.problems());
                documents.push(document);
            }
            Err(error) => problems.push(refused(path, &error)),
        }
    }
}

fn refused(path: &str, error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let location = error.location();
    let mut message = error.render_with_options(serde_saphyr::render_options! {
        formatter: &UserMessageFormatter,
        snippets: serde_saphyr::SnippetMode::Off,
    });
    if let Some(location) = location {
        // The place is told apart from the message.
        let suffix = format!(" at line {}, column {}", location.line(), location.column());
        message = message.replace(&suffix, "");
    }
    Problem { place: place(path, location), document: String::new(), field: String::new(), message }
}

fn place(path: &str, location: Option<serde_saphyr::Location>) -> Place {
    Place {
        file: path.to_owned(),
        line: location.map_or(0, |location| location.line()),
        column: location.map_or(0, |location| location.column()),
    }
}
