//! Policies decided for many people: Tenure's own evaluation beside the CEL interpreter and Cedar.
//!
//! All engines are asked the same policies about the same people, and have to give the same matches.
//! The others are asked about a sample spread over the people, and their time is extrapolated.

#[cfg(feature = "cedar")]
mod cedar;
mod interpreter;
mod memory;
mod ours;
mod proofs;
mod table;
mod workload;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use table::Table;
use workload::Workload;

/// How many people the CEL interpreter is asked about.
const CEL_SAMPLE: usize = 2_000;
/// How many people Cedar is asked about.
#[cfg(feature = "cedar")]
const CEDAR_SAMPLE: usize = 300;

fn main() -> anyhow::Result<()> {
    let (mut people, mut policies, mut repetitions) = (100_000, 1_000, 9);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> anyhow::Result<usize> {
            let value = arguments.next().context("a number has to follow")?;
            value.parse().with_context(|| format!("{value:?} is no number"))
        };
        match argument.as_str() {
            "--people" => people = number()?,
            "--policies" => policies = number()?,
            "--repetitions" => repetitions = number()?.max(1),
            memory::CHILD => return memory::child(),
            _ => bail!("there is --people N, --policies N and --repetitions N, not {argument:?}"),
        }
    }
    let workload = Workload::new(people, policies);
    let mut table = Table::default();

    let ours = ours::Ours::prepare(&workload, &mut table);
    let measured = ours.measure(&workload, repetitions, &mut table);

    let every = |sample: usize| (people / sample.min(people)).max(1);
    let cel_people: Vec<usize> = (0..people).step_by(every(CEL_SAMPLE)).collect();
    let (cel_matches, cel_time) = interpreter::run(&workload, &cel_people, 3)?;
    ours.agree("cel", &cel_people, &cel_matches)?;

    let full = measured.full.as_secs_f64();
    let mut other = |name: &str, sample: usize, time: Duration| {
        let whole = time.as_secs_f64() * count(people) / count(sample);
        let remark = format!(
            "{sample} people asked, extrapolated; same matches; {:.0} ns a decision",
            time.as_secs_f64() * 1e9 / count(sample) / count(policies)
        );
        table.add_row([format!("all decisions, {name}"), format!("{whole:.1} s"), remark]);
        whole / full
    };
    let ratio_cel = other("cel 0.15", cel_people.len(), cel_time);
    #[cfg(feature = "cedar")]
    let ratio_cedar = {
        let asked: Vec<usize> = (0..people).step_by(every(CEDAR_SAMPLE)).collect();
        let (matches, time) = cedar::run(&workload, &asked, 3)?;
        ours.agree("Cedar", &asked, &matches)?;
        Some(other("Cedar 4", asked.len(), time).round())
    };
    #[cfg(not(feature = "cedar"))]
    let ratio_cedar = None::<f64>;
    let proof = proofs::measure(&workload, &mut table);
    let memory = memory::measure()?;
    let remark = "peak, a process of its own: all columns, answers and decisions".to_owned();
    table.add_row([
        "1,000,000 people x 1,000 policies".to_owned(),
        format!("{memory} MiB"),
        remark,
    ]);

    println!(
        "{people} people x {policies} policies, {repetitions} repetitions, one core\n\n{table}"
    );
    let milliseconds = |time: Duration| round(time.as_secs_f64() * 1e3);
    let result = json!({
        "full_ms": milliseconds(measured.full),
        "rows_ms": milliseconds(measured.rows),
        "person_us": round(measured.person.as_secs_f64() * 1e6),
        "whatif_ms": milliseconds(measured.what_if),
        "proof_us": round(proof.as_secs_f64() * 1e6),
        "ratio_cel": ratio_cel.round(),
        "ratio_cedar": ratio_cedar,
        "memory_mib_1m": memory,
    });
    ensure!(result["full_ms"].is_number(), "nothing was measured");
    println!("{result}");
    Ok(())
}

/// Runs something several times and returns its median time.
fn median(repetitions: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..repetitions)
        .map(|_repetition| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    middle(&mut times)
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts here are small")]
fn count(number: usize) -> f64 {
    number as f64
}

fn round(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
