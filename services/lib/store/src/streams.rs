//! SQL for `relay_streams` and `relay_checkpoints`: what the broker was seen to hold. Only the relay
//! asks.

use domain::Timestamp;
use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::partitions;
use crate::tx::begin;

/// A stream as it was seen last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last sequence it has acknowledged; zero if it never did.
    pub last_sequence: i64,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// No transaction makes an event's id and commits it later than this.
const TRANSACTION_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Checkpoints are kept this long; a broker that loses more loses everything, as far as we know.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Returns what is known of a stream.
///
/// # Errors
/// When the database is out of reach.
pub async fn seen(pool: &PgPool, stream: &str) -> Result<Seen, Error> {
    let row: Option<(i64, Option<jiff_sqlx::Timestamp>)> =
        sqlx::query_as("SELECT last_sequence, created_at FROM relay_streams WHERE stream = $1")
            .bind(stream)
            .fetch_optional(pool)
            .await
            .map_err(Error::during("read what is known of a stream"))?;
    Ok(row.map_or_else(Seen::default, |(last_sequence, created_at)| Seen {
        last_sequence,
        created_at: created_at.map(jiff_sqlx::Timestamp::to_jiff),
    }))
}

/// Keeps when a stream was made.
///
/// # Errors
/// When the database is out of reach.
pub async fn meet(pool: &PgPool, stream: &str, created_at: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO relay_streams (stream, last_sequence, created_at) VALUES ($1, 0, $2)
         ON CONFLICT (stream) DO UPDATE SET created_at = excluded.created_at",
    )
    .bind(stream)
    .bind(created_at.to_sqlx())
    .execute(pool)
    .await
    .map(|_done| ())
    .map_err(Error::during("keep when a stream was made"))
}

/// Keeps how much of the outbox a stream holds at present.
///
/// # Errors
/// When the database is out of reach.
pub async fn checkpoint(pool: &PgPool, stream: &str, now: Timestamp) -> Result<(), Error> {
    let young = partitions::first_id_at(now.saturating_sub(TRANSACTION_MAX).unwrap_or(now));
    let old = now.saturating_sub(KEPT).unwrap_or(now);
    // One statement and so one snapshot: what is not pending in it was acknowledged up to here.
    sqlx::query(
        "WITH forgotten AS (
            DELETE FROM relay_checkpoints WHERE stream = $1 AND made_at < $4
         )
         INSERT INTO relay_checkpoints (stream, sequence, floor, made_at)
         SELECT stream, last_sequence,
                LEAST($2, (SELECT id FROM outbox_pending ORDER BY id LIMIT 1)), $3
           FROM relay_streams WHERE stream = $1 AND last_sequence > 0
         ON CONFLICT (stream, sequence) DO NOTHING",
    )
    .bind(stream)
    .bind(young)
    .bind(now.to_sqlx())
    .bind(old.to_sqlx())
    .execute(pool)
    .await
    .map(|_done| ())
    .map_err(Error::during("keep a checkpoint of a stream"))
}

/// Makes pending again what a stream has lost, and returns how many events that are.
///
/// `left` is the last sequence that is left of a stream that was cut off; none: it was made anew at
/// `created_at`, and everything that is kept is pending again. Consumers drop what they have seen.
///
/// # Errors
/// When the database is out of reach.
pub async fn publish_again(
    pool: &PgPool,
    stream: &str,
    created_at: Timestamp,
    left: Option<i64>,
) -> Result<u64, Error> {
    let mut tx = begin(pool).await?;
    let floor: Option<Uuid> = sqlx::query_scalar(
        "SELECT floor FROM relay_checkpoints WHERE stream = $1 AND sequence <= $2
          ORDER BY sequence DESC LIMIT 1",
    )
    .bind(stream)
    .bind(left)
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::during("look for a checkpoint"))?;
    let events = sqlx::query(
        "INSERT INTO outbox_pending (lane, id)
         SELECT lane, id FROM outbox WHERE id >= $1
         ON CONFLICT DO NOTHING",
    )
    .bind(floor.unwrap_or(Uuid::nil()))
    .execute(&mut *tx)
    .await
    .map_err(Error::during("make events pending again"))?
    .rows_affected();
    sqlx::query(
        "WITH void AS (DELETE FROM relay_checkpoints WHERE stream = $1 AND sequence > $3)
         INSERT INTO relay_streams (stream, last_sequence, created_at) VALUES ($1, $3, $2)
         ON CONFLICT (stream) DO UPDATE
            SET last_sequence = excluded.last_sequence, created_at = excluded.created_at",
    )
    .bind(stream)
    .bind(created_at.to_sqlx())
    .bind(left.unwrap_or(0))
    .execute(&mut *tx)
    .await
    .map_err(Error::during("keep what is left of a stream"))?;
    tx.commit().await.map_err(Error::during("commit"))?;
    Ok(events)
}
