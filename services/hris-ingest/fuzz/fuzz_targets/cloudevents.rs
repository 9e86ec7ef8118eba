//! Whatever a source publishes is read as an event or refused, without repeating it.
#![no_main]

use std::sync::LazyLock;

use hris_ingest::mapping::Source;
use libfuzzer_sys::fuzz_target;

static SOURCE: LazyLock<Source> =
    LazyLock::new(|| Source::parse(include_str!("../lines.yaml")).expect("it is a document"));

fuzz_target!(|message: &[u8]| {
    hris_ingest::intake::fuzzed::message(&SOURCE, message);
});
