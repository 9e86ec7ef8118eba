use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of a subject's state: a higher epoch beats any counter.
///
/// The epoch lives outside the database's backup, so state that was published before a restore
/// never beats what is published after it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version {
    /// Raised only when a service's state is published again as a whole.
    pub epoch: i64,
    /// Raised with every change of the subject.
    pub counter: i64,
}

impl Version {
    /// Returns the version that follows within `epoch`.
    #[must_use]
    pub const fn next(self, epoch: i64) -> Self {
        if epoch > self.epoch {
            Self { epoch, counter: 1 }
        } else {
            Self { epoch: self.epoch, counter: self.counter + 1 }
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.counter)
    }
}
