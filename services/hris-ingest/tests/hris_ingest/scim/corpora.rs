//! What fuzzers begin with, and what is nearly that, is read or refused.

use std::path::Path;

use hris_ingest::mapping::Source;
use hris_ingest::scim::fuzzed;
use serde_json::Value;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn user() -> Value {
    serde_json::from_str(include_str!("../../../fuzz/user.json")).unwrap()
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
    let source = Source::parse(include_str!("../../../fuzz/source.yaml")).unwrap();
    let (user, mut applied) = (user(), 0);
    for seed in corpus("scim_patch") {
        for input in std::iter::once(seed.clone()).chain(nearly(&seed)) {
            let Ok(request) = serde_json::from_slice::<Value>(&input) else { continue };
            applied += u32::from(fuzzed::patch(&source, &user, &request));
        }
    }
    assert!(applied > 100, "{applied} were applied");
}
