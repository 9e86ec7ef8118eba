//! SQL for the `tasks` table.

use std::collections::BTreeMap;

use domain::{Lane, PersonId, TaskId, Timestamp, Version};
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Task;

#[derive(sqlx::FromRow)]
struct Row {
    task_id: Uuid,
    version_epoch: i64,
    version_counter: i64,
    person_id: Uuid,
    application: String,
    open: bool,
    steps: Vec<String>,
    revision: i32,
    assignee: String,
    address: String,
    due_at: SqlTimestamp,
    escalations: i32,
    lane: i16,
}

impl Row {
    fn read(self) -> Task {
        Task {
            id: TaskId(self.task_id),
            version: Version { epoch: self.version_epoch, counter: self.version_counter },
            person: PersonId(self.person_id),
            application: self.application,
            open: self.open,
            steps: self.steps,
            revision: self.revision.unsigned_abs(),
            assignee: self.assignee,
            address: self.address,
            due_at: self.due_at.to_jiff(),
            escalations: self.escalations.unsigned_abs(),
            lane: Lane::from_rank(self.lane),
        }
    }
}

macro_rules! select_tasks {
    ($rest:literal) => {
        concat!(
            "SELECT task_id, version_epoch, version_counter, person_id, application, open, steps,
                    revision, assignee, address, due_at, escalations, lane
               FROM tasks ",
            $rest
        )
    };
}

/// Returns those of these tasks that are known, locked.
pub(crate) async fn lock(tx: &mut Tx, ids: &[Uuid]) -> Result<BTreeMap<TaskId, Task>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_tasks!("WHERE task_id = ANY($1) ORDER BY task_id FOR UPDATE"))
            .bind(ids)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("lock tasks"))?;
    Ok(rows.into_iter().map(|row| (TaskId(row.task_id), row.read())).collect())
}

/// Writes tasks, each with the instant from which its assignee is to be told; none: what is to be told of it
/// stays as it is while it is open, and is nothing when it is not.
pub(crate) async fn put(tx: &mut Tx, tasks: &[(Task, Option<Timestamp>)]) -> Result<(), Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let text = |f: fn(&Task) -> &str| tasks.iter().map(|(one, _)| f(one)).collect::<Vec<_>>();
    let counts = |f: fn(&Task) -> u32| {
        tasks.iter().map(|(one, _)| i32::try_from(f(one)).unwrap_or(i32::MAX)).collect::<Vec<_>>()
    };
    let numbers = |f: fn(&Task) -> i64| tasks.iter().map(|(one, _)| f(one)).collect::<Vec<_>>();
    let ids = |f: fn(&Task) -> Uuid| tasks.iter().map(|(one, _)| f(one)).collect::<Vec<_>>();
    let due: Vec<SqlTimestamp> = tasks.iter().map(|(one, _)| one.due_at.to_sqlx()).collect();
    let tell: Vec<Option<SqlTimestamp>> =
        tasks.iter().map(|(_, tell)| tell.map(|at| at.to_sqlx())).collect();
    // An array of arrays would have to be square.
    let steps: Vec<String> =
        tasks.iter().map(|(one, _)| serde_json::json!(one.steps).to_string()).collect();
    sqlx::query(
        "INSERT INTO tasks AS known (task_id, version_epoch, version_counter, person_id, application,
                                     open, steps, revision, assignee, address, due_at, escalations,
                                     lane, tell_at)
         SELECT task_id, epoch, counter, person_id, application, open,
                ARRAY(SELECT jsonb_array_elements_text(steps::jsonb)), revision, assignee, address,
                due_at, escalations, lane, tell_at
           FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[],
                       $6::boolean[], $7::text[], $8::integer[], $9::text[], $10::text[],
                       $11::timestamptz[], $12::integer[], $13::smallint[], $14::timestamptz[])
             AS t (task_id, epoch, counter, person_id, application, open, steps, revision, assignee,
                   address, due_at, escalations, lane, tell_at)
          ORDER BY task_id
         ON CONFLICT (task_id) DO UPDATE
            SET version_epoch = excluded.version_epoch,
                version_counter = excluded.version_counter, open = excluded.open,
                steps = excluded.steps, revision = excluded.revision,
                assignee = excluded.assignee, address = excluded.address,
                due_at = excluded.due_at, escalations = excluded.escalations,
                lane = excluded.lane,
                tell_at = CASE WHEN excluded.open
                               THEN coalesce(excluded.tell_at, known.tell_at) END",
    )
    .bind(ids(|one| one.id.0))
    .bind(numbers(|one| one.version.epoch))
    .bind(numbers(|one| one.version.counter))
    .bind(ids(|one| one.person.0))
    .bind(text(|one| &one.application))
    .bind(tasks.iter().map(|(one, _)| one.open).collect::<Vec<_>>())
    .bind(steps)
    .bind(counts(|one| one.revision))
    .bind(text(|one| &one.assignee))
    .bind(text(|one| &one.address))
    .bind(due)
    .bind(counts(|one| one.escalations))
    .bind(tasks.iter().map(|(one, _)| one.lane.rank()).collect::<Vec<_>>())
    .bind(tell)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write tasks"))?;
    Ok(())
}

/// Returns whom something is to be told, by their addresses.
pub(crate) async fn heads(tx: &mut Tx, limit: u16) -> Result<Vec<String>, Error> {
    let now = tx.now();
    sqlx::query_scalar("SELECT DISTINCT address FROM tasks WHERE tell_at <= $1 LIMIT $2")
        .bind(now.to_sqlx())
        .bind(i64::from(limit))
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("look who is to be told of tasks"))
}

/// Takes over that these are told now, and returns in which lane, by address. Whoever somebody else is
/// telling is left to them.
pub(crate) async fn told(
    tx: &mut Tx,
    addresses: &[String],
) -> Result<BTreeMap<String, Lane>, Error> {
    let now = tx.now();
    let rows: Vec<(String, i16)> = sqlx::query_as(
        "WITH due AS (SELECT task_id FROM tasks
                       WHERE address = ANY($1) AND tell_at <= $2
                       ORDER BY task_id FOR UPDATE SKIP LOCKED),
              told AS (UPDATE tasks t SET tell_at = NULL FROM due
                        WHERE t.task_id = due.task_id RETURNING t.address, t.lane)
         SELECT address, min(lane) FROM told GROUP BY address",
    )
    .bind(addresses)
    .bind(now.to_sqlx())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("take over that people are told of tasks"))?;
    Ok(rows.into_iter().map(|(address, lane)| (address, Lane::from_rank(lane))).collect())
}

/// Returns what whoever is written to at these addresses has to do, what is due first first.
pub(crate) async fn open(
    tx: &mut Tx,
    addresses: &[String],
) -> Result<BTreeMap<String, Vec<Task>>, Error> {
    if addresses.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = sqlx::query_as(select_tasks!(
        "WHERE address = ANY($1) AND open ORDER BY address, due_at, task_id"
    ))
    .bind(addresses)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read what people have to do"))?;
    let mut open: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for task in rows.into_iter().map(Row::read) {
        open.entry(task.address.clone()).or_default().push(task);
    }
    Ok(open)
}
