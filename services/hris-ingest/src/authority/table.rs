//! SQL for `authorities`.

use sqlx::types::Json;
use store::{Error, Tx};

use crate::facts::Authorities;
use crate::mapping::Authority;

/// Keeps what a source's word is worth.
pub(crate) async fn keep(tx: &mut Tx, source: &str, authority: &Authority) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authorities (source, says) VALUES ($1, $2)
         ON CONFLICT (source) DO UPDATE SET says = excluded.says
          WHERE authorities.says <> excluded.says",
    )
    .bind(source)
    .bind(Json(authority))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what a source's word is worth"))
}

/// Returns what the word of every source is worth.
pub(crate) async fn all(tx: &mut Tx) -> Result<Authorities, Error> {
    let rows: Vec<(String, Json<Authority>)> =
        sqlx::query_as("SELECT source, says FROM authorities")
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read what the word of sources is worth"))?;
    Ok(rows.into_iter().map(|(source, Json(says))| (source, says)).collect())
}
