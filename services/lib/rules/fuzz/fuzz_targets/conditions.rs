//! Whatever is given as a condition is refused or compiled; what compiles can be printed, read again,
//! evaluated and proved, and a witness is what it is said to be.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/corpus/condition.rs"]
mod condition;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        condition::check(text);
    }
});
