//! When a source is looked at: at whole multiples of a span, or at times of a calendar in a zone. Pure.

use std::fmt;
use std::str::FromStr as _;

use croner::Cron;
use domain::Timestamp;
use jiff::tz::TimeZone;
use jiff::{RoundMode, SignedDuration, TimestampRound, Unit};

/// The shortest span between two looks.
const EVERY_MIN: SignedDuration = SignedDuration::from_secs(10);
/// The longest.
const EVERY_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The longest pattern.
const CRON_BYTES_MAX: usize = 128;

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    times: Times,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Times {
    /// Counted from midnight UTC, so that every process comes to the same instants.
    Every(SignedDuration),
    Calendar(Box<Cron>, TimeZone),
}

impl Schedule {
    /// Every so often; the span is written as ISO 8601 has it, such as `PT15M`, and divides a day.
    ///
    /// # Errors
    /// When it is no span, is out of bounds, or does not divide a day.
    pub fn every(text: &str) -> Result<Self, String> {
        let span: SignedDuration =
            text.parse().map_err(|_error| "must be a span such as PT15M".to_owned())?;
        if span < EVERY_MIN || span > EVERY_MAX || span.subsec_nanos() != 0 {
            return Err("must be whole seconds, from PT10S to PT24H".to_owned());
        }
        if EVERY_MAX.as_secs() % span.as_secs() != 0 {
            return Err(
                "must divide a day, so that it comes at the same times every day".to_owned()
            );
        }
        Ok(Self { times: Times::Every(span), text: format!("every {text}") })
    }

    /// At the times of a cron pattern of five parts, as clocks show them in a zone.
    ///
    /// A time that clocks skip in spring comes when they have skipped it; one that they show twice in
    /// autumn comes once, unless it recurs every hour or minute.
    ///
    /// # Errors
    /// When it is no such pattern, or never comes.
    pub fn cron(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let parts = text.split_whitespace().count();
        if text.len() > CRON_BYTES_MAX || (parts != 5 && !text.starts_with('@')) {
            return Err("must have five parts: minute, hour, day, month, weekday".to_owned());
        }
        let cron = Cron::from_str(text).map_err(|error| error.to_string())?;
        let name = zone.iana_name().unwrap_or("UTC");
        let written = format!("{text} {name}");
        let schedule = Self { times: Times::Calendar(Box::new(cron), zone.clone()), text: written };
        match schedule.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("never comes".to_owned()),
        }
    }

    /// The first time later than an instant.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Timestamp {
        // What came once comes again, at the end of time at the latest.
        self.after(after).unwrap_or(Timestamp::MAX)
    }

    fn after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::Every(span) => {
                let round = TimestampRound::new()
                    .smallest(Unit::Second)
                    .increment(span.as_secs())
                    .mode(RoundMode::Floor);
                after.round(round).ok()?.checked_add(*span).ok()
            }
            Times::Calendar(cron, zone) => {
                let from = after.to_zoned(zone.clone());
                Some(cron.find_next_occurrence(&from, false).ok()?.timestamp())
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let mut at: Timestamp = from.parse().unwrap();
        let mut times = Vec::new();
        for _time in 0..count {
            at = schedule.next(at);
            times.push(at.to_string());
        }
        times
    }

    fn cron(text: &str, zone: &str) -> Schedule {
        Schedule::cron(text, &TimeZone::get(zone).unwrap()).unwrap()
    }

    #[test]
    fn a_span_comes_at_the_same_times_every_day_whoever_counts() {
        let quarter = Schedule::every("PT15M").unwrap();
        let from = "2026-03-02T09:07:30Z";
        assert_eq!(times(&quarter, from, 2), ["2026-03-02T09:15:00Z", "2026-03-02T09:30:00Z"]);
        assert_eq!(times(&quarter, "2026-03-02T09:15:00Z", 1), ["2026-03-02T09:30:00Z"]);
        let day = Schedule::every("PT24H").unwrap();
        assert_eq!(times(&day, from, 1), ["2026-03-03T00:00:00Z"]);
        assert_eq!(quarter.to_string(), "every PT15M");
    }

    #[test]
    fn a_time_that_clocks_skip_comes_when_they_have_skipped_it() {
        // On 8 March 2026 New York goes from 02:00 EST to 03:00 EDT.
        let night = cron("30 2 * * *", "America/New_York");
        assert_eq!(
            times(&night, "2026-03-07T00:00:00Z", 3),
            ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_clocks_show_twice_comes_once_unless_it_recurs() {
        // On 1 November 2026 New York goes from 02:00 EDT back to 01:00 EST.
        let night = cron("30 1 * * *", "America/New_York");
        assert_eq!(
            times(&night, "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
        );
        let hourly = cron("30 * * * *", "America/New_York");
        assert_eq!(
            times(&hourly, "2026-11-01T05:00:00Z", 3),
            ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"]
        );
    }

    #[test]
    fn working_days_are_those_of_the_zone() {
        // Monday in Sydney begins on Sunday in UTC.
        let mornings = cron("0 6 * * MON-FRI", "Australia/Sydney");
        assert_eq!(
            times(&mornings, "2026-03-06T00:00:00Z", 2),
            ["2026-03-08T19:00:00Z", "2026-03-09T19:00:00Z"]
        );
        assert_eq!(mornings.to_string(), "0 6 * * MON-FRI Australia/Sydney");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "soon", "PT0S", "-PT1M", "PT9S", "PT25H", "PT7M", "PT15M0.5S"] {
            assert!(Schedule::every(text).is_err(), "{text}");
        }
        for text in ["", "* * * *", "61 * * * *", "0 0 30 2 *", "* * * * * *", "a b c d e"] {
            assert!(Schedule::cron(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
