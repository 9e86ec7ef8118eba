//! SQL for `cases`.

use std::collections::BTreeMap;

use domain::{CaseId, EngagementId, PersonId};
use jiff_sqlx::ToSqlx as _;
use serde_json::{Value, json};
use sqlx::postgres::PgPool;
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Answer, Case, Closed, Evidence, Key, Kind, Latest, Outcome, Question, Waiting};
use crate::run::Run;

macro_rules! select_cases {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, source, key, people, engagements, evidence, hash, opened_at, closed_at,
                    outcome, person_id, closed_by, note, waiting
               FROM cases ",
            $rest
        )
    };
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    source: String,
    key: String,
    people: Vec<Uuid>,
    engagements: Vec<Uuid>,
    evidence: Json<Evidence>,
    hash: String,
    opened_at: jiff_sqlx::Timestamp,
    closed_at: Option<jiff_sqlx::Timestamp>,
    outcome: Option<String>,
    person_id: Option<Uuid>,
    closed_by: Option<String>,
    note: String,
    waiting: Option<Json<Waiting>>,
}

/// Which cases are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) kind: Option<Kind>,
    /// Whether they are open; of either without it.
    pub(crate) open: Option<bool>,
    pub(crate) source: Option<String>,
    pub(crate) person: Option<PersonId>,
    /// Only later ones than this.
    pub(crate) after: Option<CaseId>,
}

/// Returns the latest case of each of some keys, of those that have one.
pub(crate) async fn latest(
    tx: &mut Tx,
    source: &str,
    keys: &[(Kind, &str)],
) -> Result<BTreeMap<Key, Latest>, Error> {
    let kinds: Vec<&str> = keys.iter().map(|(kind, _)| kind.as_str()).collect();
    let keys: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
    let rows: Vec<(String, String, Uuid, String, Option<String>)> = sqlx::query_as(
        "SELECT q.kind, q.key, c.id, c.hash, c.outcome
           FROM UNNEST($2::text[], $3::text[]) AS q (kind, key)
          CROSS JOIN LATERAL (SELECT id, hash, outcome FROM cases
                               WHERE source = $1 AND kind = q.kind AND key = q.key COLLATE \"C\"
                               ORDER BY id DESC LIMIT 1) c",
    )
    .bind(source)
    .bind(kinds)
    .bind(keys)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find what was asked before"))?;
    Ok(rows
        .into_iter()
        .filter_map(|(asked, key, id, hash, outcome)| {
            let outcome = outcome.as_deref().and_then(ended);
            Some(((kind(&asked)?, key), Latest { id: CaseId(id), hash, outcome }))
        })
        .collect())
}

/// Counts the open cases of a source.
pub(crate) async fn count_open(tx: &mut Tx, source: &str) -> Result<u64, Error> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM cases WHERE source = $1 AND closed_at IS NULL")
            .bind(source)
            .fetch_one(tx.connection())
            .await
            .map_err(Error::during("count open cases"))?;
    Ok(count.unsigned_abs())
}

/// Adds open cases.
pub(crate) async fn insert(tx: &mut Tx, cases: &[Case]) -> Result<(), Error> {
    if cases.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = cases
        .iter()
        .map(|Case { id, question, hash, opened_at, .. }| {
            let mut row = asked(*id, hash, question);
            row["kind"] = json!(question.kind.as_str());
            row["source"] = json!(question.source);
            row["key"] = json!(question.key);
            row["opened_at"] = json!(opened_at);
            row
        })
        .collect();
    sqlx::query(
        "INSERT INTO cases (id, kind, source, key, people, engagements, evidence, hash, opened_at,
                            waiting)
         SELECT (c ->> 'id')::uuid, c ->> 'kind', c ->> 'source', c ->> 'key',
                ARRAY(SELECT jsonb_array_elements_text(c -> 'people')::uuid),
                ARRAY(SELECT jsonb_array_elements_text(c -> 'engagements')::uuid),
                c -> 'evidence', c ->> 'hash', (c ->> 'opened_at')::timestamptz,
                NULLIF(c -> 'waiting', 'null')
           FROM jsonb_array_elements($1) AS c",
    )
    .bind(Json(rows))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("open cases"))
}

/// Keeps what speaks for and against by now.
pub(crate) async fn refresh(
    tx: &mut Tx,
    moved: &[(CaseId, String, Question)],
) -> Result<(), Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> =
        moved.iter().map(|(id, hash, question)| asked(*id, hash, question)).collect();
    sqlx::query(
        "UPDATE cases
            SET people = ARRAY(SELECT jsonb_array_elements_text(c -> 'people')::uuid),
                engagements = ARRAY(SELECT jsonb_array_elements_text(c -> 'engagements')::uuid),
                evidence = c -> 'evidence', hash = c ->> 'hash',
                waiting = NULLIF(c -> 'waiting', 'null')
           FROM jsonb_array_elements($1) AS c
          WHERE id = (c ->> 'id')::uuid",
    )
    .bind(Json(rows))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep what cases rest on"))
}

/// What of a question may change, and whose it is.
fn asked(id: CaseId, hash: &str, question: &Question) -> Value {
    json!({
        "id": id, "hash": hash, "people": question.people, "engagements": question.engagements,
        "evidence": question.evidence, "waiting": question.waiting,
    })
}

/// Closes the open cases of some keys as applying no longer; returns them.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    source: &str,
    kinds: &[Kind],
    keys: &[&str],
) -> Result<Vec<Case>, Error> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let open: Vec<Row> = sqlx::query_as(select_cases!(
        "WHERE source = $1 AND kind = ANY ($2) AND key = ANY ($3) AND closed_at IS NULL
          ORDER BY id FOR UPDATE"
    ))
    .bind(source)
    .bind(kinds)
    .bind(keys)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find cases that apply no longer"))?;
    end(tx, open).await
}

/// Closes the open cases about workers whom a full file does not list, and of whom nothing newer was said.
pub(crate) async fn withdraw_unlisted(tx: &mut Tx, run: &Run) -> Result<Vec<Case>, Error> {
    let kinds = Kind::OF_WORKERS.map(Kind::as_str);
    let open: Vec<Row> = sqlx::query_as(select_cases!(
        "WHERE source = $1 AND kind = ANY ($2) AND closed_at IS NULL
            AND waiting ->> 'run' <> $3::text
            AND ((waiting ->> 'snapshot_date')::date < $4
                 OR ((waiting ->> 'snapshot_date')::date = $4 AND waiting -> 'pushed' = 'false'))
            AND NOT EXISTS (SELECT 1 FROM staged_rows s
                             WHERE s.run_id = $5 AND s.worker_id = cases.key)
          ORDER BY id FOR UPDATE"
    ))
    .bind(&run.source)
    .bind(&kinds[..])
    .bind(run.id.to_string())
    .bind(run.snapshot_date.to_sqlx())
    .bind(run.id.0)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find cases about workers who are not listed"))?;
    end(tx, open).await
}

/// Closes the open cases about missing workers whose rows a full file repeats.
pub(crate) async fn withdraw_seen(tx: &mut Tx, run: &Run) -> Result<Vec<Case>, Error> {
    let open: Vec<Row> = sqlx::query_as(select_cases!(
        "WHERE source = $1 AND kind = $2 AND closed_at IS NULL
            AND (waiting ->> 'snapshot_date')::date <= $3
            AND NOT EXISTS (SELECT 1 FROM unlisted u
                             WHERE u.run_id = $4 AND u.worker_id = cases.key)
          ORDER BY id FOR UPDATE"
    ))
    .bind(&run.source)
    .bind(Kind::MissingWorker.as_str())
    .bind(run.snapshot_date.to_sqlx())
    .bind(run.id.0)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find cases about workers who are listed again"))?;
    end(tx, open).await
}

/// Closes cases as applying no longer.
async fn end(tx: &mut Tx, open: Vec<Row>) -> Result<Vec<Case>, Error> {
    let now = tx.now();
    let applies_no_longer = |case: Case| {
        let (by, note) = (None, String::new());
        let closed = Closed { at: now, outcome: Outcome::NoLongerApplies, person: None, by, note };
        Case { closed: Some(closed), ..case }
    };
    let closed: Vec<Case> = open.into_iter().filter_map(case).map(applies_no_longer).collect();
    close(tx, &closed).await?;
    Ok(closed)
}

/// Closes cases as they say, and forgets the values that they rested on.
pub(crate) async fn close(tx: &mut Tx, cases: &[Case]) -> Result<(), Error> {
    let rows: Vec<Value> = cases
        .iter()
        .filter_map(|case| {
            let Closed { at, outcome, person, by, note } = case.closed.as_ref()?;
            Some(json!({
                "id": case.id, "closed_at": at, "outcome": outcome.as_str(), "person": person,
                "closed_by": by, "note": note,
                "evidence": case.question.evidence.clone().without_values(),
            }))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE cases
            SET closed_at = (c ->> 'closed_at')::timestamptz, outcome = c ->> 'outcome',
                person_id = (c ->> 'person')::uuid, closed_by = c ->> 'closed_by',
                note = c ->> 'note', evidence = c -> 'evidence', waiting = NULL
           FROM jsonb_array_elements($1) AS c
          WHERE id = (c ->> 'id')::uuid",
    )
    .bind(Json(rows))
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("close cases"))
}

/// Returns a case, locked.
pub(crate) async fn lock(tx: &mut Tx, id: CaseId) -> Result<Option<Case>, Error> {
    let row: Option<Row> = sqlx::query_as(select_cases!("WHERE id = $1 FOR UPDATE"))
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("lock a case"))?;
    Ok(row.and_then(case))
}

/// Returns a case.
pub(crate) async fn find(pool: &PgPool, id: CaseId) -> Result<Option<Case>, Error> {
    let row: Option<Row> = sqlx::query_as(select_cases!("WHERE id = $1"))
        .bind(id.0)
        .fetch_optional(pool)
        .await
        .map_err(Error::during("find a case"))?;
    Ok(row.and_then(case))
}

/// Returns the cases that pass a filter, the oldest first.
pub(crate) async fn list(pool: &PgPool, filter: &Filter, limit: i64) -> Result<Vec<Case>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_cases!(
        "WHERE ($1::text IS NULL OR kind = $1)
            AND ($2::boolean IS NULL OR (closed_at IS NULL) = $2)
            AND ($3::text IS NULL OR source = $3)
            AND ($4::uuid IS NULL OR people @> ARRAY[$4])
            AND ($5::uuid IS NULL OR id > $5)
          ORDER BY id LIMIT $6"
    ))
    .bind(filter.kind.map(Kind::as_str))
    .bind(filter.open)
    .bind(&filter.source)
    .bind(filter.person.map(|person| person.0))
    .bind(filter.after.map(|after| after.0))
    .bind(limit)
    .persistent(false)
    .fetch_all(pool)
    .await
    .map_err(Error::during("list cases"))?;
    Ok(rows.into_iter().filter_map(case).collect())
}

/// An open case that asks who somebody is, and asks about a person.
pub(crate) async fn asked_about(tx: &mut Tx, person: PersonId) -> Result<Option<CaseId>, Error> {
    let kinds = Kind::OF_WORKERS.map(Kind::as_str);
    let id: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM cases
          WHERE closed_at IS NULL AND people @> ARRAY[$1] AND kind = ANY ($2) ORDER BY id LIMIT 1",
    )
    .bind(person.0)
    .bind(kinds.as_slice())
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::during("find what is asked about a person"))?;
    Ok(id.map(CaseId))
}

/// Source and key of the open cases about a person's values.
pub(crate) async fn conflicts(
    tx: &mut Tx,
    person: PersonId,
) -> Result<Vec<(String, String)>, Error> {
    sqlx::query_as(
        "SELECT source, key FROM cases
          WHERE closed_at IS NULL AND people @> ARRAY[$1] AND kind = $2 ORDER BY key",
    )
    .bind(person.0)
    .bind(Kind::Conflict.as_str())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find what is asked about a person's values"))
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

fn ended(name: &str) -> Option<Outcome> {
    let decided = Answer::ALL.into_iter().map(Outcome::Decided);
    decided.chain([Outcome::NoLongerApplies]).find(|outcome| outcome.as_str() == name)
}

/// A case of a kind that this version knows.
fn case(row: Row) -> Option<Case> {
    let closed = row.closed_at.zip(row.outcome.as_deref().and_then(ended));
    Some(Case {
        id: CaseId(row.id),
        question: Question {
            kind: kind(&row.kind)?,
            source: row.source,
            key: row.key,
            people: row.people.into_iter().map(PersonId).collect(),
            engagements: row.engagements.into_iter().map(EngagementId).collect(),
            evidence: row.evidence.0,
            waiting: row.waiting.map(|Json(waiting)| waiting),
        },
        hash: row.hash,
        opened_at: row.opened_at.to_jiff(),
        closed: closed.map(|(at, outcome)| Closed {
            at: at.to_jiff(),
            outcome,
            person: row.person_id.map(PersonId),
            by: row.closed_by,
            note: row.note,
        }),
    })
}
