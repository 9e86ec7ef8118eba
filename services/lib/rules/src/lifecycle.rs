//! Where a person stands in the joiner-mover-leaver life, for those who tell people of it.

use domain::{Date, EngagementId, Kin, PersonId, Timestamp, Value};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::desired::span::{self, Span};
use crate::document::canonical;
use crate::timeline::{Engagement, Slice, Timeline};

/// The attributes that mean the same in every source, by convention.
const DISPLAY_NAME: &str = "display_name";
const MAIL: &str = "mail";
const TITLE: &str = "title";
const DEPARTMENT: &str = "department";
const LOCATION: &str = "location";

/// What can be told about a person at an instant. Texts that are not known are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// What the person is called.
    pub display_name: String,
    /// Where the person is told something.
    pub mail: String,
    /// IANA name of the zone in which the dates became instants.
    pub zone: String,
    /// The engagements in the order of their starts.
    pub engagements: Vec<Standing>,
    /// Of whom something was told that is this person's, and of whom it is not any more.
    #[serde(skip_serializing_if = "Kin::is_none")]
    pub kin: Kin,
}

/// One engagement with the instants at which it begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Which engagement it is.
    pub engagement: EngagementId,
    /// The first day.
    pub start: Date,
    /// The instant at which it begins.
    pub starts_at: Timestamp,
    /// The last day of access, and the instant at which it is over; `None` when no end is known.
    pub last_day: Option<(Date, Timestamp)>,
    /// What took effect on this day or before it is history: nobody is told of it.
    pub quiet_through: Option<Date>,
    /// What the person is in it, by date; what holds on the first day comes first.
    pub positions: Vec<Position>,
}

/// What somebody is in an engagement from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The first day.
    pub from: Date,
    /// The instant at which that day begins.
    pub from_at: Timestamp,
    /// The job's title.
    pub title: String,
    /// The part of the organisation.
    pub department: String,
    /// The place of work.
    pub location: String,
    /// To whom the person reports.
    pub manager: Option<PersonId>,
}

/// Returns what can be told about a person at an instant.
///
/// Name and mail are those of the slice in force at `now`; everything else is the whole timeline and
/// does not depend on the instant. `default_zone` is the zone of dates when the timeline names none.
#[must_use]
pub fn lifecycle(timeline: &Timeline, default_zone: &TimeZone, now: Timestamp) -> Lifecycle {
    let zone = timeline.zone_or(default_zone);
    // Who goes on under another id stands there, and nowhere here.
    let spans = match timeline.kin.merged_into {
        Some(_survivor) => Vec::new(),
        None => span::spans(timeline, &zone),
    };
    let profile = span::in_force(&spans, now).and_then(|slice| timeline.slices.get(slice));
    let of_profile = |name| profile.map(|slice| text(slice, name)).unwrap_or_default();
    Lifecycle {
        display_name: of_profile(DISPLAY_NAME),
        mail: of_profile(MAIL),
        zone: zone.iana_name().unwrap_or_default().to_owned(),
        engagements: spans.iter().filter_map(|span| standing(timeline, span, &zone)).collect(),
        kin: timeline.kin.clone(),
    }
}

impl Lifecycle {
    /// Returns the SHA-256 of the one text that equal contents have, hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        canonical::digest(&canonical::json(self))
    }

    /// Whether anybody could be told anything: the person can be written to, something took effect
    /// that is not history, or what was told of one person is another's.
    #[must_use]
    pub fn tells_something(&self) -> bool {
        !self.mail.is_empty()
            || !self.kin.is_none()
            || self.engagements.iter().any(Standing::tells_something)
    }
}

impl Standing {
    fn tells_something(&self) -> bool {
        let Some(quiet) = self.quiet_through else { return true };
        self.start > quiet
            || self.last_day.is_some_and(|(day, _over)| day > quiet)
            || self.positions.iter().any(|position| position.from > quiet)
    }
}

impl Position {
    fn of(slice: &Slice, from: Date, from_at: Timestamp) -> Self {
        Self {
            from,
            from_at,
            title: text(slice, TITLE),
            department: text(slice, DEPARTMENT),
            location: text(slice, LOCATION),
            manager: slice.manager,
        }
    }

    /// Whether somebody who had the other position has noticed nothing.
    fn continues(&self, other: &Self) -> bool {
        (&self.title, &self.department, &self.location, self.manager)
            == (&other.title, &other.department, &other.location, other.manager)
    }
}

fn standing(timeline: &Timeline, span: &Span, zone: &TimeZone) -> Option<Standing> {
    let known = timeline.engagements.iter().find(|one| one.id == span.engagement)?;
    let mut positions: Vec<Position> = Vec::new();
    for stretch in &span.stretches {
        let Some(slice) = timeline.slices.get(stretch.slice) else { continue };
        let position = Position::of(slice, stretch.from, stretch.starts);
        if positions.last().is_none_or(|before| !position.continues(before)) {
            positions.push(position);
        }
    }
    Some(Standing {
        engagement: span.engagement,
        start: known.start,
        starts_at: span.starts,
        last_day: span.ends.and_then(|ends| Some((last_day(known, ends, zone)?, ends))),
        quiet_through: known.quiet_through,
        positions,
    })
}

/// Returns the day on which access ends: the one that is stated, unless an operator ended it earlier.
fn last_day(engagement: &Engagement, ends: Timestamp, zone: &TimeZone) -> Option<Date> {
    if engagement.ends_at == Some(ends) {
        return Some(zone.to_datetime(ends).date());
    }
    engagement.last_day()
}

fn text(slice: &Slice, name: &str) -> String {
    slice.attributes.get(name).and_then(Value::as_text).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
