//! `cargo xtask test`: every kind of test, and apart from them what needs root.

use anyhow::bail;
use clap::Args;

use crate::shell;

#[derive(Debug, Default, Args)]
pub(crate) struct Arguments {
    /// `system`, or part of the names of the tests to run; none: all.
    names: Vec<String>,
}

/// An unprivileged user that every Linux has the number of.
const NOBODY: &str = "65534";

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.names.iter().any(|name| name == "system") {
        return system();
    }
    prepare()?;
    if arguments.names.is_empty() {
        let tools = shell::fetch(&["python-peers"])?;
        shell::run(shell::program(tools["python-peers"].as_str().unwrap_or("python3")).args([
            "-B",
            "-m",
            "unittest",
            "discover",
            "-s",
            "tests/verify",
        ]))?;
    }
    shell::run(runner().args(&arguments.names))
}

/// What tests start, so that none of them waits for a download or a build. One build serves every
/// test and every program they start; returns the test programs by package.
fn prepare() -> anyhow::Result<Vec<(String, String)>> {
    shell::fetch(&["nats-server", "postgres", "python-peers", "slapd", "scimmy", "samba"])?;
    let built = shell::output(shell::cargo().args([
        "test",
        "--locked",
        "--workspace",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ]))?;
    Ok(built
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|artifact| artifact["profile"]["test"].as_bool() == Some(true))
        .filter_map(|artifact| {
            let package = artifact["package_id"].as_str()?.to_owned();
            Some((package, artifact["executable"].as_str()?.to_owned()))
        })
        .collect())
}

/// cargo-nextest where it is installed, else cargo's own runner.
fn runner() -> std::process::Command {
    let mut command = shell::cargo();
    if shell::exists(shell::cargo().args(["nextest", "--version"])) {
        command.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
    } else {
        command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    }
    command
}

/// Runs the tests of private servers as another user, which only root can do. Run as that other
/// user, the ordinary tests cover the same ground.
pub(crate) fn system() -> anyhow::Result<()> {
    if !nix::unistd::Uid::effective().is_root() {
        println!("system tests: 0 ran; not run: servers as another user (needs root)");
        return Ok(());
    }
    if !shell::exists(shell::program("setpriv").arg("--version")) {
        println!("system tests: 0 ran; not run: servers as another user (needs setpriv)");
        return Ok(());
    }
    let tools = shell::fetch(&["nats-server", "postgres"])?;
    let binaries: Vec<String> = prepare()?
        .into_iter()
        .filter(|(package, _program)| package.contains("/lib/servers#"))
        .map(|(_package, program)| program)
        .collect();
    if binaries.is_empty() {
        bail!("the tests of the private servers were not built");
    }
    let place = scratch()?;
    for binary in &binaries {
        // The target folder may stand where another user cannot enter.
        let copy = place.join("tests");
        std::fs::copy(binary, &copy)?;
        shell::run(
            std::process::Command::new("setpriv")
                .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}")])
                .args(["--clear-groups", "--inh-caps=-all", "--"])
                .arg(&copy)
                .current_dir("/")
                .env("HOME", &place)
                .env("TMPDIR", &place)
                .env("TENURE_CACHE", place.join("cache"))
                .env("TENURE_NATS_SERVER", tools["nats-server"].as_str().unwrap_or_default())
                .env("TENURE_POSTGRES_HOME", tools["postgres"].as_str().unwrap_or_default()),
        )?;
    }
    std::fs::remove_dir_all(&place)?;
    println!("system tests: {} suites ran as user {NOBODY}; nothing was left out", binaries.len());
    Ok(())
}

/// A folder that belongs to the other user.
fn scratch() -> anyhow::Result<std::path::PathBuf> {
    let place = std::env::temp_dir().join(format!("tenure-system-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    let nobody = NOBODY.parse::<u32>()?;
    nix::unistd::chown(&place, Some(nobody.into()), Some(nobody.into()))?;
    Ok(place)
}
