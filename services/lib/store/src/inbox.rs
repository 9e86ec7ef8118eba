//! SQL for `inbox` and `consumers`: which events a consumer has handled.

use std::collections::BTreeSet;

use domain::Date;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::store::Store;
use crate::tx::Tx;

/// Returns the number under which a consumer's events are recorded.
///
/// # Errors
/// When the database is out of reach.
pub async fn consumer_id(pool: &PgPool, name: &str) -> Result<i16, Error> {
    // Two statements: one that lost a race sees the winner's row only from its next snapshot on.
    sqlx::query("INSERT INTO consumers (name) VALUES ($1) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .execute(pool)
        .await
        .map_err(Error::during("register a consumer"))?;
    sqlx::query_scalar("SELECT id FROM consumers WHERE name = $1")
        .bind(name)
        .fetch_one(pool)
        .await
        .map_err(Error::during("find a consumer"))
}

/// Makes room for events of these days; returns the days for which no event can be taken.
///
/// # Errors
/// When the database is out of reach.
pub async fn prepare(store: &Store, days: &BTreeSet<Date>) -> Result<BTreeSet<Date>, Error> {
    let inner = &store.inner;
    inner.partitions.ensure_inbox(&inner.pool, inner.clock.now(), days).await
}

/// Records events as handled by a consumer, and returns those that were not recorded before.
///
/// Two transactions that claim the same event: the second waits for the first and then does not
/// get it.
///
/// # Errors
/// When the database is out of reach.
pub async fn claim(tx: &mut Tx, consumer: i16, events: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
    let fresh: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO inbox (event_id, consumer_id)
         SELECT id, $2 FROM UNNEST($1::uuid[]) AS e (id) ORDER BY id
         ON CONFLICT DO NOTHING RETURNING event_id",
    )
    .bind(events)
    .bind(consumer)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("claim events in the inbox"))?;
    Ok(fresh.into_iter().collect())
}

/// Takes claims back: the events will be delivered again.
///
/// # Errors
/// When the database is out of reach.
pub async fn release(tx: &mut Tx, consumer: i16, events: &[Uuid]) -> Result<(), Error> {
    sqlx::query("DELETE FROM inbox WHERE consumer_id = $2 AND event_id = ANY($1)")
        .bind(events)
        .bind(consumer)
        .execute(tx.connection())
        .await
        .map_err(Error::during("release events of the inbox"))?;
    Ok(())
}

/// Returns the inbox's size on disk, indexes included.
///
/// # Errors
/// When the database is out of reach.
pub async fn size_bytes(pool: &PgPool) -> Result<u64, Error> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT COALESCE(sum(pg_total_relation_size(inhrelid)), 0)::bigint
           FROM pg_inherits WHERE inhparent = 'inbox'::regclass",
    )
    .fetch_one(pool)
    .await
    .map_err(Error::during("measure the inbox"))?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}
