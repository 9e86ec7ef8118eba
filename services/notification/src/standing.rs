//! Where a person stands, as it was last announced. Pure.

use domain::{Date, EngagementId, Kin, Lane, PersonId, Timestamp, Version};
use proto::policy::v1::{EngagementStanding, LifecycleChanged, PositionChange};
use proto::{Invalid, convert};
use serde::{Deserialize, Serialize};

/// A person's place in the joiner-mover-leaver life, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) display_name: String,
    /// Empty: not known.
    pub(crate) mail: String,
    /// Version of the timeline it was computed from.
    pub(crate) person_version: Version,
    pub(crate) evaluated_at: Timestamp,
    pub(crate) lane: Lane,
    pub(crate) engagements: Vec<Engagement>,
    /// Of whom something was told that is this person's, and of whom it is not any more.
    #[serde(default, skip_serializing_if = "Kin::is_none")]
    pub(crate) kin: Kin,
}

/// One engagement with the instants at which it begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Engagement {
    pub(crate) id: EngagementId,
    pub(crate) start_date: Date,
    pub(crate) starts_at: Timestamp,
    pub(crate) end: Option<End>,
    /// What took effect on this day or before it is history that was taken over.
    pub(crate) quiet_through: Option<Date>,
    /// In the order of their dates; what holds on the first day comes first.
    pub(crate) positions: Vec<Position>,
}

/// The last working day, and the instant at which it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) last_working_day: Date,
    pub(crate) ends_at: Timestamp,
}

/// What somebody is in an engagement from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) from: Date,
    pub(crate) from_at: Timestamp,
    pub(crate) title: String,
    pub(crate) department: String,
    pub(crate) location: String,
    pub(crate) manager: Option<PersonId>,
}

/// More engagements of one person, or positions of one engagement, are refused.
const ENTRIES_MAX: usize = 200;
/// Characters of a name, title or address that are kept.
const TEXT_MAX: usize = 200;

impl Standing {
    /// Reads an event.
    pub(crate) fn read(event: &LifecycleChanged) -> Result<Self, Invalid> {
        if event.engagements.len() > ENTRIES_MAX {
            return Err(Invalid::field("engagements", "more than 200"));
        }
        let lane = proto::common::v1::Lane::try_from(event.lane)
            .map_err(|_unknown| Invalid::field("lane", "unknown enum value"))?;
        Ok(Self {
            display_name: clean(&event.display_name),
            mail: clean(&event.mail),
            person_version: convert::version("person_version", event.person_version.as_ref())?,
            evaluated_at: convert::instant("evaluated_at", event.evaluated_at.as_ref())?,
            lane: lane.try_into()?,
            engagements: event
                .engagements
                .iter()
                .map(Engagement::read)
                .collect::<Result<_, Invalid>>()?,
            kin: convert::kin(event.kin.as_ref())?,
        })
    }

    pub(crate) fn engagement(&self, id: EngagementId) -> Option<&Engagement> {
        self.engagements.iter().find(|engagement| engagement.id == id)
    }

    /// Whether any engagement goes on at an instant, or is still to come.
    pub(crate) fn is_here(&self, now: Timestamp) -> bool {
        self.engagements.iter().any(|engagement| !engagement.is_over(now))
    }

    /// The person's own manager at an instant.
    pub(crate) fn manager(&self, now: Timestamp) -> Option<PersonId> {
        self.engagements
            .iter()
            .filter(|engagement| !engagement.is_over(now))
            .min_by_key(|engagement| engagement.starts_at)
            .and_then(|engagement| engagement.position(now))
            .and_then(|position| position.manager)
    }
}

impl Engagement {
    fn read(wire: &EngagementStanding) -> Result<Self, Invalid> {
        if wire.positions.len() > ENTRIES_MAX {
            return Err(Invalid::field("positions", "more than 200"));
        }
        let last_working_day = convert::date("last_working_day", wire.last_working_day.as_ref())?;
        let ends_at = convert::optional_instant("ends_at", wire.ends_at.as_ref())?;
        let end = match (last_working_day, ends_at) {
            (Some(last_working_day), Some(ends_at)) => Some(End { last_working_day, ends_at }),
            (None, None) => None,
            (Some(_), None) => return Err(Invalid::Missing("ends_at")),
            (None, Some(_)) => return Err(Invalid::Missing("last_working_day")),
        };
        Ok(Self {
            id: convert::id("engagement_id", &wire.engagement_id)?,
            start_date: convert::date("start_date", wire.start_date.as_ref())?
                .ok_or(Invalid::Missing("start_date"))?,
            starts_at: convert::instant("starts_at", wire.starts_at.as_ref())?,
            end,
            quiet_through: convert::date("quiet_through", wire.quiet_through.as_ref())?,
            positions: wire.positions.iter().map(Position::read).collect::<Result<_, Invalid>>()?,
        })
    }

    /// Whether it has ended by an instant.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| end.ends_at <= now)
    }

    /// What holds at an instant; before the first day: what holds on it.
    pub(crate) fn position(&self, at: Timestamp) -> Option<&Position> {
        self.positions.iter().rfind(|position| position.from_at <= at).or(self.positions.first())
    }

    /// What held last before an instant.
    pub(crate) fn position_before(&self, at: Timestamp) -> Option<&Position> {
        self.positions.iter().rfind(|position| position.from_at < at).or(self.positions.first())
    }

    /// Whether something that takes effect on a day is history that was taken over.
    pub(crate) fn is_quiet(&self, date: Date) -> bool {
        self.quiet_through.is_some_and(|quiet| date <= quiet)
    }
}

impl Position {
    fn read(wire: &PositionChange) -> Result<Self, Invalid> {
        let manager = match wire.manager_person_id.as_str() {
            "" => None,
            id => Some(convert::id("manager_person_id", id)?),
        };
        Ok(Self {
            from: convert::date("from", wire.from.as_ref())?.ok_or(Invalid::Missing("from"))?,
            from_at: convert::instant("from_at", wire.from_at.as_ref())?,
            title: clean(&wire.title),
            department: clean(&wire.department),
            location: clean(&wire.location),
            manager,
        })
    }
}

/// One line without control characters, of bounded length: fit for a header.
pub(crate) fn clean(text: &str) -> String {
    let spaced = text.chars().map(|one| if one.is_control() { ' ' } else { one });
    spaced.take(TEXT_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        assert_eq!(clean(" Ada\r\nBcc: eve@example.org "), "Ada  Bcc: eve@example.org");
        assert_eq!(clean(&"x".repeat(1000)).len(), TEXT_MAX);
    }
}
