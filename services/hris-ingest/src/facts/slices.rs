//! Arithmetic of slices: joining them, and keeping them few.

use domain::Date;

use super::{Slice, Timeline};

/// The most slices of one person.
///
/// Beyond it the two oldest slices of an engagement become one with the attributes of the later,
/// and engagements that were over long ago go, the earliest first, once no slices can be merged.
pub const SLICES_MAX: usize = 200;

/// Joins neighbours that say the same.
pub(super) fn join_equal(slices: &mut Vec<Slice>) {
    slices.dedup_by(|next, kept| {
        let equal = next.equals(kept);
        if equal {
            kept.until = next.until;
        }
        equal
    });
}

/// Brings a timeline down to so many slices, as [`SLICES_MAX`] says; `false`: as far as it could be.
///
/// Only what was over before `day` may go.
pub(super) fn bound(timeline: &mut Timeline, slices_max: usize, day: Date) -> bool {
    let engagements = &mut timeline.engagements;
    let mut count: usize = engagements.iter().map(|engagement| engagement.slices.len()).sum();
    while count > slices_max {
        let oldest = engagements
            .iter_mut()
            .filter(|engagement| engagement.slices.len() > 1)
            .min_by_key(|engagement| engagement.slices[0].from);
        if let Some(engagement) = oldest {
            let merged = engagement.slices.remove(0);
            engagement.slices[0].from = merged.from;
            count -= 1;
            continue;
        }
        let earliest_over = engagements
            .iter()
            .enumerate()
            .filter(|(_, engagement)| engagement.over_before(day))
            .filter_map(|(index, engagement)| Some((engagement.last_working_day?, index)))
            .min();
        match earliest_over {
            Some((_, index)) if engagements.len() > 1 => {
                count -= engagements.remove(index).slices.len();
            }
            Some(_) | None => return false,
        }
    }
    true
}
