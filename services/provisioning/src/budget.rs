//! How many requests may be sent within the rates of an application. Pure.
//!
//! A rate is a bucket that fills steadily and is shared by all replicas. A process takes a *slice* out of
//! it, about what a second allows, and spends it without asking anybody; what it does not spend soon is
//! lost. A part of the bucket is for leavers alone.

mod slices;
pub(crate) mod table;

use domain::{Lane, Timestamp};
use jiff::SignedDuration;
use rules::document::Rate;

pub(crate) use slices::{Slices, Spend};

/// One rate, as a bucket.
///
/// In every stretch of time of a rate's length, and two lives of a slice more, at most as many requests
/// are taken out as the rate allows: those the bucket holds, and those that come back meanwhile. One life
/// is for a slice that is spent late, the other for requests that are long on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The endpoint; empty: every request counts.
    pub(crate) path: String,
    pub(crate) per_seconds: i32,
    /// What it holds.
    size: u32,
    /// What only leavers may take.
    reserve: u32,
    /// What is taken at a time.
    slice: u32,
    /// How long one request takes to come back.
    each: SignedDuration,
    /// How long a slice may be spent.
    life: SignedDuration,
}

/// What came of asking for a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many requests, and when the bucket would be full again.
    Slice { requests: u32, full_at: Timestamp },
    /// Nothing; when it is worth asking again.
    Nothing { until: Timestamp },
}

/// As many changes as are begun at once find something, unless the rate is small itself.
const SIZE_MIN: u32 = 8;

impl Bucket {
    pub(crate) fn new(rate: &Rate) -> Self {
        let per = SignedDuration::try_from(rate.per.duration()).unwrap_or(SignedDuration::MAX);
        let seconds = i32::try_from(per.as_secs()).unwrap_or(i32::MAX).max(1);
        let requests = rate.requests.max(1);
        let size = (requests / 8).max(requests.div_ceil(2).min(SIZE_MIN));
        let reserve = size / 4;
        let of_a_second = requests / seconds.unsigned_abs();
        let life = (per / 8).min(SignedDuration::from_secs(1));
        // What a database keeps of an instant is counted in microseconds: never too few of them.
        let whole = per.saturating_add(life).saturating_add(life).as_micros();
        let back = i128::from(requests - size + 1);
        let each = i64::try_from((whole + back - 1) / back).unwrap_or(i64::MAX);
        Self {
            path: rate.path.clone().unwrap_or_default(),
            per_seconds: seconds,
            size,
            reserve,
            slice: of_a_second.clamp(1, size - reserve),
            each: SignedDuration::from_micros(each),
            life,
        }
    }

    /// Whether a request to an endpoint counts.
    fn counts(&self, path: &str) -> bool {
        self.path.is_empty() || self.path == path
    }

    /// Takes a slice, or what there is of one.
    pub(crate) fn take(&self, full_at: Timestamp, lane: Lane, now: Timestamp) -> Taken {
        let left = match lane {
            Lane::Leaver => 0,
            Lane::Regular => self.reserve,
        };
        let missing = full_at.duration_since(now).max(SignedDuration::ZERO);
        let (missing, each) = (missing.as_micros(), self.each.as_micros());
        let taken = u32::try_from((missing + each - 1) / each).unwrap_or(u32::MAX);
        let there = self.size.saturating_sub(taken).saturating_sub(left);
        if there == 0 {
            // Until a whole slice has come back: asking for every single request is what slices spare.
            let spare = self.size - left - self.slice;
            let until = after(full_at, -times(self.each, spare));
            return Taken::Nothing { until: until.max(now) };
        }
        let requests = self.slice.min(there);
        let full_at = after(full_at.max(now), times(self.each, requests));
        Taken::Slice { requests, full_at }
    }
}

fn times(each: SignedDuration, count: u32) -> SignedDuration {
    each.saturating_mul(i32::try_from(count).unwrap_or(i32::MAX))
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests;
