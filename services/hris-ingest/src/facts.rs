//! What is known of a person, and what a file changes in it. Pure.
//!
//! A file speaks for its snapshot date. What it says anew holds from that date on, unless it states
//! another; what was known of earlier days stays. The rules stand with [`compare`]. What is said is kept
//! as facts, which are only added to; the timeline is what they come to, as [`fold`] says.

mod authority;
mod compare;
mod event;
mod fold;
mod slices;
pub(crate) mod table;

pub use authority::{Authorities, Composed, Conflict, compose};
pub use compare::{change, compare};
pub use event::{Announcement, EVENT_BYTES_MAX, Error, Managers, ended, lane, zone_name};
pub use fold::{Claim, Fact, fold, next_number, sequence_at, sequence_of_day};
pub use slices::SLICES_MAX;

use domain::{Attributes, Date, EngagementId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reader::Row;

/// A person's facts with the dates from which they hold, as known now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// In the order in which they became known.
    pub engagements: Vec<Engagement>,
    /// Since when a source holds the person for reasons of security, until an operator lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
}

/// One employment or contract of a person in one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// Never changes, and is never used again.
    pub id: EngagementId,
    /// The source that knows it.
    pub source: String,
    /// Whose it is, in the source's words.
    pub worker_id: String,
    /// Which of the worker's engagements it is, in the source's words. One that begins again after
    /// its end is another engagement of the same key.
    pub key: String,
    /// The first day.
    pub start_date: Date,
    /// The start as the source last stated it. It differs from `start_date` when the source states
    /// the day the person was hired, and this engagement began later.
    pub stated_start: Option<Date>,
    /// The last day of work; absent: no end is known.
    pub last_working_day: Option<Date>,
    /// The last day of the contract, which may be later.
    pub termination_date: Option<Date>,
    /// The snapshot date of the full file that ended it by leaving it out.
    pub absent_since: Option<Date>,
    /// What took effect on this day or before it came with the first file of the source.
    #[serde(default)]
    pub quiet_through: Option<Date>,
    /// When an operator ended it, whatever its dates say. No file changes that.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// IANA name of the zone of its dates.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether it employs nobody: it only says something of a person whom others employ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supplement: bool,
    /// Whether the source says that the person has to be held for reasons of security.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// Since when they are, by that; what the source says later does not lift it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// In the order of their dates, without gaps; the last one is open-ended.
    pub slices: Vec<Slice>,
}

/// The attributes of one engagement over a range of dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The first day.
    pub from: Date,
    /// The day after the last; absent: open-ended.
    pub until: Option<Date>,
    /// What is published of the engagement.
    pub attributes: Attributes,
    /// The manager's worker id in the same source, as stated.
    #[serde(default)]
    pub manager: Option<String>,
}

/// What a file's silence about a worker means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// Who is missing has left; the snapshot date is the first day of their absence.
    Full,
    /// Who is missing is unchanged.
    Partial,
}

/// What one file says about one worker.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// The file's source.
    pub source: &'a str,
    /// The worker, in the source's words.
    pub worker_id: &'a str,
    /// The day for which the file speaks; never before that of a file already taken over.
    pub snapshot_date: Date,
    /// Where the file stands among what its source says.
    pub sequence: i64,
    /// When it becomes known.
    pub recorded_at: Timestamp,
    /// What it means that an engagement is missing. A worker of whom a row was rejected is compared
    /// as `Partial`: not all that the file says of them is known.
    pub contract: Contract,
    /// Whether nobody is to be told of what begins with this file.
    pub quiet: bool,
    /// Whether the source employs nobody.
    pub supplement: bool,
    /// The worker's rows, each with an engagement key of its own; none when the file is silent.
    pub rows: &'a [Row],
}

/// What kind of news a file has of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The person was not known.
    Joined,
    /// Something else about the person changed.
    Changed,
    /// The person's last engagement was over by the snapshot date.
    Left,
    /// A person without an engagement began another one.
    Rehired,
}

/// What is known of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The timeline, as it was told last.
    pub timeline: Timeline,
    /// The facts it comes from.
    pub facts: Vec<Fact>,
}

/// A person's timeline after a file that changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What kind of news it is.
    pub change: Change,
    /// The whole timeline.
    pub timeline: Timeline,
    /// What was said that was not known; the timeline is what all facts come to with it.
    pub facts: Vec<Fact>,
}

impl Change {
    /// The change's name in SQL and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Changed => "changed",
            Self::Left => "left",
            Self::Rehired => "rehired",
        }
    }
}

impl Contract {
    /// The contract's name in SQL and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
        }
    }
}

impl Timeline {
    /// The timeline of these engagements.
    #[must_use]
    pub fn of(engagements: Vec<Engagement>) -> Self {
        let held_since = engagements.iter().filter_map(|one| one.held_since).min();
        Self { engagements, held_since }
    }

    /// The engagements by which the person is employed; access is had for these alone.
    pub fn employments(&self) -> impl DoubleEndedIterator<Item = &Engagement> {
        self.engagements.iter().filter(|engagement| !engagement.supplement)
    }

    /// Whether any employment reaches a day or lies after it.
    #[must_use]
    pub fn reaches(&self, day: Date) -> bool {
        self.employments().any(|engagement| !engagement.over_before(day))
    }
}

impl Slice {
    /// Whether it says the same as another, of whatever days.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.attributes == other.attributes && self.manager == other.manager
    }
}

impl Engagement {
    /// Whether a day lies within it, by its dates.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.start_date <= day && !self.over_before(day)
    }

    /// What holds on a day, or first if that is later.
    #[must_use]
    pub fn slice_on(&self, day: Date) -> Option<&Slice> {
        self.slices.iter().rfind(|slice| slice.from <= day).or_else(|| self.slices.first())
    }

    /// Whether its last working day is earlier than a day.
    #[must_use]
    pub fn over_before(&self, day: Date) -> bool {
        self.last_working_day.is_some_and(|last| last < day)
    }
}

#[cfg(test)]
mod tests;
