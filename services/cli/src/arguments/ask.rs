//! What questions about people and policies understand.

use std::path::PathBuf;

use clap::Args;
use domain::{Date, Timestamp};
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// Which state of a person is meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct At {
    /// The instant at which it shall hold: a date, which means its beginning in UTC, or an instant.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) as_of: Option<Timestamp>,
    /// Only what was known at this instant counts [default: the instant of --as-of, at most now]
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) known_at: Option<Timestamp>,
    /// Takes an attribute to be another; nothing after the = is unknown. May be repeated.
    #[arg(long, value_name = "ATTRIBUTE=VALUE", value_parser = assumption)]
    pub(crate) assume: Vec<(String, String)>,
}

impl At {
    /// Whether something else than the present is meant.
    pub(crate) fn is_given(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some() || !self.assume.is_empty()
    }
}

/// Explains why somebody holds an entitlement, or why not
///
/// Lists every policy that could grant it: whether each part of its condition is true, with the
/// value it rests on and its place, from when to when it grants, and what would have to change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure explain 'Ada Lovelace' directory/police
  tenure explain E-1007 directory/police --as-of 2026-03-01
  tenure explain E-1007 directory/police --assume department=Sales --assume level=
")]
pub(crate) struct Explain {
    /// A person id, a worker id or part of a name.
    pub(crate) person: String,
    /// The application and the entitlement in it.
    #[arg(value_name = "APPLICATION/ENTITLEMENT", value_parser = entitlement)]
    pub(crate) entitlement: (String, String),
    #[command(flatten)]
    pub(crate) at: At,
}

/// Counts whom a condition fits among those employed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure match 'person.department == \"Sales\" && person.level >= 3'
  tenure match 'has(person.manager_level)' --sample 50 -o json
")]
pub(crate) struct Match {
    /// CEL over `person`.
    pub(crate) condition: String,
    /// How many people are named.
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) sample: u32,
}

/// Lists which values attributes have, and how many people who are employed have each
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tenure values department\n  tenure values --limit 5\n")]
pub(crate) struct Values {
    /// Attributes [default: all that policies may ask about]
    pub(crate) attributes: Vec<String>,
    /// Values of each.
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

/// Shows how far policies would give only what people hold anyway
///
/// A policy that is observed grants nothing. Where nearly everybody it fits holds everything for
/// other reasons, it can be enforced, and what it gives beside is shown. Of an enforced policy it
/// says what rests on it alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure observe                        every policy that is observed
  tenure observe sales-birthright --by location
")]
pub(crate) struct Observe {
    /// Policies [default: all that are observed]
    pub(crate) policies: Vec<String>,
    /// The attribute by which people are counted.
    #[arg(long, default_value = "department", value_name = "ATTRIBUTE")]
    pub(crate) by: String,
}

/// Tests policy documents on recorded history, and changes nothing
///
/// At every sample the documents are evaluated for what was known of people then, and compared with
/// what the release that was active then gave. All figures are days on which a person holds an
/// entitlement: what is covered, what the documents give in excess, what they leave as a gap, and
/// how much of what they take is held again soon after.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure backtest -f policies/ --from 2026-01-01 --to 2026-07-01
  tenure backtest -f policies/ --from 2026-06-01 --to 2026-07-01 --every P1D --regret P14D
")]
pub(crate) struct Backtest {
    /// YAML files, or folders of them: the whole release that is tested.
    #[arg(short = 'f', long = "file", required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The first day.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Date,
    /// The first day that is not looked at any more.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) to: Date,
    /// From one sample to the next.
    #[arg(long, default_value = "P7D", value_name = "DAYS", value_parser = days)]
    pub(crate) every: u32,
    /// What is held again within this time was taken too early.
    #[arg(long, default_value = "P30D", value_name = "DAYS", value_parser = days)]
    pub(crate) regret: u32,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day: Date = text.parse().map_err(|_not| {
        "neither a date, as in 2026-03-01, nor an instant, as in 2026-03-01T09:00:00Z".to_owned()
    })?;
    let midnight = day.to_datetime(Time::midnight());
    TimeZone::UTC.to_timestamp(midnight).map_err(|_outside| "outside of the calendar".to_owned())
}

fn assumption(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as attribute=value".to_owned()),
    }
}

fn entitlement(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((application, entitlement)) if !application.is_empty() && !entitlement.is_empty() => {
            Ok((application.to_owned(), entitlement.to_owned()))
        }
        Some(_) | None => Err("write it as application/entitlement".to_owned()),
    }
}

fn days(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix('P').and_then(|rest| rest.strip_suffix('D'));
    let number = number.and_then(|number| number.parse().ok()).filter(|days| *days > 0);
    number.ok_or_else(|| "write a number of days, as in P7D".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_may_be_a_date() {
        assert_eq!(instant("2026-03-01").unwrap().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(
            instant("2026-03-01T09:30:00+01:00").unwrap().to_string(),
            "2026-03-01T08:30:00Z"
        );
        assert!(instant("march").is_err());
    }

    #[test]
    fn days_are_written_as_a_duration() {
        assert_eq!(days("P7D"), Ok(7));
        assert!(days("7").is_err() && days("P0D").is_err() && days("P1W").is_err());
    }

    #[test]
    fn an_assumption_may_be_that_nothing_is_known() {
        assert_eq!(assumption("title="), Ok(("title".to_owned(), String::new())));
        assert_eq!(assumption("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(assumption("title").is_err() && assumption("=x").is_err());
    }

    #[test]
    fn an_entitlement_may_have_slashes_in_its_name() {
        assert_eq!(entitlement("git/ops/admin"), Ok(("git".to_owned(), "ops/admin".to_owned())));
        assert!(entitlement("git").is_err() && entitlement("git/").is_err());
    }
}
