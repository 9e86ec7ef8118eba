use std::io;

use domain::{Date, RunId, Timestamp};

use super::AHEAD_DAYS_MAX;
use crate::gate::Incomplete;
use crate::{mapping, reader};

/// Why a file is not imported. Nobody was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] mapping::Error),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] reader::Error),
    /// More bytes arrived than are taken.
    #[error("the file is larger than {limit} bytes, which is the most that is taken")]
    FileTooLarge {
        /// The limit.
        limit: u64,
    },
    /// Fewer or more bytes arrived than were announced.
    #[error("{received} bytes of the file's {announced} arrived: import it again")]
    Incomplete {
        /// How many arrived.
        received: u64,
        /// How many were announced.
        announced: u64,
    },
    /// The rest of it does not arrive.
    #[error("the file did not arrive whole: import it again")]
    Broken,
    /// A full file without rows.
    #[error("the file has no rows: a full file lists everybody who is present")]
    NoRows,
    /// A full file of which nothing could be taken over.
    #[error(
        "none of the file's {rows} rows could be taken over; line {}, column {:?}: {}",
        first.line, first.column, first.reason
    )]
    NothingTaken {
        /// How many rows it has.
        rows: u64,
        /// What is wrong with the first.
        first: reader::Reject,
    },
    /// The key does not tell people apart.
    #[error("one key stands in {rows} rows of the file: does it tell people apart?")]
    Key {
        /// The most rows of one key.
        rows: u64,
    },
    /// It is no read of the whole source.
    #[error("{0}")]
    NotWhole(String),
    /// Whoever hands the file in has no name that can be kept.
    #[error("the name of whoever hands the file in cannot be used: it is too long, or no text")]
    Author,
    /// A newer file was taken over.
    #[error(
        "the file speaks for {snapshot_date}, and one for {last} was taken over already: what it \
         says is out of date"
    )]
    Older {
        /// The file's date.
        snapshot_date: Date,
        /// The newest date that was taken over.
        last: Date,
    },
    /// It would make every file of the days until then old.
    #[error(
        "the file speaks for {snapshot_date}, which is more than {AHEAD_DAYS_MAX} days after \
         {today}: is it the right year?"
    )]
    Ahead {
        /// The file's date.
        snapshot_date: Date,
        /// The present day.
        today: Date,
    },
    /// Another file of the source is being imported.
    #[error("run {run} of {source_name} is under way since {started_at}: wait for its end")]
    Running {
        /// The source.
        source_name: String,
        /// The run.
        run: RunId,
        /// When it began.
        started_at: Timestamp,
    },
    /// The run changed hands.
    #[error(
        "the run was given up because it stood still, or was in the way of another: import the file again"
    )]
    Lost,
    /// The file could not be kept while it is read.
    #[error("keep the file while it is read")]
    Spool(#[source] io::Error),
    /// Reading ended without a result.
    #[error("read the file to its end")]
    Reading(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Incomplete> for Error {
    fn from(incomplete: Incomplete) -> Self {
        Self::NotWhole(incomplete.to_string())
    }
}

impl Error {
    /// What the operator is told: everything, except how this machine failed.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Mapping(_)
            | Self::FileTooLarge { .. }
            | Self::Incomplete { .. }
            | Self::Broken
            | Self::NoRows
            | Self::NothingTaken { .. }
            | Self::Key { .. }
            | Self::NotWhole(_)
            | Self::Author
            | Self::Ahead { .. }
            | Self::Older { .. } => format!("{self}; nothing was changed"),
            Self::Running { .. } | Self::Lost => self.to_string(),
            Self::File(reader::Error::Read(_))
            | Self::Spool(_)
            | Self::Reading(_)
            | Self::Store(_) => {
                "the service failed; its log says how; nothing was changed: import the file again"
                    .to_owned()
            }
            Self::File(
                reader::Error::Empty
                | reader::Error::NoLines
                | reader::Error::LineTooLong { .. }
                | reader::Error::Encoding { .. }
                | reader::Error::Header { .. }
                | reader::Error::RowTooLong { .. }
                | reader::Error::UnclosedQuote { .. }
                | reader::Error::TooManyRows,
            ) => format!("{self}; nothing was changed"),
        }
    }
}
