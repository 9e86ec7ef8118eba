//! `cargo xtask bench mesh`: people per second from import to settled, beside a floor of the same
//! run, and how long a leaver keeps access.
//!
//! The floor does the same amount of work without deciding anything: as many messages of the same
//! sizes through JetStream and batched PostgreSQL, and as many HTTP calls by a bare client against
//! the same sandbox. Mesh and floor share the machine's cores in the same way, so their ratio says
//! what the mesh itself costs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod floor;
mod leavers;
mod mesh;

use std::path::PathBuf;

use clap::Parser;

use crate::leavers::{Latencies, quantile};

/// Measures the mesh beside a floor of the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench mesh --")]
struct Arguments {
    /// How many people of the sample workforce are imported.
    #[arg(long, default_value_t = 4000)]
    people: usize,
    /// How often everything is measured; medians are printed. None: only leavers are measured.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// How many people leave one by one while nothing happens, and again beside the joiners; zero
    /// leaves this out.
    #[arg(long, default_value_t = 50)]
    leavers: usize,
    /// How many joiners are queued while people leave.
    #[arg(long, default_value_t = 10_000)]
    joiners: usize,
}

/// One round.
#[derive(Debug, Default, Clone)]
struct Round {
    scim: mesh::Measured,
    inprocess: mesh::Measured,
    messages: floor::Taken,
    http: floor::Taken,
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
        let messages = floor::messages(&scim.messages).await?;
        let http = floor::http(&scim.calls).await?;
        rounds.push(Round { scim, inprocess, messages, http });
    }
    let latencies = match arguments.leavers {
        0 => Latencies::default(),
        leavers => {
            eprintln!("leavers, idle and beside {} joiners", arguments.joiners);
            leavers::run(&sample, arguments.joiners, leavers).await?
        }
    };
    let mut figures = serde_json::Map::new();
    print(&arguments, &rounds, &mut figures);
    print_leavers(&latencies, &mut figures);
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

fn print_leavers(latencies: &Latencies, figures: &mut serde_json::Map<String, serde_json::Value>) {
    let Latencies { idle, queued, held, queue, stages } = latencies;
    if idle.is_empty() {
        return;
    }
    println!("| a leaver, from accepted to disabled everywhere | leavers | p50 ms | p99 ms |");
    println!("| --- | --- | --- | --- |");
    let lines = [
        ("idle".to_owned(), idle),
        ("ended by an operator while a file is held".to_owned(), held),
        (format!("{} joiners queued at first, {} at last", queue.0, queue.1), queued),
    ];
    let stages = stages.iter().map(|(stage, sorted)| (format!("of that, {stage}"), sorted));
    for (when, sorted) in lines.into_iter().chain(stages) {
        let (count, p50, p99) = (sorted.len(), quantile(sorted, 50), quantile(sorted, 99));
        println!("| {when} | {count} | {p50:.0} | {p99:.0} |");
    }
    println!();
    for (key, figure) in [
        ("leaver_p50_ms", quantile(queued, 50)),
        ("leaver_p99_ms", quantile(queued, 99)),
        ("leaver_idle_p50_ms", quantile(idle, 50)),
        ("leaver_idle_p99_ms", quantile(idle, 99)),
        ("leaver_held_p50_ms", quantile(held, 50)),
        ("leaver_held_p99_ms", quantile(held, 99)),
    ] {
        figures.insert(key.to_owned(), figure.round().into());
    }
    figures.insert("leavers".to_owned(), idle.len().into());
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn print(
    arguments: &Arguments,
    rounds: &[Round],
    figures: &mut serde_json::Map<String, serde_json::Value>,
) {
    let Some(last) = rounds.last() else { return };
    let scim = median(rounds, |round| round.scim.settled_seconds);
    let inprocess = median(rounds, |round| round.inprocess.settled_seconds);
    let scim_recorded = median(rounds, |round| round.scim.recorded_seconds);
    let inprocess_recorded = median(rounds, |round| round.inprocess.recorded_seconds);
    let messages = median(rounds, |round| round.messages.seconds);
    let http = median(rounds, |round| round.http.seconds);
    let people = f64::from(u32::try_from(arguments.people).unwrap_or(u32::MAX));
    let ratio = median(rounds, |round| {
        (round.messages.seconds + round.http.seconds) / round.scim.recorded_seconds
    });
    let ratio_inprocess =
        median(rounds, |round| round.messages.seconds / round.inprocess.recorded_seconds);

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
    print_usage(last);
    let cpu = cpu(rounds);
    let memory: serde_json::Map<String, serde_json::Value> = last
        .scim
        .processes
        .iter()
        .map(|(process, usage)| (process.clone(), usage.memory_mib.round().into()))
        .collect();
    for (key, figure) in [
        ("people_per_second", (people / scim).into()),
        ("people_per_second_inprocess", (people / inprocess).into()),
        ("floor_ratio", ratio.into()),
        ("floor_ratio_inprocess", ratio_inprocess.into()),
        ("cpu_seconds", cpu.scim.into()),
        ("cpu_seconds_inprocess", cpu.inprocess.into()),
        ("floor_cpu_seconds", (cpu.messages + cpu.http).into()),
        ("floor_cpu_ratio", ((cpu.messages + cpu.http) / cpu.scim).into()),
        ("floor_cpu_ratio_inprocess", (cpu.messages / cpu.inprocess).into()),
        ("memory_mib", memory.into()),
        ("people", arguments.people.into()),
        ("rounds", rounds.len().into()),
    ] {
        figures.insert(key.to_owned(), figure);
    }
}

/// Medians of what the rounds used of the processors. Others who use the machine change them less
/// than they change the time that passes.
struct Cpu {
    scim: f64,
    inprocess: f64,
    messages: f64,
    http: f64,
}

fn cpu(rounds: &[Round]) -> Cpu {
    let cpu = Cpu {
        scim: median(rounds, |round| round.scim.cpu_seconds()),
        inprocess: median(rounds, |round| round.inprocess.cpu_seconds()),
        messages: median(rounds, |round| round.messages.cpu_seconds),
        http: median(rounds, |round| round.http.cpu_seconds),
    };
    println!("| CPU seconds, all processes | seconds |");
    println!("| --- | --- |");
    for (what, seconds) in [
        ("mesh, SCIM applications", cpu.scim),
        ("mesh, connectors in process", cpu.inprocess),
        ("floor: messages and rows", cpu.messages),
        ("floor: HTTP calls", cpu.http),
    ] {
        println!("| {what} | {seconds:.2} |");
    }
    println!();
    cpu
}

/// What each process used in the last round.
fn print_usage(last: &Round) {
    println!("| where the time goes (CPU seconds) | SCIM | in process | memory MiB (SCIM) |");
    println!("| --- | --- | --- | --- |");
    for (process, usage) in &last.scim.processes {
        let inprocess = last.inprocess.processes.get(process).map_or(0.0, |u| u.cpu_seconds);
        let (scim, memory) = (usage.cpu_seconds, usage.memory_mib);
        println!("| {process} | {scim:.2} | {inprocess:.2} | {memory:.0} |");
    }
    println!();
}
