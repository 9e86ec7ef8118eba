//! SQL for `webhook_messages`.

use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};

/// How long a message's id is kept: as long as senders try again.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Keeps a message's id; says whether it is the first time.
pub(super) async fn first(tx: &mut Tx, source: &str, id: &str) -> Result<bool, Error> {
    let now = tx.now();
    sqlx::query("DELETE FROM webhook_messages WHERE source = $1 AND received_at < $2")
        .bind(source)
        .bind((now - KEPT).to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("forget old messages"))?;
    sqlx::query(
        "INSERT INTO webhook_messages (source, message_id, received_at) VALUES ($1, $2, $3)
         ON CONFLICT (source, message_id) DO NOTHING",
    )
    .bind(source)
    .bind(id)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected() > 0)
    .map_err(Error::during("keep a message's id"))
}
