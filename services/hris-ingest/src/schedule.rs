//! Sources that are looked at on a schedule: who looks when, and what the last look came to.
//!
//! A source's document says when, `table` keeps one row for it, and the driver of one process at a time
//! has it by a lease. What a look is depends on the source: a folder is one kind of look, and whatever
//! else is read from time to time is another, with what it remembers between looks in the same row.

pub(crate) mod driver;
pub(crate) mod table;

use domain::Timestamp;
use jiff::SignedDuration;

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Look {
    pub(crate) outcome: Outcome,
    /// Why it failed, or what it waits for.
    pub(crate) reason: String,
    /// What became of a file, if of any.
    pub(crate) last_file: Option<LastFile>,
    /// What the next look is told of this one.
    pub(crate) remember: serde_json::Value,
    /// When to look again, where the schedule would be too late.
    pub(crate) again: Option<SignedDuration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Outcome {
    /// There was nothing to take.
    #[default]
    Idle,
    /// Something is there that cannot be taken yet.
    Waiting,
    /// Something is being applied.
    Taking,
    /// Something is held until two people have looked at it.
    Held,
    /// It could not be looked at.
    Failed,
}

/// A file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastFile {
    pub(crate) name: String,
    pub(crate) fate: Fate,
    /// Why it was rejected.
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Held,
    Done,
    Rejected,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Taking => "taking",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

impl Fate {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }
}

impl Look {
    /// When the source is looked at next: by its schedule, or sooner where something is under way.
    fn next(&self, now: Timestamp, regular: Timestamp) -> Timestamp {
        self.again.map_or(regular, |again| regular.min(now + again))
    }
}
