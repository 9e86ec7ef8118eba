//! `cargo xtask bench`: optimised builds, ratios to a floor of the same run.

use anyhow::bail;
use clap::Args;

use crate::{demo, shell};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure: `ingest`, `mesh`, `provisioning` or `rules`.
    name: String,
    /// Handed to the benchmark.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

const BENCHES: [&str; 4] = ["ingest", "mesh", "provisioning", "rules"];

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if !BENCHES.contains(&arguments.name.as_str()) {
        bail!("there is no benchmark {:?}; there is {}", arguments.name, BENCHES.join(", "));
    }
    if arguments.name == "rules" {
        return rules(arguments);
    }
    shell::fetch(&["nats-server", "postgres"])?;
    let bench = format!("bench-{}", arguments.name);
    // One build: apart from the others it would be built with other features, and they with it.
    demo::build(&["--release", "--bin", &bench])?;
    let program = shell::target()?.join("release").join(&bench);
    shell::run(shell::program(&program.to_string_lossy()).args(&arguments.rest))
}

/// Not a member of the workspace, so that nothing else builds what it compares with.
fn rules(arguments: &Arguments) -> anyhow::Result<()> {
    let manifest = shell::root().join("tests/bench-rules/Cargo.toml");
    let target = shell::target()?.join("bench-rules");
    shell::run(
        shell::cargo()
            .args(["run", "--release", "--locked", "--quiet", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .arg("--")
            .args(&arguments.rest),
    )
}
