//! SQL for `runs` and `sources`.

use std::collections::BTreeMap;

use domain::{Date, RunId, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Content, Cursor, Run, State, Step, Tally};
use crate::facts::Contract;
use crate::reader::Reject;

macro_rules! select_runs {
    ($rest:literal) => {
        concat!(
            "SELECT id, source, file_name, mapping, snapshot_date, state, walk, walked_to, proves_absence,
                    file_rows, people, unlooked, workers, rejected, rejects, people_joined,
                    people_changed, people_left, people_unchanged, error, started_at,
                    finished_at, quiet, managers_unknown, contract, fills, held_at,
                    released_groups
               FROM runs ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    source: String,
    file_name: String,
    mapping: String,
    snapshot_date: jiff_sqlx::Date,
    state: String,
    walk: String,
    walked_to: String,
    proves_absence: bool,
    file_rows: i64,
    people: i64,
    unlooked: i64,
    workers: i64,
    rejected: i64,
    rejects: Json<Vec<Reject>>,
    people_joined: i64,
    people_changed: i64,
    people_left: i64,
    people_unchanged: i64,
    error: Option<String>,
    started_at: jiff_sqlx::Timestamp,
    finished_at: Option<jiff_sqlx::Timestamp>,
    quiet: bool,
    managers_unknown: i64,
    contract: String,
    fills: Json<BTreeMap<String, u64>>,
    held_at: Option<jiff_sqlx::Timestamp>,
    released_groups: Option<Vec<String>>,
}

impl TryFrom<Row> for Run {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let unknown = |column: &'static str| Error::Database {
            during: "read a run",
            source: sqlx::Error::Decode(format!("{column} holds an unknown word").into()),
        };
        Ok(Self {
            id: RunId(row.id),
            source: row.source,
            file_name: row.file_name,
            mapping: row.mapping,
            contract: [Contract::Full, Contract::Partial]
                .into_iter()
                .find(|contract| contract.as_str() == row.contract)
                .ok_or_else(|| unknown("contract"))?,
            snapshot_date: row.snapshot_date.to_jiff(),
            quiet: row.quiet,
            state: State::ALL
                .into_iter()
                .find(|state| state.as_str() == row.state)
                .ok_or_else(|| unknown("state"))?,
            cursor: Cursor::from_columns(&row.walk, row.walked_to)
                .ok_or_else(|| unknown("walk"))?,
            content: Content {
                rows: row.file_rows.unsigned_abs(),
                unchanged: row.unlooked.unsigned_abs(),
                people: row.people.unsigned_abs(),
                workers: row.workers.unsigned_abs(),
                rejected: row.rejected.unsigned_abs(),
                rejects: row.rejects.0,
                proves_absence: row.proves_absence,
                fills: row.fills.0,
            },
            tally: Tally {
                joined: row.people_joined.unsigned_abs(),
                changed: row.people_changed.unsigned_abs(),
                left: row.people_left.unsigned_abs(),
                unchanged: row.people_unchanged.unsigned_abs(),
            },
            managers_unknown: row.managers_unknown.unsigned_abs(),
            error: row.error,
            started_at: row.started_at.to_jiff(),
            finished_at: row.finished_at.map(jiff_sqlx::Timestamp::to_jiff),
            held_at: row.held_at.map(jiff_sqlx::Timestamp::to_jiff),
            released: row.released_groups,
        })
    }
}

/// A run that is to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) id: RunId,
    pub(crate) source: &'a str,
    pub(crate) file_name: &'a str,
    pub(crate) mapping: &'a str,
    pub(crate) contract: Contract,
    pub(crate) snapshot_date: Date,
    pub(crate) quiet: bool,
    pub(crate) author: &'a str,
    pub(crate) leased_until: Timestamp,
}

/// Begins a run; says whether it did, which it does not beside another run of the source.
pub(crate) async fn open(tx: &mut Tx, opening: Opening<'_>) -> Result<bool, Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO runs (id, source, file_name, mapping, contract, snapshot_date, state,
                           leased_until, staged, walk, walked_to, started_at, quiet, author)
         VALUES ($1, $2, $3, $4, $5, $6, 'staging', $7, true, 'listed', '', $8, $9, $10)
         ON CONFLICT (source) WHERE state IN ('staging', 'applying') DO NOTHING",
    )
    .bind(opening.id.0)
    .bind(opening.source)
    .bind(opening.file_name)
    .bind(opening.mapping)
    .bind(opening.contract.as_str())
    .bind(opening.snapshot_date.to_sqlx())
    .bind(opening.leased_until.to_sqlx())
    .bind(now.to_sqlx())
    .bind(opening.quiet)
    .bind(opening.author)
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("begin a run"))
}

/// Returns the run of a source that is under way.
pub(crate) async fn find_open(tx: &mut Tx, source: &str) -> Result<Option<Run>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_runs!("WHERE source = $1 AND state IN ('staging', 'applying')"))
            .bind(source)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("find the run of a source"))?;
    row.map(TryInto::try_into).transpose()
}

/// Returns the mapping by which a run read its file.
pub(crate) async fn mapping(tx: &mut Tx, id: RunId) -> Result<Option<String>, Error> {
    sqlx::query_scalar("SELECT mapping FROM runs WHERE id = $1")
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("read the mapping of a run"))
}

/// Returns a run.
pub(crate) async fn find(pool: &PgPool, id: RunId) -> Result<Option<Run>, Error> {
    let row: Option<Row> = sqlx::query_as(select_runs!("WHERE id = $1"))
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("find a run"))?;
    row.map(TryInto::try_into).transpose()
}

/// Returns a run, locked.
pub(crate) async fn lock(tx: &mut Tx, id: RunId) -> Result<Option<Run>, Error> {
    let row: Option<Row> = sqlx::query_as(select_runs!("WHERE id = $1 FOR UPDATE"))
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("lock a run"))?;
    row.map(TryInto::try_into).transpose()
}

/// Returns runs of one source or of all, in one state or in any, the latest first.
pub(crate) async fn list(
    pool: &PgPool,
    source: Option<&str>,
    state: Option<&str>,
    limit: i64,
) -> Result<Vec<Run>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_runs!(
        "WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR state = $2)
         ORDER BY started_at DESC, id DESC LIMIT $3"
    ))
    .bind(source)
    .bind(state)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list runs"))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Returns the latest run of each source, in the order of their names.
pub(crate) async fn list_latest(pool: &PgPool, limit: i64) -> Result<Vec<Run>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_runs!(
        "WHERE id IN (SELECT DISTINCT ON (source) id FROM runs
                       ORDER BY source, started_at DESC, id DESC)
         ORDER BY source LIMIT $1"
    ))
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list the latest runs"))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Returns the date and the format of each source's newest snapshot that was taken over.
pub(crate) async fn list_sources(
    pool: &PgPool,
    limit: i64,
) -> Result<Vec<(String, Date, String)>, Error> {
    let rows: Vec<(String, jiff_sqlx::Date, String)> =
        sqlx::query_as("SELECT name, snapshot_date, format FROM sources ORDER BY name LIMIT $1")
            .bind(limit)
            .fetch_all(pool)
            .await
            .map_err(Error::during("list sources"))?;
    Ok(rows.into_iter().map(|(name, date, format)| (name, date.to_jiff(), format)).collect())
}

/// Begins a run that has failed already, with this error: what is staged of it can be looked at, never applied.
pub(crate) async fn open_trial(
    tx: &mut Tx,
    opening: Opening<'_>,
    error: &str,
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO runs (id, source, file_name, mapping, contract, snapshot_date, state,
                           leased_until, staged, walk, walked_to, started_at, finished_at, error)
         VALUES ($1, $2, $3, $4, $5, $6, 'failed', $7, true, 'listed', '', $8, $8, $9)",
    )
    .bind(opening.id.0)
    .bind(opening.source)
    .bind(opening.file_name)
    .bind(opening.mapping)
    .bind(opening.contract.as_str())
    .bind(opening.snapshot_date.to_sqlx())
    .bind(opening.leased_until.to_sqlx())
    .bind(now.to_sqlx())
    .bind(error)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("begin a trial"))
}

/// Forgets a trial of which nothing is staged any more.
pub(crate) async fn remove_trial(tx: &mut Tx, id: RunId) -> Result<(), Error> {
    sqlx::query("DELETE FROM runs WHERE id = $1 AND state = 'failed'")
        .bind(id.0)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("forget a trial"))
}

/// Keeps a run that is being staged, in whatever state; says whether it was still there to keep.
pub(crate) async fn renew(
    tx: &mut Tx,
    id: RunId,
    state: State,
    until: Timestamp,
) -> Result<bool, Error> {
    sqlx::query("UPDATE runs SET leased_until = $2 WHERE id = $1 AND state = $3 AND staged")
        .bind(id.0)
        .bind(until.to_sqlx())
        .bind(state.as_str())
        .execute(tx.connection())
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(Error::during("keep a run"))
}

/// Hands a staged run over to the driver; says whether it was still there.
pub(crate) async fn hand_over(tx: &mut Tx, id: RunId, content: &Content) -> Result<bool, Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs
            SET state = 'applying', leased_until = $2, file_rows = $3, people = $4, workers = $5,
                rejected = $6, rejects = $7, proves_absence = $8, fills = $9, unlooked = $10,
                people_unchanged = $10
          WHERE id = $1 AND state = 'staging'",
    )
    .bind(id.0)
    .bind(now.to_sqlx())
    .bind(signed(content.rows))
    .bind(signed(content.people))
    .bind(signed(content.workers))
    .bind(signed(content.rejected))
    .bind(Json(&content.rejects))
    .bind(content.proves_absence)
    .bind(Json(&content.fills))
    .bind(signed(content.unchanged))
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("hand a run over"))
}

/// Keeps a run that was handed over from being applied until it expires; of its people, so many are
/// as they were.
pub(crate) async fn hold(
    tx: &mut Tx,
    id: RunId,
    unchanged: u64,
    until: Timestamp,
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs
            SET state = 'held', leased_until = $2, people_unchanged = $3, held_at = $4
          WHERE id = $1 AND state = 'applying'",
    )
    .bind(id.0)
    .bind(until.to_sqlx())
    .bind(signed(unchanged))
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("hold a run"))
}

/// Lets a held run be applied, to people of some groups or to everybody.
pub(crate) async fn release(
    tx: &mut Tx,
    id: RunId,
    groups: Option<&[String]>,
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs
            SET state = 'applying', leased_until = $2, released_groups = $3
          WHERE id = $1 AND state = 'held'",
    )
    .bind(id.0)
    .bind(now.to_sqlx())
    .bind(groups)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("release a run"))
}

/// Holds what is left of a run of which a part was released.
pub(crate) async fn hold_rest(tx: &mut Tx, id: RunId, until: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "UPDATE runs
            SET state = 'held', leased_until = $2, walk = 'listed', walked_to = '',
                released_groups = NULL
          WHERE id = $1 AND state = 'applying' AND walk = 'look'",
    )
    .bind(id.0)
    .bind(until.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("hold what is left of a run"))
}

/// Leaves a held run alone until it expires.
pub(crate) async fn leave(tx: &mut Tx, id: RunId, until: Timestamp) -> Result<(), Error> {
    sqlx::query("UPDATE runs SET leased_until = $2 WHERE id = $1 AND state = 'held'")
        .bind(id.0)
        .bind(until.to_sqlx())
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("leave a held run alone"))
}

/// Returns the held run of a source.
pub(crate) async fn find_held(tx: &mut Tx, source: &str) -> Result<Option<Run>, Error> {
    let row: Option<Row> =
        sqlx::query_as(select_runs!("WHERE source = $1 AND state = 'held' FOR UPDATE"))
            .bind(source)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("find the held run of a source"))?;
    row.map(TryInto::try_into).transpose()
}

/// Returns the last full file of a source that was applied.
pub(crate) async fn find_last_full(tx: &mut Tx, source: &str) -> Result<Option<Run>, Error> {
    let row: Option<Row> = sqlx::query_as(select_runs!(
        "WHERE source = $1 AND contract = 'full' AND state = 'finished'
         ORDER BY finished_at DESC, id DESC LIMIT 1"
    ))
    .bind(source)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("find the last full file of a source"))?;
    row.map(TryInto::try_into).transpose()
}

/// Counts who left a source since an instant through full files that nobody had to release.
pub(crate) async fn count_left(tx: &mut Tx, source: &str, since: Timestamp) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COALESCE(sum(people_left), 0)::bigint FROM runs
          WHERE source = $1 AND contract = 'full' AND held_at IS NULL
            AND COALESCE(finished_at, started_at) > $2",
    )
    .bind(source)
    .bind(since.to_sqlx())
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count who left a source"))?;
    Ok(count.unsigned_abs())
}

/// Makes the leases of runs longer.
pub(crate) async fn keep(tx: &mut Tx, ids: &[Uuid], until: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "UPDATE runs SET leased_until = $2 WHERE id = ANY ($1) AND state IN ('staging', 'applying')",
    )
    .bind(ids)
    .bind(until.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep runs"))
}

/// Gives up a run that has not ended.
pub(crate) async fn fail(tx: &mut Tx, id: RunId, error: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs SET state = 'failed', error = $2, finished_at = $3, leased_until = $3
          WHERE id = $1 AND state IN ('staging', 'held', 'applying')",
    )
    .bind(id.0)
    .bind(error)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("give up a run"))
}

/// Gives up a run of which the file was not read to its end.
pub(crate) async fn give_up(tx: &mut Tx, id: RunId, error: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs SET state = 'failed', error = $2, finished_at = $3, leased_until = $3
          WHERE id = $1 AND state = 'staging'",
    )
    .bind(id.0)
    .bind(error)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("give up a run that was being read"))
}

/// Leases runs that have rows staged and nobody working on them.
pub(crate) async fn lease(tx: &mut Tx, until: Timestamp, limit: u16) -> Result<Vec<RunId>, Error> {
    let now = tx.now();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE runs SET leased_until = $2
          WHERE id = ANY (ARRAY(SELECT id FROM runs
                                 WHERE staged AND leased_until <= $1
                                 ORDER BY leased_until, id LIMIT $3
                                   FOR UPDATE SKIP LOCKED))
         RETURNING id",
    )
    .bind(now.to_sqlx())
    .bind(until.to_sqlx())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lease runs"))?;
    Ok(ids.into_iter().map(RunId).collect())
}

/// Records a chunk and gives the run back.
pub(crate) async fn advance(tx: &mut Tx, id: RunId, step: &Step) -> Result<(), Error> {
    let (walk, walked_to) = step.next.to_columns();
    let now = tx.now();
    sqlx::query(
        "UPDATE runs
            SET walk = $2, walked_to = $3, leased_until = $4,
                people_joined = people_joined + $5, people_changed = people_changed + $6,
                people_left = people_left + $7, people_unchanged = people_unchanged + $8 - $11,
                rejected = rejected + $9,
                rejects = CASE WHEN $9 = 0 THEN rejects ELSE rejects || $10 END
          WHERE id = $1",
    )
    .bind(id.0)
    .bind(walk)
    .bind(walked_to)
    .bind(now.to_sqlx())
    .bind(signed(step.tally.joined))
    .bind(signed(step.tally.changed))
    .bind(signed(step.tally.left))
    .bind(signed(step.tally.unchanged))
    .bind(signed(step.rejected))
    .bind(Json(&step.rejects))
    .bind(signed(step.counted_twice))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record a chunk of a run"))
}

/// Ends a run that was applied to its end.
pub(crate) async fn finish(tx: &mut Tx, id: RunId, managers_unknown: u64) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "UPDATE runs SET state = 'finished', finished_at = $2, managers_unknown = $3
          WHERE id = $1 AND state = 'applying' AND walk IN ('look', 'end')",
    )
    .bind(id.0)
    .bind(now.to_sqlx())
    .bind(signed(managers_unknown))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("finish a run"))
}

/// Gives a run that has ended back; it is not looked at again once nothing of it is staged.
pub(crate) async fn give_back(tx: &mut Tx, id: RunId, staged: bool) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query("UPDATE runs SET leased_until = $2, staged = $3 WHERE id = $1")
        .bind(id.0)
        .bind(now.to_sqlx())
        .bind(staged)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("give a run back"))
}

/// Returns the date of the newest snapshot of a source that was taken over.
pub(crate) async fn snapshot_date(tx: &mut Tx, source: &str) -> Result<Option<Date>, Error> {
    let date: Option<jiff_sqlx::Date> =
        sqlx::query_scalar("SELECT snapshot_date FROM sources WHERE name = $1")
            .bind(source)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("read a source's snapshot date"))?;
    Ok(date.map(jiff_sqlx::Date::to_jiff))
}

/// Records that a snapshot is taken over; says whether it did, which it does for no older one.
pub(crate) async fn take_over(
    tx: &mut Tx,
    source: &str,
    date: Date,
    format: &str,
) -> Result<bool, Error> {
    sqlx::query(
        "INSERT INTO sources (name, snapshot_date, format) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE
            SET snapshot_date = excluded.snapshot_date, format = excluded.format
          WHERE sources.snapshot_date <= excluded.snapshot_date",
    )
    .bind(source)
    .bind(date.to_sqlx())
    .bind(format)
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("record a source's snapshot date"))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
