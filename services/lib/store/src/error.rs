use domain::Rejection;

/// What went wrong with the database, and while doing what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("{during}")]
    Database {
        /// What was attempted, in words.
        during: &'static str,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("bring the schema up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Migrations that this program needs have not been done.
    #[error("the schema is behind: {missing} migrations are missing in {table}")]
    SchemaBehind {
        /// The table that keeps the versions.
        table: &'static str,
        /// How many are missing.
        missing: usize,
    },
    /// An event that was to be published is not valid.
    #[error("publish {event}")]
    Event {
        /// The event's type.
        event: &'static str,
        /// What is wrong with it.
        source: proto::convert::Invalid,
    },
}

impl Error {
    /// Returns a function that says what was attempted, for `map_err`.
    pub fn during(during: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { during, source }
    }

    /// Whether the same work may succeed when it is tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Migrate(_) | Self::Event { .. } => false,
            Self::SchemaBehind { .. } => true,
            Self::Database { source: sqlx::Error::Database(error), .. } => {
                error.code().is_some_and(|code| {
                    // Connection, rollback, resources, operator intervention, system (SQLSTATE classes).
                    ["08", "40", "53", "57", "58", "55P03", "25P03"]
                        .iter()
                        .any(|class| code.starts_with(class))
                })
            }
            Self::Database { source, .. } => matches!(
                source,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::Protocol(_)
            ),
        }
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        if error.is_transient() { Self::retry(error) } else { Self::park(error) }
    }
}
