//! SQL for the `people` table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Kin, Lane, PersonId, Timestamp, Version};
use sqlx::PgPool;
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Person;

/// Where the whole work stands.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Progress {
    pub(crate) people: i64,
    pub(crate) settled: i64,
    pub(crate) actions_done: i64,
    pub(crate) actions_open: i64,
    pub(crate) actions_failed: i64,
    pub(crate) actions_manual: i64,
    pub(crate) seconds_p50: Option<f64>,
    pub(crate) seconds_p99: Option<f64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    desired_epoch: i64,
    desired_counter: i64,
    desired_release: i64,
    desired_digest: Vec<u8>,
    kin: Option<Json<Kin>>,
    person_epoch: i64,
    person_counter: i64,
    release: i64,
    person_recorded_at: SqlTimestamp,
    awaited_since: Option<SqlTimestamp>,
    lane: i16,
    round: i32,
    open: i32,
    failed: i32,
    tasks: i32,
    done: i64,
    manual: i64,
    plan_hash: Vec<u8>,
    settled_epoch: i64,
    settled_counter: i64,
    settled: bool,
    settled_at: Option<SqlTimestamp>,
    timeline_settled_at: Option<SqlTimestamp>,
}

impl Row {
    fn read(self) -> (PersonId, Person) {
        let id = PersonId(self.person_id);
        let person = Person {
            id,
            desired_version: Version { epoch: self.desired_epoch, counter: self.desired_counter },
            desired_release: self.desired_release,
            desired_digest: self.desired_digest,
            kin: self.kin.map(|kin| kin.0).unwrap_or_default(),
            person_version: Version { epoch: self.person_epoch, counter: self.person_counter },
            release: self.release,
            recorded_at: self.person_recorded_at.to_jiff(),
            awaited_since: self.awaited_since.map(SqlTimestamp::to_jiff),
            lane: Lane::from_rank(self.lane),
            round: self.round,
            open: self.open,
            failed: self.failed,
            tasks: self.tasks,
            done: self.done,
            manual: self.manual,
            plan_hash: self.plan_hash,
            settled_version: Version { epoch: self.settled_epoch, counter: self.settled_counter },
            settled: self.settled,
            settled_at: self.settled_at.map(SqlTimestamp::to_jiff),
            timeline_settled_at: self.timeline_settled_at.map(SqlTimestamp::to_jiff),
        };
        (id, person)
    }
}

/// Makes rows for people who have none, so that they can be locked.
pub(crate) async fn ensure(tx: &mut Tx, people: &[Uuid]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO people (person_id)
         SELECT person_id FROM UNNEST($1::uuid[]) AS t (person_id) ORDER BY person_id
         ON CONFLICT (person_id) DO NOTHING",
    )
    .bind(people)
    .execute(tx.connection())
    .await
    .map_err(Error::during("make rows for people"))?;
    Ok(())
}

/// Returns people, locked in the order of their ids: every transaction locks people first.
pub(crate) async fn lock(
    tx: &mut Tx,
    people: &[Uuid],
) -> Result<BTreeMap<PersonId, Person>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, desired_epoch, desired_counter, desired_release, desired_digest, kin,
                person_epoch, person_counter, release, person_recorded_at, lane, round, open,
                failed, tasks, done, manual, plan_hash, settled_epoch, settled_counter, settled,
                settled_at, timeline_settled_at, awaited_since
           FROM people WHERE person_id = ANY($1) ORDER BY person_id FOR UPDATE",
    )
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock people"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Whether desired access of anybody has arrived.
pub(crate) async fn is_anybody_known(tx: &mut Tx) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM people WHERE desired_counter > 0)")
        .fetch_one(tx.connection())
        .await
        .map_err(Error::during("look for anybody who is known"))
}

/// Writes people who are locked.
pub(crate) async fn update(tx: &mut Tx, people: &[&Person]) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = people.iter().map(|person| person.id.0).collect();
    let numbers = |f: fn(&Person) -> i64| people.iter().map(|p| f(p)).collect::<Vec<i64>>();
    let counts = |f: fn(&Person) -> i32| people.iter().map(|p| f(p)).collect::<Vec<i32>>();
    let bytes = |f: fn(&Person) -> &[u8]| people.iter().map(|p| f(p)).collect::<Vec<&[u8]>>();
    let instants = |f: fn(&Person) -> Option<Timestamp>| {
        people.iter().map(|p| f(p).map(|at| at.to_sqlx())).collect::<Vec<Option<SqlTimestamp>>>()
    };
    let lanes: Vec<i16> = people.iter().map(|person| person.lane.rank()).collect();
    let settled: Vec<bool> = people.iter().map(|person| person.settled).collect();
    let kin: Vec<Option<Json<&Kin>>> =
        people.iter().map(|p| (!p.kin.is_none()).then_some(Json(&p.kin))).collect();
    sqlx::query(
        "UPDATE people p
            SET desired_epoch = t.desired_epoch, desired_counter = t.desired_counter,
                desired_release = t.desired_release, desired_digest = t.desired_digest,
                person_epoch = t.person_epoch, person_counter = t.person_counter,
                release = t.release, person_recorded_at = t.person_recorded_at, lane = t.lane,
                round = t.round, open = t.open, failed = t.failed, done = t.done,
                plan_hash = t.plan_hash, settled_epoch = t.settled_epoch,
                settled_counter = t.settled_counter, settled = t.settled,
                settled_at = t.settled_at, timeline_settled_at = t.timeline_settled_at,
                kin = t.kin, tasks = t.tasks, manual = t.manual,
                awaited_since = t.awaited_since
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
                       $6::bigint[], $7::bigint[], $8::bigint[], $9::timestamptz[],
                       $10::smallint[], $11::integer[], $12::integer[], $13::integer[],
                       $14::bigint[], $15::bytea[], $16::bigint[], $17::bigint[],
                       $18::boolean[], $19::timestamptz[], $20::timestamptz[],
                       $21::jsonb[], $22::integer[], $23::bigint[],
                       $24::timestamptz[])
             AS t (person_id, desired_epoch, desired_counter, desired_release, desired_digest,
                   person_epoch, person_counter, release, person_recorded_at, lane, round, open,
                   failed, done, plan_hash, settled_epoch, settled_counter, settled, settled_at,
                   timeline_settled_at, kin, tasks, manual, awaited_since)
          WHERE p.person_id = t.person_id",
    )
    .bind(ids)
    .bind(numbers(|person| person.desired_version.epoch))
    .bind(numbers(|person| person.desired_version.counter))
    .bind(numbers(|person| person.desired_release))
    .bind(bytes(|person| &person.desired_digest))
    .bind(numbers(|person| person.person_version.epoch))
    .bind(numbers(|person| person.person_version.counter))
    .bind(numbers(|person| person.release))
    .bind(instants(|person| Some(person.recorded_at)))
    .bind(lanes)
    .bind(counts(|person| person.round))
    .bind(counts(|person| person.open))
    .bind(counts(|person| person.failed))
    .bind(numbers(|person| person.done))
    .bind(bytes(|person| &person.plan_hash))
    .bind(numbers(|person| person.settled_version.epoch))
    .bind(numbers(|person| person.settled_version.counter))
    .bind(settled)
    .bind(instants(|person| person.settled_at))
    .bind(instants(|person| person.timeline_settled_at))
    .bind(kin)
    .bind(counts(|person| person.tasks))
    .bind(numbers(|person| person.manual))
    .bind(instants(|person| person.awaited_since))
    .execute(tx.connection())
    .await
    .map_err(Error::during("write people"))?;
    Ok(())
}

/// Returns the kin of those of these people who have any, as it is.
pub(crate) async fn kin_of(tx: &mut Tx, people: &[Uuid]) -> Result<BTreeMap<PersonId, Kin>, Error> {
    if people.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, Json<Kin>)> = sqlx::query_as(
        "SELECT person_id, kin FROM people WHERE person_id = ANY($1) AND kin IS NOT NULL",
    )
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read who is known under other ids"))?;
    Ok(rows.into_iter().map(|(person, kin)| (PersonId(person), kin.0)).collect())
}

/// Returns people who are settled and of whom that was not told in the transaction's epoch, in the
/// order of their ids.
pub(crate) async fn untold(tx: &mut Tx, after: Uuid, limit: u16) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT person_id FROM people
          WHERE person_id > $1 AND settled AND settled_epoch < $2
          ORDER BY person_id LIMIT $3",
    )
    .bind(after)
    .bind(tx.epoch())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for settled people to tell again"))
}

/// Returns those of these people for whom desired access has arrived.
pub(crate) async fn known(tx: &mut Tx, people: &[Uuid]) -> Result<BTreeSet<PersonId>, Error> {
    if people.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "SELECT person_id FROM people
          WHERE person_id = ANY($1) AND (desired_epoch > 0 OR desired_counter > 0)",
    )
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for people who are known"))?;
    Ok(rows.into_iter().map(PersonId).collect())
}

/// Returns whether a person is settled; nothing when the person is not known.
pub(crate) async fn settled(tx: &mut Tx, person: PersonId) -> Result<Option<bool>, Error> {
    sqlx::query_scalar("SELECT settled FROM people WHERE person_id = $1")
        .bind(person.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("look a person up"))
}

/// Returns where the whole work stands; times are of timelines settled at or after `since`.
pub(crate) async fn progress(pool: &PgPool, since: Timestamp) -> Result<Progress, Error> {
    sqlx::query_as(
        "WITH timed AS
              (SELECT GREATEST(0, extract(epoch FROM timeline_settled_at - person_recorded_at))
                      ::double precision AS seconds
                 FROM people WHERE timeline_settled_at >= $1),
              quantiles AS
              (SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY seconds) AS seconds
                 FROM timed)
         SELECT count(*) AS people,
                count(*) FILTER (WHERE settled) AS settled,
                coalesce(sum(done), 0)::bigint AS actions_done,
                coalesce(sum(open), 0)::bigint AS actions_open,
                coalesce(sum(failed), 0)::bigint AS actions_failed,
                coalesce(sum(manual), 0)::bigint AS actions_manual,
                (SELECT seconds[1] FROM quantiles) AS seconds_p50,
                (SELECT seconds[2] FROM quantiles) AS seconds_p99
           FROM people WHERE desired_epoch > 0 OR desired_counter > 0",
    )
    .bind(since.to_sqlx())
    .fetch_one(pool)
    .await
    .map_err(Error::during("count what is done"))
}
