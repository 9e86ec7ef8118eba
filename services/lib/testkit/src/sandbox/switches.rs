//! The switches that make an honest application behave as real ones sometimes do.

use serde::{Deserialize, Serialize};

/// What an application does other than answer at once and honestly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How long every call waits before anything happens.
    pub latency_ms: u64,
    /// How many of the next calls are answered 429.
    pub refuse_next: u32,
    /// What these calls are told to wait.
    pub retry_after_seconds: u32,
    /// How many of the next writes are answered 500 and not carried out.
    pub fail_before_next: u32,
    /// How many of the next successful writes are carried out and answered 500.
    pub fail_after_next: u32,
    /// How many of the next successful writes are carried out and then lose their connection.
    pub drop_after_next: u32,
    /// Of so many successful writes one, whichever, is carried out and answered 500; zero: none is.
    pub fail_after_one_in: u32,
    /// Of so many successful writes one, whichever, is carried out and then loses its connection;
    /// zero: none does.
    pub drop_after_one_in: u32,
    /// What decides which writes these are: the same seed, the same ones. Every draw moves it on.
    pub seed: u64,
    /// Whether the log of calls keeps queries and bodies, so that the calls can be made again.
    pub keep_requests: bool,
    /// What filters do.
    pub filters: Filters,
    /// Whether every PATCH is answered 200 and changes nothing.
    pub lie_on_patch: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            refuse_next: 0,
            retry_after_seconds: 1,
            fail_before_next: 0,
            fail_after_next: 0,
            drop_after_next: 0,
            fail_after_one_in: 0,
            drop_after_one_in: 0,
            seed: 0,
            keep_requests: false,
            filters: Filters::Honest,
            lie_on_patch: false,
        }
    }
}

/// What a filter does to a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filters {
    /// It leaves what fulfils it.
    #[default]
    Honest,
    /// It leaves everything.
    Ignored,
    /// It leaves nothing.
    Empty,
}

/// Takes one from a countdown; false when it has run out.
pub(super) fn take(countdown: &mut u32) -> bool {
    let left = countdown.checked_sub(1);
    *countdown = left.unwrap_or(0);
    left.is_some()
}

/// Draws whether this is the one of so many; never draws where none is.
pub(super) fn hits(seed: &mut u64, one_in: u32) -> bool {
    if one_in == 0 {
        return false;
    }
    // SplitMix64: every state differs from all others, and its bits are well mixed.
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *seed;
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (drawn ^ (drawn >> 31)).is_multiple_of(u64::from(one_in))
}
