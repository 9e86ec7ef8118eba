//! `cargo xtask bench ingest`: a file of many people, loaded at first and compared each day after, beside
//! a floor of the same run: the file read by a bare parser, and copied into a bare table.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod file;
mod floor;
mod service;

use clap::Parser;

use crate::service::Ingest;

/// Measures hris-ingest beside a floor of the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench ingest --")]
struct Arguments {
    /// How many people the file lists.
    #[arg(long, default_value_t = 1_000_000)]
    people: u32,
    /// How often the unchanged file and the floor are measured; medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: u16,
    /// Of how many people in a thousand something changes in the changed file.
    #[arg(long, default_value_t = 10)]
    changed_per_mille: u32,
}

/// What one import took.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    seconds: f64,
    /// The most memory of this process while it lasted, of which all but a little is the service's.
    peak_mib: f64,
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { people, rounds, changed_per_mille } = Arguments::parse();
    let folder = servers::scratch()?;
    let (same, other) = (folder.path().join("people.csv"), folder.path().join("changed.csv"));
    file::write(&same, people, 0)?;
    let changed = file::write(&other, people, changed_per_mille)?;
    let bytes = std::fs::metadata(&same)?.len();
    eprintln!("{people} people in {} MiB; the first load", bytes >> 20);

    let mut ingest = Ingest::start().await?;
    let first = ingest.import(&same, (u64::from(people), 0, 0)).await?;
    let (mut parses, mut copies, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak_mib = first.peak_mib;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}: the floor, then the file unchanged");
        parses.push(floor::parse(&same, people)?);
        copies.push(ingest.copy(&same).await?);
        let taken = ingest.import(&same, (0, 0, u64::from(people))).await?;
        peak_mib = peak_mib.max(taken.peak_mib);
        unchanged.push(taken.seconds);
    }
    eprintln!("the file with {changed} people changed");
    let news = ingest.import(&other, (0, changed, u64::from(people) - changed)).await?;
    peak_mib = peak_mib.max(news.peak_mib);
    ingest.stop().await;

    let (parse, copy, unchanged) = (median(parses), median(copies), median(unchanged));
    let rows = f64::from(people);
    println!("| {people} people | seconds | rows/s | times the bare parse |");
    println!("| --- | --- | --- | --- |");
    for (what, seconds) in [
        ("floor: bare parse", parse),
        ("floor: COPY into a bare table", copy),
        ("first load, told person by person", first.seconds),
        ("snapshot, unchanged", unchanged),
        ("snapshot, some changed", news.seconds),
    ] {
        println!("| {what} | {seconds:.2} | {:.0} | {:.1} |", rows / seconds, seconds / parse);
    }
    println!();
    let figures = [
        ("people", rows),
        ("rounds", f64::from(rounds)),
        ("first_rows_per_second", (rows / first.seconds).round()),
        ("snapshot_rows_per_second", (rows / news.seconds).round()),
        ("unchanged_rows_per_second", (rows / unchanged).round()),
        ("parse_ratio", hundredths(unchanged / parse)),
        ("copy_ratio", hundredths(first.seconds / (parse + copy))),
        ("peak_mib", peak_mib.round()),
    ];
    let figures: serde_json::Map<String, serde_json::Value> =
        figures.into_iter().map(|(key, figure)| (key.to_owned(), figure.into())).collect();
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

fn hundredths(ratio: f64) -> f64 {
    (ratio * 100.0).round() / 100.0
}
