//! What services answer, read alike by every command.

use domain::Timestamp;
use proto::common::v1::Instant;
use proto::convert::optional_instant;
use tonic::Status;

use crate::output;

/// The service's own words; a connection that failed has a cause of its own.
pub(super) fn refused(status: Status) -> anyhow::Error {
    match std::error::Error::source(&status) {
        None => anyhow::anyhow!("{}", status.message()),
        Some(_) => {
            anyhow::Error::new(status).context("ask the mesh; `tenure status` says how it is")
        }
    }
}

/// An instant, if one was told.
pub(super) fn time(told: Option<&Instant>) -> Option<Timestamp> {
    optional_instant("instant", told).unwrap_or_default()
}

/// An instant for people; a dash stands for none.
pub(super) fn at(told: Option<&Instant>) -> String {
    output::instant(time(told))
}
