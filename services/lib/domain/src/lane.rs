use std::fmt;

use serde::{Deserialize, Serialize};

/// The queue an event or an action travels in; leavers never wait behind bulk work.
///
/// Ordered by urgency: `Leaver` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Somebody's access has to end at or before now.
    Leaver,
    /// Everything else.
    Regular,
}

impl Lane {
    /// Both lanes, the urgent one first.
    pub const ALL: [Self; 2] = [Self::Leaver, Self::Regular];

    /// The lane's name in subjects and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leaver => "leaver",
            Self::Regular => "regular",
        }
    }

    /// The lane as a number that sorts by urgency, for indexes.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::Leaver => 0,
            Self::Regular => 1,
        }
    }

    /// Returns the lane with this rank; anything unknown travels with the regular work.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        if rank == 0 { Self::Leaver } else { Self::Regular }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
