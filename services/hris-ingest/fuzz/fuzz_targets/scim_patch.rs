//! Whatever a client writes as a PATCH request is applied or refused.
#![no_main]

use std::sync::LazyLock;

use hris_ingest::mapping::Source;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static USER: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../user.json")).expect("it is JSON"));
static SOURCE: LazyLock<Source> =
    LazyLock::new(|| Source::parse(include_str!("../source.yaml")).expect("it is a document"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice(bytes) {
        hris_ingest::scim::fuzzed::patch(&SOURCE, &USER, &request);
    }
});
