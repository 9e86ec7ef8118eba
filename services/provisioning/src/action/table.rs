//! SQL for the `actions` table.

use std::collections::BTreeMap;

use domain::{ActionId, Lane, PersonId, Timestamp, Version};
use serde_json::Value as Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Action, Pending, State};
use crate::dossier::Key;
use crate::plan::{Kind, Step};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    person_id: Uuid,
    application: String,
    kind: String,
    entitlement: String,
    state: String,
    attempts: i32,
    round: i32,
    desired_epoch: i64,
    desired_counter: i64,
    error: String,
    created_at: SqlTimestamp,
    finished_at: Option<SqlTimestamp>,
}

impl Row {
    /// The checks of the table leave no other names.
    fn read(self) -> Option<(Key, Action)> {
        let action = Action {
            id: ActionId(self.id),
            step: Step { kind: Kind::from_name(&self.kind)?, entitlement: self.entitlement },
            state: State::from_name(&self.state)?,
            attempts: self.attempts.unsigned_abs(),
            round: self.round,
            desired_version: Version { epoch: self.desired_epoch, counter: self.desired_counter },
            error: self.error,
            found: None,
            created_at: self.created_at.to_jiff(),
            finished_at: self.finished_at.map(SqlTimestamp::to_jiff),
            pending: Pending::Nothing,
        };
        Some(((PersonId(self.person_id), self.application), action))
    }
}

/// Returns the actions of people that are open or failed, in one application or in all, each
/// branch's in the order in which they are carried out.
pub(crate) async fn standing(
    tx: &mut Tx,
    people: &[Uuid],
    application: Option<&str>,
) -> Result<BTreeMap<Key, Vec<Action>>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, person_id, application, kind, entitlement, state, attempts, round,
                desired_epoch, desired_counter, error, created_at, finished_at
           FROM actions
          WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2) AND state = 'open'
          UNION ALL
         SELECT id, person_id, application, kind, entitlement, state, attempts, round,
                desired_epoch, desired_counter, error, created_at, finished_at
           FROM actions
          WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2)
            AND state = 'failed'",
    )
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read standing actions"))?;
    let mut actions: BTreeMap<Key, Vec<Action>> = BTreeMap::new();
    for (key, action) in rows.into_iter().filter_map(Row::read) {
        actions.entry(key).or_default().push(action);
    }
    for branch in actions.values_mut() {
        branch.sort_by(|one, other| one.step.cmp(&other.step));
    }
    Ok(actions)
}

/// Returns the latest actions of a person.
pub(crate) async fn latest(
    tx: &mut Tx,
    person: PersonId,
    limit: i64,
) -> Result<Vec<(Key, Action)>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, person_id, application, kind, entitlement, state, attempts, round,
                desired_epoch, desired_counter, error, created_at, finished_at
           FROM actions WHERE person_id = $1
          ORDER BY created_at DESC, id DESC LIMIT $2",
    )
    .bind(person.0)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read a person's actions"))?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

/// Writes the actions that are new or have changed.
pub(crate) async fn put(tx: &mut Tx, actions: &[(&Key, Lane, &Action)]) -> Result<(), Error> {
    let pending = |wanted: Pending| {
        actions
            .iter()
            .copied()
            .filter(move |(_key, _lane, action)| action.pending == wanted)
            .collect::<Vec<_>>()
    };
    // Updates first: an action that ends makes room for its successor in the index of open ones.
    update(tx, &pending(Pending::Update)).await?;
    insert(tx, &pending(Pending::Insert)).await
}

async fn update(tx: &mut Tx, actions: &[(&Key, Lane, &Action)]) -> Result<(), Error> {
    if actions.is_empty() {
        return Ok(());
    }
    let people: Vec<Uuid> = actions.iter().map(|(key, _lane, _action)| key.0.0).collect();
    let ids: Vec<Uuid> = actions.iter().map(|(_key, _lane, action)| action.id.0).collect();
    let found: Vec<Option<&Json>> =
        actions.iter().map(|(_key, _lane, action)| action.found.as_ref()).collect();
    sqlx::query(
        "UPDATE actions a
            SET state = t.state, attempts = t.attempts, round = t.round, error = t.error,
                found = coalesce(t.found, a.found), finished_at = t.finished_at
           FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::integer[],
                       $6::text[], $7::jsonb[], $8::timestamptz[])
             AS t (person_id, id, state, attempts, round, error, found, finished_at)
          WHERE a.person_id = t.person_id AND a.id = t.id",
    )
    .bind(people)
    .bind(ids)
    .bind(states(actions))
    .bind(attempts(actions))
    .bind(rounds(actions))
    .bind(errors(actions))
    .bind(found)
    .bind(instants(actions))
    .execute(tx.connection())
    .await
    .map_err(Error::during("write actions"))?;
    Ok(())
}

async fn insert(tx: &mut Tx, actions: &[(&Key, Lane, &Action)]) -> Result<(), Error> {
    if actions.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = actions.iter().map(|(_key, _lane, action)| action.id.0).collect();
    let people: Vec<Uuid> = actions.iter().map(|(key, _lane, _action)| key.0.0).collect();
    let applications: Vec<&str> =
        actions.iter().map(|(key, _lane, _action)| key.1.as_str()).collect();
    let kinds: Vec<&str> =
        actions.iter().map(|(_key, _lane, action)| action.step.kind.as_str()).collect();
    let entitlements: Vec<&str> =
        actions.iter().map(|(_key, _lane, action)| action.step.entitlement.as_str()).collect();
    let lanes: Vec<i16> = actions.iter().map(|(_key, lane, _action)| lane.rank()).collect();
    let epochs: Vec<i64> =
        actions.iter().map(|(_key, _lane, action)| action.desired_version.epoch).collect();
    let counters: Vec<i64> =
        actions.iter().map(|(_key, _lane, action)| action.desired_version.counter).collect();
    let created: Vec<SqlTimestamp> =
        actions.iter().map(|(_key, _lane, action)| action.created_at.to_sqlx()).collect();
    sqlx::query(
        "INSERT INTO actions (id, person_id, application, kind, entitlement, lane, state, attempts,
                              round, desired_epoch, desired_counter, error, created_at,
                              finished_at)
         SELECT id, person_id, application, kind, entitlement, lane, state, attempts, round,
                desired_epoch, desired_counter, error, created_at, finished_at
           FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[],
                       $7::text[], $8::integer[], $9::integer[], $10::bigint[], $11::bigint[],
                       $12::text[], $13::timestamptz[], $14::timestamptz[])
             AS t (id, person_id, application, kind, entitlement, lane, state, attempts, round,
                   desired_epoch, desired_counter, error, created_at, finished_at)",
    )
    .bind(ids)
    .bind(people)
    .bind(applications)
    .bind(kinds)
    .bind(entitlements)
    .bind(lanes)
    .bind(states(actions))
    .bind(attempts(actions))
    .bind(rounds(actions))
    .bind(epochs)
    .bind(counters)
    .bind(errors(actions))
    .bind(created)
    .bind(instants(actions))
    .execute(tx.connection())
    .await
    .map_err(Error::during("open actions"))?;
    Ok(())
}

fn states(actions: &[(&Key, Lane, &Action)]) -> Vec<&'static str> {
    actions.iter().map(|(_key, _lane, action)| action.state.as_str()).collect()
}

fn attempts(actions: &[(&Key, Lane, &Action)]) -> Vec<i32> {
    actions
        .iter()
        .map(|(_key, _lane, action)| i32::try_from(action.attempts).unwrap_or(i32::MAX))
        .collect()
}

fn rounds(actions: &[(&Key, Lane, &Action)]) -> Vec<i32> {
    actions.iter().map(|(_key, _lane, action)| action.round).collect()
}

fn errors<'a>(actions: &[(&Key, Lane, &'a Action)]) -> Vec<&'a str> {
    actions.iter().map(|(_key, _lane, action)| action.error.as_str()).collect()
}

fn instants(actions: &[(&Key, Lane, &Action)]) -> Vec<Option<SqlTimestamp>> {
    let sql = |at: Timestamp| at.to_sqlx();
    actions.iter().map(|(_key, _lane, action)| action.finished_at.map(sql)).collect()
}
