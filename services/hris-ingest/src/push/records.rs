//! Records as a source writes them: JSON objects, one for each engagement.

use clock::Clock;
use domain::Date;
use serde_json::Value;
use store::{Error, Tx};

use super::begin;
use crate::chunk::{self, End, Outcome, Said};
use crate::mapping::Source;
use crate::reader::{self, Reject};

/// Records that are taken at once.
pub(crate) const RECORDS_MAX: usize = 1_000;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) json: &'a str,
    pub(crate) sequence: Option<u64>,
}

/// Why something holds no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("are not JSON")]
    NotJson,
    #[error("are neither an object nor a list of them")]
    NoRecords,
    #[error("hold more than {RECORDS_MAX} records: send them in parts")]
    TooMany,
}

/// Returns the records of what came in one: an object, or a list.
pub(crate) fn texts(body: Value) -> Result<Vec<String>, Unusable> {
    let records = match body {
        Value::Array(records) => records,
        Value::Object(_) => vec![body],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Unusable::NoRecords);
        }
    };
    if records.len() > RECORDS_MAX {
        return Err(Unusable::TooMany);
    }
    Ok(records.iter().map(Value::to_string).collect())
}

/// Takes records over; one outcome each, in the same order.
pub(crate) async fn take(
    tx: &mut Tx,
    clock: &Clock,
    source: &Source,
    records: &[Record<'_>],
) -> Result<Vec<Outcome>, Error> {
    let day = begin(tx, source).await?;
    let mut outcomes = Vec::with_capacity(records.len());
    let (mut said, mut places) = (Vec::new(), Vec::new());
    for (place, record) in records.iter().enumerate() {
        let line = u64::try_from(place + 1).unwrap_or(u64::MAX);
        outcomes.push(Outcome::Late);
        match read(source, day, line, *record) {
            Ok(one) => {
                said.push(one);
                places.push(place);
            }
            Err(reject) => outcomes[place] = Outcome::Rejected(reject),
        }
    }
    let taken = chunk::take(tx, clock, source, day, said).await?;
    for (place, outcome) in places.into_iter().zip(taken) {
        outcomes[place] = outcome;
    }
    Ok(outcomes)
}

fn read(source: &Source, day: Date, line: u64, record: Record<'_>) -> Result<Said, Reject> {
    let sequence = record.sequence.map(i64::try_from).transpose().map_err(|_too_large| Reject {
        line,
        column: String::new(),
        reason: "has a sequence of more than 63 bits".to_owned(),
        worker_id: None,
    })?;
    let row = reader::object(source, day, line, record.json)?;
    Ok(Said { worker_id: row.worker_id.clone(), row: Some(row), sequence, end: End::AsStated })
}
