//! Asks an application for what a batch needs: accounts, then grants, then revocations.
//!
//! A grant needs an account. A revocation waits for the grants of its branch, which end in a bounded
//! number of attempts. It does not wait for the account to be as it shall be: where closing it fails,
//! what it holds is taken away all the same.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Done, Job};
use crate::access::Slice;
use crate::code;
use crate::connectors::{AccountChange, Connector, MembershipChange, Outcome};
use crate::plan::Kind;

/// Carries out a batch within a time.
pub(super) async fn act(jobs: &[Job], budget: Duration) -> Vec<Done> {
    let mut done: Vec<Done> = jobs.iter().map(|_job| Done::default()).collect();
    let Some(connector) = jobs.first().map(|job| &*job.connector) else { return done };
    let deadline = Instant::now() + budget;
    ensure_accounts(connector, jobs, &mut done, deadline).await;
    change_memberships(connector, jobs, &mut done, Kind::Grant, deadline).await;
    change_memberships(connector, jobs, &mut done, Kind::Revoke, deadline).await;
    done
}

async fn ensure_accounts(
    connector: &Connector,
    jobs: &[Job],
    done: &mut [Done],
    deadline: Instant,
) {
    let mut changes = Vec::new();
    let mut places = Vec::new();
    for (place, job) in jobs.iter().enumerate() {
        if !job.open().any(|action| action.step.kind.is_of_account()) {
            continue;
        }
        match account_change(job) {
            Ok(change) => {
                changes.push(change);
                places.push(place);
            }
            Err(failed) => done[place].account = Some(failed),
        }
    }
    if changes.is_empty() {
        return;
    }
    let outcomes = match timeout_at(deadline, connector.ensure_accounts(&changes)).await {
        Ok(outcomes) => outcomes,
        Err(_elapsed) => changes.iter().map(|_change| too_slow()).collect(),
    };
    for (place, outcome) in places.into_iter().zip(outcomes) {
        done[place].account = Some(outcome);
    }
}

fn account_change<T>(job: &Job) -> Result<AccountChange, Outcome<T>> {
    let Some(login) = job.login.clone() else {
        let wish = job.desired.as_ref().and_then(Slice::login);
        let (code, reason) = match wish {
            Some(_taken) => (code::LOGINS_EXHAUSTED, "every login that can be formed is taken"),
            None => (code::LOGIN_UNKNOWN, "desired access names no login"),
        };
        return Err(Outcome::Failed { code, reason: reason.to_owned() });
    };
    Ok(AccountChange {
        person: job.key.0,
        lane: job.lane,
        account_id: job.known().and_then(|account| account.account_id.clone()),
        login,
        state: job.target.state,
        attributes: job.target.attributes.clone(),
        create: job.has(Kind::CreateAccount),
    })
}

async fn change_memberships(
    connector: &Connector,
    jobs: &[Job],
    done: &mut [Done],
    kind: Kind,
    deadline: Instant,
) {
    let mut changes = Vec::new();
    let mut places = Vec::new();
    for (place, job) in jobs.iter().enumerate() {
        let Some(account_id) = account_id(job, &done[place]) else { continue };
        if kind == Kind::Revoke && !grants_ended(job, &done[place]) {
            continue;
        }
        for action in job.of_kind(kind) {
            changes.push(MembershipChange {
                person: job.key.0,
                lane: job.lane,
                account_id: account_id.clone(),
                entitlement: action.step.entitlement.clone(),
                held: kind == Kind::Grant,
            });
            places.push((place, action.id));
        }
    }
    if changes.is_empty() || Instant::now() >= deadline {
        return;
    }
    let outcomes = match timeout_at(deadline, connector.change_memberships(&changes)).await {
        Ok(outcomes) => outcomes,
        Err(_elapsed) => changes.iter().map(|_change| too_slow()).collect(),
    };
    for ((place, action), outcome) in places.into_iter().zip(outcomes) {
        done[place].memberships.push((action, outcome));
    }
}

/// The account's id, if there is an account to grant to or to revoke from.
fn account_id(job: &Job, done: &Done) -> Option<String> {
    match &done.account {
        Some(Outcome::Done(account) | Outcome::Already(account)) => {
            Some(account.account_id.clone())
        }
        Some(Outcome::Gone) => None,
        Some(Outcome::LoginTaken | Outcome::Retry { .. } | Outcome::Failed { .. }) | None => {
            job.known().and_then(|account| account.account_id.clone())
        }
    }
}

fn grants_ended(job: &Job, done: &Done) -> bool {
    job.of_kind(Kind::Grant).all(|grant| {
        done.memberships.iter().any(|(action, outcome)| {
            *action == grant.id
                && match outcome {
                    Outcome::Done(()) | Outcome::Already(()) | Outcome::Failed { .. } => true,
                    Outcome::Gone | Outcome::LoginTaken | Outcome::Retry { .. } => false,
                }
        })
    })
}

fn too_slow<T>() -> Outcome<T> {
    let reason = format!("{}: no answer in the time for which the work was leased", code::TOO_SLOW);
    Outcome::Retry { after: Duration::ZERO, reason }
}
