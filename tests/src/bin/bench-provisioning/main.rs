//! `cargo xtask bench provisioning`: what the provisioning service carries out in a second, how long
//! a leaver keeps access when many leave at once, and what much waiting work costs in memory.
//!
//! The service runs as a process on servers of its own and is told what shall hold by events, as
//! policy-evaluation tells it. Each figure stands beside a floor of the same run: a bare client that
//! makes the same requests of the same applications, and nothing else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod client;
mod leavers;
mod memory;
mod replay;
mod setup;
mod speed;

use clap::Parser;
use serde_json::{Map, Value};

/// Measures provisioning beside a floor of the same run; prints one line of JSON.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench provisioning --")]
struct Arguments {
    /// How often everything is measured; medians are printed.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// How many people come at once, each to four applications, to measure actions per second; zero
    /// leaves this out.
    #[arg(long, default_value_t = 2_000)]
    people: u128,
    /// How many people leave at once; zero leaves this out.
    #[arg(long, default_value_t = 1_000)]
    leavers: u128,
    /// In how many applications they have accounts; there are so many where work waits, too.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=100))]
    applications: u32,
    /// How many actions of joiners wait while they leave.
    #[arg(long, default_value_t = 20_000)]
    waiting: u64,
    /// How many actions wait while the service's memory is measured; zero leaves this out.
    #[arg(long, default_value_t = 1_000_000)]
    pending: u64,
}

/// Figures by their names; each round has the same ones.
type Figures = Vec<(&'static str, f64)>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut rounds: Vec<Figures> = Vec::new();
    for round in 1..=arguments.rounds {
        let mut figures = Figures::new();
        if arguments.people > 0 {
            eprintln!("round {round} of {}: {} people come", arguments.rounds, arguments.people);
            figures.extend(speed::run(arguments.people).await?);
        }
        if arguments.leavers > 0 {
            let Arguments { leavers, applications, waiting, .. } = arguments;
            eprintln!("round {round}: {leavers} people leave {applications} applications");
            figures.extend(leavers::run(leavers, applications, waiting).await?);
        }
        if arguments.pending > 0 {
            eprintln!("round {round}: {} actions wait", arguments.pending);
            figures.extend(memory::run(arguments.pending, arguments.applications).await?);
        }
        rounds.push(figures);
    }
    println!("{}", Value::Object(summary(&arguments, &rounds)));
    Ok(())
}

/// The median of each figure, and what was asked for.
fn summary(arguments: &Arguments, rounds: &[Figures]) -> Map<String, Value> {
    let mut summary = Map::new();
    for (place, (name, _figure)) in rounds.first().into_iter().flatten().enumerate() {
        let figures = rounds.iter().filter_map(|round| round.get(place));
        let mut figures: Vec<f64> = figures.map(|(_name, figure)| *figure).collect();
        figures.sort_by(f64::total_cmp);
        let median = figures.get(figures.len() / 2).copied().unwrap_or_default();
        // Ratios need their decimals.
        let digits = if name.ends_with("ratio") { 1_000.0 } else { 10.0 };
        summary.insert((*name).to_owned(), ((median * digits).round() / digits).into());
    }
    for (name, figure) in [
        ("rounds", u64::try_from(rounds.len()).unwrap_or_default()),
        ("people", u64::try_from(arguments.people).unwrap_or_default()),
        ("leavers", u64::try_from(arguments.leavers).unwrap_or_default()),
        ("applications", arguments.applications.into()),
        ("waiting", arguments.waiting),
        ("pending", arguments.pending),
    ] {
        summary.insert(name.to_owned(), figure.into());
    }
    summary
}

/// Returns a quantile of sorted figures.
fn quantile(sorted: &[f64], of_hundred: usize) -> f64 {
    let place = (sorted.len() * of_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
