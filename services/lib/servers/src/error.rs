//! What can go wrong around a server.

use std::io;
use std::path::{Path, PathBuf};

/// Tells why a server cannot be found, started or prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configured program is not of the version needed.
    #[error("{} is not {wanted}, it says: {found}", program.display())]
    Version {
        /// The program asked.
        program: PathBuf,
        /// What it answered.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// A configured program does not run.
    #[error("run {}: {output}", program.display())]
    Program {
        /// The program run.
        program: PathBuf,
        /// How it ended, and the last it wrote.
        output: String,
    },
    /// The servers could not be fetched.
    #[error("fetch the servers: {output}")]
    Fetch {
        /// How the fetching ended, and the last it wrote.
        output: String,
    },
    /// No folder for files that may be made again is known.
    #[error("no cache folder is known: set TENURE_CACHE")]
    NoCache,
    /// A folder is closed to the unprivileged account `PostgreSQL` runs as when root starts it.
    #[error("{} cannot be entered by uid {uid}, which PostgreSQL runs as", folder.display())]
    Unreachable {
        /// The closed folder.
        folder: PathBuf,
        /// The account.
        uid: u32,
    },
    /// A file, folder or process operation failed.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A server ended before it was ready.
    #[error("{server} ended before it was ready ({status}): {log}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: String,
        /// The last it wrote.
        log: String,
    },
    /// A server runs, but never became ready.
    #[error("{server} is not ready after {seconds} s: {log}")]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The last it wrote.
        log: String,
    },
    /// `PostgreSQL` refused a statement or a connection.
    #[error("{doing}")]
    Database {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
}

impl Error {
    /// Adapts an I/O error: `.map_err(Error::io("read", path))`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Adapts a database error.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
