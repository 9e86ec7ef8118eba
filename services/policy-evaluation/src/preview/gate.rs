//! What needs a second person.

use domain::breaker::{Exceeded, Grouping, Kind, Limit, Verdict, judge};
use rules::document::Breaker;

use super::Candidate;
use super::impact::Impact;

/// The limits where no document sets any.
pub(crate) const DEFAULT: [Limit; 5] = [
    Limit::of(Kind::Loss, Grouping::Change).count(1_000).percent(10),
    Limit::of(Kind::Loss, Grouping::Application).percent(20),
    Limit::of(Kind::Closing, Grouping::Change).count(100).percent(5),
    Limit::of(Kind::Closing, Grouping::Application).percent(20),
    Limit::of(Kind::Gain, Grouping::Change).count(10_000),
];

/// Exceeded limits that are told, at most: they travel in a status, too.
const TOLD_MAX: usize = 10;

/// Returns the limits that a change exceeds. The first release of all takes nothing from anybody, and
/// passes.
///
/// The limits are those of the release that is active: a release cannot lift the limits it is held by.
pub(super) fn held(candidate: &Candidate, impact: &Impact) -> Vec<String> {
    let Some(base) = &candidate.base else { return Vec::new() };
    let limits = base.breaker().map_or_else(|| DEFAULT.to_vec(), Breaker::limits);
    match judge(&limits, impact.figures()) {
        Verdict::Passes => Vec::new(),
        Verdict::Holds(exceeded) => {
            let mut held: Vec<String> = exceeded.iter().take(TOLD_MAX).map(told).collect();
            if exceeded.len() > TOLD_MAX {
                held.push(format!("and {} more", exceeded.len() - TOLD_MAX));
            }
            held
        }
    }
}

fn told(exceeded: &Exceeded) -> String {
    format!("{exceeded}; such as {}", exceeded.figure.sample.join(", "))
}
