//! Separation of duties, proved for everybody who could ever exist.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rules::population::Entitlement;
use rules::proof::{Answer, Budget, Domain, Prover};
use rules::Formula;

use crate::middle;
use crate::table::Table;
use crate::workload::{Draw, Workload};

/// How many pairs of entitlements are asked about.
const PAIRS: usize = 1_062;

/// Returns the median time of one proof or refutation.
pub(crate) fn measure(workload: &Workload, table: &mut Table) -> Duration {
    let mut granted: BTreeMap<&Entitlement, Vec<&Formula>> = BTreeMap::new();
    for policy in &workload.policies {
        for grant in &policy.grants {
            granted.entry(grant).or_default().push(policy.condition.formula());
        }
    }
    let granted: Vec<Vec<&Formula>> = granted.into_values().collect();
    let prover = Prover::new(Domain::of(&workload.schema), Vec::new(), Budget::default());
    let mut draw = Draw::new(7);
    let (mut times, mut proved, mut refuted) = (Vec::new(), 0_usize, 0_usize);
    while times.len() < PAIRS && granted.len() > 1 {
        let (left, right) = (draw.below(granted.len()), draw.below(granted.len()));
        let (Some(one), Some(other)) = (granted.get(left), granted.get(right)) else { continue };
        if left == right {
            continue;
        }
        let begun = Instant::now();
        let answer = prover.apart(one, other);
        times.push(begun.elapsed());
        match answer {
            Answer::Proved => proved += 1,
            Answer::Refuted(_) => refuted += 1,
            Answer::Undecided(_) => {}
        }
    }
    let asked = times.len();
    let median = middle(&mut times);
    let slow = times.get(asked * 99 / 100).copied().unwrap_or_default();
    table.add_row([
        "can anybody hold both, one pair".to_owned(),
        format!("{:.1} us", median.as_secs_f64() * 1e6),
        format!(
            "{asked} pairs: {proved} proved impossible, {refuted} with a person who could; p99 \
             {:.0} us",
            slow.as_secs_f64() * 1e6
        ),
    ]);
    median
}
