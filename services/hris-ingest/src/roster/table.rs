//! SQL for `workers` and `staged_rows`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Date, PersonId, RunId};
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Staged, StagedRow, Worker};
use crate::reader::Row;

/// Adds rows of a file.
pub(crate) async fn stage(tx: &mut Tx, run: RunId, rows: &[StagedRow]) -> Result<(), Error> {
    let workers: Vec<&str> = rows.iter().map(|row| row.worker_id.as_str()).collect();
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    let contents: Vec<Option<Json<&Row>>> =
        rows.iter().map(|row| row.row.as_ref().map(Json)).collect();
    sqlx::query(
        "INSERT INTO staged_rows (run_id, worker_id, position, content)
         SELECT $1, worker_id, position, content
           FROM UNNEST($2::text[], $3::bigint[], $4::jsonb[]) AS r (worker_id, position, content)",
    )
    .bind(run.0)
    .bind(workers)
    .bind(positions)
    .bind(contents)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("stage rows"))
}

/// Tells the planner what is staged: without it, it takes a file of a million rows for an empty one.
pub(crate) async fn analyze(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("ANALYZE staged_rows")
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("measure what is staged"))
}

/// Counts what is staged.
pub(crate) async fn staged(tx: &mut Tx, run: RunId) -> Result<Staged, Error> {
    let (workers, people, most): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE taken > 0), COALESCE(max(taken), 0)
           FROM (SELECT count(content) AS taken FROM staged_rows
                  WHERE run_id = $1 GROUP BY worker_id) w",
    )
    .bind(run.0)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count what is staged"))?;
    Ok(Staged {
        workers: workers.unsigned_abs(),
        people: people.unsigned_abs(),
        rows_of_one: most.unsigned_abs(),
    })
}

/// Returns the rows of the workers that come next, in the order of worker and file.
pub(crate) async fn listed_after(
    tx: &mut Tx,
    run: RunId,
    after: &str,
    workers: u16,
) -> Result<Vec<(String, Option<Row>)>, Error> {
    let rows: Vec<(String, Option<Json<Row>>)> = sqlx::query_as(
        "SELECT worker_id, content FROM staged_rows
          WHERE run_id = $1
            AND worker_id = ANY (ARRAY(SELECT DISTINCT worker_id FROM staged_rows
                                        WHERE run_id = $1 AND worker_id > $2
                                        ORDER BY worker_id LIMIT $3))
          ORDER BY worker_id, position",
    )
    .bind(run.0)
    .bind(after)
    .bind(i64::from(workers))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read staged rows"))?;
    Ok(rows.into_iter().map(|(worker, row)| (worker, row.map(|Json(row)| row))).collect())
}

/// Returns the names that a file gives workers.
pub(crate) async fn staged_names(
    pool: &PgPool,
    run: RunId,
    workers: &[&str],
) -> Result<BTreeMap<String, String>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT ON (worker_id) worker_id, content->'attributes'->'display_name'->>'text'
           FROM staged_rows
          WHERE run_id = $1 AND worker_id = ANY ($2)
            AND content->'attributes'->'display_name'->>'text' IS NOT NULL
          ORDER BY worker_id, position",
    )
    .bind(run.0)
    .bind(workers)
    .persistent(false)
    .fetch_all(pool)
    .await
    .map_err(Error::during("read the names of staged workers"))?;
    Ok(rows.into_iter().collect())
}

/// Returns those who come next of a source's workers who are present on a day and not in the file.
pub(crate) async fn absent_after(
    tx: &mut Tx,
    (run, source): (RunId, &str),
    day: Date,
    after: &str,
    workers: u16,
) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT w.worker_id
           FROM unlisted u
           JOIN workers w ON w.source = $2 AND w.worker_id = u.worker_id
          WHERE u.run_id = $1 AND u.worker_id > $4
            AND (w.last_day IS NULL OR w.last_day >= $3)
            AND NOT EXISTS (SELECT 1 FROM staged_rows s
                             WHERE s.run_id = $1 AND s.worker_id = u.worker_id)
          ORDER BY u.worker_id LIMIT $5",
    )
    .bind(run.0)
    .bind(source)
    .bind(day.to_sqlx())
    .bind(after)
    .bind(i64::from(workers))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find workers who are left out"))
}

/// Removes rows of a run, at most so many; returns how many.
///
/// By their places, which nothing changes: a join is planned with what was last counted, and takes
/// minutes when that was an empty table.
pub(crate) async fn unstage(tx: &mut Tx, run: RunId, limit: u16) -> Result<u64, Error> {
    sqlx::query(
        "DELETE FROM staged_rows
          WHERE ctid = ANY (ARRAY(SELECT ctid FROM staged_rows WHERE run_id = $1 LIMIT $2))",
    )
    .bind(run.0)
    .bind(i64::from(limit))
    .persistent(false)
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected())
    .map_err(Error::during("remove staged rows"))
}

/// Lets nobody else change the workers of a source until the transaction ends: whichever door somebody
/// comes in by, they are one person.
pub(crate) async fn lock_source(tx: &mut Tx, source: &str) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('hris.sources.' || $1, 0))")
        .bind(source)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("lock the workers of a source"))
}

/// Counts the workers of a source who are present on a day.
pub(crate) async fn present(tx: &mut Tx, source: &str, day: Date) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM workers
          WHERE source = $1 AND (last_day IS NULL OR last_day >= $2)",
    )
    .bind(source)
    .bind(day.to_sqlx())
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count present workers"))?;
    Ok(count.unsigned_abs())
}

/// Returns who some of a source's workers are, those who are known.
pub(crate) async fn people_of(
    tx: &mut Tx,
    source: &str,
    workers: &[&str],
) -> Result<BTreeMap<String, PersonId>, Error> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "SELECT worker_id, person_id FROM workers WHERE source = $1 AND worker_id = ANY ($2)",
    )
    .bind(source)
    .bind(workers)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find the people of workers"))?;
    Ok(rows.into_iter().map(|(worker, person)| (worker, PersonId(person))).collect())
}

/// Returns who workers of several sources are, given as source and worker id; those who are known.
pub(crate) async fn people_of_pairs(
    tx: &mut Tx,
    workers: &BTreeSet<(String, String)>,
) -> Result<BTreeMap<(String, String), PersonId>, Error> {
    if workers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sources: Vec<&str> = workers.iter().map(|(source, _)| source.as_str()).collect();
    let ids: Vec<&str> = workers.iter().map(|(_, worker)| worker.as_str()).collect();
    let rows: Vec<(String, String, Uuid)> = sqlx::query_as(
        "SELECT w.source, w.worker_id, w.person_id
           FROM UNNEST($1::text[], $2::text[]) AS r (source, worker_id)
           JOIN workers w ON w.source = r.source AND w.worker_id = r.worker_id COLLATE \"C\"",
    )
    .bind(sources)
    .bind(ids)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find the people of workers of several sources"))?;
    Ok(rows
        .into_iter()
        .map(|(source, worker, person)| ((source, worker), PersonId(person)))
        .collect())
}

/// Adds and updates workers of a source.
pub(crate) async fn upsert(tx: &mut Tx, source: &str, workers: &[Worker]) -> Result<(), Error> {
    let ids: Vec<&str> = workers.iter().map(|worker| worker.worker_id.as_str()).collect();
    let people: Vec<Uuid> = workers.iter().map(|worker| worker.person.0).collect();
    let days: Vec<Option<jiff_sqlx::Date>> =
        workers.iter().map(|worker| worker.last_day.map(|day| day.to_sqlx())).collect();
    sqlx::query(
        "INSERT INTO workers (source, worker_id, person_id, last_day)
         SELECT $1, worker_id, person_id, last_day
           FROM UNNEST($2::text[], $3::uuid[], $4::date[]) AS w (worker_id, person_id, last_day)
         ON CONFLICT (source, worker_id) DO UPDATE
            SET person_id = excluded.person_id, last_day = excluded.last_day",
    )
    .bind(source)
    .bind(ids)
    .bind(people)
    .bind(days)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write workers"))
}

/// Marks people as having several worker ids in a source; returns how many of those that were not marked
/// a run passed over, and counted as people of their own.
pub(crate) async fn share(
    tx: &mut Tx,
    (run, source): (RunId, &str),
    people: &[Uuid],
) -> Result<u64, Error> {
    if people.is_empty() {
        return Ok(0);
    }
    let passed: i64 = sqlx::query_scalar(
        "WITH marked AS (UPDATE workers SET shared = true
                          WHERE source = $2 AND person_id = ANY ($3) AND NOT shared
                         RETURNING worker_id)
         SELECT count(*) FROM marked m
          WHERE EXISTS (SELECT 1 FROM listed_rows l WHERE l.source = $2 AND l.worker_id = m.worker_id)
            AND NOT EXISTS (SELECT 1 FROM staged_rows s
                             WHERE s.run_id = $1 AND s.worker_id = m.worker_id)
            AND NOT EXISTS (SELECT 1 FROM unlisted u
                             WHERE u.run_id = $1 AND u.worker_id = m.worker_id)",
    )
    .bind(run.0)
    .bind(source)
    .bind(people)
    .persistent(false)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("mark people of several workers"))?;
    Ok(passed.unsigned_abs())
}

/// Returns those who come next of a source's present workers whom a run passed over, but for people whom it
/// looked at as another worker: worker, person, and whether the person has several workers.
pub(crate) async fn passed_over(
    tx: &mut Tx,
    (run, source): (RunId, &str),
    day: Date,
    after: &str,
    limit: u16,
) -> Result<Vec<(String, Uuid, bool)>, Error> {
    sqlx::query_as(
        "SELECT w.worker_id, w.person_id, w.shared FROM workers w
          WHERE w.source = $2 AND w.worker_id > $4 AND (w.last_day IS NULL OR w.last_day >= $3)
            AND NOT EXISTS (SELECT 1 FROM workers o
                              JOIN staged_rows s ON s.run_id = $1 AND s.worker_id = o.worker_id
                             WHERE o.source = $2 AND o.person_id = w.person_id
                               AND (w.shared OR o.worker_id = w.worker_id))
            AND NOT EXISTS (SELECT 1 FROM workers o
                              JOIN unlisted u ON u.run_id = $1 AND u.worker_id = o.worker_id
                             WHERE o.source = $2 AND o.person_id = w.person_id
                               AND (w.shared OR o.worker_id = w.worker_id))
          ORDER BY w.worker_id LIMIT $5",
    )
    .bind(run.0)
    .bind(source)
    .bind(day.to_sqlx())
    .bind(after)
    .bind(i64::from(limit))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find workers who were passed over"))
}

/// Counts the workers of each source who are present on the day of its newest snapshot, or after it.
pub(crate) async fn count_present(pool: &PgPool) -> Result<BTreeMap<String, u64>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT w.source, count(*)
           FROM workers w JOIN sources s ON s.name = w.source
          WHERE w.last_day IS NULL OR w.last_day >= s.snapshot_date
          GROUP BY w.source",
    )
    .fetch_all(pool)
    .await
    .map_err(Error::during("count the workers of sources"))?;
    Ok(rows.into_iter().map(|(source, count)| (source, count.unsigned_abs())).collect())
}

/// Returns the people whom any source knows under a worker id.
pub(crate) async fn people_with_id(pool: &PgPool, worker_id: &str) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar("SELECT person_id FROM workers WHERE worker_id = $1")
        .bind(worker_id)
        .fetch_all(pool)
        .await
        .map_err(Error::during("find people by their worker id"))
}

/// Returns the worker ids of people.
pub(crate) async fn of_people(
    pool: &PgPool,
    people: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<String>>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT person_id, worker_id FROM workers WHERE person_id = ANY ($1)
          ORDER BY source, worker_id",
    )
    .bind(people)
    .fetch_all(pool)
    .await
    .map_err(Error::during("find the workers of people"))?;
    let mut workers = BTreeMap::<Uuid, Vec<String>>::new();
    for (person, worker_id) in rows {
        workers.entry(person).or_default().push(worker_id);
    }
    Ok(workers)
}

/// A person's workers, and whose each was before people were merged.
pub(crate) async fn of_person(
    tx: &mut Tx,
    person: PersonId,
) -> Result<BTreeMap<(String, String), Option<PersonId>>, Error> {
    let rows: Vec<(String, String, Option<Uuid>)> =
        sqlx::query_as("SELECT source, worker_id, merged_from FROM workers WHERE person_id = $1")
            .bind(person.0)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read the workers of a person"))?;
    let worker = |(source, worker_id, from): (String, String, Option<Uuid>)| {
        ((source, worker_id), from.map(PersonId))
    };
    Ok(rows.into_iter().map(worker).collect())
}
