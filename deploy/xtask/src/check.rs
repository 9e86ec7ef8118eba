//! `cargo xtask check`: what a commit needs.

use crate::shell;

pub(crate) fn run() -> anyhow::Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(shell::cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    protos()?;
    licences()
}

/// Names, comments and compatibility of the protos.
fn protos() -> anyhow::Result<()> {
    let tools = shell::fetch(&["buf"])?;
    let Some(buf) = tools["buf"].as_str() else {
        println!("check: protos not linted: {}", tools["buf"]["skipped"]);
        return Ok(());
    };
    let proto = shell::root().join("proto");
    shell::run(shell::program(buf).arg("lint").current_dir(&proto))?;
    shell::run(shell::program(buf).args(["format", "--diff", "--exit-code"]).current_dir(&proto))?;
    shell::run(
        shell::program(buf).args(["breaking", "--against", "released.binpb"]).current_dir(&proto),
    )
}

fn licences() -> anyhow::Result<()> {
    if !shell::exists(shell::cargo().args(["deny", "--version"])) {
        println!("check: licences and sources not checked: cargo-deny is not installed");
        return Ok(());
    }
    shell::run(shell::cargo().args([
        "deny",
        "--config",
        ".deny.toml",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
