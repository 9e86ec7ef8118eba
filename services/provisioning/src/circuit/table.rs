//! SQL for the `circuits` table.

use std::collections::BTreeMap;

use domain::Timestamp;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};

use super::{Circuit, Open};

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    opened_at: Option<SqlTimestamp>,
    probe_at: Option<SqlTimestamp>,
    pauses: i32,
    reason: String,
    paused_until: Option<SqlTimestamp>,
}

impl Row {
    fn read(self) -> (String, Circuit) {
        let open = self.opened_at.zip(self.probe_at).map(|(at, probe_at)| Open {
            at: at.to_jiff(),
            probe_at: probe_at.to_jiff(),
            pauses: self.pauses.unsigned_abs(),
            reason: self.reason,
        });
        let paused_until = self.paused_until.map(SqlTimestamp::to_jiff);
        (self.application, Circuit { open, paused_until })
    }
}

/// Returns what speaks against asking applications, by name.
pub(crate) async fn all(tx: &mut Tx) -> Result<BTreeMap<String, Circuit>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT application, opened_at, probe_at, pauses, reason, paused_until FROM circuits",
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read circuits"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Returns what is known of one application; what nobody wrote down speaks for it.
pub(crate) async fn of(tx: &mut Tx, application: &str) -> Result<Circuit, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT application, opened_at, probe_at, pauses, reason, paused_until
           FROM circuits WHERE application = $1",
    )
    .bind(application)
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("read a circuit"))?;
    Ok(row.map(Row::read).map(|(_application, circuit)| circuit).unwrap_or_default())
}

/// Takes the probe of an open circuit; false when somebody else was faster.
pub(crate) async fn claim(tx: &mut Tx, application: &str, next: Timestamp) -> Result<bool, Error> {
    let now = tx.now();
    let claimed =
        sqlx::query("UPDATE circuits SET probe_at = $3 WHERE application = $1 AND probe_at <= $2")
            .bind(application)
            .bind(now.to_sqlx())
            .bind(next.to_sqlx())
            .execute(tx.connection())
            .await
            .map_err(Error::during("take the probe of a circuit"))?;
    Ok(claimed.rows_affected() > 0)
}

/// Writes what is known of an application; of one that may be asked there is no row.
pub(crate) async fn put(tx: &mut Tx, application: &str, circuit: &Circuit) -> Result<(), Error> {
    if *circuit == Circuit::default() {
        return sqlx::query("DELETE FROM circuits WHERE application = $1")
            .bind(application)
            .execute(tx.connection())
            .await
            .map(|_done| ())
            .map_err(Error::during("forget a circuit"));
    }
    let open = circuit.open.as_ref();
    sqlx::query(
        "INSERT INTO circuits (application, opened_at, probe_at, pauses, reason, paused_until)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (application) DO UPDATE
            SET opened_at = excluded.opened_at, probe_at = excluded.probe_at,
                pauses = excluded.pauses, reason = excluded.reason,
                paused_until = excluded.paused_until",
    )
    .bind(application)
    .bind(open.map(|open| open.at.to_sqlx()))
    .bind(open.map(|open| open.probe_at.to_sqlx()))
    .bind(open.map_or(0, |open| i32::try_from(open.pauses).unwrap_or(i32::MAX)))
    .bind(open.map_or("", |open| open.reason.as_str()))
    .bind(circuit.paused_until.map(|until| until.to_sqlx()))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write a circuit"))
}
