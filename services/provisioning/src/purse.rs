//! Takes slices of an application's budget out of the database, for the connector that spends them.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Lane;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use rules::document::Rate;
use store::{Error, Store};
use tokio::time::Instant;

use crate::budget::{self, Bucket, Slices, Spend, Taken};
use crate::connectors::{Budget, Turn};

/// What this process may send to one application.
pub(crate) struct Purse {
    store: Store,
    application: String,
    slices: Mutex<Slices>,
    /// One asks for a slice, and the others find it; leavers do not wait for whoever asks for them all.
    asking: tokio::sync::Mutex<()>,
    asking_for_leavers: tokio::sync::Mutex<()>,
}

/// A change waits so long before it is begun; beyond that it is put off, so that it holds nobody up.
const TO_BEGIN: Duration = Duration::from_secs(2);
/// A change that was begun would have to begin anew, and would never end where rates are small.
const TO_GO_ON: Duration = Duration::from_secs(60);
/// A reading as well, and it has more to lose.
const TO_READ: Duration = Duration::from_secs(300);
/// How often whoever waits looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When a database that fails is asked again.
const AGAIN: Duration = Duration::from_secs(1);

impl Purse {
    /// A purse for an application that sets rates; none where there are none.
    pub(crate) fn new(store: &Store, application: &str, rates: &[Rate]) -> Option<Self> {
        if rates.is_empty() {
            return None;
        }
        let mut buckets: Vec<Bucket> = rates.iter().map(Bucket::new).collect();
        // Every replica locks rows in one order.
        buckets.sort_by(|one, other| {
            (&one.path, one.per_seconds).cmp(&(&other.path, other.per_seconds))
        });
        Some(Self {
            store: store.clone(),
            application: application.to_owned(),
            slices: Mutex::new(Slices::new(buckets)),
            asking: tokio::sync::Mutex::default(),
            asking_for_leavers: tokio::sync::Mutex::default(),
        })
    }

    async fn get(&self, path: &str, turn: Turn) -> Result<(), Duration> {
        let (patience, lane) = match turn {
            Turn::Begins(lane) => (TO_BEGIN, lane),
            Turn::GoesOn(lane) => (TO_GO_ON, lane),
            Turn::Reads => (TO_READ, Lane::Regular),
        };
        let give_up = Instant::now() + patience;
        loop {
            let wait = match self.try_get(path, lane).await {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::warn!(
                        application = self.application,
                        "a slice of the budget of {} is asked for again: {}",
                        self.application,
                        domain::Rejection::retry(error)
                    );
                    return Err(AGAIN);
                }
            };
            let wait = Duration::try_from(wait).unwrap_or_default().max(Duration::from_millis(1));
            if Instant::now() + wait > give_up {
                return Err(wait);
            }
            tokio::time::sleep(wait.min(LOOK_EVERY)).await;
        }
    }

    /// Spends, taking a slice where one is lacking; returns how long to wait where there is none.
    async fn try_get(&self, path: &str, lane: Lane) -> Result<Option<SignedDuration>, Error> {
        match self.spend(path, lane) {
            Spend::Spent => return Ok(None),
            Spend::Dry(wait) => return Ok(Some(wait)),
            Spend::Lacks(_) => {}
        }
        let asking = match lane {
            Lane::Leaver => &self.asking_for_leavers,
            Lane::Regular => &self.asking,
        };
        let _one = asking.lock().await;
        // Somebody may have asked meanwhile, and what is taken may not do for all of them.
        loop {
            match self.spend(path, lane) {
                Spend::Spent => return Ok(None),
                Spend::Dry(wait) => return Ok(Some(wait)),
                Spend::Lacks(which) => self.take(&which, lane).await?,
            }
        }
    }

    fn spend(&self, path: &str, lane: Lane) -> Spend {
        self.lock().spend(path, lane, self.store.clock().now())
    }

    async fn take(&self, which: &[usize], lane: Lane) -> Result<(), Error> {
        let buckets = self.lock().buckets(which);
        let mut tx = self.store.begin().await?;
        let now = tx.now();
        let mut taken = Vec::with_capacity(buckets.len());
        for (at, bucket) in &buckets {
            let full_at = budget::table::lock(&mut tx, &self.application, bucket).await?;
            let slice = bucket.take(full_at, lane, now);
            if let Taken::Slice { full_at, .. } = slice {
                budget::table::put(&mut tx, &self.application, bucket, full_at).await?;
            }
            taken.push((*at, slice));
        }
        tx.commit().await?;
        let mut slices = self.lock();
        for (at, slice) in taken {
            // Its life begins when it is at hand.
            slices.put(at, lane, slice, self.store.clock().now());
        }
        Ok(())
    }

    /// Every change leaves the slices whole, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Slices> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget for Purse {
    fn spend<'a>(&'a self, path: &'a str, turn: Turn) -> BoxFuture<'a, Result<(), Duration>> {
        self.get(path, turn).boxed()
    }

    fn waits(&self, lane: Lane) -> Duration {
        let waits = self.lock().waits(lane, self.store.clock().now());
        Duration::try_from(waits).unwrap_or_default()
    }
}

impl fmt::Debug for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purse").field("application", &self.application).finish_non_exhaustive()
    }
}
