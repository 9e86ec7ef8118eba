//! SQL for `listed_rows` and `unlisted`.

use std::collections::BTreeMap;

use domain::{Date, RunId};
use futures::TryStreamExt as _;
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};
use uuid::Uuid;

use crate::reader::{KnownRows, Marks};

/// What PostgreSQL's binary format for COPY begins with, as its documentation of COPY has it.
const COPY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an empty extension.
const COPY_HEADER_BYTES: usize = COPY_SIGNATURE.len() + 8;
/// Two marks, what is filled and a flag, each behind its length, behind the count of fields.
const COPY_ROW_BYTES: usize = 2 + (4 + 16) + (4 + 16) + (4 + 8) + (4 + 1);
/// Marks looked up in one statement; each reads the source's rows once.
const AT_ONCE: usize = 100_000;

/// Returns the rows by which a source listed its workers last.
pub(crate) async fn known(tx: &mut Tx, source: &str) -> Result<KnownRows, Error> {
    let failed = |source| Error::Database { during: "read the rows listed last", source };
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM listed_rows WHERE source = $1")
        .bind(source)
        .fetch_one(tx.connection())
        .await
        .map_err(Error::during("count the rows listed last"))?;
    let mut rows = KnownRows::with_capacity(usize::try_from(count).unwrap_or_default());
    if count == 0 {
        return Ok(rows);
    }
    // COPY takes no parameters; a setting of the transaction is one without quotes.
    sqlx::query("SELECT set_config('hris.source', $1, true)")
        .bind(source)
        .execute(tx.connection())
        .await
        .map_err(failed)?;
    let statement = "COPY (SELECT digest, engagement, filled, ordinal = 0 FROM listed_rows
                            WHERE source = current_setting('hris.source'))
                       TO STDOUT (FORMAT binary)";
    let mut copied = tx.connection().copy_out_raw(statement).await.map_err(failed)?;
    let mut pending = Vec::<u8>::new();
    let mut header = true;
    while let Some(bytes) = copied.try_next().await.map_err(failed)? {
        pending.extend_from_slice(&bytes);
        let mut rest = pending.as_slice();
        if header {
            let Some((begin, after)) = rest.split_at_checked(COPY_HEADER_BYTES) else { continue };
            if !begin.starts_with(COPY_SIGNATURE) {
                return Err(failed(sqlx::Error::Protocol("no binary COPY".to_owned())));
            }
            (header, rest) = (false, after);
        }
        while let Some((row, after)) = rest.split_first_chunk::<COPY_ROW_BYTES>() {
            let (marks, first) = row_of(row);
            rows.insert(marks, first);
            rest = after;
        }
        let read = pending.len() - rest.len();
        pending.drain(..read);
    }
    Ok(rows)
}

fn row_of(row: &[u8; COPY_ROW_BYTES]) -> (Marks, bool) {
    let mark = |at: usize| {
        let mut mark = [0; 16];
        mark.copy_from_slice(&row[at..at + 16]);
        Uuid::from_bytes(mark)
    };
    let mut filled = [0; 8];
    filled.copy_from_slice(&row[46..54]);
    let marks = Marks { digest: mark(6), engagement: mark(26), filled: u64::from_be_bytes(filled) };
    (marks, row[COPY_ROW_BYTES - 1] != 0)
}

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
    for (worker, marks) in workers {
        let unique = [Marks { digest: tx.new_id(), engagement: tx.new_id(), filled: 0 }];
        let marks = if marks.is_empty() { &unique[..] } else { marks };
        for (ordinal, marks) in (0_i32..).zip(marks) {
            owners.push(*worker);
            ordinals.push(ordinal);
            digests.push(marks.digest);
            engagements.push(marks.engagement);
            filled.push(marks.filled.cast_signed());
        }
    }
    sqlx::query(
        "INSERT INTO listed_rows (source, worker_id, ordinal, digest, engagement, filled)
         SELECT $1, l.worker_id, l.ordinal, l.digest, l.engagement, l.filled
           FROM UNNEST($2::text[], $3::integer[], $4::uuid[], $5::uuid[], $6::bigint[])
                  AS l (worker_id, ordinal, digest, engagement, filled)",
    )
    .bind(source)
    .bind(owners)
    .bind(ordinals)
    .bind(digests)
    .bind(engagements)
    .bind(filled)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write the rows listed last"))
}

/// Removes the rows of workers who have none any more.
pub(crate) async fn forget(tx: &mut Tx, source: &str, workers: &[&str]) -> Result<(), Error> {
    sqlx::query("DELETE FROM listed_rows WHERE source = $1 AND worker_id = ANY ($2)")
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
    let digests: Vec<Uuid> = unseen.unseen().collect();
    for digests in digests.chunks(AT_ONCE) {
        sqlx::query(
            "INSERT INTO unlisted (run_id, worker_id)
             SELECT DISTINCT $1::uuid, worker_id FROM listed_rows
              WHERE source = $2 AND digest = ANY ($3)
             ON CONFLICT DO NOTHING",
        )
        .bind(run.0)
        .bind(source)
        .bind(digests)
        .persistent(false)
        .execute(tx.connection())
        .await
        .map_err(Error::during("keep who is missing"))?;
    }
    Ok(())
}

/// Returns every row listed last of the workers of whom a file has anything else than those.
pub(crate) async fn of_changed(
    tx: &mut Tx,
    (run, source): (RunId, &str),
) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT l.digest FROM listed_rows l
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
