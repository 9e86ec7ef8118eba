//! Ends a batch of regular work early when somebody in it has become a leaver.
//!
//! While a batch is in hand its branches belong to it, and two workers must never ask for one account
//! at a time. So a leaver's branch cannot be taken away from its holder; the holder gives the batch
//! back instead, as soon as what it has begun is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Lane;
use store::Store;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::Job;
use crate::branch;

/// Whether a batch is to be given back.
#[derive(Debug)]
pub(super) struct Recall {
    application: String,
    lease: Uuid,
    regular: bool,
    recalled: AtomicBool,
}

/// How often it is looked whether somebody became a leaver. It is one read by index, and what a
/// leaver waits for besides what is under way.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Recall {
    /// Leavers' own batches are never given back.
    pub(super) fn of(job: &Job) -> Self {
        Self {
            application: job.key.1.clone(),
            lease: job.lease,
            regular: job.lane == Lane::Regular,
            recalled: AtomicBool::new(false),
        }
    }

    /// Whether nothing more is to be begun.
    pub(super) fn is_set(&self) -> bool {
        self.recalled.load(Ordering::Relaxed)
    }

    /// Looks for leavers until there is one; never ends.
    pub(super) async fn watch(&self, store: &Store) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.tick().await;
        while self.regular && !self.is_set() {
            look.tick().await;
            match branch::table::has_leaver(store.pool(), &self.application, self.lease).await {
                Ok(found) => self.recalled.store(found, Ordering::Relaxed),
                Err(error) => tracing::debug!(%error, "leavers in hand are looked for again"),
            }
        }
        std::future::pending().await
    }
}
