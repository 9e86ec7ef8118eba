//! SQL for the `people` table. No other module names that table.

pub(crate) mod changes;

use std::collections::BTreeMap;

use domain::{Lane, PersonId, Timestamp, Version};
use rules::Access;
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Before, Desired, Evaluated, Person, resting_lane};
use crate::lifecycle::Told;
use crate::timeline::Key;

/// What a person shall hold, as it is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: PersonId,
    /// Version of the timeline.
    pub(crate) person_version: Version,
    /// Absent while no release was ever active.
    pub(crate) evaluated: Option<StoredEvaluation>,
}

/// An evaluation, as it is stored.
#[derive(Debug)]
pub(crate) struct StoredEvaluation {
    pub(crate) version: Version,
    pub(crate) release: u64,
    pub(crate) access: Access,
    pub(crate) at: Timestamp,
    pub(crate) next_boundary: Option<Timestamp>,
    pub(crate) lane: Lane,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    person_id: Uuid,
    person_epoch: i64,
    person_counter: i64,
    desired_epoch: i64,
    desired_counter: i64,
    access_digest: Option<String>,
    evaluated_release: i64,
    next_boundary: Option<SqlTimestamp>,
    lifecycle_epoch: i64,
    lifecycle_counter: i64,
    lifecycle_digest: Option<String>,
    leaver_at: Option<SqlTimestamp>,
}

#[derive(sqlx::FromRow)]
struct StoredRow {
    person_epoch: i64,
    person_counter: i64,
    desired_epoch: i64,
    desired_counter: i64,
    evaluated_release: i64,
    access: Option<Json<Access>>,
    evaluated_at: Option<SqlTimestamp>,
    next_boundary: Option<SqlTimestamp>,
    lane: i16,
}

/// Returns those of these people that are known, locked in the order of their ids.
pub(crate) async fn lock(tx: &mut Tx, people: &[PersonId]) -> Result<Vec<Person>, Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, desired_epoch, desired_counter,
                access_digest, evaluated_release, next_boundary, lifecycle_epoch,
                lifecycle_counter, lifecycle_digest, leaver_at
           FROM people WHERE person_id = ANY($1) ORDER BY person_id FOR UPDATE",
    )
    .bind(ids(people))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock people"))?;
    Ok(rows.into_iter().map(PersonRow::into_person).collect())
}

/// Returns people that are not evaluated with this release or a later one, and that nobody else is
/// at work on; at most `limit`.
pub(crate) async fn outdated(
    tx: &mut Tx,
    release: u64,
    limit: u16,
) -> Result<Vec<PersonId>, Error> {
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "SELECT person_id FROM people WHERE evaluated_release < $1
          ORDER BY evaluated_release, person_id LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(number(release))
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for people to evaluate again"))?;
    Ok(rows.into_iter().map(PersonId).collect())
}

/// Returns those of these people that are still outdated, locked; who is locked already is left
/// out, and found again if need be.
pub(crate) async fn lock_outdated(
    tx: &mut Tx,
    people: &[PersonId],
    release: u64,
) -> Result<Vec<Person>, Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, desired_epoch, desired_counter,
                access_digest, evaluated_release, next_boundary, lifecycle_epoch,
                lifecycle_counter, lifecycle_digest, leaver_at
           FROM people WHERE person_id = ANY($1) AND evaluated_release < $2
          ORDER BY person_id FOR UPDATE SKIP LOCKED",
    )
    .bind(ids(people))
    .bind(number(release))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock people to evaluate again"))?;
    Ok(rows.into_iter().map(PersonRow::into_person).collect())
}

/// Returns the stored access of people who have any.
pub(crate) async fn access_of(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<BTreeMap<PersonId, Access>, Error> {
    let rows: Vec<(Uuid, Json<Access>)> = sqlx::query_as(
        "SELECT person_id, access FROM people WHERE person_id = ANY($1) AND access IS NOT NULL",
    )
    .bind(ids(people))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read desired access"))?;
    Ok(rows.into_iter().map(|(id, Json(access))| (PersonId(id), access)).collect())
}

/// Returns everybody after an id, page by page, with what they shall hold.
pub(crate) async fn page(
    tx: &mut Tx,
    after: Uuid,
    limit: u16,
) -> Result<Vec<(Key, Access)>, Error> {
    let rows: Vec<(Uuid, i64, i64, Option<Json<Access>>)> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, access FROM people
          WHERE person_id > $1 ORDER BY person_id LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read a page of people"))?;
    Ok(rows
        .into_iter()
        .map(|(person, epoch, counter, access)| {
            let key = (PersonId(person), Version { epoch, counter });
            (key, access.map(|Json(access)| access).unwrap_or_default())
        })
        .collect())
}

/// Says of people whom a release does not concern that it counts for them; what they hold, and when
/// they are looked at next, stays.
pub(crate) async fn carry_over(
    tx: &mut Tx,
    people: &[PersonId],
    release: u64,
) -> Result<u64, Error> {
    let written = sqlx::query(
        "UPDATE people SET evaluated_release = $2
          WHERE person_id = ANY($1) AND evaluated_release BETWEEN 1 AND $2",
    )
    .bind(ids(people))
    .bind(number(release))
    .execute(tx.connection())
    .await
    .map_err(Error::during("carry people over to a release"))?;
    Ok(written.rows_affected())
}

/// Stores the newest timelines of people who cannot be evaluated, because no release is active.
///
/// Returns how many rows that were, as [`write`] does.
pub(crate) async fn receive(tx: &mut Tx, timelines: &[Key]) -> Result<u64, Error> {
    let people: Vec<Uuid> = timelines.iter().map(|(person, _)| person.0).collect();
    let epochs: Vec<i64> = timelines.iter().map(|(_, version)| version.epoch).collect();
    let counters: Vec<i64> = timelines.iter().map(|(_, version)| version.counter).collect();
    let written = sqlx::query(
        "INSERT INTO people (person_id, person_epoch, person_counter, lane)
         SELECT person_id, epoch, counter, $4
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS v (person_id, epoch, counter)
          ORDER BY person_id
         ON CONFLICT (person_id) DO UPDATE
            SET person_epoch = excluded.person_epoch, person_counter = excluded.person_counter
          WHERE (people.person_epoch, people.person_counter)
              < (excluded.person_epoch, excluded.person_counter)
            AND people.evaluated_release = 0",
    )
    .bind(people)
    .bind(epochs)
    .bind(counters)
    .bind(Lane::Regular.rank())
    .execute(tx.connection())
    .await
    .map_err(Error::during("store people without a release"))?;
    Ok(written.rows_affected())
}

/// Writes evaluations of people who are locked, or who had no row.
///
/// Returns how many rows were written: fewer than evaluations when somebody else was first.
pub(crate) async fn write(
    tx: &mut Tx,
    evaluated: &[Evaluated],
    release: u64,
) -> Result<u64, Error> {
    let (fresh, known): (Vec<&Evaluated>, Vec<&Evaluated>) =
        evaluated.iter().partition(|one| matches!(one.due.before, Before::Unknown));
    Ok(insert(tx, &fresh, release).await? + update(tx, &known, release).await?)
}

async fn insert(tx: &mut Tx, evaluated: &[&Evaluated], release: u64) -> Result<u64, Error> {
    if evaluated.is_empty() {
        return Ok(0);
    }
    let columns = Columns::of(evaluated);
    let now = tx.now().to_sqlx();
    let written = sqlx::query(
        "INSERT INTO people (person_id, person_epoch, person_counter, desired_epoch,
                             desired_counter, access, access_digest, next_boundary, zone, lane,
                             lifecycle_epoch, lifecycle_counter, lifecycle_digest, leaver_at,
                             evaluated_release, evaluated_at)
         SELECT v.person_id, v.person_epoch, v.person_counter, v.desired_epoch,
                v.desired_counter, v.access, v.access_digest, v.next_boundary, v.zone, v.lane,
                v.lifecycle_epoch, v.lifecycle_counter, v.lifecycle_digest, v.leaver_at, $15, $16
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                       $6::jsonb[], $7::text[], $8::timestamptz[], $9::text[], $10::smallint[],
                       $11::bigint[], $12::bigint[], $13::text[], $14::timestamptz[])
                  AS v (person_id, person_epoch, person_counter, desired_epoch, desired_counter,
                        access, access_digest, next_boundary, zone, lane, lifecycle_epoch,
                        lifecycle_counter, lifecycle_digest, leaver_at)
          ORDER BY v.person_id
         ON CONFLICT (person_id) DO NOTHING",
    );
    let written = columns.bind(written).bind(number(release)).bind(now);
    let written = written.execute(tx.connection()).await;
    Ok(written.map_err(Error::during("store people"))?.rows_affected())
}

// The access of who keeps it is not sent again.
async fn update(tx: &mut Tx, evaluated: &[&Evaluated], release: u64) -> Result<u64, Error> {
    if evaluated.is_empty() {
        return Ok(0);
    }
    let columns = Columns::of(evaluated);
    let now = tx.now().to_sqlx();
    let written = sqlx::query(
        "UPDATE people p
            SET person_epoch = v.person_epoch, person_counter = v.person_counter,
                desired_epoch = v.desired_epoch, desired_counter = v.desired_counter,
                access = COALESCE(v.access, p.access), access_digest = v.access_digest,
                next_boundary = v.next_boundary, zone = v.zone, lane = v.lane,
                lifecycle_epoch = v.lifecycle_epoch, lifecycle_counter = v.lifecycle_counter,
                lifecycle_digest = v.lifecycle_digest, leaver_at = v.leaver_at,
                evaluated_release = $15, evaluated_at = $16
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                       $6::jsonb[], $7::text[], $8::timestamptz[], $9::text[], $10::smallint[],
                       $11::bigint[], $12::bigint[], $13::text[], $14::timestamptz[])
                  AS v (person_id, person_epoch, person_counter, desired_epoch, desired_counter,
                        access, access_digest, next_boundary, zone, lane, lifecycle_epoch,
                        lifecycle_counter, lifecycle_digest, leaver_at)
          WHERE p.person_id = v.person_id AND p.evaluated_release <= $15",
    );
    let written = columns.bind(written).bind(number(release)).bind(now);
    let written = written.execute(tx.connection()).await;
    Ok(written.map_err(Error::during("store evaluations"))?.rows_affected())
}

/// Returns what a person shall hold.
pub(crate) async fn find(tx: &mut Tx, person: PersonId) -> Result<Option<Stored>, Error> {
    let row: Option<StoredRow> = sqlx::query_as(
        "SELECT person_epoch, person_counter, desired_epoch, desired_counter, evaluated_release,
                access, evaluated_at, next_boundary, lane
           FROM people WHERE person_id = $1",
    )
    .bind(person.0)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("read a person"))?;
    Ok(row.map(|row| row.into_stored(person)))
}

/// Returns people whose desired access was not told in the transaction's epoch, locked, in the order
/// of their ids.
pub(crate) async fn untold(tx: &mut Tx, after: Uuid, limit: u16) -> Result<Vec<Stored>, Error> {
    #[derive(sqlx::FromRow)]
    struct Row {
        person_id: Uuid,
        #[sqlx(flatten)]
        stored: StoredRow,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, desired_epoch, desired_counter,
                evaluated_release, access, evaluated_at, next_boundary, lane
           FROM people
          WHERE person_id > $1 AND evaluated_release > 0 AND desired_epoch < $2
          ORDER BY person_id LIMIT $3 FOR UPDATE",
    )
    .bind(after)
    .bind(tx.epoch())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people to tell again"))?;
    Ok(rows.into_iter().map(|row| row.stored.into_stored(PersonId(row.person_id))).collect())
}

/// Keeps the versions in which desired access was told again.
pub(crate) async fn retell(tx: &mut Tx, versions: &[(PersonId, Version)]) -> Result<(), Error> {
    let people: Vec<Uuid> = versions.iter().map(|(person, _version)| person.0).collect();
    let epochs: Vec<i64> = versions.iter().map(|(_person, version)| version.epoch).collect();
    let counters: Vec<i64> = versions.iter().map(|(_person, version)| version.counter).collect();
    sqlx::query(
        "UPDATE people p SET desired_epoch = v.epoch, desired_counter = v.counter
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS v (person_id, epoch, counter)
          WHERE p.person_id = v.person_id",
    )
    .bind(people)
    .bind(epochs)
    .bind(counters)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what was told again"))
}

/// Somebody of whom it was told where they stand.
#[derive(Debug)]
pub(crate) struct StandingTold {
    pub(crate) key: Key,
    pub(crate) lane: Lane,
    pub(crate) told: Told,
}

/// Returns people of whom it was told where they stand, and not in the transaction's epoch, locked,
/// in the order of their ids.
pub(crate) async fn standing_untold(
    tx: &mut Tx,
    after: Uuid,
    limit: u16,
) -> Result<Vec<StandingTold>, Error> {
    type Row = (Uuid, i64, i64, i64, i64, Option<String>, i16);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, lifecycle_epoch, lifecycle_counter,
                lifecycle_digest, lane
           FROM people
          WHERE person_id > $1 AND lifecycle_counter > 0 AND lifecycle_epoch < $2
          ORDER BY person_id LIMIT $3 FOR UPDATE",
    )
    .bind(after)
    .bind(tx.epoch())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people whose standing is told again"))?;
    Ok(rows
        .into_iter()
        .map(|(person, person_epoch, person_counter, epoch, counter, digest, lane)| StandingTold {
            key: (PersonId(person), Version { epoch: person_epoch, counter: person_counter }),
            lane: Lane::from_rank(lane),
            told: Told { version: Version { epoch, counter }, digest },
        })
        .collect())
}

/// Keeps what was told again of where people stand.
pub(crate) async fn retell_standing(tx: &mut Tx, told: &[StandingTold]) -> Result<(), Error> {
    let people: Vec<Uuid> = told.iter().map(|one| one.key.0.0).collect();
    let epochs: Vec<i64> = told.iter().map(|one| one.told.version.epoch).collect();
    let counters: Vec<i64> = told.iter().map(|one| one.told.version.counter).collect();
    let digests: Vec<Option<&str>> = told.iter().map(|one| one.told.digest.as_deref()).collect();
    sqlx::query(
        "UPDATE people p SET lifecycle_epoch = v.epoch, lifecycle_counter = v.counter,
                             lifecycle_digest = v.digest
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[])
             AS v (person_id, epoch, counter, digest)
          WHERE p.person_id = v.person_id",
    )
    .bind(people)
    .bind(epochs)
    .bind(counters)
    .bind(digests)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what was told again"))
}

/// Returns how many people are known, and how many of them are evaluated with this release.
pub(crate) async fn progress(tx: &mut Tx, release: u64) -> Result<(u64, u64), Error> {
    let (people, evaluated): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE evaluated_release >= $1 AND $1 > 0) FROM people",
    )
    .bind(number(release))
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count people"))?;
    Ok((people.unsigned_abs(), evaluated.unsigned_abs()))
}

impl PersonRow {
    fn into_person(self) -> Person {
        let version = Version { epoch: self.desired_epoch, counter: self.desired_counter };
        let next_boundary = self.next_boundary.map(SqlTimestamp::to_jiff);
        let told = Told {
            version: Version { epoch: self.lifecycle_epoch, counter: self.lifecycle_counter },
            digest: self.lifecycle_digest,
        };
        let leaver_at = self.leaver_at.map(SqlTimestamp::to_jiff);
        Person {
            id: PersonId(self.person_id),
            version: Version { epoch: self.person_epoch, counter: self.person_counter },
            desired: self.access_digest.map(|digest| Desired {
                version,
                digest,
                release: self.evaluated_release.unsigned_abs(),
                next_boundary,
                told,
                leaver_at,
            }),
        }
    }
}

impl StoredRow {
    fn into_stored(self, id: PersonId) -> Stored {
        let person_version = Version { epoch: self.person_epoch, counter: self.person_counter };
        let version = Version { epoch: self.desired_epoch, counter: self.desired_counter };
        let evaluated =
            self.access.zip(self.evaluated_at).map(|(Json(access), at)| StoredEvaluation {
                version,
                release: self.evaluated_release.unsigned_abs(),
                access,
                at: at.to_jiff(),
                next_boundary: self.next_boundary.map(SqlTimestamp::to_jiff),
                lane: Lane::from_rank(self.lane),
            });
        Stored { id, person_version, evaluated }
    }
}

/// Evaluations as arrays, one per column, in the order of the statements' first parameters.
struct Columns<'a> {
    people: Vec<Uuid>,
    person_epochs: Vec<i64>,
    person_counters: Vec<i64>,
    desired_epochs: Vec<i64>,
    desired_counters: Vec<i64>,
    access: Vec<Option<Json<&'a Access>>>,
    digests: Vec<&'a str>,
    boundaries: Vec<Option<SqlTimestamp>>,
    zones: Vec<&'a str>,
    lanes: Vec<i16>,
    lifecycle_epochs: Vec<i64>,
    lifecycle_counters: Vec<i64>,
    lifecycle_digests: Vec<Option<&'a str>>,
    leavers: Vec<Option<SqlTimestamp>>,
}

impl<'a> Columns<'a> {
    fn of(evaluated: &[&'a Evaluated]) -> Self {
        let column = evaluated.iter().copied();
        Self {
            people: column.clone().map(|one| one.due.id.0).collect(),
            person_epochs: column.clone().map(|one| one.due.known.version.epoch).collect(),
            person_counters: column.clone().map(|one| one.due.known.version.counter).collect(),
            desired_epochs: column.clone().map(|one| one.version.epoch).collect(),
            desired_counters: column.clone().map(|one| one.version.counter).collect(),
            access: column
                .clone()
                .map(|one| one.changed.then_some(Json(&one.evaluation.access)))
                .collect(),
            digests: column.clone().map(|one| one.digest.as_str()).collect(),
            boundaries: column
                .clone()
                .map(|one| one.evaluation.next_boundary.map(|boundary| boundary.to_sqlx()))
                .collect(),
            zones: column.clone().map(|one| one.zone.iana_name().unwrap_or("unnamed")).collect(),
            lanes: column.clone().map(|one| resting_lane(&one.evaluation).rank()).collect(),
            lifecycle_epochs: column.clone().map(|one| one.telling.told.version.epoch).collect(),
            lifecycle_counters: column
                .clone()
                .map(|one| one.telling.told.version.counter)
                .collect(),
            lifecycle_digests: column
                .clone()
                .map(|one| one.telling.told.digest.as_deref())
                .collect(),
            leavers: column.map(|one| one.leaver_at.map(|at| at.to_sqlx())).collect(),
        }
    }

    fn bind(self, query: Statement<'a>) -> Statement<'a> {
        query
            .bind(self.people)
            .bind(self.person_epochs)
            .bind(self.person_counters)
            .bind(self.desired_epochs)
            .bind(self.desired_counters)
            .bind(self.access)
            .bind(self.digests)
            .bind(self.boundaries)
            .bind(self.zones)
            .bind(self.lanes)
            .bind(self.lifecycle_epochs)
            .bind(self.lifecycle_counters)
            .bind(self.lifecycle_digests)
            .bind(self.leavers)
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn ids(people: &[PersonId]) -> Vec<Uuid> {
    people.iter().map(|person| person.0).collect()
}

/// Numbers of releases are handed out by the database, so they fit.
fn number(release: u64) -> i64 {
    i64::try_from(release).unwrap_or(i64::MAX)
}
