//! Records what became of a batch: what was observed, how actions ended, and what comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{ActionId, PersonId, Rejection, Timestamp};
use jiff::SignedDuration;
use store::Tx;

use super::{Done, Job, Shared};
use crate::access::Access;
use crate::account::Account;
use crate::action::{Action, State};
use crate::circuit::{self, Evidence};
use crate::code;
use crate::connectors::{ObservedAccount, Outcome};
use crate::dossier::{Dossier, Key, announce};
use crate::drift;
use crate::duty;
use crate::observed;
use crate::plan::Kind;
use crate::task::{self, Asked, Duty};

/// Records a batch. Branches that went to somebody else meanwhile are left to them.
pub(super) async fn record(
    tx: &mut Tx,
    done: &[(Job, Done)],
    shared: &Shared,
) -> Result<(), Rejection> {
    let Some(application) = done.first().map(|(job, _done)| job.key.1.as_str()) else {
        return Ok(());
    };
    let mut dossier = resume(tx, done, application).await?;
    let now = tx.now();
    let departed = departed(tx, done).await?;
    let evidence = done
        .first()
        .map(|(job, _done)| (Evidence::between(&job.before, job.connector.beat()), job.probes));
    let known = circuit::table::of(tx, application).await?;
    let learned = match &evidence {
        Some((evidence, probes)) => known.learn(evidence, *probes, now, shared.rules),
        None => known.clone(),
    };
    // Where nobody is reached, nobody's change has failed.
    let silent = evidence.is_some_and(|(evidence, _probes)| evidence.is_silence());
    let counted = learned.open.is_none() && !silent;
    let mut adopted = BTreeMap::new();
    for (job, done) in done {
        let Some(branch) = dossier.branch_mut(&job.key) else { continue };
        branch.lease = None;
        branch.due_at = None;
        let mut recording =
            Recording { dossier: &mut dossier, job, shared, now, counted, pause: None };
        recording.account(done.account.as_ref());
        recording.memberships(&done.memberships);
        recording.keep();
        let pause = recording.pause;
        if let Some(seen) = job.adopts()
            && done.has_account()
        {
            dossier.adopt(tx, &job.key, seen, &job.spec);
            adopted.insert(seen.account.account_id.clone(), job.key.0);
        }
        open_task(tx, &mut dossier, job, &departed);
        let opened = dossier.plan_branch(tx, &job.key);
        if let Some(branch) = dossier.branch_mut(&job.key)
            && branch.due_at.is_some()
            && !opened
        {
            // What was not tried waits for what was; it is never looked at in a tight loop.
            let pause = pause.unwrap_or_else(|| match done.recalled {
                true => SignedDuration::ZERO,
                false => shared.backoff.pause(1, &job.key),
            });
            branch.due_at = Some(now.saturating_add(pause).unwrap_or(now));
        }
    }
    dossier.write(tx).await?;
    observed::table::adopt(tx, application, &adopted).await?;
    end_orphaned(tx, application, &adopted).await?;
    shared.keep_circuit(tx, application, &known, &learned).await?;
    Ok(())
}

/// Returns which of those whom the application names for its tasks have left.
async fn departed(tx: &mut Tx, done: &[(Job, Done)]) -> Result<BTreeSet<String>, Rejection> {
    let spec = done.first().map(|(job, _done)| &job.spec);
    let named = spec.into_iter().flat_map(|spec| task::chain(spec));
    let named: Vec<String> = named.map(|owner| owner.mail.to_lowercase()).collect();
    Ok(duty::table::departed(tx, &named).await?)
}

/// What of a branch ended in a human's hands becomes that human's task.
fn open_task(tx: &Tx, dossier: &mut Dossier, job: &Job, departed: &BTreeSet<String>) {
    let Some(duty) = Duty::of(&job.spec, departed) else { return };
    let steps = dossier.handed(&job.key);
    if steps.is_empty() {
        return;
    }
    let known = job.known().map(|account| account.login.as_str());
    let Some(login) = known.or(job.login.as_deref()) else { return };
    let asked = Asked { steps, login, target: &job.target, lane: job.lane };
    dossier.open_task(tx, &job.key, asked, &duty);
}

/// Accounts that somebody took over are nobody's no longer.
async fn end_orphaned(
    tx: &mut Tx,
    application: &str,
    adopted: &BTreeMap<String, PersonId>,
) -> Result<(), store::Error> {
    if adopted.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let accounts: Vec<&str> = adopted.keys().map(String::as_str).collect();
    let mut orphaned = drift::table::of_nobody(tx, application, &accounts).await?;
    let before = orphaned.iter().map(|drift| (drift.id, drift.clone())).collect();
    for drift in &mut orphaned {
        drift.close(drift::Outcome::Superseded, now);
    }
    announce(tx, &before, orphaned.iter_mut().collect()).await
}

/// Takes up what was known of the branches when they were leased, without those that were lost.
async fn resume(
    tx: &mut Tx,
    done: &[(Job, Done)],
    application: &str,
) -> Result<Dossier, store::Error> {
    let jobs = || done.iter().map(|(job, _done)| job);
    let ids: BTreeSet<PersonId> = jobs().map(|job| job.key.0).collect();
    let accounts = jobs().filter_map(|job| Some((job.key.clone(), job.account.clone()?))).collect();
    let actions = jobs().map(|job| (job.key.clone(), job.actions.clone())).collect();
    let mut dossier = Dossier::resume(tx, &ids, application, accounts, actions).await?;
    let lost: BTreeSet<Key> = jobs()
        .filter(|job| !dossier.holds(&job.key, job.lease))
        .map(|job| job.key.clone())
        .collect();
    if !lost.is_empty() {
        tracing::info!(application, branches.count = lost.len(), "branches went to others");
        dossier.forget(&lost);
    }
    let mut changed = BTreeSet::new();
    for job in jobs() {
        let id = job.key.0;
        if dossier.round(id) == Some(job.round) {
            let slice = job.desired.clone().map(|slice| (job.key.1.clone(), slice));
            dossier.put_access(id, Access(slice.into_iter().collect()));
        } else {
            changed.insert(id);
        }
    }
    if let Some((job, _done)) = done.first() {
        dossier.refer(job.referred.as_ref().clone());
    }
    if !changed.is_empty() {
        dossier.load_access(tx, &changed).await?;
        dossier.load_referred(tx).await?;
    }
    Ok(dossier)
}

/// How long it is before it is looked at again whether somebody else administers an application.
const GUARDED: SignedDuration = SignedDuration::from_mins(5);

struct Recording<'a> {
    dossier: &'a mut Dossier,
    job: &'a Job,
    shared: &'a Shared,
    now: Timestamp,
    /// Whether what did not succeed was an attempt.
    counted: bool,
    /// How long to wait before the branch is taken again.
    pause: Option<SignedDuration>,
}

/// How one attempt ended for its action.
enum Attempt<'a> {
    Ended(State),
    Again {
        after: Duration,
        reason: &'a str,
    },
    /// Nothing was tried.
    Later {
        after: Duration,
        reason: &'a str,
    },
    /// Tried again at once: another login waits to be tried.
    AtOnce(&'a str),
    Failed {
        code: &'static str,
        reason: &'a str,
    },
}

impl Recording<'_> {
    fn account(&mut self, outcome: Option<&Outcome<ObservedAccount>>) {
        let attempt = match outcome {
            None => return,
            Some(Outcome::Done(observed)) => self.observe(observed, State::Done),
            Some(Outcome::Already(observed)) => self.observe(observed, State::Already),
            Some(Outcome::Gone) => {
                self.vanish();
                for action in self.dossier.open_actions(&self.job.key) {
                    // An account that is not there cannot be used either.
                    if action.step.kind == Kind::DisableAccount {
                        action.end(State::Already, "", self.now);
                    }
                }
                return;
            }
            Some(Outcome::LoginTaken) if self.job.has(Kind::CreateAccount) => {
                if let Some(branch) = self.dossier.branch_mut(&self.job.key) {
                    branch.login = None;
                }
                Attempt::AtOnce("somebody else in the application has the login")
            }
            Some(Outcome::LoginTaken) => Attempt::Again {
                after: Duration::ZERO,
                reason: "somebody else in the application has the login",
            },
            Some(Outcome::Manual) => Attempt::Ended(State::Manual),
            Some(Outcome::Retry { after, reason }) => again(*after, reason, self.counted),
            Some(Outcome::Wait { after, reason }) => Attempt::Later { after: *after, reason },
            Some(Outcome::Failed { code, reason }) => Attempt::Failed { code, reason },
        };
        let found = self.job.known().map(Account::found);
        let key = &self.job.key;
        for action in self.dossier.open_actions(key).filter(|a| a.step.kind.is_of_account()) {
            action.found.clone_from(&found);
            let pause = settle(action, &attempt, self.job, self.shared, self.now);
            self.pause = self.pause.max(pause);
        }
    }

    fn observe(&mut self, observed: &ObservedAccount, ended: State) -> Attempt<'static> {
        let Job { key, target, .. } = self.job;
        let before = self.dossier.account(key);
        let account = Account::read(before, observed, &target.attributes, self.now);
        let as_asked = account.state == target.state;
        self.dossier.put_account(key, account);
        if let Some(branch) = self.dossier.branch_mut(key) {
            branch.login = Some(observed.login.clone());
        }
        if as_asked {
            return Attempt::Ended(ended);
        }
        let reason = "the account was read back in another state";
        Attempt::Again { after: Duration::ZERO, reason }
    }

    fn memberships(&mut self, outcomes: &[(ActionId, Outcome<()>)]) {
        let key = &self.job.key;
        let outcomes: BTreeMap<ActionId, &Outcome<()>> =
            outcomes.iter().map(|(action, outcome)| (*action, outcome)).collect();
        let mut changed = Vec::new();
        let mut gone = false;
        for action in self.dossier.open_actions(key) {
            let Some(outcome) = outcomes.get(&action.id) else { continue };
            gone |= **outcome == Outcome::Gone;
            let attempt = membership(action.step.kind, outcome, self.counted);
            let pause = settle(action, &attempt, self.job, self.shared, self.now);
            self.pause = self.pause.max(pause);
            if matches!(attempt, Attempt::Ended(State::Done | State::Already)) {
                changed.push(action.step.clone());
            }
        }
        if let Some(account) = self.dossier.account_mut(key) {
            for step in changed {
                account.observed_at = self.now;
                if step.kind == Kind::Grant {
                    account.entitlements.insert(step.entitlement);
                } else {
                    account.entitlements.remove(&step.entitlement);
                }
            }
        }
        if gone {
            self.vanish();
        }
    }

    /// What would leave the application without an administrator waits.
    fn keep(&mut self) {
        let job = self.job;
        let mut waits = false;
        for action in self.dossier.open_actions(&job.key).filter(|a| job.is_kept(&a.step)) {
            action.wait(&format!(
                "{}: nobody else is left who administers the application",
                code::LAST_ADMINISTRATOR
            ));
            waits = true;
        }
        if waits {
            self.pause = self.pause.max(Some(GUARDED));
            tracing::warn!(
                person.id = %job.key.0,
                application = job.key.1,
                code = code::LAST_ADMINISTRATOR,
                "the last administrator of {} stays one ({})",
                job.key.1,
                code::LAST_ADMINISTRATOR
            );
        }
    }

    fn vanish(&mut self) {
        if let Some(account) = self.dossier.account_mut(&self.job.key) {
            account.vanish(self.now);
        }
    }
}

fn membership(kind: Kind, outcome: &Outcome<()>, counted: bool) -> Attempt<'_> {
    match outcome {
        Outcome::Done(()) => Attempt::Ended(State::Done),
        Outcome::Already(()) => Attempt::Ended(State::Already),
        // What is not there holds nothing.
        Outcome::Gone if kind == Kind::Revoke => Attempt::Ended(State::Already),
        Outcome::Gone => Attempt::AtOnce("the account is gone and has to be made anew"),
        Outcome::LoginTaken => Attempt::Again {
            after: Duration::ZERO,
            reason: "the application speaks of a login that nobody asked for",
        },
        Outcome::Manual => Attempt::Ended(State::Manual),
        Outcome::Retry { after, reason } => again(*after, reason, counted),
        Outcome::Wait { after, reason } => Attempt::Later { after: *after, reason },
        Outcome::Failed { code, reason } => Attempt::Failed { code, reason },
    }
}

fn again(after: Duration, reason: &str, counted: bool) -> Attempt<'_> {
    match counted {
        true => Attempt::Again { after, reason },
        false => Attempt::Later { after, reason },
    }
}

/// Ends an action or leaves it open; returns how long to wait if it is tried again.
fn settle(
    action: &mut Action,
    attempt: &Attempt<'_>,
    job: &Job,
    shared: &Shared,
    now: Timestamp,
) -> Option<SignedDuration> {
    action.round = job.round;
    let (after, reason) = match attempt {
        Attempt::Ended(state) => {
            let note = job.note(action.step.kind);
            action.end(*state, &note, now);
            return None;
        }
        Attempt::Failed { code, reason } => {
            action.end(State::Failed, &format!("{code}: {reason}"), now);
            return None;
        }
        Attempt::Later { after, reason } => {
            action.wait(reason);
            return Some(shared.backoff.pause(1, &job.key).max(signed(*after)));
        }
        Attempt::Again { after, reason } => (Some(*after), reason),
        Attempt::AtOnce(reason) => (None, reason),
    };
    action.retry(reason);
    if action.attempts >= shared.config.attempts_max.get() {
        let gave_up = format!("{}: tried {} times: {reason}", code::GAVE_UP, action.attempts);
        action.finish(State::Failed, &gave_up, now);
        return None;
    }
    let Some(after) = after else { return Some(SignedDuration::ZERO) };
    Some(shared.backoff.pause(action.attempts, &job.key).max(signed(after)))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
