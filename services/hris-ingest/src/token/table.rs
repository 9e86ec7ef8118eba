//! SQL for `source_tokens`.

use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use store::{Error, Tx};
use uuid::Uuid;

use super::Kept;

/// How exactly the last use of a token is known: a write with every request would be one too many.
const USE_KNOWN_TO: SignedDuration = SignedDuration::from_hours(1);

/// Lets nobody else make a token of a source until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, source: &str) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('hris.tokens.' || $1, 0))")
        .bind(source)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("lock the tokens of a source"))
}

/// Counts the valid tokens of a source.
pub(crate) async fn count(tx: &mut Tx, source: &str) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM source_tokens WHERE source = $1 AND revoked_at IS NULL",
    )
    .bind(source)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count the tokens of a source"))?;
    Ok(count.unsigned_abs())
}

/// Adds a token.
pub(crate) async fn add(
    tx: &mut Tx,
    id: Uuid,
    source: &str,
    prefix: &str,
    hash: &[u8],
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO source_tokens (id, source, prefix, hash, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(source)
    .bind(prefix)
    .bind(hash)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep a token"))
}

/// Returns whose valid token has a hash, and notes that it was used.
pub(crate) async fn used(tx: &mut Tx, hash: &[u8]) -> Result<Option<String>, Error> {
    let now = tx.now();
    let source: Option<String> = sqlx::query_scalar(
        "SELECT source FROM source_tokens WHERE hash = $1 AND revoked_at IS NULL",
    )
    .bind(hash)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("find a token"))?;
    if source.is_some() {
        sqlx::query(
            "UPDATE source_tokens SET last_used_at = $2
              WHERE hash = $1 AND (last_used_at IS NULL OR last_used_at < $3)",
        )
        .bind(hash)
        .bind(now.to_sqlx())
        .bind((now - USE_KNOWN_TO).to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("note the use of a token"))?;
    }
    Ok(source)
}

/// Returns the valid tokens of a source, in the order in which they were made.
pub(crate) async fn list(pool: &PgPool, source: &str) -> Result<Vec<Kept>, Error> {
    let rows: Vec<(Uuid, String, jiff_sqlx::Timestamp, Option<jiff_sqlx::Timestamp>)> =
        sqlx::query_as(
            "SELECT id, prefix, created_at, last_used_at FROM source_tokens
              WHERE source = $1 AND revoked_at IS NULL ORDER BY created_at, id",
        )
        .bind(source)
        .fetch_all(pool)
        .await
        .map_err(Error::during("list the tokens of a source"))?;
    Ok(rows
        .into_iter()
        .map(|(id, prefix, created_at, last_used_at)| Kept {
            id,
            prefix,
            created_at: created_at.to_jiff(),
            last_used_at: last_used_at.map(jiff_sqlx::Timestamp::to_jiff),
        })
        .collect())
}

/// Ends a token; says whether there was one.
pub(crate) async fn revoke(tx: &mut Tx, source: &str, id: Uuid) -> Result<bool, Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE source_tokens SET revoked_at = $3
          WHERE source = $1 AND id = $2 AND revoked_at IS NULL",
    )
    .bind(source)
    .bind(id)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("revoke a token"))
}
