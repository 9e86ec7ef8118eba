//! Whatever a client writes as a filter or a path is read or refused.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static USER: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../user.json")).expect("it is JSON"));

fuzz_target!(|text: &str| {
    hris_ingest::scim::fuzzed::filter(text, &USER);
    hris_ingest::scim::fuzzed::path(text);
});
