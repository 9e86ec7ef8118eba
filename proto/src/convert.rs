//! Wire types to domain types and back. Nothing past a service's door uses wire types.

use std::str::FromStr;

use domain::{AccountState, Attributes, Date, Kin, Lane, PersonId, Timestamp, Value, Version};

use crate::common::v1 as wire;

/// A message that decodes as protobuf and still makes no sense. It parks.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field holds something that it must not.
    #[error("{field} is not valid: {problem}")]
    Field {
        /// The field's name in the `.proto` file.
        field: &'static str,
        /// What is wrong, without the value itself.
        problem: String,
    },
}

impl Invalid {
    /// Says what is wrong with a field, without its value.
    pub fn field(field: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Field { field, problem: problem.to_string() }
    }
}

/// Parses an id field.
///
/// # Errors
/// When the text is not a UUID.
pub fn id<T: FromStr>(field: &'static str, text: &str) -> Result<T, Invalid> {
    text.parse().map_err(|_error| Invalid::field(field, "not a UUID"))
}

/// Reads a version that must be there.
///
/// # Errors
/// When it is missing or too large for PostgreSQL.
pub fn version(field: &'static str, version: Option<&wire::Version>) -> Result<Version, Invalid> {
    let version = version.ok_or(Invalid::Missing(field))?;
    let number = |value: u64| i64::try_from(value).map_err(|error| Invalid::field(field, error));
    Ok(Version { epoch: number(version.epoch)?, counter: number(version.counter)? })
}

/// Reads a date that may be absent.
///
/// # Errors
/// When it is not a day of the calendar.
pub fn date(field: &'static str, date: Option<&wire::CivilDate>) -> Result<Option<Date>, Invalid> {
    let Some(date) = date else { return Ok(None) };
    let part = |value: i64| i8::try_from(value).map_err(|error| Invalid::field(field, error));
    let year = i16::try_from(date.year).map_err(|error| Invalid::field(field, error))?;
    Date::new(year, part(date.month.into())?, part(date.day.into())?)
        .map(Some)
        .map_err(|error| Invalid::field(field, error))
}

/// Reads an instant that must be there.
///
/// # Errors
/// When it is missing or outside of the calendar.
pub fn instant(field: &'static str, instant: Option<&wire::Instant>) -> Result<Timestamp, Invalid> {
    optional_instant(field, instant)?.ok_or(Invalid::Missing(field))
}

/// Reads an instant that may be absent.
///
/// # Errors
/// When it is outside of the calendar.
pub fn optional_instant(
    field: &'static str,
    instant: Option<&wire::Instant>,
) -> Result<Option<Timestamp>, Invalid> {
    instant
        .map(|instant| {
            Timestamp::from_microsecond(instant.unix_micros)
                .map_err(|error| Invalid::field(field, error))
        })
        .transpose()
}

/// Reads under which other ids a person is known.
///
/// # Errors
/// When an id is none.
pub fn kin(wire: Option<&wire::Kin>) -> Result<Kin, Invalid> {
    let Some(wire) = wire else { return Ok(Kin::default()) };
    let ids = |field: &'static str, ids: &[String]| -> Result<_, Invalid> {
        ids.iter().map(|text| id::<PersonId>(field, text)).collect()
    };
    Ok(Kin {
        merged_into: match wire.merged_into_person_id.as_str() {
            "" => None,
            person => Some(id("kin.merged_into_person_id", person)?),
        },
        merged: ids("kin.merged_person_ids", &wire.merged_person_ids)?,
        split: ids("kin.split_person_ids", &wire.split_person_ids)?,
    })
}

/// Writes under which other ids a person is known; of most people there is nothing to write.
#[must_use]
pub fn wire_kin(kin: &Kin) -> Option<wire::Kin> {
    let ids =
        |ids: &std::collections::BTreeSet<PersonId>| ids.iter().map(ToString::to_string).collect();
    (!kin.is_none()).then(|| wire::Kin {
        merged_into_person_id: kin.merged_into.map(|id| id.to_string()).unwrap_or_default(),
        merged_person_ids: ids(&kin.merged),
        split_person_ids: ids(&kin.split),
    })
}

/// Reads attributes.
///
/// # Errors
/// When a value is of no known kind.
pub fn attributes(
    wire: &std::collections::BTreeMap<String, wire::Value>,
) -> Result<Attributes, Invalid> {
    wire.iter().map(|(name, value)| Ok((name.clone(), value.clone().try_into()?))).collect()
}

/// Writes attributes.
#[must_use]
pub fn wire_attributes(attributes: &Attributes) -> std::collections::BTreeMap<String, wire::Value> {
    attributes.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
}

impl TryFrom<wire::Value> for Value {
    type Error = Invalid;

    fn try_from(value: wire::Value) -> Result<Self, Invalid> {
        use wire::value::Kind;
        Ok(match value.kind.ok_or(Invalid::Missing("value.kind"))? {
            Kind::Text(text) => Self::Text(text),
            Kind::Integer(number) => Self::Integer(number),
            Kind::Boolean(answer) => Self::Boolean(answer),
            Kind::Date(day) => {
                Self::Date(date("value.date", Some(&day))?.ok_or(Invalid::Missing("value.date"))?)
            }
            Kind::List(list) => Self::List(list.items),
        })
    }
}

impl From<Value> for wire::Value {
    fn from(value: Value) -> Self {
        use wire::value::Kind;
        let kind = match value {
            Value::Text(text) => Kind::Text(text),
            Value::Integer(number) => Kind::Integer(number),
            Value::Boolean(answer) => Kind::Boolean(answer),
            Value::Date(date) => Kind::Date(date.into()),
            Value::List(items) => Kind::List(wire::TextList { items }),
        };
        Self { kind: Some(kind) }
    }
}

impl From<Version> for wire::Version {
    fn from(version: Version) -> Self {
        Self { epoch: version.epoch.unsigned_abs(), counter: version.counter.unsigned_abs() }
    }
}

impl From<Date> for wire::CivilDate {
    fn from(date: Date) -> Self {
        Self {
            year: date.year().into(),
            month: date.month().unsigned_abs().into(),
            day: date.day().unsigned_abs().into(),
        }
    }
}

impl From<Timestamp> for wire::Instant {
    fn from(instant: Timestamp) -> Self {
        Self { unix_micros: instant.as_microsecond() }
    }
}

impl From<Lane> for wire::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Leaver => Self::Leaver,
            Lane::Regular => Self::Regular,
        }
    }
}

impl TryFrom<wire::Lane> for Lane {
    type Error = Invalid;

    fn try_from(lane: wire::Lane) -> Result<Self, Invalid> {
        match lane {
            wire::Lane::Leaver => Ok(Self::Leaver),
            wire::Lane::Regular => Ok(Self::Regular),
            wire::Lane::Unspecified => Err(Invalid::field("lane", "unspecified")),
        }
    }
}

impl From<AccountState> for wire::AccountState {
    fn from(state: AccountState) -> Self {
        match state {
            AccountState::None => Self::None,
            AccountState::Active => Self::Active,
            AccountState::Suspended => Self::Suspended,
            AccountState::Deleted => Self::Deleted,
        }
    }
}

impl TryFrom<wire::AccountState> for AccountState {
    type Error = Invalid;

    fn try_from(state: wire::AccountState) -> Result<Self, Invalid> {
        match state {
            wire::AccountState::None => Ok(Self::None),
            wire::AccountState::Active => Ok(Self::Active),
            wire::AccountState::Suspended => Ok(Self::Suspended),
            wire::AccountState::Deleted => Ok(Self::Deleted),
            wire::AccountState::Unspecified => Err(Invalid::field("state", "unspecified")),
        }
    }
}
