//! Questions to policy-evaluation.

mod backtest;
mod explain;
mod people;
mod person;

use domain::Timestamp;
use proto::common::v1::{Instant, Value as Wire, value::Kind};
use proto::convert;
use proto::policy::v1::{Basis, Freshness, PersonAt};
use serde_json::{Value, json};

use super::answers::refused;
use crate::arguments::At;
use crate::output::instant;

pub(super) use backtest::run as backtest;
pub(super) use explain::run as explain;
pub(super) use people::{matching, observe, values};
pub(super) use person::show;

fn of_person(person: &str, at: &At) -> PersonAt {
    PersonAt {
        person_id: person.to_owned(),
        as_of: at.as_of.map(Into::into),
        known_at: at.known_at.map(Into::into),
        assume: at.assume.iter().cloned().collect(),
    }
}

fn time(instant: Option<&Instant>) -> Option<Timestamp> {
    convert::optional_instant("instant", instant).ok().flatten()
}

/// Says what an answer rests on.
fn resting_on(basis: &Basis, at: &At) -> String {
    let mut text = format!(
        "as of {}, as known at {}: release {}, active since {}; timeline received {}",
        instant(time(basis.as_of.as_ref())),
        instant(time(basis.known_at.as_ref())),
        basis.release,
        instant(time(basis.release_activated_at.as_ref())),
        instant(time(basis.person_received_at.as_ref())),
    );
    for (name, value) in &at.assume {
        text += &match value.as_str() {
            "" => format!("\nassuming that {name} is unknown"),
            value => format!("\nassuming that {name} is {value}"),
        };
    }
    text
}

fn basis_json(basis: &Basis) -> Value {
    json!({
        "as_of": time(basis.as_of.as_ref()),
        "known_at": time(basis.known_at.as_ref()),
        "release": basis.release,
        "release_activated_at": time(basis.release_activated_at.as_ref()),
        "person_received_at": time(basis.person_received_at.as_ref()),
    })
}

fn age(freshness: Option<&Freshness>) -> String {
    let Some(freshness) = freshness else { return String::new() };
    let (sequence, age) = (freshness.sequence, freshness.age_micros / 1000);
    format!("as of change {sequence}, {age} ms ago")
}

fn freshness_json(freshness: Option<&Freshness>) -> Value {
    freshness.map_or(Value::Null, |freshness| {
        json!({
            "sequence": freshness.sequence,
            "read_at": time(freshness.read_at.as_ref()),
            "age_ms": freshness.age_micros / 1000,
        })
    })
}

fn value_json(value: &Wire) -> Value {
    match &value.kind {
        Some(Kind::Text(text)) => json!(text),
        Some(Kind::Integer(number)) => json!(number),
        Some(Kind::Boolean(answer)) => json!(answer),
        Some(Kind::Date(day)) => {
            let day = convert::date("date", Some(day)).ok().flatten();
            json!(day.map(|day| day.to_string()))
        }
        Some(Kind::List(list)) => json!(list.items),
        None => Value::Null,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// A share in per cent, with one decimal; a dash when there is nothing to share.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up() {
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1999, 2000), "99.9 %");
        assert_eq!(share(2000, 2000), "100.0 %");
    }
}
