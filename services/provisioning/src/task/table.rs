//! SQL for the `tasks` table.

use std::collections::BTreeMap;

use domain::{AccountState, Attributes, Lane, PersonId, TaskId, Timestamp, Version};
use jiff::SignedDuration;
use rules::document::Owner;
use sqlx::PgPool;
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Proof, Reason, State, Task};
use crate::dossier::Key;
use crate::plan::{Kind, Step};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    person_id: Uuid,
    application: String,
    lane: i16,
    state: String,
    steps: Json<Vec<(String, String)>>,
    amends: Json<Vec<(String, String)>>,
    revision: i32,
    login: String,
    account_state: String,
    attributes: Json<Attributes>,
    assignee: String,
    assignee_mail: String,
    reason: String,
    due_at: SqlTimestamp,
    leaver_within_seconds: i64,
    escalations: i32,
    evidence: String,
    done_by: String,
    proof: Option<String>,
    verified_by: String,
    note: String,
    said_by: String,
    opened_at: SqlTimestamp,
    changed_at: SqlTimestamp,
    closed_at: Option<SqlTimestamp>,
    epoch: i64,
    counter: i64,
}

impl Row {
    /// The checks of the table leave no other names.
    fn read(self) -> Option<Task> {
        Some(Task {
            id: TaskId(self.id),
            key: (PersonId(self.person_id), self.application),
            lane: Lane::from_rank(self.lane),
            state: State::from_name(&self.state)?,
            steps: steps(self.steps.0),
            amends: steps(self.amends.0),
            revision: self.revision.unsigned_abs(),
            login: self.login,
            account_state: AccountState::from_name(&self.account_state)?,
            attributes: self.attributes.0,
            assignee: Owner { name: self.assignee, mail: self.assignee_mail },
            reason: Reason::from_name(&self.reason)?,
            due_at: self.due_at.to_jiff(),
            leaver_within: SignedDuration::from_secs(self.leaver_within_seconds),
            escalations: self.escalations.unsigned_abs(),
            evidence: self.evidence,
            done_by: self.done_by,
            proof: self.proof.as_deref().and_then(Proof::from_name),
            verified_by: self.verified_by,
            note: self.note,
            said_by: self.said_by,
            opened_at: self.opened_at.to_jiff(),
            changed_at: self.changed_at.to_jiff(),
            closed_at: self.closed_at.map(SqlTimestamp::to_jiff),
            version: Version { epoch: self.epoch, counter: self.counter },
        })
    }
}

fn steps(stored: Vec<(String, String)>) -> std::collections::BTreeSet<Step> {
    let read = |(kind, entitlement): (String, String)| {
        Some(Step { kind: Kind::from_name(&kind)?, entitlement })
    };
    stored.into_iter().filter_map(read).collect()
}

fn stored(steps: &std::collections::BTreeSet<Step>) -> Json<Vec<(String, String)>> {
    let step = |step: &Step| (step.kind.as_str().to_owned(), step.entitlement.clone());
    Json(steps.iter().map(step).collect())
}

macro_rules! select_tasks {
    ($rest:literal) => {
        concat!(
            "SELECT id, person_id, application, lane, state, steps, amends, revision, login,
                    account_state, attributes, assignee, assignee_mail, reason, due_at,
                    leaver_within_seconds, escalations, evidence, done_by, proof, verified_by, note,
                    said_by, opened_at, changed_at, closed_at, epoch, counter
               FROM tasks ",
            $rest
        )
    };
}

fn read(rows: Vec<Row>) -> Vec<Task> {
    rows.into_iter().filter_map(Row::read).collect()
}

/// Returns the tasks of people that stand, in one application or in all.
pub(crate) async fn standing(
    tx: &mut Tx,
    people: &[Uuid],
    application: Option<&str>,
) -> Result<BTreeMap<Key, Task>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_tasks!(
        "WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2)
           AND closed_at IS NULL"
    ))
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the tasks of people"))?;
    Ok(read(rows).into_iter().map(|task| (task.key.clone(), task)).collect())
}

/// Returns one, whatever state it is in.
pub(crate) async fn one(tx: &mut Tx, id: TaskId) -> Result<Option<Task>, Error> {
    let row: Option<Row> = sqlx::query_as(select_tasks!("WHERE id = $1"))
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("read a task"))?;
    Ok(row.and_then(Row::read))
}

/// What tasks are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    pub(crate) application: Option<String>,
    /// None: all that stand.
    pub(crate) state: Option<State>,
    pub(crate) person: Option<PersonId>,
    /// In lower case.
    pub(crate) assignee_mail: Option<String>,
    pub(crate) overdue: bool,
    /// Behind which one the page begins.
    pub(crate) after: Option<TaskId>,
    pub(crate) limit: i64,
}

/// Returns a page of tasks, the one that is due first first.
pub(crate) async fn list(tx: &mut Tx, listed: &Listed) -> Result<Vec<Task>, Error> {
    let now = tx.now();
    sqlx::query_as(select_tasks!(
        "WHERE ($1::text IS NULL OR application = $1)
           AND CASE WHEN $2::text IS NULL THEN closed_at IS NULL ELSE state = $2 END
           AND ($3::uuid IS NULL OR person_id = $3)
           AND ($4::text IS NULL OR lower(assignee_mail) = $4)
           AND (NOT $5 OR (closed_at IS NULL AND (due_at <= $6 OR escalations > 0)))
           AND ($7::uuid IS NULL
                OR (due_at, id) > (SELECT due_at, id FROM tasks WHERE id = $7))
         ORDER BY due_at, id LIMIT $8"
    ))
    .bind(listed.application.as_deref())
    .bind(listed.state.map(State::as_str))
    .bind(listed.person.map(|person| person.0))
    .bind(listed.assignee_mail.as_deref())
    .bind(listed.overdue)
    .bind(now.to_sqlx())
    .bind(listed.after.map(|after| after.0))
    .bind(listed.limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list tasks"))
    .map(read)
}

/// How many tasks stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Count {
    pub(crate) open: i64,
    pub(crate) unverified: i64,
    pub(crate) overdue: i64,
}

/// Counts the tasks that stand.
pub(crate) async fn count(pool: &PgPool, now: Timestamp) -> Result<Count, Error> {
    sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'open') AS open,
                count(*) FILTER (WHERE state = 'done') AS unverified,
                count(*) FILTER (WHERE due_at <= $1 OR escalations > 0) AS overdue
           FROM tasks WHERE closed_at IS NULL",
    )
    .bind(now.to_sqlx())
    .fetch_one(pool)
    .await
    .map_err(Error::during("count tasks"))
}

/// Returns whose tasks these are, and where, of those that stand.
pub(crate) async fn keys(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Key>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT person_id, application FROM tasks WHERE id = ANY($1) AND closed_at IS NULL",
    )
    .bind(ids)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look whose tasks are overdue"))?;
    Ok(rows.into_iter().map(|(person, application)| (PersonId(person), application)).collect())
}

/// Returns the tasks that stand in other applications than these.
pub(crate) async fn elsewhere(tx: &mut Tx, applications: &[&str]) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT id FROM tasks WHERE closed_at IS NULL AND application <> ALL($1) ORDER BY id",
    )
    .bind(applications)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for tasks in applications that are manual no longer"))
}

/// Returns about whom the tasks are, and where, of whoever is written to at one of these addresses, in lower
/// case.
pub(crate) async fn keys_of_assignees(
    tx: &mut Tx,
    addresses: &[String],
) -> Result<Vec<Key>, Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT person_id, application FROM tasks
          WHERE closed_at IS NULL AND lower(assignee_mail) = ANY($1)",
    )
    .bind(addresses)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for the tasks of whoever has left"))?;
    Ok(rows.into_iter().map(|(person, application)| (PersonId(person), application)).collect())
}

/// Writes tasks that are new or have changed.
pub(crate) async fn put(tx: &mut Tx, tasks: &[&Task]) -> Result<(), Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let text = |f: fn(&Task) -> &str| tasks.iter().map(|one| f(one)).collect::<Vec<_>>();
    let ids = |f: fn(&Task) -> Uuid| tasks.iter().map(|one| f(one)).collect::<Vec<_>>();
    let counts = |f: fn(&Task) -> u32| {
        tasks.iter().map(|one| i32::try_from(f(one)).unwrap_or(i32::MAX)).collect::<Vec<_>>()
    };
    let numbers = |f: fn(&Task) -> i64| tasks.iter().map(|one| f(one)).collect::<Vec<_>>();
    let due: Vec<SqlTimestamp> = tasks.iter().map(|one| one.due_at.to_sqlx()).collect();
    let opened: Vec<SqlTimestamp> = tasks.iter().map(|one| one.opened_at.to_sqlx()).collect();
    let changed: Vec<SqlTimestamp> = tasks.iter().map(|one| one.changed_at.to_sqlx()).collect();
    let closed: Vec<Option<SqlTimestamp>> =
        tasks.iter().map(|one| one.closed_at.map(|at| at.to_sqlx())).collect();
    sqlx::query(
        "INSERT INTO tasks (id, person_id, application, lane, state, steps, amends, revision, login,
                            account_state, attributes, assignee, assignee_mail, reason, due_at,
                            leaver_within_seconds, escalations, evidence, done_by, proof,
                            verified_by, note, said_by, opened_at, changed_at, closed_at, epoch,
                            counter)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[],
                              $6::jsonb[], $7::jsonb[], $8::integer[], $9::text[], $10::text[],
                              $11::jsonb[], $12::text[], $13::text[], $14::text[],
                              $15::timestamptz[], $16::bigint[], $17::integer[], $18::text[],
                              $19::text[], $20::text[], $21::text[], $22::text[],
                              $23::text[], $24::timestamptz[], $25::timestamptz[],
                              $26::timestamptz[], $27::bigint[], $28::bigint[])
         ON CONFLICT (id) DO UPDATE
            SET lane = excluded.lane, state = excluded.state, steps = excluded.steps,
                amends = excluded.amends, revision = excluded.revision, login = excluded.login,
                account_state = excluded.account_state, attributes = excluded.attributes,
                assignee = excluded.assignee, assignee_mail = excluded.assignee_mail,
                reason = excluded.reason, due_at = excluded.due_at,
                leaver_within_seconds = excluded.leaver_within_seconds,
                escalations = excluded.escalations, evidence = excluded.evidence,
                done_by = excluded.done_by, proof = excluded.proof,
                verified_by = excluded.verified_by, note = excluded.note,
                said_by = excluded.said_by,
                changed_at = excluded.changed_at, closed_at = excluded.closed_at, epoch = excluded.epoch, counter = excluded.counter",
    )
    .bind(ids(|one| one.id.0))
    .bind(ids(|one| one.key.0.0))
    .bind(text(|one| &one.key.1))
    .bind(tasks.iter().map(|one| one.lane.rank()).collect::<Vec<_>>())
    .bind(text(|one| one.state.as_str()))
    .bind(tasks.iter().map(|one| stored(&one.steps)).collect::<Vec<_>>())
    .bind(tasks.iter().map(|one| stored(&one.amends)).collect::<Vec<_>>())
    .bind(counts(|one| one.revision))
    .bind(text(|one| &one.login))
    .bind(text(|one| one.account_state.as_str()))
    .bind(tasks.iter().map(|one| Json(&one.attributes)).collect::<Vec<_>>())
    .bind(text(|one| &one.assignee.name))
    .bind(text(|one| &one.assignee.mail))
    .bind(text(|one| one.reason.as_str()))
    .bind(due)
    .bind(numbers(|one| one.leaver_within.as_secs()))
    .bind(counts(|one| one.escalations))
    .bind(text(|one| &one.evidence))
    .bind(text(|one| &one.done_by))
    .bind(tasks.iter().map(|one| one.proof.map(Proof::as_str)).collect::<Vec<_>>())
    .bind(text(|one| &one.verified_by))
    .bind(text(|one| &one.note))
    .bind(text(|one| &one.said_by))
    .bind(opened)
    .bind(changed)
    .bind(closed)
    .bind(numbers(|one| one.version.epoch))
    .bind(numbers(|one| one.version.counter))
    .execute(tx.connection())
    .await
    .map_err(Error::during("write tasks"))?;
    Ok(())
}
