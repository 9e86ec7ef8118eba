//! SQL for `received_events`: what was answered to events that changed something.

use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};

use super::event::Identity;

/// How long an event is known: as long as the stream may deliver it, and a week more.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Keeps an event's id. Returns nothing the first time, and later what was answered.
///
/// Whoever keeps the same id at the same time waits for this transaction.
pub(super) async fn claim(
    tx: &mut Tx,
    source: &str,
    event: &Identity,
) -> Result<Option<Vec<u8>>, Error> {
    let now = tx.now();
    sqlx::query("DELETE FROM received_events WHERE source = $1 AND received_at < $2")
        .bind(source)
        .bind((now - KEPT).to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("forget old events"))?;
    let first = sqlx::query(
        "INSERT INTO received_events (source, event_source, event_id, received_at, answer)
         VALUES ($1, $2, $3, $4, '') ON CONFLICT DO NOTHING",
    )
    .bind(source)
    .bind(&event.source)
    .bind(&event.id)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep an event's id"))?;
    if first.rows_affected() > 0 {
        return Ok(None);
    }
    sqlx::query_scalar(
        "SELECT answer FROM received_events
          WHERE source = $1 AND event_source = $2 AND event_id = $3",
    )
    .bind(source)
    .bind(&event.source)
    .bind(&event.id)
    .fetch_one(tx.connection())
    .await
    .map(Some)
    .map_err(Error::during("read what was answered to an event"))
}

/// Keeps what is answered to an event.
pub(super) async fn answer(
    tx: &mut Tx,
    source: &str,
    event: &Identity,
    answer: &[u8],
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE received_events SET answer = $4
          WHERE source = $1 AND event_source = $2 AND event_id = $3",
    )
    .bind(source)
    .bind(&event.source)
    .bind(&event.id)
    .bind(answer)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what is answered to an event"))
}

/// Forgets an event that changed nothing: it may come again under its id.
pub(super) async fn forget(tx: &mut Tx, source: &str, event: &Identity) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM received_events WHERE source = $1 AND event_source = $2 AND event_id = $3",
    )
    .bind(source)
    .bind(&event.source)
    .bind(&event.id)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("forget an event that changed nothing"))
}
