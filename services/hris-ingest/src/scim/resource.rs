//! One user as its source sees it, and what becomes of the engagement behind it. Pure.

use domain::{Date, EngagementId, Timestamp};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::USER;
use super::offer::{Offer, Written};
use crate::chunk::End;

/// What a client wrote of one user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    /// The engagement that it began.
    pub(crate) id: EngagementId,
    pub(crate) worker_id: String,
    pub(crate) written: Written,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
    /// When its client ended the engagement, if it has.
    pub(crate) ended_at: Option<Timestamp>,
}

/// What becomes of an engagement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) end: End,
    pub(crate) ended_at: Option<Timestamp>,
    /// The last working day, in place of what is stated.
    pub(crate) last_working_day: Option<Date>,
}

impl Resource {
    /// The version as HTTP writes it.
    pub(crate) fn tag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The user as SCIM writes it.
    pub(crate) fn render(&self, offer: &Offer, base: &str) -> Value {
        let mut user = offer.render(&self.written);
        let extensions = offer.schemas().into_iter().filter(|schema| user.contains_key(*schema));
        let schemas: Vec<&str> = std::iter::once(USER).chain(extensions).collect();
        let schemas = json!(schemas);
        let meta = json!({
            "resourceType": "User",
            "created": self.created_at.to_string(),
            "lastModified": self.modified_at.to_string(),
            "location": self.location(base),
            "version": self.tag(),
        });
        user.insert("schemas".to_owned(), schemas);
        user.insert("id".to_owned(), self.id.to_string().into());
        user.insert("meta".to_owned(), meta);
        Value::Object(user)
    }

    /// Where it is.
    pub(crate) fn location(&self, base: &str) -> String {
        format!("{base}/Users/{}", self.id)
    }
}

/// Says what becomes of the engagement of a user who is `active`, or not, or of whom that is not said.
///
/// - Who is no longer active ends now, unless the source states an end: then that date counts.
/// - Who is active again on the day of that end goes on; on a later day another engagement begins.
/// - Everybody else stays as they are: nothing but `active` gives back what was ended.
pub(crate) fn ending(
    ended_at: Option<Timestamp>,
    active: Option<bool>,
    stated_end: Option<Date>,
    now: Timestamp,
    zone: &TimeZone,
) -> Ending {
    let day = |at: Timestamp| zone.to_datetime(at).date();
    let earlier = |day: Date| stated_end.map_or(day, |stated| stated.min(day));
    match (active, ended_at) {
        (Some(true), Some(at)) => {
            Ending { end: End::Withdrawn(at), ended_at: None, last_working_day: stated_end }
        }
        (Some(true) | None, None) => {
            Ending { end: End::AsStated, ended_at: None, last_working_day: stated_end }
        }
        (Some(false), None) if stated_end.is_some() => {
            Ending { end: End::AsStated, ended_at: None, last_working_day: stated_end }
        }
        (Some(false), None) => Ending {
            end: End::At(now, day(now)),
            ended_at: Some(now),
            last_working_day: Some(day(now)),
        },
        (Some(false) | None, Some(at)) => Ending {
            end: End::At(at, day(at)),
            ended_at: Some(at),
            last_working_day: Some(earlier(day(at))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_gives_back_what_was_ended() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // In New York it is the evening before.
        let (then, now) = (at("2026-03-02T02:00:00Z"), at("2026-03-03T02:00:00Z"));
        let date = |text: &str| text.parse::<Date>().unwrap();
        let stated = Some(date("2026-12-31"));
        let ask = |ended, active, stated| {
            let ending = ending(ended, active, stated, now, &zone);
            (ending.end, ending.ended_at, ending.last_working_day)
        };

        assert_eq!(ask(None, Some(true), None), (End::AsStated, None, None));
        assert_eq!(ask(None, None, stated), (End::AsStated, None, stated));
        assert_eq!(ask(None, Some(false), stated), (End::AsStated, None, stated));
        let today = date("2026-03-02");
        assert_eq!(ask(None, Some(false), None), (End::At(now, today), Some(now), Some(today)));
        let day = date("2026-03-01");
        for active in [Some(false), None] {
            assert_eq!(
                ask(Some(then), active, stated),
                (End::At(then, day), Some(then), Some(day))
            );
        }
        assert_eq!(ask(Some(then), Some(true), None), (End::Withdrawn(then), None, None));
    }
}
