//! SQL for the `budgets` table.

use domain::Timestamp;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};

use super::Bucket;

/// Returns when a bucket would be full, locked; one that nobody used is full. Whoever takes several locks them
/// in the order of the document.
pub(crate) async fn lock(
    tx: &mut Tx,
    application: &str,
    bucket: &Bucket,
) -> Result<Timestamp, Error> {
    let now = tx.now();
    let full_at: SqlTimestamp = sqlx::query_scalar(
        "INSERT INTO budgets AS b (application, path, per_seconds, full_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (application, path, per_seconds) DO UPDATE SET full_at = b.full_at
         RETURNING full_at",
    )
    .bind(application)
    .bind(&bucket.path)
    .bind(bucket.per_seconds)
    .bind(now.to_sqlx())
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("look what is left of a budget"))?;
    Ok(full_at.to_jiff())
}

/// Writes that something was taken.
pub(crate) async fn put(
    tx: &mut Tx,
    application: &str,
    bucket: &Bucket,
    full_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE budgets SET full_at = $4
          WHERE application = $1 AND path = $2 AND per_seconds = $3",
    )
    .bind(application)
    .bind(&bucket.path)
    .bind(bucket.per_seconds)
    .bind(full_at.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("take a slice of a budget"))
}
