//! The life of one read of one file: staging, held if it exceeds a limit, applying, finished or failed.

pub(crate) mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Date, RunId, Timestamp};

use crate::facts::{Change, Contract};
use crate::reader::Reject;

/// How long whoever works on a run may be silent before somebody else takes it.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The file is being read; nobody has been changed.
    Staging,
    /// The file was read to its end and exceeds a limit; nobody is changed by what is left of it
    /// until two people have released it.
    Held,
    /// The file was read to its end; people are being compared and written.
    Applying,
    /// Everything is committed.
    Finished,
    /// It was given up.
    Failed,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Staging, Self::Held, Self::Applying, Self::Finished, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Held => "held",
            Self::Applying => "applying",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}

/// How far a run was walked: first the workers whom the file lists, then those it leaves out, then
/// the people whose manager became known meanwhile, each in the order of their ids. When a part of it
/// was released, everybody is looked at once more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// After this one of those who are listed.
    Listed(String),
    /// After this one of those who are not.
    Absent(String),
    /// After this one of the people who are told once more.
    Managers(String),
    /// A part was written; what is left is to be counted.
    Look,
    /// Everybody was walked.
    #[default]
    End,
}

impl Cursor {
    pub(crate) const fn start() -> Self {
        Self::Listed(String::new())
    }

    fn to_columns(&self) -> (&'static str, &str) {
        match self {
            Self::Listed(after) => ("listed", after),
            Self::Absent(after) => ("absent", after),
            Self::Managers(after) => ("managers", after),
            Self::Look => ("look", ""),
            Self::End => ("end", ""),
        }
    }

    fn from_columns(walk: &str, after: String) -> Option<Self> {
        match walk {
            "listed" => Some(Self::Listed(after)),
            "absent" => Some(Self::Absent(after)),
            "managers" => Some(Self::Managers(after)),
            "look" => Some(Self::Look),
            "end" => Some(Self::End),
            _ => None,
        }
    }
}

/// How many people came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// People who were not known, or had left and begin again.
    pub(crate) joined: u64,
    pub(crate) changed: u64,
    pub(crate) left: u64,
    pub(crate) unchanged: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, change: Option<Change>) {
        match change {
            Some(Change::Joined | Change::Rehired) => self.joined += 1,
            Some(Change::Changed) => self.changed += 1,
            Some(Change::Left) => self.left += 1,
            None => self.unchanged += 1,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.joined += other.joined;
        self.changed += other.changed;
        self.left += other.left;
        self.unchanged += other.unchanged;
    }

    pub(crate) const fn people(self) -> u64 {
        self.joined + self.changed + self.left + self.unchanged
    }
}

/// What a file was found to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Rows, taken over or not.
    pub(crate) rows: u64,
    /// People with at least one row that was taken over.
    pub(crate) people: u64,
    /// People who are as they were listed last, whom nobody walks.
    pub(crate) unchanged: u64,
    /// Workers to walk, listed or left out.
    pub(crate) workers: u64,
    /// Rows that were not taken over.
    pub(crate) rejected: u64,
    /// The first of them.
    pub(crate) rejects: Vec<Reject>,
    /// Whether the file's silence about a worker means that they have left.
    pub(crate) proves_absence: bool,
    /// How many rows that were taken over say something, by attribute.
    pub(crate) fills: BTreeMap<String, u64>,
}

/// One read of one file.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) source: String,
    pub(crate) file_name: String,
    pub(crate) mapping: String,
    pub(crate) contract: Contract,
    pub(crate) snapshot_date: Date,
    /// Whether nobody is told of what the file brings.
    pub(crate) quiet: bool,
    pub(crate) state: State,
    pub(crate) cursor: Cursor,
    pub(crate) content: Content,
    pub(crate) tally: Tally,
    /// People whose manager is nobody known, once the run has finished.
    pub(crate) managers_unknown: u64,
    pub(crate) error: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// When it was held, if it was.
    pub(crate) held_at: Option<Timestamp>,
    /// The groups that were released; everybody without it.
    pub(crate) released: Option<Vec<String>>,
}

impl Run {
    /// Whether what a held run of the same source says is out of date once this one was read.
    pub(crate) fn supersedes(&self, held: &Self) -> bool {
        match self.contract {
            Contract::Full => true,
            // It says nothing of those whom it does not list, but an older day is not applied after it.
            Contract::Partial => self.snapshot_date > held.snapshot_date,
        }
    }
}

/// What one chunk adds to a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    pub(crate) next: Cursor,
    pub(crate) tally: Tally,
    /// Workers who were passed over, counted as people, and turn out to be people of the chunk.
    pub(crate) counted_twice: u64,
    pub(crate) rejected: u64,
    pub(crate) rejects: Vec<Reject>,
}
