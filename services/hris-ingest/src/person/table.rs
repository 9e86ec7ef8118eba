//! SQL for `people`.

use domain::{PersonId, Version};
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
    let rows: Vec<(Uuid, i64, i64, Json<Timeline>)> =
        sqlx::query_as("SELECT id, epoch, counter, timeline FROM people WHERE id = ANY ($1)")
            .bind(ids)
            .persistent(false)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read people"))?;
    Ok(rows
        .into_iter()
        .map(|(id, epoch, counter, Json(timeline))| Person {
            id: PersonId(id),
            version: Version { epoch, counter },
            timeline,
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
    let events: Vec<&[u8]> = people.iter().map(|one| one.event.as_slice()).collect();
    sqlx::query(
        "INSERT INTO people (id, epoch, counter, display_name, timeline, announced)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::jsonb[],
                              $6::bytea[])
                    AS p (id, epoch, counter, display_name, timeline, announced)
         ON CONFLICT (id) DO UPDATE
            SET epoch = excluded.epoch, counter = excluded.counter,
                display_name = excluded.display_name, timeline = excluded.timeline,
                announced = excluded.announced",
    )
    .bind(ids)
    .bind(epochs)
    .bind(counters)
    .bind(names)
    .bind(timelines)
    .bind(events)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write people"))
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
          WHERE id = ANY ($1) OR ($2 <> '' AND strpos(lower(display_name), lower($2)) > 0)
          ORDER BY id = ANY ($1) DESC, display_name, id LIMIT $3",
    )
    .bind(ids)
    .bind(name)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("search people"))
}

/// Returns the event that told a person's timeline last.
pub(crate) async fn find_announced(pool: &PgPool, id: PersonId) -> Result<Option<Vec<u8>>, Error> {
    sqlx::query_scalar("SELECT announced FROM people WHERE id = $1")
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("find what was told of a person"))
}
