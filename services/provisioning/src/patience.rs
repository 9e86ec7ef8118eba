//! How long events wait for others that have to come first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use jiff::SignedDuration;
use uuid::Uuid;

/// Events that wait, since this process has seen them: what was evaluated long ago may have come a
/// moment ago, together with what it waits for.
pub(crate) struct Patience {
    limit: SignedDuration,
    waiting: Mutex<BTreeMap<Uuid, Timestamp>>,
}

/// More events than the broker gives out at once never wait; beyond it waiting begins anew.
const WAITING_MAX: usize = 16_384;

impl Patience {
    pub(crate) fn new(limit: SignedDuration) -> Self {
        Self { limit, waiting: Mutex::default() }
    }

    /// Whether an event has waited long enough.
    pub(crate) fn is_over(&self, event: Uuid, now: Timestamp) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.clear();
        }
        let since = *waiting.entry(event).or_insert(now);
        now.duration_since(since) >= self.limit
    }

    /// Forgets an event that waits no longer.
    pub(crate) fn forget(&self, event: Uuid) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&event);
    }
}
