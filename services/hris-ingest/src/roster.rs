//! Who works in a source: the workers it is known to have, and those whom a file lists.

pub(crate) mod table;

use domain::{Date, PersonId};

use crate::facts::Timeline;
use crate::reader::Row;

/// One row of a file on its way into the database.
#[derive(Debug, Clone)]
pub(crate) struct StagedRow {
    pub(crate) worker_id: String,
    pub(crate) position: i64,
    /// What the row says; absent: it was rejected.
    pub(crate) row: Option<Row>,
}

/// Who a source's worker is.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) worker_id: String,
    pub(crate) person: PersonId,
    /// The last working day of the last engagement; absent while one is without an end.
    pub(crate) last_day: Option<Date>,
}

/// How much of a file is staged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staged {
    /// Workers with any row.
    pub(crate) workers: u64,
    /// Workers with a row that was taken over.
    pub(crate) people: u64,
    /// The most rows of one worker.
    pub(crate) rows_of_one: u64,
}

/// Returns the last working day of a worker, `None` while an engagement is without an end.
pub(crate) fn last_day(timeline: &Timeline, source: &str, worker_id: &str) -> Option<Date> {
    timeline
        .engagements
        .iter()
        .filter(|engagement| engagement.source == source && engagement.worker_id == worker_id)
        .map(|engagement| engagement.last_working_day)
        .try_fold(Date::MIN, |latest, last| last.map(|last| last.max(latest)))
}
