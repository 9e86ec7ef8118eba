//! SQL for `people` as they change: what a replica that keeps them in memory reads.

use std::collections::BTreeMap;

use domain::{PersonId, Version};
use rules::Access;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::ids;
use crate::timeline::Key;

/// A person who was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) person: PersonId,
    /// The transaction that wrote the person last.
    pub(crate) changed_in: i64,
}

/// A person as written by a transaction.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Version of the newest timeline.
    pub(crate) key: Key,
    pub(crate) changed_in: i64,
    pub(crate) access: Option<Access>,
}

/// Returns the number below which every transaction has ended.
pub(crate) async fn horizon(tx: &mut Tx) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        .fetch_one(tx.connection())
        .await
        .map_err(Error::during("ask for the oldest transaction that runs"))
}

/// Returns who was written by this transaction or a later one, in the order of their ids.
pub(crate) async fn since(
    tx: &mut Tx,
    transaction: i64,
    after: Uuid,
    limit: u16,
) -> Result<Vec<Change>, Error> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT person_id, changed_in FROM people
          WHERE changed_in >= $1 AND person_id > $2 ORDER BY person_id LIMIT $3",
    )
    .bind(transaction)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for people who have changed"))?;
    let change = |(person, changed_in)| Change { person: PersonId(person), changed_in };
    Ok(rows.into_iter().map(change).collect())
}

/// Returns people as they are.
pub(crate) async fn read(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<BTreeMap<PersonId, Changed>, Error> {
    type Row = (Uuid, i64, i64, i64, Option<Json<Access>>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, person_epoch, person_counter, changed_in, access
           FROM people WHERE person_id = ANY($1)",
    )
    .bind(ids(people))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read people who have changed"))?;
    Ok(rows
        .into_iter()
        .map(|(person, epoch, counter, changed_in, access)| {
            let key = (PersonId(person), Version { epoch, counter });
            let access = access.map(|Json(access)| access);
            (key.0, Changed { key, changed_in, access })
        })
        .collect())
}

/// Returns people in the order of their ids, a page at a time.
pub(crate) async fn page(tx: &mut Tx, after: Uuid, limit: u16) -> Result<Vec<PersonId>, Error> {
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "SELECT person_id FROM people WHERE person_id > $1 ORDER BY person_id LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read a page of people"))?;
    Ok(rows.into_iter().map(PersonId).collect())
}
