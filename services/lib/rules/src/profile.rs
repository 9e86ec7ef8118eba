//! The profiles that conditions see at an instant, and what they would be with other attributes.

use std::collections::BTreeMap;

use domain::{Attributes, EngagementId, Timestamp, Value};
use jiff::tz::TimeZone;

use crate::desired::span;
use crate::timeline::Timeline;

/// Returns the profiles in force at an instant: one for each engagement that runs, in the order of
/// their starts. Nobody who is not employed then has any.
#[must_use]
pub fn profiles<'a>(
    timeline: &'a Timeline,
    default_zone: &TimeZone,
    now: Timestamp,
) -> Vec<(EngagementId, &'a Attributes)> {
    let spans = span::spans(timeline, &timeline.zone_or(default_zone));
    let running = spans.iter().filter(|span| span.runs_at(now));
    running
        .filter_map(|span| {
            let slice = timeline.slices.get(span.stretch_at(now)?.slice)?;
            Some((span.engagement, &slice.attributes))
        })
        .collect()
}

/// Returns the timeline as it would be if attributes in force at an instant were others; `None`
/// makes one unknown.
///
/// Who is not employed then gets them in the slice that describes them. What held in other slices
/// stays, and nothing is a move: what the former value justified is not kept for any overlap.
#[must_use]
pub fn assuming(
    timeline: &Timeline,
    default_zone: &TimeZone,
    now: Timestamp,
    assumed: &BTreeMap<String, Option<Value>>,
) -> Timeline {
    let spans = span::spans(timeline, &timeline.zone_or(default_zone));
    let running = spans.iter().filter(|span| span.runs_at(now));
    let mut slices: Vec<usize> =
        running.filter_map(|span| Some(span.stretch_at(now)?.slice)).collect();
    if slices.is_empty() {
        slices.extend(span::in_force(&spans, now));
    }
    let mut timeline = timeline.clone();
    for index in slices {
        let Some(slice) = timeline.slices.get_mut(index) else { continue };
        for (name, value) in assumed {
            match value {
                Some(value) => slice.attributes.insert(name.clone(), value.clone()),
                None => slice.attributes.remove(name),
            };
        }
    }
    timeline
}
