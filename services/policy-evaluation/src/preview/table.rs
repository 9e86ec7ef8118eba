//! SQL for the `previews` and `approvals` tables. No other module names them.

use jiff::SignedDuration;
use proto::policy::v1::{ReleaseAuthor, ReleasePreview};
use proto::prost::Message as _;
use rules::Release;
use store::{Error, ToSqlx as _, Tx};

/// How long a preview can be applied.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Previews that are kept, at most; the oldest go first.
const KEPT_MAX: i64 = 100;

/// A preview as it was made.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The canonical texts.
    pub(crate) documents: Vec<String>,
    /// Absent when this version of the service cannot read it.
    pub(crate) summary: Option<ReleasePreview>,
    pub(crate) author: ReleaseAuthor,
}

/// Keeps a preview; one with the same hash stays as it was made, and is kept for as long again.
pub(crate) async fn keep(
    tx: &mut Tx,
    release: &Release,
    summary: &ReleasePreview,
    author: &ReleaseAuthor,
) -> Result<(), Error> {
    let documents: Vec<String> =
        release.documents().map(|(document, _digest)| document.canonical()).collect();
    let (now, expires) = (tx.now().to_sqlx(), (tx.now() + KEPT).to_sqlx());
    sqlx::query(
        "INSERT INTO previews (hash, documents, summary, made_by, message, revision, made_at,
                               expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at",
    )
    .bind(&summary.hash)
    .bind(documents)
    .bind(summary.encode_to_vec())
    .bind(&author.name)
    .bind(&author.message)
    .bind(&author.revision)
    .bind(now)
    .bind(expires)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep a preview"))?;
    sqlx::query(
        "DELETE FROM previews
          WHERE expires_at <= $1
             OR hash IN (SELECT hash FROM previews ORDER BY expires_at DESC, hash OFFSET $2)",
    )
    .bind(now)
    .bind(KEPT_MAX)
    .execute(tx.connection())
    .await
    .map_err(Error::during("forget old previews"))?;
    Ok(())
}

/// Returns a preview that has not expired.
pub(crate) async fn find(tx: &mut Tx, hash: &str) -> Result<Option<Stored>, Error> {
    type Row = (Vec<String>, Vec<u8>, String, String, String);
    let now = tx.now().to_sqlx();
    let row: Option<Row> = sqlx::query_as(
        "SELECT documents, summary, made_by, message, revision FROM previews
          WHERE hash = $1 AND expires_at > $2",
    )
    .bind(hash)
    .bind(now)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("read a preview"))?;
    Ok(row.map(|(documents, summary, name, message, revision)| Stored {
        documents,
        summary: ReleasePreview::decode(summary.as_slice()).ok(),
        author: ReleaseAuthor { name, message, revision },
    }))
}

/// Keeps somebody's word for a preview.
pub(crate) async fn approve(tx: &mut Tx, hash: &str, name: &str) -> Result<(), Error> {
    let now = tx.now().to_sqlx();
    sqlx::query(
        "INSERT INTO approvals (hash, approved_by, approved_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(hash)
    .bind(name)
    .bind(now)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep an approval"))?;
    Ok(())
}

/// Returns who approved a preview first, of all but one person.
pub(crate) async fn approved_by_another(
    tx: &mut Tx,
    hash: &str,
    name: &str,
) -> Result<Option<String>, Error> {
    sqlx::query_scalar(
        "SELECT approved_by FROM approvals WHERE hash = $1 AND approved_by <> $2
          ORDER BY approved_at, approved_by LIMIT 1",
    )
    .bind(hash)
    .bind(name)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("look for an approval"))
}
