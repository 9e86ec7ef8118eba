use domain::{Attributes, Date, EngagementId, Kin, PersonId, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A person's facts with the dates from which they hold, past and future.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// IANA name of the zone in which the dates are meant.
    pub zone: Option<String>,
    /// The person's employments and contracts.
    pub engagements: Vec<Engagement>,
    /// What is known of each engagement, stretch by stretch.
    pub slices: Vec<Slice>,
    /// Since when the person is held for reasons of security: no login, whatever the engagements say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// Under which other ids the person is, or was, known.
    #[serde(default, skip_serializing_if = "Kin::is_none")]
    pub kin: Kin,
}

/// One employment or contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// Which engagement it is.
    pub id: EngagementId,
    /// The first day.
    pub start: Date,
    /// The day with whose end access ends.
    pub last_working_day: Option<Date>,
    /// The day with which the contract ends; may lie after the last working day.
    pub termination_date: Option<Date>,
    /// When an operator ended it: access ends then at the latest, whatever the dates say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What took effect on this day or before it is history: nobody is told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_through: Option<Date>,
}

/// What holds of one engagement from a date on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The engagement it belongs to.
    pub engagement: EngagementId,
    /// The first day on which it holds.
    pub from: Date,
    /// The first day on which it does not hold any more.
    pub until: Option<Date>,
    /// What policies see.
    pub attributes: Attributes,
    /// To whom the person reports, as far as the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<PersonId>,
}

impl Timeline {
    /// Returns the person's zone, or `fallback` when none is named or the name is unknown here.
    #[must_use]
    pub fn zone_or(&self, fallback: &TimeZone) -> TimeZone {
        self.zone
            .as_deref()
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or_else(|| fallback.clone())
    }
}

impl Engagement {
    /// Returns the last day of access: the last working day, else the day the contract ends.
    #[must_use]
    pub fn last_day(&self) -> Option<Date> {
        self.last_working_day.or(self.termination_date)
    }
}
