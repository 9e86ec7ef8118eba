//! The independent solver, as a process.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Returns where z3 is; nothing, with a word on why, where it cannot be had.
pub(crate) fn find() -> Option<String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/tools/fetch.py");
    let output = Command::new("python3").args([fetch, "z3"]).output().expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tools: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("it names its tools");
    tools["z3"].as_str().map(str::to_owned)
}

/// Returns what z3 answers to each question of a script.
pub(crate) fn answers(z3: &str, script: &str) -> Vec<String> {
    let mut process = Command::new(z3)
        .args(["-in", "-smt2", "-t:2000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("z3 starts");
    let mut input = process.stdin.take().expect("its input is piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(script.as_bytes()).expect("it reads"));
        process.wait_with_output().expect("it ends")
    });
    let said = String::from_utf8(output.stdout).expect("it answers in text");
    assert!(!said.contains("error"), "{said}");
    said.lines().map(str::to_owned).collect()
}
