//! SQL for `outbox` and `outbox_pending`. Only the relay reads them.

use domain::{Lane, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::tx::Outgoing;

/// An event that is to be published.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The event's id.
    pub id: Uuid,
    /// Its lane.
    pub lane: Lane,
    /// The NATS subject.
    pub subject: String,
    /// What the event is about.
    pub subject_id: String,
    /// The full protobuf name.
    pub kind: String,
    /// The trace context of what caused it.
    pub traceparent: Option<String>,
    /// The serialized event.
    pub payload: Vec<u8>,
    /// When the transaction began.
    pub occurred_at: Timestamp,
}

pub(crate) async fn insert(
    connection: &mut PgConnection,
    events: &[Outgoing],
    now: Timestamp,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let lanes: Vec<i16> = events.iter().map(|event| event.lane.rank()).collect();
    let subjects: Vec<&str> = events.iter().map(|event| event.subject.as_str()).collect();
    let subject_ids: Vec<&str> = events.iter().map(|event| event.subject_id.as_str()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind).collect();
    let people: Vec<Option<Uuid>> =
        events.iter().map(|event| event.person.map(|person| person.0)).collect();
    let traceparents: Vec<Option<&str>> =
        events.iter().map(|event| event.traceparent.as_deref()).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|event| event.payload.as_slice()).collect();
    sqlx::query(
        "WITH event AS (
            SELECT * FROM UNNEST($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[],
                                 $6::uuid[], $7::bytea[], $8::text[])
                       AS e (id, lane, subject, subject_id, type, person_id, payload, traceparent)
         ), pending AS (
            INSERT INTO outbox_pending (lane, id) SELECT lane, id FROM event
         )
         INSERT INTO outbox (id, lane, subject, subject_id, type, person_id, payload,
                             traceparent, occurred_at)
         SELECT id, lane, subject, subject_id, type, person_id, payload, traceparent, $9
           FROM event",
    )
    .bind(ids)
    .bind(lanes)
    .bind(subjects)
    .bind(subject_ids)
    .bind(kinds)
    .bind(people)
    .bind(payloads)
    .bind(traceparents)
    .bind(now.to_sqlx())
    .execute(connection)
    .await
    .map_err(Error::during("write the outbox"))?;
    Ok(())
}

/// Returns pending events of a lane in the order of their ids.
///
/// # Errors
/// When the database is out of reach.
pub async fn pending(pool: &PgPool, lane: Lane, limit: u16) -> Result<Vec<Pending>, Error> {
    type Row = (Uuid, i16, String, String, String, Option<String>, Vec<u8>, jiff_sqlx::Timestamp);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT o.id, p.lane, o.subject, o.subject_id, o.type, o.traceparent, o.payload,
                o.occurred_at
           FROM (SELECT lane, id FROM outbox_pending WHERE lane = $1 ORDER BY id LIMIT $2) p
           JOIN outbox o ON o.id = p.id
          ORDER BY p.id",
    )
    .bind(lane.rank())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(Error::during("read pending events"))?;
    Ok(rows
        .into_iter()
        .map(|(id, lane, subject, subject_id, kind, traceparent, payload, occurred_at)| Pending {
            id,
            lane: Lane::from_rank(lane),
            subject,
            subject_id,
            kind,
            traceparent,
            payload,
            occurred_at: occurred_at.to_jiff(),
        })
        .collect())
}

/// Records that the broker has acknowledged events, and up to which sequence of which stream.
///
/// # Errors
/// When the database is out of reach; the events are then published again, which is harmless.
pub async fn acknowledged(
    pool: &PgPool,
    lane: Lane,
    events: &[Uuid],
    stream: &str,
    last_sequence: i64,
) -> Result<(), Error> {
    sqlx::query(
        "WITH done AS (DELETE FROM outbox_pending WHERE lane = $4 AND id = ANY($1))
         INSERT INTO relay_streams (stream, last_sequence) VALUES ($2, $3)
         ON CONFLICT (stream) DO UPDATE
            SET last_sequence = GREATEST(relay_streams.last_sequence, excluded.last_sequence)",
    )
    .bind(events)
    .bind(stream)
    .bind(last_sequence)
    .bind(lane.rank())
    .execute(pool)
    .await
    .map_err(Error::during("record published events"))?;
    Ok(())
}

/// Returns how many events are pending, and when the oldest of them occurred.
///
/// # Errors
/// When the database is out of reach.
pub async fn backlog(pool: &PgPool) -> Result<(u64, Option<Timestamp>), Error> {
    let (events, oldest): (i64, Option<jiff_sqlx::Timestamp>) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox_pending),
                (SELECT min(o.occurred_at) FROM outbox o
                  WHERE o.id = ANY (SELECT min(id::text)::uuid FROM outbox_pending GROUP BY lane))",
    )
    .fetch_one(pool)
    .await
    .map_err(Error::during("measure the outbox"))?;
    Ok((u64::try_from(events).unwrap_or_default(), oldest.map(jiff_sqlx::Timestamp::to_jiff)))
}
