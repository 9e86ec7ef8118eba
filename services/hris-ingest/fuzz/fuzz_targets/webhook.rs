//! Whatever is sent as a signed message is not believed, unless it was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: (&str, &str, &str, &[u8])| {
    let (id, timestamp, signatures, body) = message;
    assert!(!hris_ingest::webhook::fuzzed::is_believed(id, timestamp, signatures, body));
});
