//! What provisioning and audit know after many deaths, held against what the applications have and
//! against what was desired.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::PersonId;
use mesh_tests::stage::person;
use proto::prost::Message as _;
use proto::provisioning::v1::{ActionFinished, ActionOutcome};
use serde_json::Value;
use sqlx::PgPool;
use testkit::sandbox::{Sandbox, SandboxUser};
use uuid::Uuid;

use crate::replicas::People;

const FINISHED: &str = "tenure.provisioning.v1.ActionFinished";

/// What is not as it must be; every count shall be zero.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Actions there are, for whoever reads the table.
    actions: usize,
    wrong: BTreeMap<&'static str, u64>,
}

impl History {
    pub(crate) fn is_good(&self) -> bool {
        self.actions > 0 && self.wrong.values().all(|count| *count == 0)
    }

    fn count(&mut self, what: &'static str, more: usize) {
        *self.wrong.entry(what).or_default() += u64::try_from(more).unwrap();
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>7}", "actions that ended", self.actions)?;
        for (what, count) in &self.wrong {
            writeln!(f, "{what:<44} {count:>7}")?;
        }
        Ok(())
    }
}

/// An account as provisioning read it last.
#[derive(sqlx::FromRow)]
struct ReadBack {
    person_id: Uuid,
    application: String,
    account_id: Option<String>,
    login: String,
    state: String,
    entitlements: Value,
}

#[derive(sqlx::FromRow)]
struct Action {
    id: Uuid,
    person_id: Uuid,
    application: String,
    kind: String,
    entitlement: String,
    state: String,
    attempts: i32,
}

/// Whether everybody is settled with what was desired last, and audit has recorded how every action
/// ended.
pub(crate) async fn is_at_rest(provisioning: &PgPool, audit: &PgPool, people: &People) -> bool {
    let settled: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT person_id, desired_counter FROM people WHERE settled")
            .fetch_all(provisioning)
            .await
            .unwrap();
    let settled: BTreeMap<PersonId, i64> =
        settled.into_iter().map(|(id, counter)| (PersonId(id), counter)).collect();
    let last = |desired: &mesh_tests::stage::Desired| {
        settled.get(&person(desired.number)) == Some(&desired.counter)
    };
    people.all.iter().all(last) && number(provisioning, PENDING).await == 0 && {
        let ended =
            number(provisioning, "SELECT count(*) FROM actions WHERE state <> 'open'").await;
        recorded(audit).await >= ended
    }
}

const PENDING: &str = "SELECT count(*) FROM outbox_pending";

/// Branches that somebody has in hand, or had when they died.
pub(crate) async fn in_hand(provisioning: &PgPool) -> i64 {
    number(provisioning, "SELECT count(*) FROM branches WHERE lease IS NOT NULL").await
}

/// What is still under way, in words.
pub(crate) async fn rest(provisioning: &PgPool, audit: &PgPool) -> String {
    let unsettled = number(provisioning, "SELECT count(*) FROM people WHERE NOT settled").await;
    let open = number(provisioning, "SELECT count(*) FROM actions WHERE state = 'open'").await;
    let ended = number(provisioning, "SELECT count(*) FROM actions WHERE state <> 'open'").await;
    let (pending, recorded) = (number(provisioning, PENDING).await, recorded(audit).await);
    format!(
        "{unsettled} people unsettled, {open} actions open, {pending} events unpublished, \
         {recorded} of {ended} ends recorded"
    )
}

/// Reads everything and holds it together.
pub(crate) async fn read(
    provisioning: &PgPool,
    audit: &PgPool,
    sandboxes: &[Sandbox],
    people: &People,
) -> History {
    let mut history = History::default();
    let read_back: Vec<ReadBack> = sqlx::query_as(
        "SELECT person_id, application, account_id, login, state, entitlements FROM accounts",
    )
    .fetch_all(provisioning)
    .await
    .unwrap();
    let mut read_back: BTreeMap<(PersonId, String), ReadBack> = read_back
        .into_iter()
        .map(|row| ((PersonId(row.person_id), row.application.clone()), row))
        .collect();
    for sandbox in sandboxes {
        hold_against_desired(sandbox, people, &mut history);
        hold_against_read_back(sandbox, &mut read_back, &mut history);
    }
    // What was read and is not there.
    history.count("accounts read otherwise than they are", read_back.len());
    hold_actions(provisioning, audit, &mut history).await;
    let parked = number(provisioning, "SELECT count(*) FROM parked_messages").await
        + number(audit, "SELECT count(*) FROM parked_messages").await;
    history.count("messages parked", usize::try_from(parked).unwrap());
    history
}

/// One account for each who came, and exactly the grants that were desired last.
fn hold_against_desired(sandbox: &Sandbox, people: &People, history: &mut History) {
    let mut accounts: BTreeMap<String, Vec<SandboxUser>> = BTreeMap::new();
    let users = sandbox.users();
    let logins: BTreeSet<&str> = users.iter().map(|user| user.user_name.as_str()).collect();
    history.count("accounts twice", users.len() - logins.len());
    for user in &users {
        let carried = user.external_id.clone().unwrap_or_default();
        accounts.entry(carried).or_default().push(user.clone());
    }
    let (mut missing, mut extra, mut usable) = (0, 0, 0);
    for desired in &people.all {
        let mine = accounts.remove(&person(desired.number).to_string()).unwrap_or_default();
        history.count("accounts twice", mine.len().saturating_sub(1));
        let wanted = desired.grants.get(sandbox.name()).cloned().unwrap_or_default();
        let held: BTreeSet<String> = mine.iter().flat_map(|user| user.groups.clone()).collect();
        // Two groups of one name would be one too many.
        extra += mine.iter().map(|user| user.groups.len()).sum::<usize>() - held.len();
        missing += wanted.difference(&held).count();
        extra += held.difference(&wanted).count();
        // Whoever left before anything was made has none.
        let active = mine.iter().filter(|user| user.active).count();
        usable += usize::from(active != usize::from(desired.active));
    }
    history.count("accounts twice", accounts.len());
    history.count("grants missing", missing);
    history.count("grants extra", extra);
    history.count("accounts missing or wrongly usable", usable);
}

/// What provisioning read back last is what is there.
fn hold_against_read_back(
    sandbox: &Sandbox,
    read_back: &mut BTreeMap<(PersonId, String), ReadBack>,
    history: &mut History,
) {
    let mut wrong = 0;
    for user in sandbox.users() {
        let carried = user.external_id.as_deref().and_then(|id| id.parse().ok());
        let key = (PersonId(carried.unwrap_or_default()), sandbox.name().to_owned());
        let Some(row) = read_back.remove(&key) else {
            wrong += 1;
            continue;
        };
        let held: BTreeSet<String> = user.groups.into_iter().collect();
        let known: BTreeSet<String> = serde_json::from_value(row.entitlements).unwrap();
        let same = row.account_id.as_deref() == Some(user.id.as_str())
            && row.login == user.user_name
            && (row.state == "active") == user.active
            && known == held;
        wrong += usize::from(!same);
    }
    history.count("accounts read otherwise than they are", wrong);
}

/// Every action has ended, its end stands in audit's log once, and the last word on each thing is
/// what it says.
async fn hold_actions(provisioning: &PgPool, audit: &PgPool, history: &mut History) {
    let actions: Vec<Action> = sqlx::query_as(
        "SELECT id, person_id, application, kind, entitlement, state, attempts FROM actions",
    )
    .fetch_all(provisioning)
    .await
    .unwrap();
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM events WHERE type = $1")
        .bind(FINISHED)
        .fetch_all(audit)
        .await
        .unwrap();
    let mut told: BTreeMap<String, Vec<ActionFinished>> = BTreeMap::new();
    for payload in payloads {
        let finished = ActionFinished::decode(payload.as_slice()).unwrap();
        told.entry(finished.action_id.clone()).or_default().push(finished);
    }
    let mut made: BTreeMap<(Uuid, &str), usize> = BTreeMap::new();
    let (mut open, mut failed, mut untried) = (0, 0, 0);
    let (mut untold, mut twice, mut otherwise) = (0, 0, 0);
    for action in &actions {
        let ended = outcome(&action.state);
        open += usize::from(ended.is_none());
        failed += usize::from(ended == Some(ActionOutcome::Failed));
        let carried_out = matches!(ended, Some(ActionOutcome::Done | ActionOutcome::Already));
        untried += usize::from(carried_out && action.attempts < 1);
        if carried_out && action.kind == "create" {
            *made.entry((action.person_id, action.application.as_str())).or_default() += 1;
        }
        let ends = told.remove(&action.id.to_string()).unwrap_or_default();
        untold += usize::from(ends.is_empty() && ended.is_some());
        twice += ends.len().saturating_sub(1);
        let same = |end: &ActionFinished| {
            Some(end.outcome()) == ended
                && i32::try_from(end.attempts).unwrap() == action.attempts
                && end.entitlement == action.entitlement
                && end.application == action.application
        };
        otherwise += ends.iter().filter(|end| !same(end)).count();
    }
    history.actions = actions.len();
    history.count("actions open", open);
    history.count("actions failed", failed);
    history.count("actions carried out without an attempt", untried);
    history.count("actions whose end audit lacks", untold);
    history.count("ends that audit has twice", twice);
    history.count("ends that audit has otherwise", otherwise + told.len());
    history.count("accounts made twice", made.values().filter(|count| **count > 1).count());
}

fn outcome(state: &str) -> Option<ActionOutcome> {
    match state {
        "done" => Some(ActionOutcome::Done),
        "already" => Some(ActionOutcome::Already),
        "failed" => Some(ActionOutcome::Failed),
        "superseded" => Some(ActionOutcome::Superseded),
        _ => None,
    }
}

async fn recorded(audit: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events WHERE type = $1")
        .bind(FINISHED)
        .fetch_one(audit)
        .await
        .unwrap()
}

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}
