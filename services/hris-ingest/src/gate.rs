//! What a full file may do, and what it has to hold for that to be asked at all. Pure.
//!
//! First a file has to be a read of the whole source ([`complete`]): one that is not is refused and
//! changes nothing. Then it is compared with what is known ([`Comparison`]), and what exceeds a limit
//! of the source is held until two people have looked at it ([`decide`]).

mod complete;
mod difference;
mod examples;

pub(crate) use complete::{Incomplete, Read, overlaps, whole};
pub(crate) use difference::{Basis, Comparison, Counts, Difference, Example, Group, Seen};
pub(crate) use examples::{Changes, Examples, Met, Person, Said};

use domain::Date;
use domain::breaker::{Exceeded, Figure, Figures, Grouping, Kind, Verdict, judge};

use crate::facts::Timeline;
use crate::mapping::Limits;

/// Returns the limits that a file exceeds, in order.
pub(crate) fn decide(limits: &Limits, source: &str, difference: &Difference) -> Vec<Exceeded> {
    match judge(&limits.holds, &figures(source, difference)) {
        Verdict::Passes => Vec::new(),
        Verdict::Holds(exceeded) => exceeded,
    }
}

fn figures(source: &str, difference: &Difference) -> Figures {
    let mut figures = Figures::default();
    let Difference { totals, departed, .. } = difference;
    let mut of = |kind, per, group: &str, amount, of| {
        *figures.of(kind, per, group) = Figure { amount, of, ..Figure::default() };
    };
    let per = Grouping::Source;
    of(Kind::Leaving, per, source, totals.leaving, totals.present);
    of(Kind::Joining, per, source, totals.joining, totals.present);
    of(Kind::Changing, per, source, totals.changing, totals.present);
    // Without departures before, it is what the file does alone.
    if *departed > 0 && totals.leaving > 0 {
        let (amount, before) = (totals.leaving + departed, totals.present + departed);
        of(Kind::Departed, per, source, amount, before);
    }
    for Group { group, counts, .. } in &difference.groups {
        of(Kind::Leaving, Grouping::Group, group, counts.leaving, counts.present);
    }
    figures
}

/// Returns the group in which a person counts on a day: what the attribute says in their first
/// engagement of the source that has not ended.
pub(crate) fn group_of(
    timeline: &Timeline,
    source: &str,
    attribute: &str,
    day: Date,
) -> Option<String> {
    let mut engagements = timeline.engagements.iter();
    let engagement = engagements.find(|one| one.source == source && !one.over_before(day))?;
    let in_force = engagement.slices.iter().rfind(|slice| slice.from <= day);
    let slice = in_force.or_else(|| engagement.slices.first())?;
    slice.attributes.get(attribute).map(ToString::to_string)
}

/// Whether a person is present in a source on a day, or will be.
pub(crate) fn is_present(timeline: &Timeline, source: &str, day: Date) -> bool {
    timeline.engagements.iter().any(|one| one.source == source && !one.over_before(day))
}

#[cfg(test)]
mod tests;
