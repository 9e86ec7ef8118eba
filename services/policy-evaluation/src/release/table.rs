//! SQL for the `releases` and `documents` tables. No other module names them.

use domain::Timestamp;
use proto::policy::v1::{ReleaseAuthor, ReleaseDocument, ReleaseRecord};
use rules::{Document, Release};
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};

use super::Record;

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
pub(crate) async fn insert(tx: &mut Tx, release: &Release, record: &Record) -> Result<u64, Error> {
    let now = tx.now().to_sqlx();
    sqlx::query("UPDATE releases SET state = 'retired' WHERE state = 'active'")
        .execute(tx.connection())
        .await
        .map_err(Error::during("retire the active release"))?;
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO releases (number, content_hash, state, activated_at, base_release, applied_by,
                               message, revision, preview_hash, approved_by)
         SELECT COALESCE(max(number), 0) + 1, $1, 'active', $2, $3, $4, $5, $6, $7, $8
           FROM releases RETURNING number",
    )
    .bind(release.content_hash())
    .bind(now)
    .bind(i64::try_from(record.base_release).unwrap_or(i64::MAX))
    .bind(&record.author.name)
    .bind(&record.author.message)
    .bind(&record.author.revision)
    .bind(&record.preview_hash)
    .bind(&record.approved_by)
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

#[derive(sqlx::FromRow)]
struct RecordRow {
    number: i64,
    content_hash: String,
    active: bool,
    activated_at: SqlTimestamp,
    base_release: i64,
    applied_by: String,
    message: String,
    revision: String,
    preview_hash: String,
    approved_by: String,
}

impl RecordRow {
    fn into_record(self) -> ReleaseRecord {
        let Self { applied_by: name, message, revision, .. } = self;
        ReleaseRecord {
            release: self.number.unsigned_abs(),
            content_hash: self.content_hash,
            active: self.active,
            activated_at: Some(self.activated_at.to_jiff().into()),
            author: Some(ReleaseAuthor { name, message, revision }),
            base_release: self.base_release.unsigned_abs(),
            preview_hash: self.preview_hash,
            approved_by: self.approved_by,
        }
    }
}

/// Returns the latest releases, the latest first.
pub(crate) async fn list(tx: &mut Tx, limit: u32) -> Result<Vec<ReleaseRecord>, Error> {
    let rows: Vec<RecordRow> = sqlx::query_as(
        "SELECT number, content_hash, state = 'active' AS active, activated_at, base_release,
                applied_by, message, revision, preview_hash, approved_by
           FROM releases ORDER BY number DESC LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list releases"))?;
    Ok(rows.into_iter().map(RecordRow::into_record).collect())
}

/// Returns how a release came about, if there is one of that number.
pub(crate) async fn record(tx: &mut Tx, release: u64) -> Result<Option<ReleaseRecord>, Error> {
    let row: Option<RecordRow> = sqlx::query_as(
        "SELECT number, content_hash, state = 'active' AS active, activated_at, base_release,
                applied_by, message, revision, preview_hash, approved_by
           FROM releases WHERE number = $1",
    )
    .bind(i64::try_from(release).unwrap_or(i64::MAX))
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("read a release"))?;
    Ok(row.map(RecordRow::into_record))
}

/// Returns the documents of a release with their digests, by kind and name.
pub(crate) async fn listed(tx: &mut Tx, release: u64) -> Result<Vec<ReleaseDocument>, Error> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT kind, name, digest, content FROM documents WHERE release = $1 ORDER BY kind, name",
    )
    .bind(i64::try_from(release).unwrap_or(i64::MAX))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list the documents of a release"))?;
    Ok(rows
        .into_iter()
        .map(|(kind, name, digest, content)| ReleaseDocument { kind, name, digest, content })
        .collect())
}
