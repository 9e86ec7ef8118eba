//! SQL for the `releases` and `documents` tables. No other module names them.

use domain::Timestamp;
use rules::{Document, Release};
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};

/// Lets no other transaction activate a release before this one ends; readers go on.
pub(crate) async fn lock(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("LOCK TABLE releases IN SHARE ROW EXCLUSIVE MODE")
        .execute(tx.connection())
        .await
        .map_err(Error::during("lock the releases"))?;
    Ok(())
}

/// Returns the number of the active release; none if none ever was.
pub(crate) async fn active(tx: &mut Tx) -> Result<Option<u64>, Error> {
    let number: Option<i64> =
        sqlx::query_scalar("SELECT number FROM releases WHERE state = 'active'")
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("look for the active release"))?;
    Ok(number.map(i64::unsigned_abs))
}

/// Returns number and content hash of the active release.
pub(crate) async fn active_with_hash(tx: &mut Tx) -> Result<Option<(u64, String)>, Error> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT number, content_hash FROM releases WHERE state = 'active'")
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("read the active release"))?;
    Ok(row.map(|(number, content_hash)| (number.unsigned_abs(), content_hash)))
}

/// Returns the number of the active release, and since when it is active.
pub(crate) async fn active_since(tx: &mut Tx) -> Result<Option<(u64, Timestamp)>, Error> {
    let row: Option<(i64, SqlTimestamp)> =
        sqlx::query_as("SELECT number, activated_at FROM releases WHERE state = 'active'")
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("read the active release"))?;
    Ok(row.map(|(number, at)| (number.unsigned_abs(), at.to_jiff())))
}

/// Returns the release that was active at an instant, and since when.
pub(crate) async fn active_at(
    tx: &mut Tx,
    instant: Timestamp,
) -> Result<Option<(u64, Timestamp)>, Error> {
    let row: Option<(i64, SqlTimestamp)> = sqlx::query_as(
        "SELECT number, activated_at FROM releases
          WHERE state IN ('active', 'retired') AND activated_at <= $1
          ORDER BY number DESC LIMIT 1",
    )
    .bind(instant.to_sqlx())
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("look for the release that was active"))?;
    Ok(row.map(|(number, at)| (number.unsigned_abs(), at.to_jiff())))
}

/// Stores documents as the active release and returns its number; the caller holds the [`lock`].
pub(crate) async fn insert(tx: &mut Tx, release: &Release) -> Result<u64, Error> {
    let now = tx.now().to_sqlx();
    sqlx::query("UPDATE releases SET state = 'retired' WHERE state = 'active'")
        .execute(tx.connection())
        .await
        .map_err(Error::during("retire the active release"))?;
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO releases (number, content_hash, state, activated_at)
         SELECT COALESCE(max(number), 0) + 1, $1, 'active', $2 FROM releases RETURNING number",
    )
    .bind(release.content_hash())
    .bind(now)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("store a release"))?;
    let documents: Vec<(&Document, &str)> = release.documents().collect();
    let kinds: Vec<&str> =
        documents.iter().map(|(document, _digest)| document.kind().as_str()).collect();
    let names: Vec<&str> = documents.iter().map(|(document, _digest)| document.name()).collect();
    let digests: Vec<&str> = documents.iter().map(|(_document, digest)| *digest).collect();
    let contents: Vec<String> =
        documents.iter().map(|(document, _digest)| document.canonical()).collect();
    sqlx::query(
        "INSERT INTO documents (release, kind, name, digest, content)
         SELECT $1, kind, name, digest, content
           FROM UNNEST($2::text[], $3::text[], $4::text[], $5::text[])
                  AS d (kind, name, digest, content)",
    )
    .bind(number)
    .bind(kinds)
    .bind(names)
    .bind(digests)
    .bind(contents)
    .execute(tx.connection())
    .await
    .map_err(Error::during("store the documents of a release"))?;
    Ok(number.unsigned_abs())
}

/// Returns the documents of a release: what each is called, and its canonical JSON.
pub(crate) async fn documents(tx: &mut Tx, release: u64) -> Result<Vec<(String, String)>, Error> {
    sqlx::query_as(
        "SELECT kind || ' ' || name, content FROM documents WHERE release = $1
          ORDER BY kind, name",
    )
    .bind(i64::try_from(release).unwrap_or(i64::MAX))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the documents of a release"))
}
