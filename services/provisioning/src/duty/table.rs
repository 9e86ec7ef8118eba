//! SQL for the `departures` table.

use std::collections::BTreeSet;

use domain::Lane;
use store::timers::{self, Timer};
use store::{Error, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Addresses, Standing, TIMER};

/// Keeps which addresses belong to people who have left, and forgets those of people who are here.
pub(crate) async fn put(tx: &mut Tx, people: &[Addresses]) -> Result<(), Error> {
    let now = tx.now();
    let standing = |wanted: Standing| people.iter().filter(move |one| one.standing == wanted);
    let here: Vec<Uuid> = standing(Standing::Here).map(|one| one.person.0).collect();
    if !here.is_empty() {
        sqlx::query("DELETE FROM departures WHERE person_id = ANY($1)")
            .bind(here)
            .execute(tx.connection())
            .await
            .map_err(Error::during("forget who had left"))?;
    }
    let (addresses, ids): (Vec<&str>, Vec<Uuid>) = standing(Standing::Gone)
        .flat_map(|one| one.addresses.iter().map(|address| (address.as_str(), one.person.0)))
        .unzip();
    if addresses.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO departures (address, person_id, left_at)
         SELECT DISTINCT ON (address) address, person_id, $3
           FROM UNNEST($1::text[], $2::uuid[]) AS t (address, person_id) ORDER BY address, person_id
         ON CONFLICT (address) DO UPDATE
            SET person_id = excluded.person_id, left_at = excluded.left_at",
    )
    .bind(addresses)
    .bind(ids)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep who has left"))?;
    let timers: Vec<Timer> = standing(Standing::Gone)
        .map(|one| Timer { key: one.person.0, lane: Lane::Leaver, due_at: now })
        .collect();
    timers::set(tx, TIMER, &timers).await
}

/// Returns the addresses of people who have left, in lower case.
pub(crate) async fn of_departed(tx: &mut Tx, people: &[Uuid]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar("SELECT address FROM departures WHERE person_id = ANY($1)")
        .bind(people)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read under which addresses people left"))
}

/// Returns those of these addresses, in lower case, that belong to people who have left.
pub(crate) async fn departed(tx: &mut Tx, addresses: &[String]) -> Result<BTreeSet<String>, Error> {
    if addresses.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found: Vec<String> =
        sqlx::query_scalar("SELECT address FROM departures WHERE address = ANY($1)")
            .bind(addresses)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("look who has left"))?;
    Ok(found.into_iter().collect())
}
