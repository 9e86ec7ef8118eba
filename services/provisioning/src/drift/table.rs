//! SQL for the `drifts` table.

use std::collections::BTreeMap;

use domain::{DriftId, PersonId, ReadingId, Timestamp, Value, Version};
use rules::document::{DriftKind, Privilege};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Drift, Finding, Outcome, State};
use crate::dossier::Key;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    application: String,
    kind: String,
    person_id: Option<Uuid>,
    account_id: String,
    login: String,
    item: String,
    through: String,
    expected: Option<Json<Value>>,
    privilege: String,
    state: String,
    outcome: Option<String>,
    found_by: Uuid,
    found_at: SqlTimestamp,
    seen_by: Uuid,
    seen_at: SqlTimestamp,
    until: Option<SqlTimestamp>,
    owner: String,
    decided_by: String,
    note: String,
    closed_at: Option<SqlTimestamp>,
    observed: Option<Json<Value>>,
    repaired_by: Option<Uuid>,
    undoes: Option<Uuid>,
    closing: bool,
    epoch: i64,
    counter: i64,
}

impl Row {
    /// The checks of the table leave no other names.
    fn read(self) -> Option<Drift> {
        let privilege = [Privilege::Standard, Privilege::Elevated, Privilege::Admin]
            .into_iter()
            .find(|privilege| privilege.as_str() == self.privilege)?;
        Some(Drift {
            id: DriftId(self.id),
            application: self.application,
            finding: Finding {
                kind: DriftKind::from_name(&self.kind)?,
                account_id: self.account_id,
                login: self.login,
                item: self.item,
                through: self.through,
                expected: self.expected.map(|expected| expected.0),
                observed: self.observed.map(|observed| observed.0),
                privilege,
                closing: self.closing,
            },
            person: self.person_id.map(PersonId),
            state: State::from_name(&self.state)?,
            outcome: self.outcome.as_deref().and_then(Outcome::from_name),
            found_by: ReadingId(self.found_by),
            found_at: self.found_at.to_jiff(),
            seen_by: ReadingId(self.seen_by),
            seen_at: self.seen_at.to_jiff(),
            until: self.until.map(SqlTimestamp::to_jiff),
            owner: self.owner,
            decided_by: self.decided_by,
            note: self.note,
            closed_at: self.closed_at.map(SqlTimestamp::to_jiff),
            repaired_by: self.repaired_by.map(ReadingId),
            undoes: self.undoes.map(ReadingId),
            version: Version { epoch: self.epoch, counter: self.counter },
        })
    }
}

macro_rules! select_drifts {
    ($rest:literal) => {
        concat!(
            "SELECT id, application, kind, person_id, account_id, login, item, through, expected,
                    privilege, state, outcome, found_by, found_at, seen_by, seen_at, until, owner,
                    decided_by, note, closed_at, observed, repaired_by, undoes, closing, epoch,
                    counter
               FROM drifts ",
            $rest
        )
    };
}

fn read(rows: Vec<Row>) -> Vec<Drift> {
    rows.into_iter().filter_map(Row::read).collect()
}

/// Returns the drift of people that stands, in one application or in all.
pub(crate) async fn standing(
    tx: &mut Tx,
    people: &[Uuid],
    application: Option<&str>,
) -> Result<BTreeMap<Key, Vec<Drift>>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_drifts!(
        "WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2)
           AND state <> 'closed'"
    ))
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the drift of people"))?;
    let mut standing: BTreeMap<Key, Vec<Drift>> = BTreeMap::new();
    for drift in read(rows) {
        if let Some(person) = drift.person {
            standing.entry((person, drift.application.clone())).or_default().push(drift);
        }
    }
    Ok(standing)
}

/// Returns the drift that stands of accounts of nobody.
pub(crate) async fn of_nobody(
    tx: &mut Tx,
    application: &str,
    accounts: &[&str],
) -> Result<Vec<Drift>, Error> {
    sqlx::query_as(select_drifts!(
        "WHERE application = $1 AND person_id IS NULL AND state <> 'closed' AND account_id = ANY($2)
         ORDER BY id"
    ))
    .bind(application)
    .bind(accounts)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read the drift of nobody"))
    .map(read)
}

/// Returns drift of nobody that stands and that a reading did not find again.
pub(crate) async fn unseen_of_nobody(
    tx: &mut Tx,
    application: &str,
    reading: ReadingId,
    limit: i64,
) -> Result<Vec<Drift>, Error> {
    sqlx::query_as(select_drifts!(
        "WHERE application = $1 AND person_id IS NULL AND state <> 'closed' AND seen_by <> $2
         ORDER BY id LIMIT $3"
    ))
    .bind(application)
    .bind(reading.0)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for drift of nobody that is no more"))
    .map(read)
}

/// Returns the people who were found to share an account of an application.
pub(crate) async fn sharing(tx: &mut Tx, application: &str) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT person_id FROM drifts
          WHERE application = $1 AND kind = 'several_people' AND state <> 'closed'
            AND person_id IS NOT NULL",
    )
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look who shares an account"))
}

/// Returns the drift of an application that waits to be repaired.
pub(crate) async fn waiting(tx: &mut Tx, application: &str) -> Result<Vec<Drift>, Error> {
    next_waiting(tx, application, false, i64::MAX).await
}

/// Returns some of it; if `chosen`, only what a human chose.
pub(crate) async fn next_waiting(
    tx: &mut Tx,
    application: &str,
    chosen: bool,
    limit: i64,
) -> Result<Vec<Drift>, Error> {
    sqlx::query_as(select_drifts!(
        "WHERE application = $1 AND state = 'waiting' AND (NOT $2 OR decided_by <> '')
         ORDER BY id LIMIT $3"
    ))
    .bind(application)
    .bind(chosen)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read what waits to be repaired"))
    .map(read)
}

/// Returns the drift of people whose repair began with a reading.
pub(crate) async fn repaired_by(tx: &mut Tx, reading: ReadingId) -> Result<Vec<Drift>, Error> {
    sqlx::query_as(select_drifts!("WHERE repaired_by = $1 AND person_id IS NOT NULL ORDER BY id"))
        .bind(reading.0)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("read what a reading had repaired"))
        .map(read)
}

/// What drift is listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    pub(crate) application: Option<String>,
    pub(crate) kind: Option<DriftKind>,
    /// None: all that stands and is not ignored.
    pub(crate) state: Option<State>,
    pub(crate) person: Option<PersonId>,
    /// Behind which one the page begins.
    pub(crate) after: Uuid,
    pub(crate) limit: i64,
}

/// Returns a page of drift, the oldest first.
pub(crate) async fn list(tx: &mut Tx, listed: &Listed) -> Result<Vec<Drift>, Error> {
    sqlx::query_as(select_drifts!(
        "WHERE ($1::text IS NULL OR application = $1) AND ($2::text IS NULL OR kind = $2)
           AND CASE WHEN $3::text IS NULL THEN state NOT IN ('closed', 'ignored')
                    ELSE state = $3 END
           AND ($4::uuid IS NULL OR person_id = $4) AND id > $5
         ORDER BY id LIMIT $6"
    ))
    .bind(listed.application.as_deref())
    .bind(listed.kind.map(DriftKind::as_str))
    .bind(listed.state.map(State::as_str))
    .bind(listed.person.map(|person| person.0))
    .bind(listed.after)
    .bind(listed.limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("list drift"))
    .map(read)
}

/// Returns one, whatever state it is in.
pub(crate) async fn one(tx: &mut Tx, id: DriftId) -> Result<Option<Drift>, Error> {
    let row: Option<Row> = sqlx::query_as(select_drifts!("WHERE id = $1"))
        .bind(id.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::during("read drift"))?;
    Ok(row.and_then(Row::read))
}

/// Returns how much drift stands that is not ignored, by application and kind.
pub(crate) async fn counts(tx: &mut Tx) -> Result<Vec<(String, String, i64)>, Error> {
    sqlx::query_as(
        "SELECT application, kind, count(*) FROM drifts
          WHERE state NOT IN ('closed', 'ignored') GROUP BY application, kind
          ORDER BY application, kind",
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("count drift"))
}

/// Returns how much a reading found for the first time, by kind.
pub(crate) async fn found(tx: &mut Tx, reading: ReadingId) -> Result<BTreeMap<String, u64>, Error> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT kind, count(*) FROM drifts WHERE found_by = $1 GROUP BY kind")
            .bind(reading.0)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("count what was found"))?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// Writes drift that is new or has changed.
pub(crate) async fn put(tx: &mut Tx, drift: &[&Drift]) -> Result<(), Error> {
    if drift.is_empty() {
        return Ok(());
    }
    let text = |f: fn(&Drift) -> &str| drift.iter().map(|one| f(one)).collect::<Vec<_>>();
    let ids = |f: fn(&Drift) -> Uuid| drift.iter().map(|one| f(one)).collect::<Vec<_>>();
    let instants = |f: fn(&Drift) -> Option<Timestamp>| {
        drift.iter().map(|one| f(one).map(|at| at.to_sqlx())).collect::<Vec<Option<SqlTimestamp>>>()
    };
    let people: Vec<Option<Uuid>> =
        drift.iter().map(|one| one.person.map(|person| person.0)).collect();
    let expected: Vec<Option<Json<&Value>>> =
        drift.iter().map(|one| one.finding.expected.as_ref().map(Json)).collect();
    let observed: Vec<Option<Json<&Value>>> =
        drift.iter().map(|one| one.finding.observed.as_ref().map(Json)).collect();
    let optional = |f: fn(&Drift) -> Option<ReadingId>| {
        drift.iter().map(|one| f(one).map(|reading| reading.0)).collect::<Vec<Option<Uuid>>>()
    };
    let outcomes: Vec<Option<&str>> =
        drift.iter().map(|one| one.outcome.map(Outcome::as_str)).collect();
    let numbers = |f: fn(&Drift) -> i64| drift.iter().map(|one| f(one)).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO drifts (id, application, kind, person_id, account_id, login, item, through,
                             expected, privilege, state, outcome, found_by, found_at, seen_by,
                             seen_at, until, owner, decided_by, note, closed_at, observed,
                             repaired_by, undoes, closing, epoch, counter)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[],
                              $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::text[],
                              $11::text[], $12::text[], $13::uuid[], $14::timestamptz[],
                              $15::uuid[], $16::timestamptz[], $17::timestamptz[], $18::text[],
                              $19::text[], $20::text[], $21::timestamptz[], $22::jsonb[],
                              $23::uuid[], $24::uuid[], $25::boolean[], $26::bigint[], $27::bigint[])
         ON CONFLICT (id) DO UPDATE
            SET login = excluded.login, through = excluded.through, expected = excluded.expected,
                privilege = excluded.privilege, state = excluded.state,
                outcome = excluded.outcome, seen_by = excluded.seen_by,
                seen_at = excluded.seen_at, until = excluded.until, owner = excluded.owner,
                decided_by = excluded.decided_by, note = excluded.note,
                closed_at = excluded.closed_at, observed = excluded.observed,
                repaired_by = excluded.repaired_by, closing = excluded.closing, epoch = excluded.epoch,
                counter = excluded.counter",
    )
    .bind(ids(|one| one.id.0))
    .bind(text(|one| &one.application))
    .bind(text(|one| one.finding.kind.as_str()))
    .bind(people)
    .bind(text(|one| &one.finding.account_id))
    .bind(text(|one| &one.finding.login))
    .bind(text(|one| &one.finding.item))
    .bind(text(|one| &one.finding.through))
    .bind(expected)
    .bind(text(|one| one.finding.privilege.as_str()))
    .bind(text(|one| one.state.as_str()))
    .bind(outcomes)
    .bind(ids(|one| one.found_by.0))
    .bind(instants(|one| Some(one.found_at)))
    .bind(ids(|one| one.seen_by.0))
    .bind(instants(|one| Some(one.seen_at)))
    .bind(instants(|one| one.until))
    .bind(text(|one| &one.owner))
    .bind(text(|one| &one.decided_by))
    .bind(text(|one| &one.note))
    .bind(instants(|one| one.closed_at))
    .bind(observed)
    .bind(optional(|one| one.repaired_by))
    .bind(optional(|one| one.undoes))
    .bind(drift.iter().map(|one| one.finding.closing).collect::<Vec<_>>())
    .bind(numbers(|one| one.version.epoch))
    .bind(numbers(|one| one.version.counter))
    .execute(tx.connection())
    .await
    .map_err(Error::during("write drift"))?;
    Ok(())
}
