use domain::{NoticeId, Timestamp};
use store::{Error, SqlDate, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::COLUMNS;
use super::read::Row;
use crate::message::{self, addressee_columns, recipient_columns};
use crate::milestone::State;
use crate::notice::{New, Notice};
use crate::person::HandedOver;
use crate::recipient::Addressee;

/// Writes notices; one that was canceled and holds again comes back to life.
pub(crate) async fn insert(tx: &mut Tx, notices: &[New]) -> Result<(), Error> {
    if notices.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let keys = || notices.iter().map(|new| &new.due.key);
    let state = |new: &New| if new.due.suppressed { State::Suppressed } else { State::Pending };
    let (kinds, recipients): (Vec<&str>, Vec<String>) =
        keys().map(|key| recipient_columns(&key.recipient)).unzip();
    let due: Vec<Option<SqlTimestamp>> =
        notices.iter().map(|new| (!new.due.suppressed).then(|| new.due_at.to_sqlx())).collect();
    let finished: Vec<Option<SqlTimestamp>> =
        notices.iter().map(|new| new.due.suppressed.then(|| now.to_sqlx())).collect();
    sqlx::query(
        "INSERT INTO notices (id, person_id, engagement_id, milestone, effective_date,
                              recipient_kind, recipient, template, lane, state, exposed_until,
                              created_at, due_at, finished_at)
         SELECT id, person_id, engagement_id, milestone, effective_date, recipient_kind, recipient,
                template, lane, state, exposed_until, $12, due_at, finished_at
           FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::text[],
                       $7::text[], $8::text[], $9::smallint[], $10::text[], $11::timestamptz[],
                       $13::timestamptz[], $14::timestamptz[])
             AS t (id, person_id, engagement_id, milestone, effective_date, recipient_kind,
                   recipient, template, lane, state, exposed_until, due_at, finished_at)
         ON CONFLICT (person_id, engagement_id, milestone, effective_date, recipient_kind,
                      recipient, template) DO UPDATE
            SET state = excluded.state, exposed_until = excluded.exposed_until,
                due_at = excluded.due_at, finished_at = excluded.finished_at, message = NULL,
                told_kind = NULL, told = NULL, error = ''
          WHERE notices.state = 'canceled'",
    )
    .bind(notices.iter().map(|new| new.id.0).collect::<Vec<_>>())
    .bind(notices.iter().map(|new| new.person.0).collect::<Vec<_>>())
    .bind(keys().map(|key| key.engagement.0).collect::<Vec<_>>())
    .bind(keys().map(|key| key.milestone.as_str()).collect::<Vec<_>>())
    .bind(keys().map(|key| key.date.to_sqlx()).collect::<Vec<SqlDate>>())
    .bind(kinds)
    .bind(recipients)
    .bind(keys().map(|key| key.template).collect::<Vec<_>>())
    .bind(notices.iter().map(|new| new.due.lane.rank()).collect::<Vec<_>>())
    .bind(notices.iter().map(|new| state(new).as_str()).collect::<Vec<_>>())
    .bind(
        notices
            .iter()
            .map(|new| new.due.exposed_until.map(|until| until.to_sqlx()))
            .collect::<Vec<Option<SqlTimestamp>>>(),
    )
    .bind(now.to_sqlx())
    .bind(due)
    .bind(finished)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write notices"))?;
    Ok(())
}

/// Gives notices to another person, of whom nobody was told the same.
pub(crate) async fn hand_over(tx: &mut Tx, handed: &HandedOver) -> Result<(), Error> {
    let about: Option<Vec<Uuid>> =
        handed.engagements.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
    let carried: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT message FROM notices
          WHERE person_id = $1 AND message IS NOT NULL AND state = 'pending'
            AND ($2::uuid[] IS NULL OR engagement_id = ANY($2))",
    )
    .bind(handed.from.0)
    .bind(&about)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for the messages of notices"))?;
    // Some may be canceled after this, and messages are locked before notices.
    message::table::lock_untried(tx, &carried).await?;
    sqlx::query(
        "UPDATE notices n SET person_id = $3
          WHERE n.person_id = $1 AND ($2::uuid[] IS NULL OR n.engagement_id = ANY($2))
            AND NOT EXISTS
                (SELECT FROM notices o
                  WHERE o.person_id = $3
                    AND (o.engagement_id, o.milestone, o.effective_date, o.recipient_kind,
                         o.recipient, o.template)
                      = (n.engagement_id, n.milestone, n.effective_date, n.recipient_kind,
                         n.recipient, n.template))",
    )
    .bind(handed.from.0)
    .bind(&about)
    .bind(handed.to.0)
    .execute(tx.connection())
    .await
    .map_err(Error::during("give notices to another person"))?;
    Ok(())
}

/// Cancels notices, except those whose message is being sent, or may have been.
pub(crate) async fn cancel(tx: &mut Tx, notices: &[NoticeId]) -> Result<(), Error> {
    if notices.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let ids: Vec<Uuid> = notices.iter().map(|notice| notice.0).collect();
    let carried: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT message FROM notices WHERE id = ANY($1) AND message IS NOT NULL",
    )
    .bind(&ids)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for the messages of notices"))?;
    let free = message::table::lock_untried(tx, &carried).await?;
    sqlx::query(
        "UPDATE notices SET state = 'canceled', due_at = NULL, finished_at = $3, message = NULL
          WHERE id = ANY($1) AND state = 'pending' AND (message IS NULL OR message = ANY($2))",
    )
    .bind(ids)
    .bind(free)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map_err(Error::during("cancel notices"))?;
    Ok(())
}

/// Looks at notices again later: the manager they are meant for may still be heard of.
pub(crate) async fn postpone(
    tx: &mut Tx,
    notices: &[NoticeId],
    until: Timestamp,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = notices.iter().map(|notice| notice.0).collect();
    sqlx::query("UPDATE notices SET due_at = $2 WHERE id = ANY($1) AND state = 'pending'")
        .bind(ids)
        .bind(until.to_sqlx())
        .execute(tx.connection())
        .await
        .map_err(Error::during("postpone notices"))?;
    Ok(())
}

/// Records that nobody is known who could be told.
pub(crate) async fn undeliverable(
    tx: &mut Tx,
    notices: &[NoticeId],
    error: &str,
) -> Result<(), Error> {
    let now = tx.now();
    let ids: Vec<Uuid> = notices.iter().map(|notice| notice.0).collect();
    sqlx::query(
        "UPDATE notices
            SET state = 'undeliverable', due_at = NULL, finished_at = $2, error = $3
          WHERE id = ANY($1) AND state = 'pending'",
    )
    .bind(ids)
    .bind(now.to_sqlx())
    .bind(error)
    .execute(tx.connection())
    .await
    .map_err(Error::during("record that nobody can be told"))?;
    Ok(())
}

/// Puts notices into messages.
pub(crate) async fn assign(
    tx: &mut Tx,
    assigned: &[(NoticeId, Uuid, Addressee)],
) -> Result<(), Error> {
    if assigned.is_empty() {
        return Ok(());
    }
    let (kinds, told): (Vec<&str>, Vec<String>) =
        assigned.iter().map(|(_notice, _message, told)| addressee_columns(told)).unzip();
    sqlx::query(
        "UPDATE notices n SET message = t.message, told_kind = t.told_kind, told = t.told
           FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[])
             AS t (id, message, told_kind, told)
          WHERE n.id = t.id",
    )
    .bind(assigned.iter().map(|(notice, ..)| notice.0).collect::<Vec<_>>())
    .bind(assigned.iter().map(|(_notice, message, _told)| *message).collect::<Vec<_>>())
    .bind(kinds)
    .bind(told)
    .execute(tx.connection())
    .await
    .map_err(Error::during("put notices into messages"))?;
    Ok(())
}

/// Writes what became of the pending notices of a message, and returns them.
pub(crate) async fn finish(
    tx: &mut Tx,
    message: Uuid,
    state: State,
    error: &str,
) -> Result<Vec<Notice>, Error> {
    let now = tx.now();
    let sql = format!(
        "UPDATE notices SET state = $2, due_at = NULL, finished_at = $3, error = $4
          WHERE message = $1 AND state = 'pending' RETURNING {COLUMNS}"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(message)
        .bind(state.as_str())
        .bind(now.to_sqlx())
        .bind(error)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("record what became of notices"))?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}
