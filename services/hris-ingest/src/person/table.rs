//! SQL for `people` and `identities`.

use std::collections::BTreeMap;

use domain::{Kin, PersonId, Version};
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::Person;
use crate::facts::Timeline;

/// A person and the event that tells the timeline.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) person: Person,
    pub(crate) event: Vec<u8>,
}

/// Locks people, in the order of their ids.
pub(crate) async fn lock(tx: &mut Tx, ids: &[Uuid]) -> Result<(), Error> {
    sqlx::query("SELECT id FROM people WHERE id = ANY ($1) ORDER BY id FOR UPDATE")
        .bind(ids)
        .persistent(false)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("lock people"))
}

/// Returns people.
pub(crate) async fn list(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Person>, Error> {
    type Row = (Uuid, i64, i64, Json<Timeline>, Option<Json<Timeline>>, Json<Kin>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, epoch, counter, timeline, composed, kin FROM people WHERE id = ANY ($1)",
    )
    .bind(ids)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people"))?;
    Ok(rows
        .into_iter()
        .map(|(id, epoch, counter, Json(timeline), composed, Json(kin))| Person {
            id: PersonId(id),
            version: Version { epoch, counter },
            timeline,
            composed: composed.map(|Json(composed)| composed),
            kin,
        })
        .collect())
}

/// Adds and updates people.
pub(crate) async fn upsert(tx: &mut Tx, people: &[Announced]) -> Result<(), Error> {
    let ids: Vec<Uuid> = people.iter().map(|one| one.person.id.0).collect();
    let epochs: Vec<i64> = people.iter().map(|one| one.person.version.epoch).collect();
    let counters: Vec<i64> = people.iter().map(|one| one.person.version.counter).collect();
    let names: Vec<Option<&str>> = people.iter().map(|one| one.person.display_name()).collect();
    let timelines: Vec<Json<&Timeline>> =
        people.iter().map(|one| Json(&one.person.timeline)).collect();
    let composed: Vec<Option<Json<&Timeline>>> =
        people.iter().map(|one| one.person.composed.as_ref().map(Json)).collect();
    let events: Vec<&[u8]> = people.iter().map(|one| one.event.as_slice()).collect();
    let kin: Vec<Json<&Kin>> = people.iter().map(|one| Json(&one.person.kin)).collect();
    sqlx::query(
        "INSERT INTO people (id, epoch, counter, display_name, timeline, composed, announced, kin)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::jsonb[],
                              $6::jsonb[], $7::bytea[], $8::jsonb[])
                    AS p (id, epoch, counter, display_name, timeline, composed, announced, kin)
         ON CONFLICT (id) DO UPDATE
            SET epoch = excluded.epoch, counter = excluded.counter,
                display_name = excluded.display_name, timeline = excluded.timeline,
                composed = excluded.composed, announced = excluded.announced,
                kin = excluded.kin",
    )
    .bind(ids)
    .bind(epochs)
    .bind(counters)
    .bind(names)
    .bind(timelines)
    .bind(composed)
    .bind(events)
    .bind(kin)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write people"))
}

/// Keeps what is known of people of whom nothing else is told.
pub(crate) async fn note(tx: &mut Tx, people: &[&Person]) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = people.iter().map(|one| one.id.0).collect();
    let timelines: Vec<Json<&Timeline>> = people.iter().map(|one| Json(&one.timeline)).collect();
    let composed: Vec<Option<Json<&Timeline>>> =
        people.iter().map(|one| one.composed.as_ref().map(Json)).collect();
    sqlx::query(
        "UPDATE people p SET timeline = t.timeline, composed = t.composed
           FROM UNNEST($1::uuid[], $2::jsonb[], $3::jsonb[]) AS t (id, timeline, composed)
          WHERE p.id = t.id",
    )
    .bind(ids)
    .bind(timelines)
    .bind(composed)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what is known of people"))
}

/// Returns people by id or by a part of their name, those by id first, with their names.
pub(crate) async fn search(
    pool: &PgPool,
    ids: &[Uuid],
    name: &str,
    limit: i64,
) -> Result<Vec<(Uuid, Option<String>)>, Error> {
    sqlx::query_as(
        "SELECT id, display_name FROM people
          WHERE id = ANY (ARRAY(SELECT COALESCE((kin ->> 'merged_into')::uuid, id) FROM people
                                 WHERE id = ANY ($1)))
             OR ($2 <> '' AND strpos(lower(display_name), lower($2)) > 0)
          ORDER BY id = ANY ($1) DESC, display_name, id LIMIT $3",
    )
    .bind(ids)
    .bind(name)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("search people"))
}

/// Returns the names of people, of those who have one.
pub(crate) async fn names(pool: &PgPool, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT id, display_name FROM people WHERE id = ANY ($1) AND display_name IS NOT NULL",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(Error::during("read the names of people"))?;
    Ok(rows.into_iter().collect())
}

/// Returns the id under which a person is known who may have been merged into another.
pub(crate) async fn resolve(pool: &PgPool, id: PersonId) -> Result<PersonId, Error> {
    let into: Option<Option<Uuid>> =
        sqlx::query_scalar("SELECT (kin ->> 'merged_into')::uuid FROM people WHERE id = $1")
            .bind(id.0)
            .fetch_optional(pool)
            .await
            .map_err(Error::during("find into whom a person was merged"))?;
    Ok(into.flatten().map_or(id, PersonId))
}

/// Returns the event that told a person's timeline last.
pub(crate) async fn find_announced(pool: &PgPool, id: PersonId) -> Result<Option<Vec<u8>>, Error> {
    sqlx::query_scalar("SELECT announced FROM people WHERE id = $1")
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("find what was told of a person"))
}

/// Returns the event that told a person last, within a transaction that has locked them.
pub(crate) async fn get_announced(tx: &mut Tx, id: PersonId) -> Result<Option<Vec<u8>>, Error> {
    sqlx::query_scalar("SELECT announced FROM people WHERE id = $1")
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("read what was told of a person"))
}

/// Returns the events that told people last.
pub(crate) async fn list_announced(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<Vec<(PersonId, Vec<u8>)>, Error> {
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("SELECT id, announced FROM people WHERE id = ANY ($1)")
            .bind(ids)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read what was told of people"))?;
    Ok(rows.into_iter().map(|(id, event)| (PersonId(id), event)).collect())
}

/// Adds a person, so that something can be theirs; what is told of them is written later.
pub(crate) async fn insert(tx: &mut Tx, person: &Person) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO people (id, epoch, counter, timeline, announced) VALUES ($1, $2, $3, $4, '')",
    )
    .bind(person.id.0)
    .bind(person.version.epoch)
    .bind(person.version.counter)
    .bind(Json(&person.timeline))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("add a person"))
}

/// Lets nobody else give names within a scope until the transaction ends.
pub(crate) async fn lock_scope(tx: &mut Tx, scope: &str) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('hris.identities.' || $1, 0))")
        .bind(scope)
        .execute(tx.connection())
        .await
        .map(|_done| ())
        .map_err(Error::during("lock what names people"))
}

/// Returns who some identities are, and what the identities of some people are.
pub(crate) async fn named(
    tx: &mut Tx,
    scope: &str,
    identities: &[&str],
    people: &[Uuid],
) -> Result<Vec<(String, PersonId)>, Error> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "SELECT identity, person_id FROM identities WHERE scope = $1 AND identity = ANY ($2)
          UNION
         SELECT identity, person_id FROM identities WHERE scope = $1 AND person_id = ANY ($3)",
    )
    .bind(scope)
    .bind(identities)
    .bind(people)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find people by what names them"))?;
    Ok(rows.into_iter().map(|(identity, person)| (identity, PersonId(person))).collect())
}

/// Records what names people for ever.
pub(crate) async fn name(
    tx: &mut Tx,
    scope: &str,
    named: &[(&str, PersonId)],
) -> Result<(), Error> {
    let identities: Vec<&str> = named.iter().map(|(identity, _)| *identity).collect();
    let people: Vec<Uuid> = named.iter().map(|(_, person)| person.0).collect();
    sqlx::query(
        "INSERT INTO identities (scope, identity, person_id)
         SELECT $1, identity, person_id
           FROM UNNEST($2::text[], $3::uuid[]) AS i (identity, person_id)",
    )
    .bind(scope)
    .bind(identities)
    .bind(people)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("record what names people"))
}

/// A person who is told again.
#[derive(Debug)]
pub(crate) struct Retold {
    pub(crate) id: PersonId,
    pub(crate) version: Version,
    pub(crate) event: Vec<u8>,
}

/// Returns people who were not told in the transaction's epoch, locked, in the order of their ids.
pub(crate) async fn untold(tx: &mut Tx, after: Uuid, limit: u16) -> Result<Vec<Retold>, Error> {
    let rows: Vec<(Uuid, i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT id, epoch, counter, announced FROM people
          WHERE id > $1 AND epoch < $2 ORDER BY id LIMIT $3 FOR UPDATE",
    )
    .bind(after)
    .bind(tx.epoch())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people to tell again"))?;
    Ok(rows
        .into_iter()
        .map(|(id, epoch, counter, event)| Retold {
            id: PersonId(id),
            version: Version { epoch, counter },
            event,
        })
        .collect())
}

/// Keeps what was told again.
pub(crate) async fn retell(tx: &mut Tx, people: &[Retold]) -> Result<(), Error> {
    let ids: Vec<Uuid> = people.iter().map(|one| one.id.0).collect();
    let epochs: Vec<i64> = people.iter().map(|one| one.version.epoch).collect();
    let counters: Vec<i64> = people.iter().map(|one| one.version.counter).collect();
    let events: Vec<&[u8]> = people.iter().map(|one| one.event.as_slice()).collect();
    sqlx::query(
        "UPDATE people p SET epoch = t.epoch, counter = t.counter, announced = t.announced
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[])
                  AS t (id, epoch, counter, announced)
          WHERE p.id = t.id",
    )
    .bind(ids)
    .bind(epochs)
    .bind(counters)
    .bind(events)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what was told again"))
}
