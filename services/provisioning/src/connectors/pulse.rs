//! Whether an application answers at all, counted over every request of this process to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts answers, and requests without one.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Beat>);

/// What the requests to an application came to until some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// Answers of any kind, but those that say that the application does not work.
    pub answered: u64,
    /// The last requests, in a row, without one.
    pub losses: u32,
    /// What the last of them met, without personal data.
    pub reason: String,
    /// How long the application asked to be left alone when it did not work.
    pub after: Duration,
    /// How long it asks to be left alone, counted from this moment.
    pub paused: Duration,
}

impl Beat {
    /// How many of the last requests, in a row, came after an earlier look and brought no answer.
    #[must_use]
    pub const fn losses_since(&self, before: &Self) -> u32 {
        if self.answered == before.answered {
            self.losses.saturating_sub(before.losses)
        } else {
            self.losses
        }
    }
}

impl Pulse {
    /// The application answered.
    pub(super) fn answered(&self) {
        let mut beat = self.lock();
        beat.answered += 1;
        (beat.losses, beat.after) = (0, Duration::ZERO);
    }

    /// The application cannot be reached, is silent, or says that it does not work.
    pub(super) fn lost(&self, reason: String, after: Duration) {
        let mut beat = self.lock();
        beat.losses = beat.losses.saturating_add(1);
        (beat.reason, beat.after) = (reason, after);
    }

    /// What it came to so far.
    pub(super) fn beat(&self) -> Beat {
        self.lock().clone()
    }

    /// Every change leaves the value whole, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
