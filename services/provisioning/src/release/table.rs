//! SQL for the `releases` and `documents` tables.

use std::collections::BTreeMap;

use sqlx::PgPool;
use store::{Error, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Document, Release};

/// Keeps others from changing releases and documents until the transaction ends.
///
/// Without it a release and the last of its documents, committed at the same time by two
/// transactions, would not see each other. Reading is not hindered.
pub(crate) async fn lock(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("LOCK TABLE releases IN SHARE ROW EXCLUSIVE MODE")
        .execute(tx.connection())
        .await
        .map_err(Error::during("lock releases"))?;
    Ok(())
}

/// Keeps documents; one that is known stays as it is.
pub(crate) async fn insert_documents(tx: &mut Tx, documents: &[Document]) -> Result<(), Error> {
    let text = |f: fn(&Document) -> &str| documents.iter().map(f).collect::<Vec<_>>();
    let contents: Vec<&[u8]> = documents.iter().map(|d| d.content.as_slice()).collect();
    let now = tx.now();
    sqlx::query(
        "INSERT INTO documents (digest, kind, name, content, received_at)
         SELECT DISTINCT ON (digest) digest, kind, name, content, $5
           FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bytea[])
             AS t (digest, kind, name, content)
          ORDER BY digest
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(text(|document| &document.digest))
    .bind(text(|document| &document.kind))
    .bind(text(|document| &document.name))
    .bind(contents)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep documents"))?;
    Ok(())
}

/// Keeps releases, and returns the events that announce one which is known with another content.
///
/// In a higher epoch a number may stand for another content; in a lower one it says nothing.
pub(crate) async fn insert(
    tx: &mut Tx,
    releases: &BTreeMap<Uuid, Release>,
) -> Result<Vec<Uuid>, Error> {
    let mut conflicts = Vec::new();
    for (event, release) in releases {
        let (content_hash, digests, epoch): (String, Vec<String>, i64) = sqlx::query_as(
            "INSERT INTO releases AS r (number, content_hash, digests, activated_at, epoch)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (number) DO UPDATE
                SET epoch = GREATEST(r.epoch, excluded.epoch),
                    content_hash = CASE WHEN excluded.epoch > r.epoch
                                        THEN excluded.content_hash ELSE r.content_hash END,
                    digests = CASE WHEN excluded.epoch > r.epoch
                                   THEN excluded.digests ELSE r.digests END,
                    usable_at = CASE WHEN excluded.epoch > r.epoch
                                     THEN NULL ELSE r.usable_at END
             RETURNING content_hash, digests, epoch",
        )
        .bind(release.number)
        .bind(&release.content_hash)
        .bind(&release.digests)
        .bind(release.activated_at.to_sqlx())
        .bind(release.epoch)
        .fetch_one(tx.connection())
        .await
        .map_err(Error::during("keep a release"))?;
        let same = content_hash == release.content_hash && digests == release.digests;
        if !same && epoch <= release.epoch {
            conflicts.push(*event);
        }
    }
    Ok(conflicts)
}

/// Marks the releases all of whose documents were received.
pub(crate) async fn mark_usable(tx: &mut Tx) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE releases r SET usable_at = $1
          WHERE r.usable_at IS NULL
            AND NOT EXISTS
                (SELECT FROM UNNEST(r.digests) AS named (digest)
                  WHERE NOT EXISTS (SELECT FROM documents d WHERE d.digest = named.digest))",
    )
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("mark usable releases"))?;
    Ok(())
}

const NEWEST: &str = "SELECT number, epoch FROM releases WHERE usable_at IS NOT NULL
                       ORDER BY epoch DESC, number DESC LIMIT 1";

/// Returns number and epoch of the newest release that may be used.
pub(crate) async fn newest(tx: &mut Tx) -> Result<Option<(i64, i64)>, Error> {
    sqlx::query_as(NEWEST)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("look for the newest usable release"))
}

/// Returns the number of the newest release that may be used, outside of any transaction.
pub(crate) async fn newest_now(pool: &PgPool) -> Result<Option<i64>, Error> {
    sqlx::query_scalar(NEWEST)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("look for the newest usable release"))
}

/// Whether the newest release that may be used has a document of this kind and name.
pub(crate) async fn names(tx: &mut Tx, kind: &'static str, name: &str) -> Result<bool, Error> {
    let Some((number, _epoch)) = newest(tx).await? else { return Ok(false) };
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM releases r JOIN documents d ON d.digest = ANY(r.digests)
                         WHERE r.number = $1 AND d.kind = $2 AND d.name = $3)",
    )
    .bind(number)
    .bind(kind)
    .bind(name)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("look for a document"))
}

/// Returns a release's documents of one kind.
pub(crate) async fn documents(
    tx: &mut Tx,
    number: i64,
    kind: &'static str,
) -> Result<Vec<Document>, Error> {
    let rows: Vec<(String, String, String, Vec<u8>)> = sqlx::query_as(
        "SELECT d.digest, d.kind, d.name, d.content
           FROM releases r JOIN documents d ON d.digest = ANY(r.digests)
          WHERE r.number = $1 AND d.kind = $2
          ORDER BY d.name",
    )
    .bind(number)
    .bind(kind)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read documents"))?;
    Ok(rows
        .into_iter()
        .map(|(digest, kind, name, content)| Document { digest, kind, name, content })
        .collect())
}
