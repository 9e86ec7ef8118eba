//! SQL for `epochs`: how far the service's state was told again in an epoch.

use domain::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::tx::Tx;

/// How far telling everything again has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resync {
    /// The epoch in which it is told.
    pub epoch: i64,
    /// Which part of the state is being told; those before it were told to their end.
    pub part: u16,
    /// The last key of that part which was told.
    pub told_to: Uuid,
    /// Events so far.
    pub events: u64,
    /// Whether everything was told.
    pub finished: bool,
}

type Row = (i64, i16, Uuid, i64, bool);

fn read((epoch, part, told_to, events, finished): Row) -> Resync {
    Resync { epoch, part: part.unsigned_abs(), told_to, events: events.unsigned_abs(), finished }
}

/// Begins an epoch unless the database knows it or a later one, and returns the latest.
pub(crate) async fn enter(pool: &PgPool, epoch: i64, now: Timestamp) -> Result<i64, Error> {
    sqlx::query(
        "INSERT INTO epochs (epoch, begun_at)
         SELECT $1, $2 WHERE $1 > (SELECT max(epoch) FROM epochs)
         ON CONFLICT (epoch) DO NOTHING",
    )
    .bind(epoch)
    .bind(now.to_sqlx())
    .execute(pool)
    .await
    .map_err(Error::during("begin an epoch"))?;
    sqlx::query_scalar("SELECT max(epoch) FROM epochs")
        .fetch_one(pool)
        .await
        .map_err(Error::during("read the epoch"))
}

/// Returns how far the latest epoch was told.
///
/// # Errors
/// When the database is out of reach.
pub async fn latest(pool: &PgPool) -> Result<Resync, Error> {
    let row: Row = sqlx::query_as(
        "SELECT epoch, part, told_to, events, finished_at IS NOT NULL
           FROM epochs ORDER BY epoch DESC LIMIT 1",
    )
    .fetch_one(pool)
    .await
    .map_err(Error::during("read how far the state was told"))?;
    Ok(read(row))
}

/// Locks the latest epoch if it was not told to its end; none as well if somebody else is at it.
///
/// # Errors
/// When the database is out of reach.
pub async fn lock_unfinished(tx: &mut Tx) -> Result<Option<Resync>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT epoch, part, told_to, events, false FROM epochs
          WHERE finished_at IS NULL AND epoch = (SELECT max(epoch) FROM epochs)
            FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("look for state to tell again"))?;
    Ok(row.map(read))
}

/// Keeps how far a locked epoch was told; finishing it finishes those before it as well.
///
/// # Errors
/// When the database is out of reach.
pub async fn advance(tx: &mut Tx, resync: &Resync) -> Result<(), Error> {
    let now = tx.now().to_sqlx();
    sqlx::query(
        "UPDATE epochs
            SET part = $2, told_to = $3, events = $4,
                finished_at = CASE WHEN $5 THEN $6::timestamptz END
          WHERE epoch = $1",
    )
    .bind(resync.epoch)
    .bind(i16::try_from(resync.part).unwrap_or(i16::MAX))
    .bind(resync.told_to)
    .bind(i64::try_from(resync.events).unwrap_or(i64::MAX))
    .bind(resync.finished)
    .bind(now)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep how far the state was told"))
}
