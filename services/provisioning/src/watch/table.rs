//! SQL for the `watches` table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ReadingId, Timestamp, Version};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Stage, Watch};

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    stage: String,
    due_at: Option<SqlTimestamp>,
    lease: Option<Uuid>,
    reading: Option<Uuid>,
    began_at: Option<SqlTimestamp>,
    done_through: Uuid,
    complete: bool,
    error: String,
    attempts: i32,
    accounts: i64,
    holdings: i64,
    adopted: i64,
    repairs: i64,
    first_read_at: Option<SqlTimestamp>,
    read_at: Option<SqlTimestamp>,
    held: Vec<String>,
    hash: String,
    released_by: Vec<String>,
    epoch: i64,
    counter: i64,
}

impl Row {
    fn read(self) -> Watch {
        Watch {
            application: self.application,
            stage: Stage::from_name(&self.stage).unwrap_or(Stage::Rest),
            due_at: self.due_at.map(SqlTimestamp::to_jiff),
            lease: self.lease,
            reading: self.reading.map(ReadingId),
            began_at: self.began_at.map(SqlTimestamp::to_jiff),
            done_through: self.done_through,
            complete: self.complete,
            error: self.error,
            attempts: self.attempts.unsigned_abs(),
            accounts: self.accounts.unsigned_abs(),
            holdings: self.holdings.unsigned_abs(),
            adopted: self.adopted.unsigned_abs(),
            repairs: self.repairs.unsigned_abs(),
            first_read_at: self.first_read_at.map(SqlTimestamp::to_jiff),
            read_at: self.read_at.map(SqlTimestamp::to_jiff),
            held: self.held,
            hash: self.hash,
            released_by: self.released_by,
            version: Version { epoch: self.epoch, counter: self.counter },
        }
    }
}

macro_rules! select_watches {
    ($rest:literal) => {
        concat!(
            "SELECT application, stage, due_at, lease, reading, began_at, done_through, complete,
                    error, attempts, accounts, holdings, adopted, repairs, first_read_at, read_at,
                    held, hash, released_by, epoch, counter
               FROM watches ",
            $rest
        )
    };
}

/// Has applications read that are to be, and are not scheduled: now. Returns those that were scheduled before.
pub(crate) async fn schedule(tx: &mut Tx, applications: &[String]) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let before: Vec<String> = sqlx::query_scalar(
        "SELECT application FROM watches WHERE application = ANY($1) AND due_at IS NOT NULL",
    )
    .bind(applications)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look which applications are scheduled"))?;
    if before.len() < applications.len() {
        sqlx::query(
            "INSERT INTO watches AS w (application, due_at)
             SELECT application, $2 FROM UNNEST($1::text[]) AS t (application)
              ORDER BY application
             ON CONFLICT (application) DO UPDATE SET due_at = excluded.due_at
              WHERE w.due_at IS NULL",
        )
        .bind(applications)
        .bind(now.to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("schedule readings"))?;
    }
    Ok(before)
}

/// Begins to watch an application that is read only when somebody asks for it.
pub(crate) async fn begin(tx: &mut Tx, application: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO watches (application, stage) VALUES ($1, 'rest')
         ON CONFLICT (application) DO NOTHING",
    )
    .bind(application)
    .execute(tx.connection())
    .await
    .map_err(Error::during("begin to watch an application"))?;
    Ok(())
}

/// Returns the applications that were held against what shall be at least once.
pub(crate) async fn were_read(tx: &mut Tx) -> Result<BTreeSet<String>, Error> {
    let read: Vec<String> =
        sqlx::query_scalar("SELECT application FROM watches WHERE first_read_at IS NOT NULL")
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("look which applications were read"))?;
    Ok(read.into_iter().collect())
}

/// Leases the watch that has been due for longest among these applications.
pub(crate) async fn lease(
    tx: &mut Tx,
    applications: &[String],
    lease: Uuid,
    until: Timestamp,
) -> Result<Option<Watch>, Error> {
    let now = tx.now();
    let row: Option<Row> = sqlx::query_as(select_watches!(
        "WHERE application = ANY($1) AND due_at <= $2
         ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
    ))
    .bind(applications)
    .bind(now.to_sqlx())
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("look for due watches"))?;
    let Some(mut watch) = row.map(Row::read) else { return Ok(None) };
    (watch.lease, watch.due_at) = (Some(lease), Some(until));
    put(tx, &watch).await?;
    Ok(Some(watch))
}

/// Makes a lease longer, if it still stands.
pub(crate) async fn keep(
    tx: &mut Tx,
    application: &str,
    lease: Uuid,
    until: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE watches SET due_at = $3 WHERE application = $1 AND lease = $2")
        .bind(application)
        .bind(lease)
        .bind(until.to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("keep a watch"))?;
    Ok(())
}

/// Returns the watch over an application, locked.
pub(crate) async fn lock(tx: &mut Tx, application: &str) -> Result<Option<Watch>, Error> {
    let row: Option<Row> = sqlx::query_as(select_watches!("WHERE application = $1 FOR UPDATE"))
        .bind(application)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("lock a watch"))?;
    Ok(row.map(Row::read))
}

/// Returns every watch, in the order of the applications' names.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Watch>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_watches!("ORDER BY application"))
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read watches"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Writes a watch that is locked.
pub(crate) async fn put(tx: &mut Tx, watch: &Watch) -> Result<(), Error> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE watches
            SET stage = $2, due_at = $3, lease = $4, reading = $5, began_at = $6,
                done_through = $7, complete = $8, error = $9, attempts = $10, accounts = $11,
                holdings = $12, adopted = $13, repairs = $14, first_read_at = $15, read_at = $16,
                held = $17, hash = $18, released_by = $19, epoch = $20, counter = $21
          WHERE application = $1",
    )
    .bind(&watch.application)
    .bind(watch.stage.as_str())
    .bind(watch.due_at.map(|at| at.to_sqlx()))
    .bind(watch.lease)
    .bind(watch.reading.map(|reading| reading.0))
    .bind(watch.began_at.map(|at| at.to_sqlx()))
    .bind(watch.done_through)
    .bind(watch.complete)
    .bind(&watch.error)
    .bind(i32::try_from(watch.attempts).unwrap_or(i32::MAX))
    .bind(count(watch.accounts))
    .bind(count(watch.holdings))
    .bind(count(watch.adopted))
    .bind(count(watch.repairs))
    .bind(watch.first_read_at.map(|at| at.to_sqlx()))
    .bind(watch.read_at.map(|at| at.to_sqlx()))
    .bind(&watch.held)
    .bind(&watch.hash)
    .bind(&watch.released_by)
    .bind(watch.version.epoch)
    .bind(watch.version.counter)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write a watch"))?;
    Ok(())
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Reading {
    pub(crate) id: Uuid,
    pub(crate) application: String,
    pub(crate) began_at: SqlTimestamp,
    pub(crate) finished_at: SqlTimestamp,
    pub(crate) accounts: i64,
    pub(crate) holdings: i64,
    pub(crate) complete: bool,
    pub(crate) adopted: i64,
    pub(crate) found: Json<BTreeMap<String, u64>>,
    pub(crate) repairs: i64,
    pub(crate) released_by: Vec<String>,
}

/// Keeps what the reading in hand came to.
pub(crate) async fn keep_reading(
    tx: &mut Tx,
    watch: &Watch,
    found: &BTreeMap<String, u64>,
) -> Result<(), Error> {
    let now = tx.now();
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO readings (id, application, began_at, finished_at, accounts, holdings, complete,
                               adopted, found, repairs, released_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE
            SET repairs = excluded.repairs, released_by = excluded.released_by",
    )
    .bind(watch.reading.map(|reading| reading.0))
    .bind(&watch.application)
    .bind(watch.began_at.unwrap_or(now).to_sqlx())
    .bind(now.to_sqlx())
    .bind(count(watch.accounts))
    .bind(count(watch.holdings))
    .bind(watch.complete)
    .bind(count(watch.adopted))
    .bind(Json(found))
    .bind(count(watch.repairs))
    .bind(&watch.released_by)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep a reading"))?;
    Ok(())
}

/// Returns the latest readings, of one application or of all.
pub(crate) async fn readings(
    tx: &mut Tx,
    application: Option<&str>,
    limit: i64,
) -> Result<Vec<Reading>, Error> {
    sqlx::query_as(
        "SELECT id, application, began_at, finished_at, accounts, holdings, complete, adopted, found,
                repairs, released_by
           FROM readings
          WHERE $1::text IS NULL OR application = $1
          ORDER BY began_at DESC, application LIMIT $2",
    )
    .bind(application)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read readings"))
}
