//! SQL for the `people` table.

use std::collections::BTreeMap;

use domain::{PersonId, Timestamp, Version};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Person;
use crate::milestone::Settlement;
use crate::standing::Standing;

#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    version_epoch: i64,
    version_counter: i64,
    standing: Option<Json<Standing>>,
    settlement: Option<Json<Settlement>>,
    watched_until: Option<SqlTimestamp>,
    taken_in_by: Option<Uuid>,
}

impl Row {
    fn read(self) -> (PersonId, Person) {
        let id = PersonId(self.person_id);
        let person = Person {
            id,
            version: Version { epoch: self.version_epoch, counter: self.version_counter },
            standing: self.standing.map(|standing| standing.0),
            settlement: self.settlement.map(|settlement| settlement.0),
            watched_until: self.watched_until.map(SqlTimestamp::to_jiff),
            taken_in_by: self.taken_in_by.map(PersonId),
        };
        (id, person)
    }
}

/// Returns people, locked in the order of their ids; who is not known gets a row.
pub(crate) async fn lock(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<BTreeMap<PersonId, Person>, Error> {
    sqlx::query(
        "INSERT INTO people (person_id)
         SELECT person_id FROM UNNEST($1::uuid[]) AS t (person_id) ORDER BY person_id
         ON CONFLICT (person_id) DO NOTHING",
    )
    .bind(ids(people))
    .execute(tx.connection())
    .await
    .map_err(Error::during("make rows for people"))?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, version_epoch, version_counter, standing, settlement, watched_until,
                taken_in_by
           FROM people WHERE person_id = ANY($1) ORDER BY person_id FOR UPDATE",
    )
    .bind(ids(people))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock people"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Returns people as they are.
pub(crate) async fn read(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<BTreeMap<PersonId, Person>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, version_epoch, version_counter, standing, settlement, watched_until,
                taken_in_by
           FROM people WHERE person_id = ANY($1)",
    )
    .bind(ids(people))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Writes people who are locked.
pub(crate) async fn update(tx: &mut Tx, people: &[&Person]) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = people.iter().map(|person| person.id.0).collect();
    let epochs: Vec<i64> = people.iter().map(|person| person.version.epoch).collect();
    let counters: Vec<i64> = people.iter().map(|person| person.version.counter).collect();
    let standings: Vec<Option<Json<&Standing>>> =
        people.iter().map(|person| person.standing.as_ref().map(Json)).collect();
    let settlements: Vec<Option<Json<&Settlement>>> =
        people.iter().map(|person| person.settlement.as_ref().map(Json)).collect();
    let watched: Vec<Option<SqlTimestamp>> =
        people.iter().map(|person| person.watched_until.map(|until| until.to_sqlx())).collect();
    let taken_in: Vec<Option<Uuid>> =
        people.iter().map(|person| person.taken_in_by.map(|id| id.0)).collect();
    sqlx::query(
        "UPDATE people p
            SET version_epoch = t.version_epoch, version_counter = t.version_counter,
                standing = t.standing, settlement = t.settlement,
                watched_until = t.watched_until, taken_in_by = t.taken_in_by
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::jsonb[],
                       $6::timestamptz[], $7::uuid[])
             AS t (person_id, version_epoch, version_counter, standing, settlement,
                   watched_until, taken_in_by)
          WHERE p.person_id = t.person_id",
    )
    .bind(ids)
    .bind(epochs)
    .bind(counters)
    .bind(standings)
    .bind(settlements)
    .bind(watched)
    .bind(taken_in)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write people"))?;
    Ok(())
}

/// Returns people of whom an owner who becomes known would be told; at most `limit`.
pub(crate) async fn watched(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PersonId>, Error> {
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "SELECT person_id FROM people WHERE watched_until > $1 ORDER BY watched_until LIMIT $2",
    )
    .bind(now.to_sqlx())
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for people whose owners may have changed"))?;
    Ok(rows.into_iter().map(PersonId).collect())
}

fn ids(people: &[PersonId]) -> Vec<Uuid> {
    people.iter().map(|person| person.0).collect()
}
