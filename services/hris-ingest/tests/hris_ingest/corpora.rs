//! What fuzzers begin with, and what is nearly that, is read or refused.

use std::path::Path;

use hris_ingest::mapping::Source;
use hris_ingest::scim::fuzzed;
use hris_ingest::{intake, reader, webhook};
use serde_json::Value;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn user() -> Value {
    serde_json::from_str(include_str!("../../fuzz/user.json")).unwrap()
}

/// Everything that is a byte short, a byte long or a byte wrong.
fn nearly(input: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const BYTES: &[u8] = b"\"\\()[].: {}0-nat\xff";
    (0..input.len()).flat_map(move |at| {
        let cut = input[..at].to_vec();
        let without = [&input[..at], &input[at + 1..]].concat();
        let wrong = BYTES.iter().map(move |byte| {
            let mut wrong = input.to_vec();
            wrong[at] = *byte;
            wrong
        });
        let long = BYTES.iter().map(move |byte| {
            let mut long = input.to_vec();
            long.insert(at, *byte);
            long
        });
        [cut, without].into_iter().chain(wrong).chain(long)
    })
}

#[test]
fn filters_and_paths_are_read_or_refused() {
    let (user, mut read) = (user(), 0);
    for seed in corpus("scim_filter") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
            let Ok(text) = std::str::from_utf8(&input) else { continue };
            read += u32::from(fuzzed::filter(text, &user)) + u32::from(fuzzed::path(text));
        }
    }
    assert!(read > 100, "{read} were read");
}

#[test]
fn patches_are_applied_or_refused() {
    let source = Source::parse(include_str!("../../fuzz/source.yaml")).unwrap();
    let (user, mut applied) = (user(), 0);
    for seed in corpus("scim_patch") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
            let Ok(request) = serde_json::from_slice::<Value>(&input) else { continue };
            applied += u32::from(fuzzed::patch(&source, &user, &request));
        }
    }
    assert!(applied > 100, "{applied} were applied");
}

fn document(name: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name);
    Source::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn files_are_taken_over_or_refused_and_passed_over_when_repeated() {
    let header = b"Id,Name,Job,Start,LastDay,From,Boss,Zone\n";
    for (name, document_name, header) in
        [("csv", "csv.yaml", &header[..]), ("lines", "lines.yaml", &[])]
    {
        let (source, mut rows) = (document(document_name), 0);
        for seed in corpus(name) {
            for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
                rows += reader::fuzzed::file(&source, &[header, &input].concat());
            }
        }
        assert!(rows > 100, "{rows} rows of {name} were taken over");
    }
}

#[test]
fn mappings_are_read_or_refused() {
    let (mut read, mut refused) = (0, 0);
    for seed in corpus("mapping") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed).step_by(7)) {
            let Ok(text) = std::str::from_utf8(&input) else { continue };
            match Source::parse(text) {
                Ok(_source) => read += 1,
                Err(error) => refused += usize::from(!error.problems.is_empty()),
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
}

#[test]
fn no_message_is_believed_that_nobody_signed() {
    for seed in corpus("webhook") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
            let text = String::from_utf8_lossy(&input);
            let (signatures, body) = text.split_once('=').unwrap_or((&text, ""));
            let believed =
                webhook::fuzzed::is_believed("msg_1", "1614265330", signatures, body.as_bytes());
            assert!(!believed, "{text}");
        }
    }
}

#[test]
fn events_are_read_or_refused() {
    let (source, mut records) = (document("lines.yaml"), 0);
    for seed in corpus("cloudevents") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
            records += intake::fuzzed::message(&source, &input);
        }
    }
    assert!(records > 100, "{records} records were read");
}
