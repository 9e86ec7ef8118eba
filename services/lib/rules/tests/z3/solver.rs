//! The independent solver, as a process.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// How much work z3 may put into one question, in its own units: the same on a busy machine, unlike
/// a time.
const WORK_MAX: u64 = 8_000_000;

/// Returns where z3 is; nothing where there is none for the machine.
pub(crate) fn find() -> Option<String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/tools/fetch.py");
    let output = Command::new("python3").args([fetch, "z3"]).output().expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tools: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("it names its tools");
    let found = tools["z3"].as_str().map(str::to_owned);
    assert!(found.is_some() || !cfg!(target_arch = "x86_64"), "z3 is to be had here: {tools}");
    found
}

/// Returns what z3 answers to each question of a script.
pub(crate) fn answers(z3: &str, script: &str) -> Vec<String> {
    let mut process = Command::new(z3)
        .args(["-in", "-smt2", &format!("rlimit={WORK_MAX}")])
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
