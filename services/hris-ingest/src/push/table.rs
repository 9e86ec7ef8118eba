//! SQL for `pushes` and `pushed_leavers`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, PersonId, Timestamp};
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};
use uuid::Uuid;

/// What was pushed last of a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pushed<'a> {
    pub(crate) worker_id: &'a str,
    /// Absent: the source has none, and what it had stays.
    pub(crate) sequence: Option<i64>,
}

/// Returns the sequences of workers, of those who have one.
pub(crate) async fn sequences(
    tx: &mut Tx,
    source: &str,
    workers: &[&str],
) -> Result<BTreeMap<String, i64>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT worker_id, sequence FROM pushes
          WHERE source = $1 AND worker_id = ANY ($2) AND sequence IS NOT NULL",
    )
    .bind(source)
    .bind(workers)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the sequences of workers"))?;
    Ok(rows.into_iter().collect())
}

/// Returns those of some workers of whom something was pushed on a day or after it, or for a day or one
/// after it and later than an instant.
pub(crate) async fn pushed_since(
    tx: &mut Tx,
    source: &str,
    workers: &[&str],
    day: Date,
    (from_day, after): (Date, Option<Timestamp>),
) -> Result<BTreeSet<String>, Error> {
    if workers.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT worker_id FROM pushes
          WHERE source = $1 AND worker_id = ANY ($2)
            AND (day >= $3 OR (day >= $4 AND received_at > $5))",
    )
    .bind(source)
    .bind(workers)
    .bind(day.to_sqlx())
    .bind(from_day.to_sqlx())
    .bind(after.map(|after| after.to_sqlx()))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find workers who were pushed since"))?;
    Ok(rows.into_iter().collect())
}

/// Keeps what was pushed.
pub(crate) async fn record(
    tx: &mut Tx,
    source: &str,
    day: Date,
    pushed: &[Pushed<'_>],
) -> Result<(), Error> {
    let now = tx.now();
    let workers: Vec<&str> = pushed.iter().map(|one| one.worker_id).collect();
    let sequences: Vec<Option<i64>> = pushed.iter().map(|one| one.sequence).collect();
    sqlx::query(
        "INSERT INTO pushes (source, worker_id, sequence, day, received_at)
         SELECT $1, worker_id, sequence, $4, $5
           FROM UNNEST($2::text[], $3::bigint[]) AS p (worker_id, sequence)
         ON CONFLICT (source, worker_id) DO UPDATE
            SET sequence = COALESCE(excluded.sequence, pushes.sequence), day = excluded.day,
                received_at = excluded.received_at",
    )
    .bind(source)
    .bind(workers)
    .bind(sequences)
    .bind(day.to_sqlx())
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what was pushed"))
}

/// Counts the people whom pushes of a source ended since an instant, without some of them.
pub(crate) async fn count_leavers(
    tx: &mut Tx,
    source: &str,
    without: &[PersonId],
    since: Timestamp,
) -> Result<u64, Error> {
    let without: Vec<Uuid> = without.iter().map(|person| person.0).collect();
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pushed_leavers
          WHERE source = $1 AND left_at > $2 AND person_id <> ALL ($3)",
    )
    .bind(source)
    .bind(since.to_sqlx())
    .bind(without)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count recent leavers"))?;
    Ok(count.unsigned_abs())
}

/// Adds people whom a push ended.
pub(crate) async fn add_leavers(tx: &mut Tx, source: &str, people: &[Uuid]) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO pushed_leavers (source, person_id, left_at)
         SELECT $1, person_id, $3 FROM UNNEST($2::uuid[]) AS p (person_id)
         ON CONFLICT (source, person_id) DO UPDATE SET left_at = excluded.left_at",
    )
    .bind(source)
    .bind(people)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("count leavers"))
}

/// Forgets people who stay after all, and those who left before an instant.
pub(crate) async fn forget_leavers(
    tx: &mut Tx,
    source: &str,
    people: &[Uuid],
    before: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM pushed_leavers
          WHERE source = $1 AND (person_id = ANY ($2) OR left_at <= $3)",
    )
    .bind(source)
    .bind(people)
    .bind(before.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("forget leavers"))
}
