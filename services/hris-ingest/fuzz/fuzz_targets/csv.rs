//! Whatever stands in a CSV file is taken over, rejected or refused, and passed over when it is repeated.
#![no_main]

use std::sync::LazyLock;

use hris_ingest::mapping::Source;
use libfuzzer_sys::fuzz_target;

static SOURCE: LazyLock<Source> =
    LazyLock::new(|| Source::parse(include_str!("../csv.yaml")).expect("it is a document"));

fuzz_target!(|rows: &[u8]| {
    let header = b"Id,Name,Job,Start,LastDay,From,Boss,Zone\n";
    hris_ingest::reader::fuzzed::file(&SOURCE, &[header, rows].concat());
    hris_ingest::reader::fuzzed::file(&SOURCE, rows);
});
