//! SQL for `source_documents`.

use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};

/// Returns a source's document.
pub(crate) async fn find(tx: &mut Tx, source: &str) -> Result<Option<String>, Error> {
    sqlx::query_scalar("SELECT document FROM source_documents WHERE name = $1")
        .bind(source)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("read a source's document"))
}

/// Keeps a source's document; says whether it differs from the one before.
pub(crate) async fn apply(
    tx: &mut Tx,
    source: &str,
    document: &str,
    digest: &[u8],
) -> Result<bool, Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO source_documents (name, document, digest, applied_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE
            SET document = excluded.document, digest = excluded.digest,
                applied_at = excluded.applied_at
          WHERE source_documents.digest <> excluded.digest",
    )
    .bind(source)
    .bind(document)
    .bind(digest)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("keep a source's document"))
}
