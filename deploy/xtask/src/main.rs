//! The project's own commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to its user")]

mod bench;
mod check;
mod demo;
mod gen_files;
mod helm;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, shows, tests and measures Tenure. Needs Rust and Python 3 with pip; everything else is
/// fetched into a cache folder (`TENURE_CACHE`).
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes a city's workforce through the whole mesh into three applications, and proves the
    /// result with an independent calculation.
    Demo(demo::Arguments),
    /// Runs the tests: all, those whose name contains NAME, or `system` for what needs root.
    Test(test::Arguments),
    /// What a commit needs: formatting, lints, protos, licences.
    Check,
    /// Checks the chart, its rules and dashboards, images and migrations, without a cluster.
    Helm(helm::Arguments),
    /// Measures beside a floor or others taken in the same run: `mesh` or `rules`.
    Bench(bench::Arguments),
    /// Writes what is generated from the code; a clean tree afterwards means nothing was stale.
    Gen,
    /// Everything that has to pass before a change lands: check, test system, helm, test.
    Ci,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Check => check::run(),
        Command::Helm(arguments) => helm::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Gen => gen_files::run(),
        Command::Ci => ci(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The slow part comes last, so that its closing lines are the last that a reader sees.
fn ci() -> anyhow::Result<()> {
    check::run()?;
    test::system()?;
    // What is built by now takes part.
    helm::run(&helm::Arguments::default())?;
    test::run(&test::Arguments::default())
}
