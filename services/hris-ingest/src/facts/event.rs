//! From a timeline to the event that tells it.

use std::collections::{BTreeMap, BTreeSet};

use domain::time::{CutOff, instant};
use domain::{Date, Kin, Lane, PersonId, Timestamp, Version};
use jiff::tz::TimeZone;
use proto::common::v1::Lane as WireLane;
use proto::convert::{wire_attributes, wire_kin};
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

/// Who the managers are, by source and worker id, those who are known.
pub type Managers = BTreeMap<(String, String), PersonId>;

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
    /// IANA name of the zone of the dates, as [`zone_name`] says.
    pub zone: &'a str,
    /// Who is meant by the managers' worker ids.
    pub managers: &'a Managers,
    /// When the timeline became known.
    pub recorded_at: Timestamp,
    /// The facts.
    pub timeline: &'a Timeline,
    /// Under which other ids the person is known.
    pub kin: &'a Kin,
}

impl Announcement<'_> {
    /// Makes the event; engagements of `source` have no other attributes than those published.
    ///
    /// Old slices are merged, as [`SLICES_MAX`] says, until the event is small enough.
    ///
    /// # Errors
    /// When it stays too large.
    pub fn event<'n>(
        &self,
        source: &str,
        published: impl IntoIterator<Item = &'n str>,
    ) -> Result<wire::PersonUpdated, Error> {
        let mut timeline = self.timeline.clone();
        restrict(&mut timeline, source, &published.into_iter().collect());
        self.fit(timeline)
    }

    /// Makes the event with every attribute that is known.
    ///
    /// # Errors
    /// When it stays too large.
    pub fn whole(&self) -> Result<wire::PersonUpdated, Error> {
        self.fit(self.timeline.clone())
    }

    fn fit(&self, mut timeline: Timeline) -> Result<wire::PersonUpdated, Error> {
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
                engagement.slices.iter().map(|slice| self.slice(engagement, &id, slice)).collect();
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
            held_since: timeline.held_since.map(Into::into),
            recorded_at: Some(self.recorded_at.into()),
            kin: wire_kin(self.kin),
        }
    }

    fn slice(&self, engagement: &Engagement, id: &str, slice: &Slice) -> wire::Slice {
        let manager = slice
            .manager
            .as_ref()
            .and_then(|manager| self.managers.get(&(engagement.source.clone(), manager.clone())));
        let manager = manager.filter(|manager| **manager != self.person);
        wire::Slice {
            engagement_id: id.to_owned(),
            from: Some(slice.from.into()),
            until: slice.until.map(Into::into),
            attributes: wire_attributes(&slice.attributes),
            manager_person_id: manager.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// The zone of a person's dates: that of the engagement in which the person works, else of the one
/// that comes next, else of the one that ended last; `fallback` when it states none.
#[must_use]
pub fn zone_name<'a>(timeline: &'a Timeline, day: Date, fallback: &'a str) -> &'a str {
    let engagements = || timeline.employments();
    let open = || engagements().filter(|engagement| !engagement.over_before(day));
    let current = open()
        .filter(|engagement| engagement.start_date <= day)
        .min_by_key(|engagement| engagement.start_date);
    let next = || open().min_by_key(|engagement| engagement.start_date);
    let last = || engagements().max_by_key(|engagement| engagement.last_working_day);
    let engagement = current.or_else(next).or_else(last);
    engagement.and_then(|engagement| engagement.zone.as_deref()).unwrap_or(fallback)
}

/// The lane of a person's event: `Leaver` once every engagement has ended at or before `now`, and while
/// the person is held.
#[must_use]
pub fn lane(timeline: &Timeline, now: Timestamp, zone: &TimeZone) -> Lane {
    let mut engagements = timeline.employments().peekable();
    let has_left = engagements.peek().is_some() && engagements.all(|one| ended(one, now, zone));
    if has_left || timeline.held_since.is_some() { Lane::Leaver } else { Lane::Regular }
}

/// Whether an engagement has ended at or before `now`, by its dates or by an operator.
#[must_use]
pub fn ended(engagement: &Engagement, now: Timestamp, zone: &TimeZone) -> bool {
    let by_date = engagement.last_working_day.map(|last| instant(last, CutOff::EndOfDay, zone));
    by_date.into_iter().chain(engagement.ends_at).any(|ends| ends <= now)
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

fn restrict(timeline: &mut Timeline, source: &str, published: &BTreeSet<&str>) {
    for engagement in timeline.engagements.iter_mut().filter(|one| one.source == source) {
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
        quiet_through: engagement.quiet_through.map(Into::into),
        ends_at: engagement.ends_at.map(Into::into),
    }
}
