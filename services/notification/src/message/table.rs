//! SQL for the `messages` table.

use domain::Timestamp;
use sqlx::PgPool;
use store::{Error, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Leased, New, addressee, addressee_columns};

/// What becomes of a message in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Sent,
    Failed,
    /// All its notices were canceled.
    Empty,
    /// It is taken again at an instant.
    Again {
        due_at: Timestamp,
        unknown: bool,
        tried: bool,
    },
}

/// Writes messages. One that carried a canceled notice which holds again is opened again, under the
/// Message-ID that it had.
pub(crate) async fn insert(tx: &mut Tx, messages: &[New]) -> Result<(), Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let (kinds, told): (Vec<&str>, Vec<String>) =
        messages.iter().map(|message| addressee_columns(&message.told)).unzip();
    sqlx::query(
        "INSERT INTO messages (id, message_id, digest, told_kind, told, lane, state, due_at,
                               created_at)
         SELECT id, message_id, digest, told_kind, told, lane, 'open', $7, $7
           FROM UNNEST($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::text[],
                       $6::smallint[])
             AS t (id, message_id, digest, told_kind, told, lane)
         ON CONFLICT (id) DO UPDATE
            SET state = 'open', due_at = excluded.due_at, told_kind = excluded.told_kind,
                told = excluded.told, finished_at = NULL",
    )
    .bind(messages.iter().map(|message| message.id).collect::<Vec<_>>())
    .bind(messages.iter().map(|message| message.header.as_str()).collect::<Vec<_>>())
    .bind(messages.iter().map(|message| message.digest).collect::<Vec<_>>())
    .bind(kinds)
    .bind(told)
    .bind(messages.iter().map(|message| message.lane.rank()).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("write messages"))?;
    Ok(())
}

/// Leases messages that are due, the leaver lane first. A lease that ran out counts as an attempt of
/// which nobody knows what became.
pub(crate) async fn lease(
    tx: &mut Tx,
    lease: Uuid,
    until: Timestamp,
    limit: u16,
) -> Result<Vec<Leased>, Error> {
    type Row = (Uuid, String, bool, String, String, i32, i32);
    let now = tx.now();
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE messages m
            SET lease = $1, due_at = $2, attempts = m.attempts + 1,
                unknown = m.unknown + CASE WHEN m.lease IS NULL THEN 0 ELSE 1 END
           FROM (SELECT id FROM messages WHERE state = 'open' AND due_at <= $3
                  ORDER BY lane, due_at LIMIT $4 FOR UPDATE SKIP LOCKED) due
          WHERE m.id = due.id
         RETURNING m.id, m.message_id, m.digest, m.told_kind, m.told, m.attempts, m.unknown",
    )
    .bind(lease)
    .bind(until.to_sqlx())
    .bind(now.to_sqlx())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lease messages"))?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, header, digest, kind, told, attempts, unknown)| {
            let told = addressee(&kind, &told)?;
            Some(Leased { id, header, digest, told, attempts, unknown })
        })
        .collect())
}

/// Locks those of these messages that nobody has in hand and that were surely not taken over;
/// returns their ids.
pub(crate) async fn lock_untried(tx: &mut Tx, messages: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT id FROM messages
          WHERE id = ANY($1) AND state = 'open' AND lease IS NULL AND unknown = 0
          ORDER BY id FOR UPDATE",
    )
    .bind(messages)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("lock messages"))
}

/// Writes what became of a message; says whether it was still in hand under this lease.
pub(crate) async fn record(
    tx: &mut Tx,
    message: Uuid,
    lease: Uuid,
    record: &Record,
    error: &str,
) -> Result<bool, Error> {
    let (state, due_at, unknown, untried) = match record {
        Record::Sent => ("sent", None, 0, 0),
        Record::Failed => ("failed", None, 0, 0),
        Record::Empty => ("empty", None, 0, 1),
        Record::Again { due_at, unknown, tried } => {
            ("open", Some(due_at.to_sqlx()), i32::from(*unknown), i32::from(!*tried))
        }
    };
    let now = tx.now();
    let done = sqlx::query(
        "UPDATE messages
            SET state = $3, due_at = $4, lease = NULL, unknown = unknown + $5,
                attempts = attempts - $6, error = $7,
                finished_at = CASE WHEN $4::timestamptz IS NULL THEN $8 END
          WHERE id = $1 AND lease = $2",
    )
    .bind(message)
    .bind(lease)
    .bind(state)
    .bind(due_at)
    .bind(unknown)
    .bind(untried)
    .bind(error)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("record what became of a message"))?;
    Ok(done.rows_affected() == 1)
}

/// Returns the attempts of messages, and the digests among them, by id.
pub(crate) async fn attempts(
    pool: &PgPool,
    messages: &[Uuid],
) -> Result<std::collections::BTreeMap<Uuid, (i32, bool, String)>, Error> {
    let rows: Vec<(Uuid, i32, bool, String)> =
        sqlx::query_as("SELECT id, attempts, digest, error FROM messages WHERE id = ANY($1)")
            .bind(messages)
            .fetch_all(pool)
            .await
            .map_err(Error::during("read messages"))?;
    Ok(rows
        .into_iter()
        .map(|(id, attempts, digest, error)| (id, (attempts, digest, error)))
        .collect())
}

/// Returns how many attempts there were of which nobody knows what became.
pub(crate) async fn repeated(pool: &PgPool) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT coalesce(sum(unknown), 0)::bigint FROM messages WHERE unknown > 0")
        .fetch_one(pool)
        .await
        .map_err(Error::during("count repeated messages"))
}
