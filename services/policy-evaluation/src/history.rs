//! A person at two instants: when something shall hold, and what was known.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Date, PersonId, Timestamp, Value};
use jiff::tz::TimeZone;
use rules::document::AttributeType;
use rules::{Access, Evaluation, Release, Timeline};
use store::Tx;

use crate::release::{self, Compiled};
use crate::timeline::{Received, table as timelines};

/// Attributes that one question may assume.
const ASSUMED_MAX: usize = 32;
/// Versions of a person that are gone through for what was held before.
const VERSIONS_MAX: usize = 100;

/// What is asked about.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) person: PersonId,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) known_at: Option<Timestamp>,
    /// Each in the text of its type; an empty text is unknown.
    pub(crate) assume: BTreeMap<String, String>,
}

/// What an answer rests on.
#[derive(Debug)]
pub(crate) struct Basis {
    pub(crate) person: PersonId,
    pub(crate) as_of: Timestamp,
    pub(crate) known_at: Timestamp,
    pub(crate) release: Arc<Release>,
    pub(crate) activated_at: Timestamp,
    pub(crate) received: Received,
    /// The timeline with what is assumed; none when nothing is.
    pub(crate) assumed: Option<Timeline>,
    /// What was held before, for policies that cannot answer any more.
    pub(crate) before: Access,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("nothing was known of person {0} at {1}; ask for a later instant")]
    Unknown(PersonId, Timestamp),
    #[error("no release was active at {0}; ask for a later instant, or apply policy documents")]
    NoRelease(Timestamp),
    #[error("more than {ASSUMED_MAX} attributes are assumed; ask about fewer at once")]
    TooMany,
    #[error("assumed attribute `{0}` is not declared by the AttributeSchema of release {1}")]
    Undeclared(String, u64),
    #[error("assumed attribute `{0}` is not {1}")]
    Mistyped(String, &'static str),
    #[error(transparent)]
    Release(#[from] release::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Question {
    /// Finds what was known and active then.
    pub(crate) async fn find(
        self,
        tx: &mut Tx,
        compiled: &Compiled,
        zone: &TimeZone,
    ) -> Result<Basis, Error> {
        let now = tx.now();
        let as_of = self.as_of.unwrap_or(now);
        let known_at = self.known_at.unwrap_or(as_of).min(now);
        let received = timelines::known_at(tx, self.person, known_at)
            .await?
            .ok_or(Error::Unknown(self.person, known_at))?;
        let (number, activated_at) =
            release::table::active_at(tx, known_at).await?.ok_or(Error::NoRelease(known_at))?;
        let release = compiled.release(tx, number).await?;
        let assumed = match self.assume.is_empty() {
            true => None,
            false => {
                let values = typed(&self.assume, &release)?;
                Some(rules::assuming(&received.known.timeline, zone, as_of, &values))
            }
        };
        let person = self.person;
        let before = Access::default();
        let mut basis =
            Basis { person, as_of, known_at, release, activated_at, received, assumed, before };
        if !basis.evaluate(zone).unanswered.is_empty() {
            basis.before = held_before(tx, &basis, zone).await?;
        }
        Ok(basis)
    }
}

/// Returns what versions before would have given at the same instant, one after the other: what a
/// policy that cannot answer any more leaves with the person.
async fn held_before(tx: &mut Tx, basis: &Basis, zone: &TimeZone) -> Result<Access, store::Error> {
    let mut received = timelines::received_by(tx, &[basis.person], basis.known_at).await?;
    let versions = received.remove(&basis.person).unwrap_or_default();
    let skipped = versions.len().saturating_sub(VERSIONS_MAX);
    let mut held = Access::default();
    for version in versions.iter().skip(skipped) {
        let timeline = &version.known.timeline;
        held = rules::desired_after(&held, timeline, &basis.release, zone, basis.as_of).access;
    }
    Ok(held)
}

impl Basis {
    /// Returns the timeline that is asked about.
    pub(crate) fn timeline(&self) -> &Timeline {
        self.assumed.as_ref().unwrap_or(&self.received.known.timeline)
    }

    /// Evaluates what is asked about.
    pub(crate) fn evaluate(&self, zone: &TimeZone) -> Evaluation {
        rules::desired_after(&self.before, self.timeline(), &self.release, zone, self.as_of)
    }

    /// Evaluates as if nothing were assumed; none when nothing is.
    pub(crate) fn evaluate_without(&self, zone: &TimeZone) -> Option<Evaluation> {
        self.assumed.as_ref()?;
        let timeline = &self.received.known.timeline;
        Some(rules::desired_after(&self.before, timeline, &self.release, zone, self.as_of))
    }
}

fn typed(
    assume: &BTreeMap<String, String>,
    release: &Release,
) -> Result<BTreeMap<String, Option<Value>>, Error> {
    if assume.len() > ASSUMED_MAX {
        return Err(Error::TooMany);
    }
    let mut values = BTreeMap::new();
    for (name, text) in assume {
        let attribute = release.schema().attributes.get(name);
        let kind = attribute.ok_or_else(|| Error::Undeclared(name.clone(), release.number()))?.kind;
        let value = match text.is_empty() {
            true => None,
            false => {
                Some(read(kind, text).map_err(|wanted| Error::Mistyped(name.clone(), wanted))?)
            }
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn read(kind: AttributeType, text: &str) -> Result<Value, &'static str> {
    let value = match kind {
        AttributeType::String => Some(Value::Text(text.to_owned())),
        AttributeType::Integer => text.parse().ok().map(Value::Integer),
        AttributeType::Boolean => text.parse().ok().map(Value::Boolean),
        AttributeType::Date => text.parse::<Date>().ok().map(Value::Date),
        AttributeType::List => {
            Some(Value::List(text.split(',').map(|item| item.trim().to_owned()).collect()))
        }
    };
    value.ok_or(kind.described())
}
