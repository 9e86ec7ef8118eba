//! SQL for `events`, `publishers` and `event_totals`. No other module names those tables.

use domain::PersonId;
use sqlx::postgres::PgPool;
use store::{SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Entry, Recorded};

/// Appends entries in their order; one that is in the log already is skipped.
///
/// The publisher's row is locked, so its positions have no gap and no two writers interleave.
pub(crate) async fn append(
    tx: &mut Tx,
    publisher: &str,
    entries: &[Entry<'_>],
) -> Result<(), store::Error> {
    let position: i64 = sqlx::query_scalar(
        "INSERT INTO publishers (publisher, position) VALUES ($1, 0)
         ON CONFLICT (publisher) DO UPDATE SET position = publishers.position
         RETURNING position",
    )
    .bind(publisher)
    .fetch_one(tx.connection())
    .await
    .map_err(store::Error::during("lock the publisher's place in the log"))?;
    let now = tx.now().to_sqlx();
    sqlx::query(
        "WITH entry AS (
            SELECT * FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[],
                                 $8::bytea[], $9::timestamptz[]) WITH ORDINALITY
                       AS e (event_id, type, subject_id, person_id, traceparent, payload,
                             occurred_at, place)
         ), fresh AS (
            SELECT *, row_number() OVER (ORDER BY place) AS step FROM entry
             WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = entry.event_id)
         ), moved AS (
            UPDATE publishers SET position = position + (SELECT count(*) FROM fresh)
             WHERE publisher = $1
         ), counted AS (
            INSERT INTO event_totals (publisher, type, events)
            SELECT $1, type, count(*) FROM fresh GROUP BY type
            ON CONFLICT (publisher, type) DO UPDATE
               SET events = event_totals.events + excluded.events
         )
         INSERT INTO events (publisher, position, event_id, type, subject_id, person_id,
                             traceparent, payload, occurred_at, recorded_at)
         SELECT $1, $2 + step, event_id, type, subject_id, person_id, traceparent, payload,
                occurred_at, $10
           FROM fresh",
    )
    .bind(publisher)
    .bind(position)
    .bind(entries.iter().map(|entry| entry.event_id).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.subject_id).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.person.map(|person| person.0)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.traceparent).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.payload).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.occurred_at.to_sqlx()).collect::<Vec<_>>())
    .bind(now)
    .execute(tx.connection())
    .await
    .map_err(store::Error::during("append to the log"))?;
    Ok(())
}

/// Returns what concerns a person, oldest first, after an event.
pub(crate) async fn list_of_person(
    pool: &PgPool,
    person: PersonId,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Recorded>, store::Error> {
    type Row = (Uuid, String, i64, String, Vec<u8>, SqlTimestamp, SqlTimestamp);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT event_id, publisher, position, type, payload, occurred_at, recorded_at
           FROM events WHERE person_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3",
    )
    .bind(person.0)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(store::Error::during("read a person's history"))?;
    Ok(rows
        .into_iter()
        .map(|(event_id, publisher, position, kind, payload, occurred_at, recorded_at)| Recorded {
            event_id,
            publisher,
            position,
            kind,
            payload,
            occurred_at: occurred_at.to_jiff(),
            recorded_at: recorded_at.to_jiff(),
        })
        .collect())
}

/// Returns how many events of each type each publisher has in the log.
pub(crate) async fn totals(pool: &PgPool) -> Result<Vec<(String, String, i64)>, store::Error> {
    sqlx::query_as("SELECT publisher, type, events FROM event_totals ORDER BY publisher, type")
        .fetch_all(pool)
        .await
        .map_err(store::Error::during("count the log"))
}
