//! Rules of the house that a program can check, over the sources as text.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proto::catalogue::CONSUMERS;

/// Files that may break a rule. This list may only shrink.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The contract's tables are split by table already; these are their owners.
    ("sql", "services/lib/store/src/"),
    ("sql", "services/lib/servers/src/"),
    // The relay's lock is a session's, not a table's.
    ("sql", "services/lib/bus/src/relay.rs"),
    ("sql", "services/lib/testkit/src/"),
    ("sql", "services/lib/chassis/src/admin.rs"),
    ("sql", "tests/src/bin/"),
    ("spawn", "services/lib/chassis/src/"),
    ("spawn", "services/lib/bus/src/"),
    ("spawn", "services/lib/servers/src/"),
    // What must not be dropped half-way.
    ("spawn", "services/lib/store/src/whole.rs"),
    ("spawn", "services/lib/testkit/src/"),
    ("spawn", "services/cli/src/"),
    ("spawn", "tests/src/bin/"),
];

/// Deciding code: no IO, and the time is an argument.
const PURE: &[&str] = &[
    "services/lib/domain/src/",
    "services/lib/rules/src/",
    "services/hris-ingest/src/facts",
    "services/hris-ingest/src/folder/decide",
    "services/hris-ingest/src/gate",
    "services/hris-ingest/src/intake/event",
    "services/hris-ingest/src/intake/structured",
    "services/hris-ingest/src/mapping",
    "services/hris-ingest/src/matching",
    "services/notification/src/milestone",
    "services/notification/src/person/kin",
    "services/notification/src/recipient",
    "services/notification/src/standing",
    "services/provisioning/src/budget",
    "services/provisioning/src/circuit",
    "services/provisioning/src/drift",
    "services/provisioning/src/kin",
    "services/provisioning/src/plan",
    "services/provisioning/src/watch",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust source, by its path from the top.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for top in ["proto", "services", "deploy", "tests"] {
        gather(&root().join(top), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn gather(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn excepted(rule: &str, path: &str) -> bool {
    EXCEPTIONS.iter().any(|(excepted, prefix)| *excepted == rule && path.starts_with(prefix))
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Code without what stands in its test modules.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Asserts that nothing was found, and lists all that was.
fn none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn sql_stands_in_table_files() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _text)| !is_test(path) && !path.ends_with("table.rs"))
        .filter(|(path, _text)| !path.contains("/table/") && !excepted("sql", path))
        .filter(|(_path, text)| code(text).contains("sqlx::query"))
        .map(|(path, _text)| path)
        .collect();
    none("SQL belongs in a table.rs", &found);
}

#[test]
fn sql_is_handed_the_time() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _text)| path != "tests/tests/tidy.rs")
        .filter(|(_path, text)| {
            let text = text.to_lowercase();
            ["select now()", "= now()", "(now()", ", now()", "current_timestamp"]
                .iter()
                .any(|clock| text.contains(clock))
        })
        .map(|(path, _text)| path)
        .collect();
    none("time is a parameter of SQL", &found);
}

#[test]
fn deciding_code_does_no_io_and_reads_no_clock() {
    const FORBIDDEN: [&str; 9] = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "Instant::now",
        "Timestamp::now",
        "tokio::",
        "sqlx::",
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        if is_test(&path) || path.ends_with("table.rs") {
            continue;
        }
        if !PURE.iter().any(|pure| path.starts_with(pure)) {
            continue;
        }
        for word in FORBIDDEN.iter().filter(|word| code(&text).contains(**word)) {
            found.push(format!("{path}: {word}"));
        }
    }
    none("pure code", &found);
}

#[test]
fn tasks_are_spawned_where_they_are_tracked() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _text)| !is_test(path) && !excepted("spawn", path))
        .filter(|(_path, text)| code(text).contains("tokio::spawn"))
        .map(|(path, _text)| path)
        .collect();
    none("only chassis and bus spawn, and what must not be dropped half-way", &found);
}

#[test]
fn modules_are_named_after_what_they_hold() {
    const FORBIDDEN: [&str; 6] = ["utils", "helpers", "common", "misc", "types", "manager"];
    let found: Vec<String> = sources()
        .into_iter()
        .map(|(path, _text)| path)
        .filter(|path| {
            let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
            FORBIDDEN.contains(&name) || name == "mod"
        })
        .collect();
    none("a module's name says nothing", &found);
}

#[test]
fn every_source_says_what_it_is_for() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _text)| {
            path.ends_with("/lib.rs")
                || path.ends_with("/main.rs")
                || path.contains("/handlers/")
                || (path.contains("/tests/") && !path.contains("/src/"))
        })
        .filter(|(_path, text)| !text.starts_with("//!"))
        .map(|(path, _text)| path)
        .collect();
    none("begin with //!", &found);
}

#[test]
fn a_handlers_file_carries_its_consumers_name() {
    let sources = sources();
    let mut found = Vec::new();
    for row in CONSUMERS.iter().filter(|row| row.event.is_some()) {
        let service = row.service.as_str();
        let what = row.name.strip_prefix(service).unwrap().trim_start_matches('-');
        let path = format!("services/{service}/src/handlers/{}.rs", what.replace('-', "_"));
        let owner = sources.iter().find(|(source, _text)| *source == path);
        if !owner.is_some_and(|(_path, text)| text.contains(row.name)) {
            found.push(format!("{} should be handled in {path}", row.name));
        }
    }
    none("handlers", &found);
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let mut used = BTreeSet::new();
    for (path, text) in sources() {
        if is_test(&path) {
            continue;
        }
        for prefix in ["HRIS-", "POL-", "PROV-", "NOTI-", "AUD-", "CLI-"] {
            for (at, _match) in code(&text).match_indices(&format!("\"{prefix}")) {
                let rest = &text[at + 1..];
                let end = rest.find('"').unwrap_or(rest.len());
                let digits = &rest[prefix.len()..end];
                if digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    used.insert(rest[..end].to_owned());
                }
            }
        }
    }
    let pages: BTreeSet<String> = std::fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(used, pages, "left: codes in the sources; right: pages in docs/errors");
}

#[test]
fn every_lifecycle_rule_names_tests_that_exist() {
    // Facts, people and feeds; then what is built of access and of doing it.
    let expected: Vec<u32> = (1..=21).chain([24, 25, 29, 30, 31, 34]).collect();
    let page = std::fs::read_to_string(root().join("docs/lifecycle-rules.md")).unwrap();
    let sources: BTreeMap<String, String> = sources().into_iter().collect();
    let (mut rules, mut found) = (Vec::new(), Vec::new());
    for row in page.lines().filter_map(|line| line.strip_prefix("| ")) {
        let mut cells = row.split(" | ");
        let Some(rule) = cells.next().and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        rules.push(rule);
        let (mut text, mut path, mut tests) = (None, "", 0);
        // What stands in backticks, of the cell with the tests.
        for word in cells.nth(1).unwrap_or_default().split('`').skip(1).step_by(2) {
            if word.contains('/') {
                (path, text) = (word, sources.get(word));
                continue;
            }
            tests += 1;
            if !text.is_some_and(|text| is_test_in(text, word)) {
                found.push(format!("rule {rule}: there is no test {word} in {path:?}"));
            }
        }
        if tests == 0 {
            found.push(format!("rule {rule}: no test is named"));
        }
    }
    none("docs/lifecycle-rules.md", &found);
    assert_eq!(rules, expected, "one row for each rule, in order");
}

/// Whether a function of this name is marked as a test, with attributes beside the mark at most.
fn is_test_in(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    let before = text[..at].rsplit("\n\n").next().unwrap_or_default();
    before.contains("#[test]") || before.contains("#[tokio::test")
}

#[test]
fn nothing_is_left_undone() {
    // In two halves, so that this file is looked at like any other.
    const MARKS: [&str; 4] = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("FIX", "ME"),
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        for mark in MARKS.iter().filter(|mark| text.contains(**mark)) {
            found.push(format!("{path}: {mark}"));
        }
    }
    none("left undone", &found);
}
