//! The slices that a process has in hand, one of each rate and lane.

use domain::{Lane, Timestamp};
use jiff::SignedDuration;

use super::{Bucket, Taken, after};

/// What a process may still send.
#[derive(Debug)]
pub(crate) struct Slices(Vec<Held>);

/// What came of wanting to send a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spend {
    /// It may go.
    Spent,
    /// Slices of these rates have to be taken first.
    Lacks(Vec<usize>),
    /// It is too early to ask for one.
    Dry(SignedDuration),
}

#[derive(Debug)]
struct Held {
    bucket: Bucket,
    leavers: Slice,
    regular: Slice,
}

#[derive(Debug)]
struct Slice {
    requests: u32,
    until: Timestamp,
    /// Before that it is of no use to ask for another.
    dry_until: Timestamp,
}

impl Slices {
    pub(crate) fn new(buckets: Vec<Bucket>) -> Self {
        let nothing = || Slice { requests: 0, until: Timestamp::MIN, dry_until: Timestamp::MIN };
        let held = |bucket| Held { bucket, leavers: nothing(), regular: nothing() };
        Self(buckets.into_iter().map(held).collect())
    }

    /// The rates that lack a slice.
    pub(crate) fn buckets(&self, which: &[usize]) -> Vec<(usize, Bucket)> {
        which.iter().filter_map(|at| Some((*at, self.0.get(*at)?.bucket.clone()))).collect()
    }

    /// Takes one request from every rate that it counts for, or from none.
    pub(crate) fn spend(&mut self, path: &str, lane: Lane, now: Timestamp) -> Spend {
        let mut lacks = Vec::new();
        let mut dry = SignedDuration::ZERO;
        for (at, held) in self.0.iter().enumerate().filter(|(_at, held)| held.bucket.counts(path)) {
            if held.has(lane, now) {
                continue;
            }
            lacks.push(at);
            dry = dry.max(held.slice(lane).dry_until.duration_since(now));
        }
        if dry > SignedDuration::ZERO {
            return Spend::Dry(dry);
        }
        if !lacks.is_empty() {
            return Spend::Lacks(lacks);
        }
        for held in self.0.iter_mut().filter(|held| held.bucket.counts(path)) {
            held.take(lane, now);
        }
        Spend::Spent
    }

    /// How long nothing can be begun: whatever is asked for begins with its account.
    pub(crate) fn waits(&self, lane: Lane, now: Timestamp) -> SignedDuration {
        let of_accounts = self.0.iter().filter(|held| held.bucket.counts("/Users"));
        let dry = of_accounts.filter(|held| !held.has(lane, now));
        dry.map(|held| held.slice(lane).dry_until.duration_since(now))
            .fold(SignedDuration::ZERO, SignedDuration::max)
    }

    /// Keeps what was taken out of a bucket.
    pub(crate) fn put(&mut self, at: usize, lane: Lane, taken: Taken, now: Timestamp) {
        let Some(held) = self.0.get_mut(at) else { return };
        let life = held.bucket.life;
        let slice = match lane {
            Lane::Leaver => &mut held.leavers,
            Lane::Regular => &mut held.regular,
        };
        match taken {
            Taken::Slice { requests, full_at: _ } => {
                // What is left of an older one may still be good, and ends with this one at the latest.
                let left = if now < slice.until { slice.requests } else { 0 };
                let until = if left > 0 { slice.until } else { after(now, life) };
                *slice = Slice { requests: left + requests, until, dry_until: Timestamp::MIN };
            }
            Taken::Nothing { until } => slice.dry_until = until,
        }
    }
}

impl Held {
    const fn slice(&self, lane: Lane) -> &Slice {
        match lane {
            Lane::Leaver => &self.leavers,
            Lane::Regular => &self.regular,
        }
    }

    /// A leaver may spend either.
    fn has(&self, lane: Lane, now: Timestamp) -> bool {
        let has = |slice: &Slice| slice.requests > 0 && now < slice.until;
        has(&self.regular) || (lane == Lane::Leaver && has(&self.leavers))
    }

    fn take(&mut self, lane: Lane, now: Timestamp) {
        let own = lane == Lane::Leaver && self.leavers.requests > 0 && now < self.leavers.until;
        let slice = if own { &mut self.leavers } else { &mut self.regular };
        slice.requests = slice.requests.saturating_sub(1);
    }
}
