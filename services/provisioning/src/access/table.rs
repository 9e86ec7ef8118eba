//! SQL for the `access` table.

use std::collections::BTreeMap;

use domain::PersonId;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Access, Slice};

/// Returns the desired access of people.
pub(crate) async fn of(tx: &mut Tx, people: &[Uuid]) -> Result<BTreeMap<PersonId, Access>, Error> {
    let rows: Vec<(Uuid, Json<Access>)> =
        sqlx::query_as("SELECT person_id, access FROM access WHERE person_id = ANY($1)")
            .bind(people)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read desired access"))?;
    Ok(rows.into_iter().map(|(person, access)| (PersonId(person), access.0)).collect())
}

/// Returns what people shall have in one application.
pub(crate) async fn slices(
    tx: &mut Tx,
    people: &[Uuid],
    application: &str,
) -> Result<BTreeMap<PersonId, Slice>, Error> {
    let rows: Vec<(Uuid, Json<Slice>)> = sqlx::query_as(
        "SELECT person_id, access -> $2 FROM access WHERE person_id = ANY($1) AND access ? $2",
    )
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read desired access of one application"))?;
    Ok(rows.into_iter().map(|(person, slice)| (PersonId(person), slice.0)).collect())
}

/// Keeps desired access in the place of what was kept before.
pub(crate) async fn put(tx: &mut Tx, received: &[(PersonId, &Access)]) -> Result<(), Error> {
    if received.is_empty() {
        return Ok(());
    }
    let (people, access): (Vec<Uuid>, Vec<Json<&Access>>) =
        received.iter().map(|(person, access)| (person.0, Json(*access))).unzip();
    sqlx::query(
        "INSERT INTO access (person_id, access)
         SELECT person_id, access FROM UNNEST($1::uuid[], $2::jsonb[]) AS t (person_id, access)
         ON CONFLICT (person_id) DO UPDATE SET access = excluded.access",
    )
    .bind(people)
    .bind(access)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep desired access"))?;
    Ok(())
}
