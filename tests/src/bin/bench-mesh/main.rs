//! `cargo xtask bench mesh`: people per second from import to settled, beside a floor of the same
//! run.
//!
//! The floor does the same amount of work without deciding anything: as many messages of the same
//! sizes through JetStream and batched PostgreSQL, and as many HTTP calls by a bare client against
//! the same sandbox. Mesh and floor share the machine's cores in the same way, so their ratio says
//! what the mesh itself costs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod floor;
mod mesh;

use std::path::PathBuf;

use clap::Parser;

/// Measures the mesh beside a floor of the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench mesh --")]
struct Arguments {
    /// How many people of the sample workforce are imported.
    #[arg(long, default_value_t = 4000)]
    people: usize,
    /// How often everything is measured; medians are printed.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// One round.
#[derive(Debug, Default, Clone)]
struct Round {
    scim: mesh::Measured,
    inprocess: mesh::Measured,
    messages_seconds: f64,
    http_seconds: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample/city-workforce");
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: the mesh with SCIM applications", arguments.rounds);
        let scim = mesh::run(&sample, arguments.people, true).await?;
        eprintln!("round {round}: the mesh with connectors that answer in process");
        let inprocess = mesh::run(&sample, arguments.people, false).await?;
        eprintln!("round {round}: the floor");
        let messages_seconds = floor::messages(&scim.messages).await?;
        let http_seconds = floor::http(&scim.calls).await?;
        rounds.push(Round { scim, inprocess, messages_seconds, http_seconds });
    }
    print(&arguments, &rounds);
    Ok(())
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn print(arguments: &Arguments, rounds: &[Round]) {
    let Some(last) = rounds.last() else { return };
    let scim = median(rounds, |round| round.scim.settled_seconds);
    let inprocess = median(rounds, |round| round.inprocess.settled_seconds);
    let scim_recorded = median(rounds, |round| round.scim.recorded_seconds);
    let inprocess_recorded = median(rounds, |round| round.inprocess.recorded_seconds);
    let messages = median(rounds, |round| round.messages_seconds);
    let http = median(rounds, |round| round.http_seconds);
    let people = f64::from(u32::try_from(arguments.people).unwrap_or(u32::MAX));
    let ratio = median(rounds, |round| {
        (round.messages_seconds + round.http_seconds) / round.scim.recorded_seconds
    });
    let ratio_inprocess =
        median(rounds, |round| round.messages_seconds / round.inprocess.recorded_seconds);

    println!("| what | seconds | people/s |");
    println!("| --- | --- | --- |");
    for (what, seconds) in [
        ("mesh, SCIM applications: settled", scim),
        ("mesh, SCIM applications: and recorded", scim_recorded),
        ("mesh, connectors in process: settled", inprocess),
        ("mesh, connectors in process: and recorded", inprocess_recorded),
        ("floor: messages and rows", messages),
        ("floor: HTTP calls", http),
        ("floor: both", messages + http),
    ] {
        println!("| {what} | {seconds:.2} | {:.0} |", people / seconds);
    }
    println!();
    println!("| messages | count | bytes each |");
    println!("| --- | --- | --- |");
    for load in &last.scim.messages {
        println!("| {} | {} | {} |", load.kind, load.count, load.bytes_each);
    }
    println!();
    println!("| calls | count |");
    println!("| --- | --- |");
    for (call, count) in &last.scim.calls.by_kind {
        println!("| {call} | {count} |");
    }
    println!();
    println!("| where the time goes (CPU seconds, SCIM) | seconds | memory MiB |");
    println!("| --- | --- | --- |");
    for (process, usage) in &last.scim.processes {
        println!("| {process} | {:.2} | {:.0} |", usage.cpu_seconds, usage.memory_mib);
    }
    println!();
    let memory: serde_json::Map<String, serde_json::Value> = last
        .scim
        .processes
        .iter()
        .map(|(process, usage)| (process.clone(), usage.memory_mib.round().into()))
        .collect();
    println!(
        "{}",
        serde_json::json!({
            "people_per_second": people / scim,
            "people_per_second_inprocess": people / inprocess,
            "floor_ratio": ratio,
            "floor_ratio_inprocess": ratio_inprocess,
            "memory_mib": memory,
            "people": arguments.people,
            "rounds": rounds.len(),
        })
    );
}
