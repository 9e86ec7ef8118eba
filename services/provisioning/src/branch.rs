//! What is to be done for one person in one application: the unit that is leased.

pub(crate) mod table;

use domain::{Lane, Timestamp};
use uuid::Uuid;

/// The state of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) lane: Lane,
    /// The person's round in which it was planned last.
    pub(crate) round: i32,
    /// The login that was reserved for the person.
    pub(crate) login: Option<String>,
    /// When it may be taken next; `None` when nothing is open. A lease moves it to the lease's end.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) lease: Option<Uuid>,
    /// The trace context of what opened its actions last.
    pub(crate) traceparent: Option<String>,
    /// Until when it waits for another account before its own is made; kept when that is over.
    pub(crate) waits_until: Option<Timestamp>,
}

impl Branch {
    pub(crate) fn idle(lane: Lane) -> Self {
        Self {
            lane,
            round: 0,
            login: None,
            due_at: None,
            lease: None,
            traceparent: None,
            waits_until: None,
        }
    }

    /// Whether a worker has it in hand. A lease that ran out is nobody's.
    pub(crate) fn is_leased(&self, now: Timestamp) -> bool {
        self.lease.is_some() && self.due_at.is_some_and(|until| now < until)
    }
}
