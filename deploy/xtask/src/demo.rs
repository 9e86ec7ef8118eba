//! `cargo xtask demo`: build, then let `tenure demo` do the rest.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::shell;

/// The binaries of a mesh, and the applications it is shown on.
const BINARIES: [&str; 7] = [
    "tenure",
    "hris-ingest",
    "policy-evaluation",
    "provisioning",
    "notification",
    "audit",
    "sandbox",
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Handed to `tenure demo`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let tools = shell::fetch(&["nats-server", "postgres", "python-peers", "slapd"])?;
    let tree = tools["slapd"].as_str().and_then(|slapd| Path::new(slapd).ancestors().nth(3));
    if tree.is_none() {
        println!("demo: no directory takes part: {}", tools["slapd"]["skipped"]);
    }
    let directory = tree.map(|tree| tree.join("usr/bin/ldapsearch"));
    let directory = directory.map(|client| [OsString::from("--ldapsearch"), client.into()]);
    build(&[])?;
    let tenure = shell::target()?.join("debug/tenure");
    shell::run(
        shell::program(&tenure.to_string_lossy())
            .arg("demo")
            .arg("--samples")
            .arg(shell::root().join("deploy/sample"))
            .arg("--verify")
            .arg(shell::root().join("tests/verify/verify.py"))
            .arg("--mail-server")
            .arg(shell::root().join("services/lib/testkit/src/mail_server.py"))
            .arg("--python")
            .arg(tools["python-peers"].as_str().unwrap_or("python3"))
            .args(directory.into_iter().flatten())
            .args(&arguments.rest),
    )
}

/// Builds every binary of a mesh.
pub(crate) fn build(extra: &[&str]) -> anyhow::Result<()> {
    let mut command = shell::cargo();
    command.args(["build", "--locked", "--workspace"]).args(extra);
    for binary in BINARIES {
        command.args(["--bin", binary]);
    }
    shell::run(&mut command)
}
