//! SQL for the `listings` table.

use domain::{PersonId, Timestamp};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Line, Owners};

/// Keeps the last list of an application.
pub(crate) async fn put(
    tx: &mut Tx,
    application: &str,
    lines: &[Line],
    by: &str,
) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO listings (application, accounts, uploaded_by, uploaded_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (application) DO UPDATE
            SET accounts = excluded.accounts, uploaded_by = excluded.uploaded_by,
                uploaded_at = excluded.uploaded_at",
    )
    .bind(application)
    .bind(Json(lines))
    .bind(by)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep a list of accounts"))?;
    Ok(())
}

/// Returns when the last list of an application was uploaded.
pub(crate) async fn uploaded_at(
    tx: &mut Tx,
    application: &str,
) -> Result<Option<Timestamp>, Error> {
    let row: Option<SqlTimestamp> =
        sqlx::query_scalar("SELECT uploaded_at FROM listings WHERE application = $1")
            .bind(application)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("look when a list was uploaded"))?;
    Ok(row.map(SqlTimestamp::to_jiff))
}

/// Returns for whom logins of an application were reserved, or are asked for.
pub(crate) async fn owners(tx: &mut Tx, application: &str) -> Result<Owners, Error> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "SELECT folded, person_id FROM logins WHERE application = $1
          UNION ALL
         SELECT lower(login), person_id FROM tasks WHERE application = $1 AND closed_at IS NULL",
    )
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for whom logins are reserved"))?;
    Ok(rows.into_iter().map(|(login, person)| (login, PersonId(person))).collect())
}

/// Returns the last list of an application, if there is one.
pub(crate) async fn last(tx: &mut Tx, application: &str) -> Result<Option<Vec<Line>>, Error> {
    let row: Option<Json<Vec<Line>>> =
        sqlx::query_scalar("SELECT accounts FROM listings WHERE application = $1")
            .bind(application)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("read a list of accounts"))?;
    Ok(row.map(|lines| lines.0))
}
