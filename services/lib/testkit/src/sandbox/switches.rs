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
