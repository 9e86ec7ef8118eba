//! How much memory a million people take, in a process that does nothing else.

use std::process::Command;

use anyhow::Context as _;
use rules::population::{Matches, Model, Population};

use crate::workload::{person, policies_of, schema};

pub(crate) const CHILD: &str = "--memory";
const PEOPLE: usize = 1_000_000;
const POLICIES: usize = 1_000;

/// Returns the most memory that the child ever had, in MiB.
pub(crate) fn measure() -> anyhow::Result<u64> {
    let program = std::env::current_exe().context("find this program")?;
    let output = Command::new(program).arg(CHILD).output().context("start this program again")?;
    let text = String::from_utf8(output.stdout).context("read what the child wrote")?;
    text.trim().parse().with_context(|| format!("read the child's peak from {text:?}"))
}

pub(crate) fn child() -> anyhow::Result<()> {
    let schema = schema();
    let policies = policies_of(&schema, POLICIES);
    let model = Model::new(
        policies
            .iter()
            .map(|policy| (policy.name.as_str(), &policy.condition, policy.grants.clone())),
    );
    let mut population = Population::new(&schema, 0, []);
    for (sequence, number) in (1..).zip(0..PEOPLE) {
        let (id, attributes) = person(number);
        population.replace(id, Some(&attributes), sequence);
    }
    let matches = Matches::of(&population, &model);
    std::hint::black_box(&matches);
    let status =
        std::fs::read_to_string("/proc/self/status").context("read this process's peak")?;
    let peak = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok()
        })
        .map(|kib: u64| kib / 1_024);
    println!("{}", peak.context("the status has no peak")?);
    Ok(())
}
