//! Whatever is given as policy documents is refused or compiled, within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rules::Release;
use rules::document::load;
use rules::proof::verify;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(documents) = load("fuzz.yaml", text) else { return };
    if let Ok(release) = Release::compile(1, documents) {
        std::hint::black_box(verify(&release));
    }
});
