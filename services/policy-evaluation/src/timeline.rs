//! What was received about a person: one version of the timeline.
pub(crate) mod table;

use domain::{PersonId, Timestamp, Version};
use rules::Timeline;

/// Which version of whose timeline.
pub(crate) type Key = (PersonId, Version);

/// A version of a person's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its version.
    pub(crate) version: Version,
    /// When its publisher recorded it.
    pub(crate) recorded_at: Timestamp,
    /// The facts.
    pub(crate) timeline: Timeline,
}

/// A version, and when it came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) known: Known,
    pub(crate) at: Timestamp,
}
