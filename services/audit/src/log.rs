//! The append-only log.

pub(crate) mod table;

use domain::{PersonId, Timestamp};
use uuid::Uuid;

/// An event that is to be recorded.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) event_id: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) subject_id: &'a str,
    pub(crate) person: Option<PersonId>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) payload: &'a [u8],
    pub(crate) occurred_at: Timestamp,
}

/// An event of the log.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) event_id: Uuid,
    pub(crate) publisher: String,
    pub(crate) position: i64,
    pub(crate) kind: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) recorded_at: Timestamp,
}
