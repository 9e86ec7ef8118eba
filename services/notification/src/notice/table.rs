//! SQL for the `notices` table.

mod read;
mod write;

pub(crate) use read::{gather, heads, list, of_messages, progress, told};
pub(crate) use write::{assign, cancel, finish, hand_over, insert, postpone, undeliverable};

/// How many notices there are in each state, by its name, and when the oldest pending one came about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) counts: std::collections::BTreeMap<String, i64>,
    pub(crate) oldest_pending_at: Option<domain::Timestamp>,
}

/// The columns of a notice that is kept, in the order in which a row is read.
const COLUMNS: &str = "id, person_id, engagement_id, milestone, effective_date, recipient_kind, \
                       recipient, template, lane, state, exposed_until, created_at, message, \
                       told_kind, told, error, finished_at";
