use std::collections::BTreeMap;

use domain::{EngagementId, Lane, NoticeId, PersonId, Timestamp};
use sqlx::PgPool;
use store::{Error, SqlDate, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{COLUMNS, Progress};
use crate::message::{addressee, recipient};
use crate::milestone::{Key, Milestone, State, TEMPLATES, Told};
use crate::notice::Notice;

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    person_id: Uuid,
    engagement_id: Uuid,
    milestone: String,
    effective_date: SqlDate,
    recipient_kind: String,
    recipient: String,
    template: String,
    lane: i16,
    state: String,
    exposed_until: Option<SqlTimestamp>,
    created_at: SqlTimestamp,
    message: Option<Uuid>,
    told_kind: Option<String>,
    told: Option<String>,
    error: String,
    finished_at: Option<SqlTimestamp>,
}

impl Row {
    /// What the checks of the table let through can be read; anything else is left out.
    pub(super) fn read(self) -> Option<Notice> {
        let told = match (self.told_kind, self.told) {
            (Some(kind), Some(told)) => Some(addressee(&kind, &told)?),
            (Some(_), None) | (None, Some(_) | None) => None,
        };
        Some(Notice {
            id: NoticeId(self.id),
            person: PersonId(self.person_id),
            engagement: EngagementId(self.engagement_id),
            milestone: Milestone::from_name(&self.milestone)?,
            date: self.effective_date.to_jiff(),
            recipient: recipient(&self.recipient_kind, &self.recipient)?,
            template: self.template,
            lane: Lane::from_rank(self.lane),
            state: State::from_name(&self.state)?,
            exposed_until: self.exposed_until.map(SqlTimestamp::to_jiff),
            created_at: self.created_at.to_jiff(),
            message: self.message,
            told,
            error: self.error,
            finished_at: self.finished_at.map(SqlTimestamp::to_jiff),
        })
    }
}

/// Returns what was told, or is about to be, of people who are locked.
pub(crate) async fn told(
    tx: &mut Tx,
    people: &[PersonId],
) -> Result<BTreeMap<PersonId, Vec<Told>>, Error> {
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    let sql = format!("SELECT {COLUMNS} FROM notices WHERE person_id = ANY($1) ORDER BY id");
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(ids)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read what was told"))?;
    let mut told: BTreeMap<PersonId, Vec<Told>> = BTreeMap::new();
    for notice in rows.into_iter().filter_map(Row::read) {
        let known = TEMPLATES.into_iter().find(|template| *template == notice.template);
        let Some(template) = known else { continue };
        told.entry(notice.person).or_default().push(Told {
            id: notice.id,
            key: Key {
                engagement: notice.engagement,
                milestone: notice.milestone,
                date: notice.date,
                recipient: notice.recipient,
                template,
            },
            state: notice.state,
            at: notice.finished_at.unwrap_or(notice.created_at),
        });
    }
    Ok(told)
}

/// Returns the recipients for whom a notice is due, the leaver lane first; at most `limit`.
pub(crate) async fn heads(tx: &mut Tx, limit: u16) -> Result<Vec<(String, String)>, Error> {
    let now = tx.now();
    sqlx::query_as(
        "SELECT recipient_kind, recipient FROM notices
          WHERE state = 'pending' AND message IS NULL AND due_at <= $1
          GROUP BY recipient_kind, recipient
          ORDER BY min(lane), min(due_at) LIMIT $2",
    )
    .bind(now.to_sqlx())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for due notices"))
}

/// Returns notices to these recipients that are in no message yet and fall due by an instant, locked;
/// at most `limit`.
pub(crate) async fn gather(
    tx: &mut Tx,
    heads: &[(String, String)],
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Notice>, Error> {
    let kinds: Vec<&str> = heads.iter().map(|(kind, _recipient)| kind.as_str()).collect();
    let recipients: Vec<&str> = heads.iter().map(|(_kind, recipient)| recipient.as_str()).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM notices
          WHERE state = 'pending' AND message IS NULL AND due_at <= $3
            AND (recipient_kind, recipient) IN
                (SELECT kind, recipient FROM UNNEST($1::text[], $2::text[]) AS t (kind, recipient))
          ORDER BY lane, created_at, id LIMIT $4 FOR UPDATE SKIP LOCKED"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(kinds)
        .bind(recipients)
        .bind(until.to_sqlx())
        .bind(limit)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("gather due notices"))?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

/// Returns the pending notices of messages, in the order in which they came about.
pub(crate) async fn of_messages(
    tx: &mut Tx,
    messages: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Notice>>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM notices
          WHERE message = ANY($1) AND state = 'pending' ORDER BY created_at, id"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(messages)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read the notices of messages"))?;
    let mut notices: BTreeMap<Uuid, Vec<Notice>> = BTreeMap::new();
    for notice in rows.into_iter().filter_map(Row::read) {
        if let Some(message) = notice.message {
            notices.entry(message).or_default().push(notice);
        }
    }
    Ok(notices)
}

/// Returns the newest notices about a person.
pub(crate) async fn list(
    pool: &PgPool,
    person: PersonId,
    limit: i64,
) -> Result<Vec<Notice>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM notices WHERE person_id = $1 ORDER BY created_at DESC, id DESC \
         LIMIT $2"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(person.0)
        .bind(limit)
        .fetch_all(pool)
        .await
        .map_err(Error::during("list notices"))?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

/// Returns how many notices there are in each state.
pub(crate) async fn progress(pool: &PgPool) -> Result<Progress, Error> {
    let rows: Vec<(String, i64, SqlTimestamp)> =
        sqlx::query_as("SELECT state, count(*), min(created_at) FROM notices GROUP BY state")
            .fetch_all(pool)
            .await
            .map_err(Error::during("count notices"))?;
    let mut progress = Progress::default();
    for (state, count, oldest) in rows {
        if state == State::Pending.as_str() {
            progress.oldest_pending_at = Some(oldest.to_jiff());
        }
        progress.counts.insert(state, count);
    }
    Ok(progress)
}
