//! `tenure`: the operators' command line, and the launcher of a local mesh.
//!
//! Invariants:
//! - results go to standard output, everything else to standard error;
//! - nothing that was started survives the process that started it.

mod arguments;
pub mod client;
mod commands;
mod credentials;
mod http;
mod launcher;
mod memory;
mod output;
mod progress;
mod vault;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;
use crate::output::Output;

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.output);
    listen();
    // One thread: the kernel ends children with the thread that started them, and this one stays.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments, &output)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output.complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Shows warnings, and what the launcher does; `RUST_LOG` overrides it.
fn listen() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| EnvFilter::new("warn,cli=info,async_nats=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .compact()
        .init();
}
