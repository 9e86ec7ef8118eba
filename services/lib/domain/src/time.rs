//! From civil dates to instants, as the lifecycle rule "a date is not an instant" demands.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Which moment of its day a date means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// 00:00 of the day: something is given.
    StartOfDay,
    /// 24:00 of the day: something is taken away.
    EndOfDay,
}

/// Returns the instant that a civil date means in a zone.
///
/// A local time that does not exist takes the first valid instant after the gap. One that exists
/// twice takes the later instant when access is given and the earlier one when it is taken away.
/// A date at the edge of the calendar stays within it.
#[must_use]
pub fn instant(date: Date, cut_off: CutOff, zone: &TimeZone) -> Timestamp {
    let (date, later) = match cut_off {
        CutOff::StartOfDay => (date, true),
        CutOff::EndOfDay => (date.saturating_add(1.day()), false),
    };
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight()));
    let resolved = match ambiguous.offset() {
        // Shifting by the offset before the gap lands exactly at the transition for a midnight gap.
        AmbiguousOffset::Gap { .. } => {
            let compatible = ambiguous.compatible();
            return first_valid(date, zone).or(compatible.ok()).unwrap_or(if later {
                Timestamp::MAX
            } else {
                Timestamp::MIN
            });
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            if later {
                ambiguous.later()
            } else {
                ambiguous.earlier()
            }
        }
    };
    resolved.unwrap_or(if date.year() > 0 { Timestamp::MAX } else { Timestamp::MIN })
}

/// The transition that skips this date's midnight.
fn first_valid(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let before = date.to_datetime(Time::midnight()).checked_sub(1.day()).ok()?;
    let before = zone.to_ambiguous_timestamp(before).compatible().ok()?;
    zone.following(before).next().map(|transition| transition.timestamp())
}

/// Returns microseconds since the epoch: what PostgreSQL and the wire keep of an instant.
#[must_use]
pub fn micros(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// Returns the instant at microseconds since the epoch, or `None` outside of jiff's range.
#[must_use]
pub fn from_micros(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn a_date_is_not_an_instant() {
        let day: Date = "2026-03-29".parse().unwrap();
        assert_eq!(
            instant(day, CutOff::StartOfDay, &zone("America/New_York")).to_string(),
            "2026-03-29T04:00:00Z"
        );
        assert_eq!(
            instant(day, CutOff::EndOfDay, &zone("Asia/Tokyo")).to_string(),
            "2026-03-29T15:00:00Z"
        );
    }

    #[test]
    fn a_midnight_that_does_not_exist_takes_the_first_valid_instant() {
        // In Havana clocks go from 00:00 to 01:00.
        let day: Date = "2026-03-08".parse().unwrap();
        assert_eq!(
            instant(day, CutOff::StartOfDay, &zone("America/Havana")).to_string(),
            "2026-03-08T05:00:00Z"
        );
    }

    #[test]
    fn a_midnight_that_exists_twice_is_late_for_a_grant_and_early_for_a_revocation() {
        // In Havana clocks go back from 01:00 to 00:00, so 00:00 of 1 November 2026 comes twice.
        let day: Date = "2026-11-01".parse().unwrap();
        let eve: Date = "2026-10-31".parse().unwrap();
        let havana = zone("America/Havana");
        let given = instant(day, CutOff::StartOfDay, &havana);
        let taken = instant(eve, CutOff::EndOfDay, &havana);
        assert_eq!(given.to_string(), "2026-11-01T05:00:00Z");
        assert_eq!(taken.to_string(), "2026-11-01T04:00:00Z");
    }
}
