//! SQL for `parked_messages`: what could not be handled and waits for an operator.

use std::collections::BTreeMap;

use domain::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::tx::Tx;

/// A message as it was received.
#[derive(Debug, Clone)]
pub struct Parked {
    /// The consumer that could not handle it.
    pub consumer: String,
    /// The event's id; made from its place in the stream when it carries none.
    pub event_id: Uuid,
    /// The event's type, as far as it is known.
    pub kind: String,
    /// The NATS subject it came under.
    pub subject: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its bytes, unchanged.
    pub payload: Vec<u8>,
    /// Why it could not be handled, without personal data.
    pub reason: String,
}

/// A parked message as operators see it: without its content.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The event's id.
    pub event_id: Uuid,
    /// The consumer that could not handle it.
    pub consumer: String,
    /// The event's type.
    pub kind: String,
    /// Why it could not be handled.
    pub reason: String,
    /// When it was put aside.
    pub parked_at: Timestamp,
    /// How often it was replayed since.
    pub replays: i32,
}

/// Puts messages aside; a message that is parked already keeps its first instant.
///
/// # Errors
/// When the database is out of reach.
pub async fn insert(tx: &mut Tx, messages: &[Parked]) -> Result<(), Error> {
    let now = tx.now().to_sqlx();
    for message in messages {
        sqlx::query(
            "INSERT INTO parked_messages (consumer, event_id, type, subject, headers, payload,
                                          reason, parked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (consumer, event_id) DO UPDATE
                SET reason = excluded.reason, replay_requested_at = NULL",
        )
        .bind(&message.consumer)
        .bind(message.event_id)
        .bind(&message.kind)
        .bind(&message.subject)
        .bind(sqlx::types::Json(&message.headers))
        .bind(&message.payload)
        .bind(&message.reason)
        .bind(now)
        .execute(tx.connection())
        .await
        .map_err(Error::during("park a message"))?;
    }
    Ok(())
}

/// Returns parked messages, the oldest first.
///
/// # Errors
/// When the database is out of reach.
pub async fn list(pool: &PgPool, limit: i64) -> Result<Vec<Listed>, Error> {
    type Row = (Uuid, String, String, String, jiff_sqlx::Timestamp, i32);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT event_id, consumer, type, reason, parked_at, replays
           FROM parked_messages ORDER BY parked_at, event_id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list parked messages"))?;
    Ok(rows
        .into_iter()
        .map(|(event_id, consumer, kind, reason, parked_at, replays)| Listed {
            event_id,
            consumer,
            kind,
            reason,
            parked_at: parked_at.to_jiff(),
            replays,
        })
        .collect())
}

/// Returns how many messages are parked.
///
/// # Errors
/// When the database is out of reach.
pub async fn count(pool: &PgPool) -> Result<u64, Error> {
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked_messages")
        .fetch_one(pool)
        .await
        .map_err(Error::during("count parked messages"))?;
    Ok(u64::try_from(parked).unwrap_or_default())
}

/// Asks for messages to be handled again; an empty list means all. Returns how many that are.
///
/// # Errors
/// When the database is out of reach.
pub async fn request_replay(tx: &mut Tx, events: &[Uuid]) -> Result<u64, Error> {
    let now = tx.now().to_sqlx();
    Ok(sqlx::query(
        "UPDATE parked_messages SET replay_requested_at = $2, replays = replays + 1
          WHERE cardinality($1::uuid[]) = 0 OR event_id = ANY($1)",
    )
    .bind(events)
    .bind(now)
    .execute(tx.connection())
    .await
    .map_err(Error::during("request a replay"))?
    .rows_affected())
}

/// Returns the messages of a consumer whose replay was requested. They stay until [`remove`].
///
/// # Errors
/// When the database is out of reach.
pub async fn requested(pool: &PgPool, consumer: &str, limit: i64) -> Result<Vec<Parked>, Error> {
    type Row = (Uuid, String, String, sqlx::types::Json<BTreeMap<String, String>>, Vec<u8>, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT event_id, type, subject, headers, payload, reason FROM parked_messages
          WHERE consumer = $1 AND replay_requested_at IS NOT NULL ORDER BY event_id LIMIT $2",
    )
    .bind(consumer)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(Error::during("read messages to replay"))?;
    Ok(rows
        .into_iter()
        .map(|(event_id, kind, subject, headers, payload, reason)| Parked {
            consumer: consumer.to_owned(),
            event_id,
            kind,
            subject,
            headers: headers.0,
            payload,
            reason,
        })
        .collect())
}

/// Removes messages that were handled after all.
///
/// # Errors
/// When the database is out of reach.
pub async fn remove(tx: &mut Tx, consumer: &str, events: &[Uuid]) -> Result<(), Error> {
    sqlx::query("DELETE FROM parked_messages WHERE consumer = $1 AND event_id = ANY($2)")
        .bind(consumer)
        .bind(events)
        .execute(tx.connection())
        .await
        .map_err(Error::during("remove replayed messages"))?;
    Ok(())
}
