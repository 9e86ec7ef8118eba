//! SQL for `schedules`.

use domain::Timestamp;
use jiff_sqlx::ToSqlx as _;
use serde_json::Value;
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::Look;

/// A source that is due, in the hands of whoever leased it.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) source: String,
    pub(crate) document: String,
    /// What the last look left.
    pub(crate) remembered: Value,
    /// Tells this holder from the next.
    pub(crate) lease: Uuid,
}

/// A schedule as operators see it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Listed {
    pub(crate) source: String,
    pub(crate) written: String,
    pub(crate) next_run_at: jiff_sqlx::Timestamp,
    pub(crate) looked_at: Option<jiff_sqlx::Timestamp>,
    pub(crate) outcome: String,
    pub(crate) reason: String,
    pub(crate) file_name: String,
    pub(crate) file_fate: String,
    pub(crate) file_reason: String,
    pub(crate) file_at: Option<jiff_sqlx::Timestamp>,
}

/// Keeps a source's schedule; it begins anew with another document.
pub(crate) async fn plan(
    tx: &mut Tx,
    source: &str,
    written: &str,
    next: Timestamp,
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO schedules (source, written, next_run_at, look_at, leased_until)
         VALUES ($1, $2, $3, $3, $4)
         ON CONFLICT (source) DO UPDATE
            SET written = excluded.written, next_run_at = excluded.next_run_at,
                look_at = excluded.look_at, remembered = 'null'",
    )
    .bind(source)
    .bind(written)
    .bind(next.to_sqlx())
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep a source's schedule"))
}

/// Forgets the schedule of a source that has none.
pub(crate) async fn cancel(tx: &mut Tx, source: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM schedules WHERE source = $1")
        .bind(source)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("forget a source's schedule"))
}

/// Leases sources that are due and in nobody's hands.
pub(crate) async fn lease(tx: &mut Tx, until: Timestamp, limit: u16) -> Result<Vec<Due>, Error> {
    let (now, lease) = (tx.now(), tx.new_id());
    let rows: Vec<(String, String, Json<Value>)> = sqlx::query_as(
        "WITH due AS (
            SELECT source FROM schedules
             WHERE look_at <= $1 AND leased_until <= $1
             ORDER BY look_at, source LIMIT $2 FOR UPDATE SKIP LOCKED
         )
         UPDATE schedules s SET leased_until = $3, lease = $4
           FROM due JOIN source_documents d ON d.name = due.source
          WHERE s.source = due.source
         RETURNING s.source, d.document, s.remembered",
    )
    .bind(now.to_sqlx())
    .bind(i64::from(limit))
    .bind(until.to_sqlx())
    .bind(lease)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lease sources that are due"))?;
    let due = |(source, document, Json(remembered))| Due { source, document, remembered, lease };
    Ok(rows.into_iter().map(due).collect())
}

/// Makes a lease longer.
pub(crate) async fn keep(tx: &mut Tx, leases: &[Uuid], until: Timestamp) -> Result<(), Error> {
    sqlx::query("UPDATE schedules SET leased_until = $2 WHERE lease = ANY ($1)")
        .bind(leases)
        .bind(until.to_sqlx())
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("keep sources that are looked at"))
}

/// Records a look and gives the source back, unless it has changed hands; says which it was.
///
/// A document that was applied meanwhile has another schedule, which stays.
pub(crate) async fn record(
    tx: &mut Tx,
    due: &Due,
    look: &Look,
    (look_at, next_run_at): (Timestamp, Timestamp),
) -> Result<bool, Error> {
    let now = tx.now();
    let file = look.last_file.as_ref();
    sqlx::query(
        "UPDATE schedules s
            SET lease = NULL, leased_until = $3, looked_at = $3, outcome = $4, reason = $5,
                look_at = CASE WHEN d.document = $6 THEN $7 ELSE s.look_at END,
                next_run_at = CASE WHEN d.document = $6 THEN $8 ELSE s.next_run_at END,
                remembered = CASE WHEN d.document = $6 THEN $9 ELSE s.remembered END,
                file_name = COALESCE($10, file_name), file_fate = COALESCE($11, file_fate),
                file_reason = COALESCE($12, file_reason),
                file_at = CASE WHEN $10::text IS NULL THEN file_at ELSE $3 END
           FROM source_documents d
          WHERE s.source = $1 AND s.lease = $2 AND d.name = s.source",
    )
    .bind(&due.source)
    .bind(due.lease)
    .bind(now.to_sqlx())
    .bind(look.outcome.as_str())
    .bind(&look.reason)
    .bind(&due.document)
    .bind(look_at.to_sqlx())
    .bind(next_run_at.to_sqlx())
    .bind(Json(&look.remember))
    .bind(file.map(|file| file.name.as_str()))
    .bind(file.map(|file| file.fate.as_str()))
    .bind(file.map(|file| file.reason.as_str()))
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("record a look at a source"))
}

/// Returns every schedule, in the order of the sources' names.
pub(crate) async fn list(pool: &PgPool, limit: i64) -> Result<Vec<Listed>, Error> {
    sqlx::query_as(
        "SELECT source, written, next_run_at, looked_at, outcome, reason, file_name, file_fate,
                file_reason, file_at
           FROM schedules ORDER BY source LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list schedules"))
}
