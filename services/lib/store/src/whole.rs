//! Work on a connection that must not be dropped half-way.

use std::future::Future;

use crate::error::Error;

/// Does work to its end, even if nobody waits for it any more.
///
/// Whoever is dropped while it waits for the database leaves a connection to the next one. sqlx 0.9 loses count of what
/// is still to be answered there in two cases: `BEGIN`, after which the next one writes into a transaction that nobody
/// commits, and `COPY`, whose rows the next one takes for its own answer.
///
/// # Errors
/// As the work, and when it panics.
pub async fn to_its_end<T: Send + 'static>(
    during: &'static str,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let crashed = |_error| Error::during(during)(sqlx::Error::WorkerCrashed);
    tokio::spawn(work).await.map_err(crashed)?
}
