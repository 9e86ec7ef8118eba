//! From a timeline to the event that tells it.

use std::collections::BTreeSet;

use domain::time::{CutOff, instant};
use domain::{Date, Lane, PersonId, Timestamp, Version};
use jiff::tz::TimeZone;
use proto::common::v1::Lane as WireLane;
use proto::convert::wire_attributes;
use proto::hris::v1 as wire;
use proto::prost::Message as _;

use super::slices::{SLICES_MAX, bound, join_equal};
use super::{Change, Engagement, Slice, Timeline};

/// The largest `PersonUpdated`.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// A timeline that cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What holds at present is too much for one event.
    #[error(
        "the timeline of person {person} does not fit into {SLICES_MAX} slices and {EVENT_BYTES_MAX} bytes"
    )]
    TooLarge {
        /// Whose it is.
        person: PersonId,
    },
}

/// Everything a `PersonUpdated` says.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// Whose timeline it is.
    pub person: PersonId,
    /// The version of the timeline.
    pub version: Version,
    /// What kind of change led to it.
    pub change: Change,
    /// The lane, as [`lane`] and what is known of unsettled leavers decide it.
    pub lane: Lane,
    /// IANA name of the zone of the dates.
    pub zone: &'a str,
    /// When the timeline became known.
    pub recorded_at: Timestamp,
    /// The facts.
    pub timeline: &'a Timeline,
}

impl Announcement<'_> {
    /// Makes the event, with no other attributes than those published.
    ///
    /// Old slices are merged, as [`SLICES_MAX`] says, until the event is small enough.
    ///
    /// # Errors
    /// When it stays too large.
    pub fn event<'n>(
        &self,
        published: impl IntoIterator<Item = &'n str>,
    ) -> Result<wire::PersonUpdated, Error> {
        let mut timeline = self.timeline.clone();
        restrict(&mut timeline, &published.into_iter().collect());
        // Anywhere on earth, what ended before this day is over.
        let yesterday = TimeZone::UTC.to_datetime(self.recorded_at).date().yesterday();
        let yesterday = yesterday.unwrap_or(Date::MIN);
        let mut slices_max = SLICES_MAX;
        while slices_max > 0 && bound(&mut timeline, slices_max, yesterday) {
            let event = self.with(&timeline);
            if event.encoded_len() <= EVENT_BYTES_MAX {
                return Ok(event);
            }
            slices_max /= 2;
        }
        Err(Error::TooLarge { person: self.person })
    }

    fn with(&self, timeline: &Timeline) -> wire::PersonUpdated {
        let engagements = &timeline.engagements;
        let slices = |engagement: &Engagement| {
            let id = engagement.id.to_string();
            let slices: Vec<_> =
                engagement.slices.iter().map(|slice| wire_slice(&id, slice)).collect();
            slices
        };
        wire::PersonUpdated {
            person_id: self.person.to_string(),
            version: Some(self.version.into()),
            lane: WireLane::from(self.lane).into(),
            change: wire::ChangeKind::from(self.change).into(),
            engagements: engagements.iter().map(wire_engagement).collect(),
            slices: engagements.iter().flat_map(slices).collect(),
            zone: self.zone.to_owned(),
            recorded_at: Some(self.recorded_at.into()),
        }
    }
}

/// The lane of a person's event: `Leaver` once every engagement has ended at or before `now`.
#[must_use]
pub fn lane(timeline: &Timeline, now: Timestamp, zone: &TimeZone) -> Lane {
    let ended = |engagement: &Engagement| {
        engagement.last_working_day.is_some_and(|last| instant(last, CutOff::EndOfDay, zone) <= now)
    };
    if !timeline.engagements.is_empty() && timeline.engagements.iter().all(ended) {
        Lane::Leaver
    } else {
        Lane::Regular
    }
}

impl From<Change> for wire::ChangeKind {
    fn from(change: Change) -> Self {
        match change {
            Change::Joined => Self::Joined,
            Change::Changed => Self::Changed,
            Change::Left => Self::Left,
            Change::Rehired => Self::Rehired,
        }
    }
}

fn restrict(timeline: &mut Timeline, published: &BTreeSet<&str>) {
    for engagement in &mut timeline.engagements {
        for slice in &mut engagement.slices {
            slice.attributes.retain(|name, _| published.contains(name.as_str()));
        }
        join_equal(&mut engagement.slices);
    }
}

fn wire_engagement(engagement: &Engagement) -> wire::Engagement {
    wire::Engagement {
        engagement_id: engagement.id.to_string(),
        source: engagement.source.clone(),
        start_date: Some(engagement.start_date.into()),
        last_working_day: engagement.last_working_day.map(Into::into),
        termination_date: engagement.termination_date.map(Into::into),
        quiet_through: None,
    }
}

fn wire_slice(engagement_id: &str, slice: &Slice) -> wire::Slice {
    wire::Slice {
        engagement_id: engagement_id.to_owned(),
        from: Some(slice.from.into()),
        until: slice.until.map(Into::into),
        attributes: wire_attributes(&slice.attributes),
        manager_person_id: String::new(),
    }
}
