//! Whatever is written as a mapping reads files or is refused.
#![no_main]

use hris_ingest::mapping::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(source) = Source::parse(text) {
        hris_ingest::reader::fuzzed::file(&source, text.as_bytes());
    }
});
