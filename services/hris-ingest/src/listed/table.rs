//! SQL for `listed_rows` and `unlisted`.

use std::collections::BTreeMap;

use domain::{Date, RunId};
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};

use crate::reader::{KnownRows, Marks};

/// Rows looked up in one statement.
const AT_ONCE: usize = 100_000;

/// Replaces the rows of workers. A worker without marks has none that a file can repeat.
pub(crate) async fn replace(
    tx: &mut Tx,
    source: &str,
    workers: &BTreeMap<&str, &[Marks]>,
) -> Result<(), Error> {
    if workers.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = workers.keys().copied().collect();
    forget(tx, source, &ids).await?;
    let (mut owners, mut ordinals) = (Vec::new(), Vec::new());
    let (mut digests, mut engagements, mut filled) = (Vec::new(), Vec::new(), Vec::new());
    let mut raws = Vec::new();
    for (worker, marks) in workers {
        let unique = [Marks { digest: tx.new_id(), engagement: tx.new_id(), ..Marks::default() }];
        let marks = if marks.is_empty() { &unique[..] } else { marks };
        for (ordinal, marks) in (0_i32..).zip(marks) {
            owners.push(*worker);
            ordinals.push(ordinal);
            digests.push(marks.digest);
            engagements.push(marks.engagement);
            filled.push(marks.filled.cast_signed());
            raws.push((!marks.raw.is_nil()).then_some(marks.raw));
        }
    }
    sqlx::query(
        "INSERT INTO listed_rows (source, worker_id, ordinal, digest, engagement, filled, raw)
         SELECT $1, l.worker_id, l.ordinal, l.digest, l.engagement, l.filled, l.raw
           FROM UNNEST($2::text[], $3::integer[], $4::uuid[], $5::uuid[], $6::bigint[], $7::uuid[])
                  AS l (worker_id, ordinal, digest, engagement, filled, raw)",
    )
    .bind(source)
    .bind(owners)
    .bind(ordinals)
    .bind(digests)
    .bind(engagements)
    .bind(filled)
    .bind(raws)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write the rows listed last"))
}

/// Removes the rows of workers who have none any more.
pub(crate) async fn forget(tx: &mut Tx, source: &str, workers: &[&str]) -> Result<(), Error> {
    sqlx::query(
        "WITH gone AS (DELETE FROM listed_rows WHERE source = $1 AND worker_id = ANY ($2)
                       RETURNING number)
         INSERT INTO listed_gone (source, number)
         SELECT $1, number FROM gone
          WHERE number <= (SELECT COALESCE(max(until), 0) FROM listed_packs WHERE source = $1)",
    )
    .bind(source)
    .bind(workers)
    .persistent(false)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("remove the rows listed last"))
}

/// Keeps whose rows a file did not repeat.
pub(crate) async fn unlist(
    tx: &mut Tx,
    (run, source): (RunId, &str),
    unseen: &KnownRows,
) -> Result<(), Error> {
    let numbers: Vec<i64> = unseen.unseen().collect();
    for numbers in numbers.chunks(AT_ONCE) {
        sqlx::query(
            "INSERT INTO unlisted (run_id, worker_id)
             SELECT DISTINCT $1::uuid, worker_id FROM listed_rows
              WHERE source = $2 AND number = ANY ($3)
             ON CONFLICT DO NOTHING",
        )
        .bind(run.0)
        .bind(source)
        .bind(numbers)
        .persistent(false)
        .execute(tx.connection())
        .await
        .map_err(Error::during("keep who is missing"))?;
    }
    Ok(())
}

/// Returns the numbers of all rows listed last of the workers of whom a file has anything else than those.
pub(crate) async fn of_changed(
    tx: &mut Tx,
    (run, source): (RunId, &str),
) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar(
        "SELECT l.number FROM listed_rows l
          WHERE l.source = $2
            AND l.worker_id IN (SELECT worker_id FROM staged_rows WHERE run_id = $1
                                 UNION SELECT worker_id FROM unlisted WHERE run_id = $1)",
    )
    .bind(run.0)
    .bind(source)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find the rows of workers who changed"))
}

/// Counts by how much workers who are not looked at are more than the people they are, other than those
/// who are looked at as another worker.
pub(crate) async fn counted_twice(
    tx: &mut Tx,
    (run, source): (RunId, &str),
    day: Date,
) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COALESCE(sum(GREATEST(0, passed - CASE WHEN looked THEN 0 ELSE 1 END)), 0)::bigint
           FROM (SELECT count(*) FILTER (WHERE NOT staged AND NOT missing) AS passed,
                        bool_or(staged OR (missing AND (last_day IS NULL OR last_day >= $3))) AS looked
                   FROM (SELECT w.person_id, w.last_day,
                                EXISTS (SELECT 1 FROM staged_rows s
                                         WHERE s.run_id = $1 AND s.worker_id = w.worker_id) AS staged,
                                EXISTS (SELECT 1 FROM unlisted u
                                         WHERE u.run_id = $1 AND u.worker_id = w.worker_id) AS missing
                           FROM workers w
                          WHERE w.source = $2 AND w.shared
                            AND EXISTS (SELECT 1 FROM listed_rows l
                                         WHERE l.source = $2 AND l.worker_id = w.worker_id)) w
                  GROUP BY person_id) p",
    )
    .bind(run.0)
    .bind(source)
    .bind(day.to_sqlx())
    .persistent(false)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count people of several workers"))?;
    Ok(count.unsigned_abs())
}

/// Removes whom a run left out, at most so many; returns how many.
pub(crate) async fn clear(tx: &mut Tx, run: RunId, limit: u16) -> Result<u64, Error> {
    sqlx::query(
        "DELETE FROM unlisted
          WHERE ctid = ANY (ARRAY(SELECT ctid FROM unlisted WHERE run_id = $1 LIMIT $2))",
    )
    .bind(run.0)
    .bind(i64::from(limit))
    .persistent(false)
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected())
    .map_err(Error::during("remove who was missing"))
}
