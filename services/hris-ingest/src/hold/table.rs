//! SQL for `holds`, `hold_approvals` and `hold_releases`.

use domain::{RunId, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};

use super::{Approval, Hold, Reason, Release, Word};
use crate::gate::Difference;

type Row =
    (String, Json<Difference>, Json<Vec<Reason>>, jiff_sqlx::Timestamp, jiff_sqlx::Timestamp);

const SELECT: &str =
    "SELECT hash, difference, exceeded, held_at, expires_at FROM holds WHERE run_id = $1";

/// Records what a run is held for.
pub(crate) async fn insert(tx: &mut Tx, hold: &Hold) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO holds (run_id, hash, difference, exceeded, held_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hold.run.0)
    .bind(&hold.hash)
    .bind(Json(&hold.difference))
    .bind(Json(&hold.exceeded))
    .bind(hold.held_at.to_sqlx())
    .bind(hold.expires_at.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record what a run is held for"))
}

/// Records that a run would change something else than before.
pub(crate) async fn update(tx: &mut Tx, hold: &Hold) -> Result<(), Error> {
    sqlx::query("UPDATE holds SET hash = $2, difference = $3, exceeded = $4 WHERE run_id = $1")
        .bind(hold.run.0)
        .bind(&hold.hash)
        .bind(Json(&hold.difference))
        .bind(Json(&hold.exceeded))
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("record what a held run would change"))
}

/// Returns what a run is held for.
pub(crate) async fn find(tx: &mut Tx, run: RunId) -> Result<Option<Hold>, Error> {
    let row: Option<Row> = sqlx::query_as(SELECT)
        .bind(run.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("find what a run is held for"))?;
    Ok(row.map(|row| hold(run, row)))
}

/// Returns what a run is or was held for.
pub(crate) async fn show(pool: &PgPool, run: RunId) -> Result<Option<Hold>, Error> {
    let row: Option<Row> = sqlx::query_as(SELECT)
        .bind(run.0)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("show what a run is held for"))?;
    Ok(row.map(|row| hold(run, row)))
}

fn hold(run: RunId, row: Row) -> Hold {
    let (hash, Json(difference), Json(exceeded), held_at, expires_at) = row;
    let (held_at, expires_at) = (held_at.to_jiff(), expires_at.to_jiff());
    Hold { run, hash, difference, exceeded, held_at, expires_at }
}

/// Records a word.
pub(crate) async fn approve(tx: &mut Tx, word: &Word) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO hold_approvals (run_id, hash, groups, name, approved_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(word.run.0)
    .bind(&word.hash)
    .bind(&word.groups)
    .bind(&word.by)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record a word for a held run"))
}

/// Returns the words for a hash, for some groups or for any, in the order in which they came.
pub(crate) async fn approvals(
    tx: &mut Tx,
    run: RunId,
    hash: &str,
    groups: Option<&[String]>,
) -> Result<Vec<Approval>, Error> {
    let rows: Vec<(String, Vec<String>, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "SELECT name, groups, approved_at FROM hold_approvals
          WHERE run_id = $1 AND hash = $2 AND ($3::text[] IS NULL OR groups = $3)
          ORDER BY approved_at, name",
    )
    .bind(run.0)
    .bind(hash)
    .bind(groups)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list the words for a held run"))?;
    let approval = |(name, groups, at): (String, Vec<String>, jiff_sqlx::Timestamp)| Approval {
        name,
        groups,
        approved_at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(approval).collect())
}

/// Records who released what; the word is the second one.
pub(crate) async fn release(tx: &mut Tx, word: &Word, approved_by: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO hold_releases (run_id, hash, groups, approved_by, released_by, released_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(word.run.0)
    .bind(&word.hash)
    .bind(&word.groups)
    .bind(approved_by)
    .bind(&word.by)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record a release"))
}

/// Returns what was released of a run, in order.
pub(crate) async fn releases(tx: &mut Tx, run: RunId) -> Result<Vec<Release>, Error> {
    let rows: Vec<(Vec<String>, String, String, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "SELECT groups, approved_by, released_by, released_at FROM hold_releases
          WHERE run_id = $1 ORDER BY released_at, hash",
    )
    .bind(run.0)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list the releases of a run"))?;
    let release = |(groups, approved_by, released_by, at): (_, _, _, jiff_sqlx::Timestamp)| {
        let released_at: Timestamp = at.to_jiff();
        Release { groups, approved_by, released_by, released_at }
    };
    Ok(rows.into_iter().map(release).collect())
}
