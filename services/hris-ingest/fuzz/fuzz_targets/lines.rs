//! Whatever stands in JSON lines is taken over, rejected or refused, and passed over when it is repeated.
#![no_main]

use std::sync::LazyLock;

use hris_ingest::mapping::Source;
use libfuzzer_sys::fuzz_target;

static SOURCE: LazyLock<Source> =
    LazyLock::new(|| Source::parse(include_str!("../lines.yaml")).expect("it is a document"));

fuzz_target!(|lines: &[u8]| {
    hris_ingest::reader::fuzzed::file(&SOURCE, lines);
});
