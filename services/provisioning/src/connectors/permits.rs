//! Limits the work going on in one application, with a share that only leavers may use.

use std::num::NonZeroUsize;

use domain::Lane;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How much may be asked of one application at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pieces of work under way at once.
    pub concurrency: NonZeroUsize,
    /// How many of these only leavers may use.
    pub leaver_reserve: usize,
    /// Membership changes in one request.
    pub changes_per_request: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::MIN.saturating_add(7),
            leaver_reserve: 2,
            changes_per_request: NonZeroUsize::MIN.saturating_add(99),
        }
    }
}

/// Hands out permission to start a piece of work.
#[derive(Debug)]
pub(super) struct Permits {
    shared: Semaphore,
    reserved: Semaphore,
}

impl Permits {
    /// At least one permit is shared, however large the reserve: regular work must come through.
    pub(super) fn new(limits: Limits) -> Self {
        let concurrency = limits.concurrency.get();
        let reserved = limits.leaver_reserve.min(concurrency - 1);
        Self { shared: Semaphore::new(concurrency - reserved), reserved: Semaphore::new(reserved) }
    }

    /// Waits for a permit; a leaver waits for whichever comes first, a shared or a reserved one.
    pub(super) async fn acquire(&self, lane: Lane) -> SemaphorePermit<'_> {
        let permit = match lane {
            Lane::Leaver => tokio::select! {
                biased;
                permit = self.reserved.acquire() => permit,
                permit = self.shared.acquire() => permit,
            },
            Lane::Regular => self.shared.acquire().await,
        };
        permit.expect("the semaphores are never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn permits(concurrency: usize, leaver_reserve: usize) -> Permits {
        let concurrency = NonZeroUsize::new(concurrency).unwrap();
        Permits::new(Limits { concurrency, leaver_reserve, ..Limits::default() })
    }

    #[test]
    fn regular_work_never_takes_the_reserve_of_leavers() {
        let permits = permits(3, 1);

        let first = permits.acquire(Lane::Regular).now_or_never();
        let second = permits.acquire(Lane::Regular).now_or_never();
        let third = permits.acquire(Lane::Regular).now_or_never();
        let leaver = permits.acquire(Lane::Leaver).now_or_never();

        assert!(first.is_some() && second.is_some() && third.is_none() && leaver.is_some());
    }

    #[test]
    fn leavers_use_the_shared_permits_once_their_reserve_is_taken() {
        let permits = permits(2, 1);

        let first = permits.acquire(Lane::Leaver).now_or_never();
        let second = permits.acquire(Lane::Leaver).now_or_never();
        let third = permits.acquire(Lane::Leaver).now_or_never();

        assert!(first.is_some() && second.is_some() && third.is_none());
    }

    #[test]
    fn a_reserve_as_large_as_everything_leaves_one_permit_for_regular_work() {
        assert!(permits(1, 5).acquire(Lane::Regular).now_or_never().is_some());
    }
}
