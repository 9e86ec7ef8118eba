//! SQL for the `branches` table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Lane, PersonId, Timestamp};
use sqlx::PgPool;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Branch;
use crate::dossier::Key;

/// Work that waits in one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) application: String,
    pub(crate) lane: Lane,
    pub(crate) since: Timestamp,
}

type Row = (
    Uuid,
    String,
    i16,
    i32,
    Option<String>,
    Option<SqlTimestamp>,
    Option<Uuid>,
    Option<String>,
    Option<SqlTimestamp>,
);

fn read(
    (person, application, lane, round, login, due_at, lease, traceparent, waits): Row,
) -> (Key, Branch) {
    let branch = Branch {
        lane: Lane::from_rank(lane),
        round,
        login,
        due_at: due_at.map(SqlTimestamp::to_jiff),
        lease,
        traceparent,
        waits_until: waits.map(SqlTimestamp::to_jiff),
    };
    ((PersonId(person), application), branch)
}

/// Returns the branches of people, in one application or in all, locked.
///
/// The people are locked already, so nobody else adds branches to them.
pub(crate) async fn lock(
    tx: &mut Tx,
    people: &[Uuid],
    application: Option<&str>,
) -> Result<BTreeMap<Key, Branch>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, application, lane, round, login, due_at, lease, traceparent,
                waits_until
           FROM branches
          WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2)
          ORDER BY person_id, application FOR UPDATE",
    )
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock branches"))?;
    Ok(rows.into_iter().map(read).collect())
}

/// Writes branches.
pub(crate) async fn put(tx: &mut Tx, branches: &[(&Key, &Branch)]) -> Result<(), Error> {
    if branches.is_empty() {
        return Ok(());
    }
    let people: Vec<Uuid> = branches.iter().map(|(key, _branch)| key.0.0).collect();
    let applications: Vec<&str> = branches.iter().map(|(key, _branch)| key.1.as_str()).collect();
    let lanes: Vec<i16> = branches.iter().map(|(_key, branch)| branch.lane.rank()).collect();
    let rounds: Vec<i32> = branches.iter().map(|(_key, branch)| branch.round).collect();
    let logins: Vec<Option<&str>> =
        branches.iter().map(|(_key, branch)| branch.login.as_deref()).collect();
    let due: Vec<Option<SqlTimestamp>> =
        branches.iter().map(|(_key, branch)| branch.due_at.map(|at| at.to_sqlx())).collect();
    let leases: Vec<Option<Uuid>> = branches.iter().map(|(_key, branch)| branch.lease).collect();
    let traceparents: Vec<Option<&str>> =
        branches.iter().map(|(_key, branch)| branch.traceparent.as_deref()).collect();
    let waits: Vec<Option<SqlTimestamp>> =
        branches.iter().map(|(_key, branch)| branch.waits_until.map(|at| at.to_sqlx())).collect();
    sqlx::query(
        "INSERT INTO branches (person_id, application, lane, round, login, due_at, lease,
                               traceparent, waits_until)
         SELECT person_id, application, lane, round, login, due_at, lease, traceparent, waits_until
           FROM UNNEST($1::uuid[], $2::text[], $3::smallint[], $4::integer[], $5::text[],
                       $6::timestamptz[], $7::uuid[], $8::text[], $9::timestamptz[])
             AS t (person_id, application, lane, round, login, due_at, lease, traceparent,
                   waits_until)
         ON CONFLICT (person_id, application) DO UPDATE
            SET lane = excluded.lane, round = excluded.round, login = excluded.login,
                due_at = excluded.due_at, lease = excluded.lease,
                traceparent = excluded.traceparent, waits_until = excluded.waits_until",
    )
    .bind(people)
    .bind(applications)
    .bind(lanes)
    .bind(rounds)
    .bind(logins)
    .bind(due)
    .bind(leases)
    .bind(traceparents)
    .bind(waits)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write branches"))?;
    Ok(())
}

/// Returns what is due in each of these applications and lanes, the most urgent first.
pub(crate) async fn due(
    tx: &mut Tx,
    applications: &[String],
    lanes: &[Lane],
) -> Result<Vec<Due>, Error> {
    let now = tx.now();
    let ranks: Vec<i16> = lanes.iter().map(|lane| lane.rank()).collect();
    let rows: Vec<(String, i16, SqlTimestamp)> = sqlx::query_as(
        "SELECT a.application, l.lane, oldest.due_at
           FROM UNNEST($1::text[]) AS a (application)
          CROSS JOIN UNNEST($2::smallint[]) AS l (lane)
          CROSS JOIN LATERAL
                (SELECT b.due_at FROM branches b
                  WHERE b.application = a.application AND b.lane = l.lane AND b.due_at <= $3
                  ORDER BY b.due_at LIMIT 1) AS oldest
          ORDER BY l.lane, oldest.due_at, a.application",
    )
    .bind(applications)
    .bind(ranks)
    .bind(now.to_sqlx())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for due branches"))?;
    Ok(rows
        .into_iter()
        .map(|(application, lane, since)| Due {
            application,
            lane: Lane::from_rank(lane),
            since: since.to_jiff(),
        })
        .collect())
}

/// Whether a branch that somebody has in hand became a leaver's meanwhile.
pub(crate) async fn has_leaver(
    pool: &PgPool,
    application: &str,
    lease: Uuid,
) -> Result<bool, Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM branches
                         WHERE application = $1 AND lane = $2 AND due_at IS NOT NULL AND lease = $3)",
    )
    .bind(application)
    .bind(Lane::Leaver.rank())
    .bind(lease)
    .fetch_one(pool)
    .await
    .map_err(Error::during("look for leavers in hand"))
}

/// Returns those of these branches in which something is open.
pub(crate) async fn open(tx: &mut Tx, keys: &BTreeSet<Key>) -> Result<Vec<Key>, Error> {
    let (people, applications): (Vec<Uuid>, Vec<&str>) =
        keys.iter().map(|(person, application)| (person.0, application.as_str())).unzip();
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT b.person_id, b.application
           FROM UNNEST($1::uuid[], $2::text[]) AS t (person_id, application)
           JOIN branches b USING (person_id, application)
          WHERE b.due_at IS NOT NULL",
    )
    .bind(people)
    .bind(applications)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for open branches"))?;
    Ok(rows.into_iter().map(|(person, application)| (PersonId(person), application)).collect())
}

/// Leases the oldest due branches of one application and lane.
///
/// Until the transaction ends nobody plans them, so what is read after this belongs to their round.
pub(crate) async fn lease(
    tx: &mut Tx,
    due: &Due,
    lease: Uuid,
    until: Timestamp,
    limit: u16,
) -> Result<Vec<(Key, Branch)>, Error> {
    let now = tx.now();
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE branches b SET lease = $4, due_at = $5
           FROM (SELECT person_id, application FROM branches
                  WHERE application = $1 AND lane = $2 AND due_at <= $3
                  ORDER BY due_at LIMIT $6 FOR UPDATE SKIP LOCKED) due
          WHERE b.person_id = due.person_id AND b.application = due.application
         RETURNING b.person_id, b.application, b.lane, b.round, b.login, b.due_at, b.lease,
                   b.traceparent, b.waits_until",
    )
    .bind(&due.application)
    .bind(due.lane.rank())
    .bind(now.to_sqlx())
    .bind(lease)
    .bind(until.to_sqlx())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lease branches"))?;
    Ok(rows.into_iter().map(read).collect())
}

/// Makes a lease longer, of those branches that are still under it.
pub(crate) async fn keep(
    tx: &mut Tx,
    application: &str,
    people: &[Uuid],
    lease: Uuid,
    until: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE branches SET due_at = $4
          WHERE person_id = ANY($1) AND application = $2 AND lease = $3",
    )
    .bind(people)
    .bind(application)
    .bind(lease)
    .bind(until.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep a lease"))
}
