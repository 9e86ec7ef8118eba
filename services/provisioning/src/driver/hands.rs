//! How many batches of each application are in hand in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A count by application.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<BTreeMap<String, usize>>);

/// One batch in hand; dropped when it is recorded, or given up.
#[derive(Debug)]
pub(super) struct Hand {
    hands: Arc<Hands>,
    application: String,
}

/// Two keep an application at work while one of them is recorded. More would let an application that
/// does not answer take every worker.
const BATCHES_MAX: usize = 2;

impl Hands {
    pub(super) fn of(&self, application: &str) -> usize {
        self.lock().get(application).copied().unwrap_or_default()
    }

    /// Whether another batch may be taken.
    pub(super) fn is_free(&self, application: &str) -> bool {
        self.of(application) < BATCHES_MAX
    }

    pub(super) fn take(hands: &Arc<Self>, application: &str) -> Hand {
        *hands.lock().entry(application.to_owned()).or_default() += 1;
        Hand { hands: Arc::clone(hands), application: application.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if let Some(count) = self.hands.lock().get_mut(&self.application) {
            *count = count.saturating_sub(1);
        }
    }
}
