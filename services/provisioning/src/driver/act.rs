//! Asks an application for what a batch needs: accounts, then grants, then revocations.
//!
//! A grant needs an account. A revocation waits for the grants of its branch, which end in a bounded
//! number of attempts. It does not wait for the account to be as it shall be: where closing it fails,
//! what it holds is taken away all the same.
//!
//! A batch is begun a few accounts, a few groups at a time, so that it can be given back early. The
//! next ones begin when any of the former is done: the application is never left waiting.

use std::future::{Future, ready};
use std::ops::Range;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use store::Store;
use tokio::time::{Instant, timeout_at};

use super::adoption::Found;
use super::recall::Recall;
use super::{Done, Job};
use crate::access::Slice;
use crate::action::Action;
use crate::code;
use crate::connectors::{AccountChange, Connector, MembershipChange, Outcome};
use crate::plan::Kind;

/// Pieces of a batch under way at once. Together they keep more than twice the requests busy that
/// the application admits, so that a slow one among them leaves nothing idle.
const PIECES: usize = 4;

/// Carries a batch out within a time, or as much of it as is begun before a leaver is found in it.
pub(super) async fn act(
    jobs: &[Job],
    budget: Duration,
    losses_max: u32,
    store: &Store,
) -> Vec<Done> {
    let Some(first) = jobs.first() else { return Vec::new() };
    let recall = Recall::of(first);
    let work = Work {
        connector: &first.connector,
        jobs,
        piece: first.at_once.div_ceil(2).max(1),
        recall: &recall,
        deadline: Instant::now() + budget,
        losses_max,
    };
    tokio::select! {
        done = work.carry_out() => done,
        () = recall.watch(store) => Vec::new(),
    }
}

struct Work<'a> {
    connector: &'a Connector,
    jobs: &'a [Job],
    /// Accounts, or groups, that are begun together.
    piece: usize,
    recall: &'a Recall,
    deadline: Instant,
    losses_max: u32,
}

impl Work<'_> {
    async fn carry_out(&self) -> Vec<Done> {
        let mut done: Vec<Done> = self.jobs.iter().map(|_job| Done::default()).collect();
        self.ensure_accounts(&mut done).await;
        self.change_memberships(&mut done, Kind::Grant).await;
        self.change_memberships(&mut done, Kind::Revoke).await;
        let recalled = self.recall.is_set();
        done.iter_mut().for_each(|done| done.recalled = recalled);
        done
    }

    async fn ensure_accounts(&self, done: &mut [Done]) {
        let mut changes = Vec::new();
        let mut places = Vec::new();
        for (place, job) in self.jobs.iter().enumerate() {
            let of_account = |action: &&Action| action.step.kind.is_of_account();
            let mut steps = job.open().filter(of_account).peekable();
            // All of them are one request: what of it must not be done keeps the rest.
            if steps.peek().is_none() || steps.any(|action| job.is_kept(&action.step)) {
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
        let pieces = (0..changes.len()).step_by(self.piece);
        let pieces = pieces.map(|from| from..changes.len().min(from + self.piece)).collect();
        self.begin(pieces, |piece| self.connector.ensure_accounts(&changes[piece]))
            .for_each(|(piece, outcomes)| {
                for (place, outcome) in places[piece].iter().zip(outcomes) {
                    done[*place].account = Some(outcome);
                }
                ready(())
            })
            .await;
    }

    async fn change_memberships(&self, done: &mut [Done], kind: Kind) {
        let mut changes = Vec::new();
        for (place, job) in self.jobs.iter().enumerate() {
            let Some(account_id) = account_id(job, &done[place]) else { continue };
            if kind == Kind::Revoke && !grants_ended(job, &done[place]) {
                continue;
            }
            for action in job.of_kind(kind).filter(|action| !job.is_kept(&action.step)) {
                let change = MembershipChange {
                    person: job.key.0,
                    lane: job.lane,
                    account_id: account_id.clone(),
                    entitlement: action.step.entitlement.clone(),
                    held: kind == Kind::Grant,
                };
                changes.push((place, action.id, change));
            }
        }
        // The changes of one entitlement stay together: they travel in few requests.
        changes.sort_by(|(_, _, one), (_, _, other)| one.entitlement.cmp(&other.entitlement));
        let pieces = pieces_of(&changes, self.piece);
        let (places, changes): (Vec<_>, Vec<_>) =
            changes.into_iter().map(|(place, action, change)| ((place, action), change)).unzip();
        self.begin(pieces, |piece| self.connector.change_memberships(&changes[piece]))
            .for_each(|(piece, outcomes)| {
                for ((place, action), outcome) in places[piece].iter().zip(outcomes) {
                    done[*place].memberships.push((*action, outcome));
                }
                ready(())
            })
            .await;
    }

    /// Whether anything more is begun: nobody asked for the batch, its time is not over, and the
    /// application answers and admits more.
    fn goes_on(&self) -> bool {
        let beat = self.connector.beat();
        let before = self.jobs.first().map(|job| beat.losses_since(&job.before));
        let waits = self.jobs.first().map(|job| self.connector.waits(job.lane));
        let waits = beat.paused.max(waits.unwrap_or_default());
        let answers = before < Some(self.losses_max) && waits.is_zero();
        answers && !self.recall.is_set() && Instant::now() < self.deadline
    }

    /// Begins pieces one after the other, some at once, while there is reason to; those that have begun
    /// are waited for.
    fn begin<'b, T, F>(
        &'b self,
        pieces: Vec<Range<usize>>,
        ask: impl Fn(Range<usize>) -> F + 'b,
    ) -> impl Stream<Item = (Range<usize>, Vec<Outcome<T>>)> + 'b
    where
        F: Future<Output = Vec<Outcome<T>>> + 'b,
        T: 'b,
    {
        stream::iter(pieces)
            .take_while(|_piece| ready(self.goes_on()))
            .map(move |piece| {
                let answer = ask(piece.clone());
                async move {
                    let outcomes = match timeout_at(self.deadline, answer).await {
                        Ok(outcomes) => outcomes,
                        Err(_elapsed) => piece.clone().map(|_change| too_slow()).collect(),
                    };
                    (piece, outcomes)
                }
            })
            .buffer_unordered(PIECES)
    }
}

/// Cuts changes, in the order of their entitlements, into pieces of a few entitlements each.
fn pieces_of<A, B>(changes: &[(A, B, MembershipChange)], piece: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut entitlements = 0;
    for (at, (_, _, change)) in changes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| changes.get(at));
        if before.is_some_and(|(_, _, before)| before.entitlement == change.entitlement) {
            continue;
        }
        if entitlements == piece {
            pieces.push(from..at);
            (from, entitlements) = (at, 0);
        }
        entitlements += 1;
    }
    if from < changes.len() {
        pieces.push(from..changes.len());
    }
    pieces
}

fn account_change<T>(job: &Job) -> Result<AccountChange, Outcome<T>> {
    if is_protected(job) {
        let reason = "the account is protected, and is never touched".to_owned();
        return Err(Outcome::Failed { code: code::PROTECTED, reason });
    }
    if matches!(job.found, Some(Found::Doubt)) {
        let reason = "accounts are there already, and it is not clear whose they are".to_owned();
        return Err(Outcome::Failed { code: code::DOUBTFUL, reason });
    }
    let Some(login) = job.login.clone() else {
        let wish = job.desired.as_ref().and_then(Slice::login);
        let (code, reason) = match wish {
            Some(_taken) => (code::LOGINS_EXHAUSTED, "every login that can be formed is taken"),
            None => (code::LOGIN_UNKNOWN, "desired access names no login"),
        };
        return Err(Outcome::Failed { code, reason: reason.to_owned() });
    };
    Ok(AccountChange {
        person: job.carried(),
        lane: job.lane,
        account_id: known_id(job),
        login,
        state: job.target.state,
        attributes: job.target.attributes.clone(),
        create: job.has(Kind::CreateAccount),
    })
}

fn is_protected(job: &Job) -> bool {
    job.login.as_deref().is_some_and(|login| job.spec.reconciliation.protects(login))
}

/// The id of the account that is known, or that is there already.
fn known_id(job: &Job) -> Option<String> {
    let known = job.known().and_then(|account| account.account_id.clone());
    known.or_else(|| job.adopts().map(|seen| seen.account.account_id.clone()))
}

/// The account's id, if there is an account to grant to or to revoke from.
fn account_id(job: &Job, done: &Done) -> Option<String> {
    if is_protected(job) {
        return None;
    }
    match &done.account {
        Some(Outcome::Done(account) | Outcome::Already(account)) => {
            Some(account.account_id.clone())
        }
        Some(Outcome::Gone) => None,
        // Whoever makes the account gives it what it shall hold.
        Some(Outcome::Manual) => job.login.clone(),
        Some(
            Outcome::LoginTaken
            | Outcome::Retry { .. }
            | Outcome::Wait { .. }
            | Outcome::Failed { .. },
        )
        | None => job.known().and_then(|account| account.account_id.clone()),
    }
}

fn grants_ended(job: &Job, done: &Done) -> bool {
    job.of_kind(Kind::Grant).all(|grant| {
        done.memberships.iter().any(|(action, outcome)| {
            *action == grant.id
                && match outcome {
                    Outcome::Done(())
                    | Outcome::Already(())
                    | Outcome::Manual
                    | Outcome::Failed { .. } => true,
                    Outcome::Gone
                    | Outcome::LoginTaken
                    | Outcome::Retry { .. }
                    | Outcome::Wait { .. } => false,
                }
        })
    })
}

fn too_slow<T>() -> Outcome<T> {
    let reason = format!("{}: no answer in the time that a batch may take", code::TOO_SLOW);
    Outcome::Retry { after: Duration::ZERO, reason }
}
