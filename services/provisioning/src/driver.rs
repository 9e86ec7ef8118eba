//! Carries branches out: what is open for one person in one application.
//!
//! A batch is of one application and one lane, so that no application waits for another and a few
//! requests can change many accounts.

mod act;
mod administrators;
mod adoption;
mod circuits;
mod hands;
mod readings;
mod recall;
mod record;
mod references;
mod tasks;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Cause, Driver};
use domain::{ActionId, Lane, PersonId, Rejection};
use rules::document;
use store::{Store, Tx};
use uuid::Uuid;

use crate::access::{self, Slice};
use crate::account::{self, Account};
use crate::action::{self, Action};
use crate::applications::Applications;
use crate::backoff::Backoff;
use crate::branch;
use crate::circuit::{self, Admission, Circuit};
use crate::code;
use crate::config::Config;
use crate::connectors::{Beat, Connector, ObservedAccount, Outcome};
use crate::dossier::{Key, look_up};
use crate::drift;
use crate::drift::tolerance::tolerate;
use crate::observed::Seen;
use crate::plan::{Kind, Step, Target};
use crate::reference::{self, Referred};

use hands::{Hand, Hands};

pub(crate) use readings::Readings;
pub(crate) use references::References;
pub(crate) use tasks::{Departures, Overdue};

/// What every worker of a process shares.
pub(crate) struct Shared {
    config: Config,
    store: Store,
    backoff: Backoff,
    rules: circuit::Rules,
    applications: Applications,
    hands: Arc<Hands>,
    /// Applications that were seen to be out of reach.
    out_of_reach: circuits::OutOfReach,
    /// One worker of each kind looks for work at a time; the others would only find the same.
    looking: tokio::sync::Mutex<()>,
    looking_for_leavers: tokio::sync::Mutex<()>,
}

/// One worker.
pub(crate) struct Branches {
    shared: Arc<Shared>,
    lanes: &'static [Lane],
}

/// A branch in hand.
pub(crate) struct Job {
    key: Key,
    lane: Lane,
    lease: Uuid,
    /// The round of the person that it is worked in, and what is desired in that round.
    round: i32,
    desired: Option<Slice>,
    target: Target,
    /// The accounts that references of the batch lead to, as they were when it was taken.
    referred: Arc<Referred>,
    /// Attributes that are left out, because the accounts they come from do not supply them.
    missing: Vec<String>,
    login: Option<String>,
    account: Option<Account>,
    /// Those that stand: open ones, and failed ones.
    actions: Vec<Action>,
    connector: Arc<Connector>,
    /// What the connector's requests had come to when the batch was taken.
    before: Beat,
    /// The batch is to find out whether the application answers.
    probes: bool,
    spec: Arc<document::Application>,
    /// Administrative entitlements that nobody else holds: they stay.
    kept: BTreeSet<String>,
    /// The account that is there already, of a person who is to get one.
    found: Option<adoption::Found>,
    /// The trace context of what opened its actions.
    traceparent: Option<String>,
    /// Requests under way at once that the application admits.
    at_once: usize,
    _hand: Arc<Hand>,
}

/// What became of a branch; an action that is not named was not tried.
#[derive(Default)]
pub(crate) struct Done {
    account: Option<Outcome<ObservedAccount>>,
    memberships: Vec<(ActionId, Outcome<()>)>,
    /// The batch was given back early; what was not tried is due at once.
    recalled: bool,
}

impl Done {
    /// Whether the account is there and was read.
    fn has_account(&self) -> bool {
        matches!(self.account, Some(Outcome::Done(_) | Outcome::Already(_)))
    }
}

impl Shared {
    pub(crate) fn new(config: Config, store: Store) -> Arc<Self> {
        Arc::new(Self {
            backoff: Backoff::new(&config),
            rules: circuit::Rules::new(&config),
            applications: Applications::new(store.clone(), config.egress.allow.clone()),
            config,
            store,
            hands: Arc::default(),
            out_of_reach: circuits::OutOfReach::default(),
            looking: tokio::sync::Mutex::default(),
            looking_for_leavers: tokio::sync::Mutex::default(),
        })
    }
}

impl Branches {
    /// A worker that takes leavers first, then everybody else.
    pub(crate) fn regular(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), lanes: &Lane::ALL }
    }

    /// A worker that takes leavers only, so that some hand is always free for them.
    pub(crate) fn leavers(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), lanes: &[Lane::Leaver] }
    }

    fn is_reserved(&self) -> bool {
        !self.lanes.contains(&Lane::Regular)
    }
}

impl Driver for Branches {
    type Job = Job;
    type Outcome = Done;

    const NAME: &'static str = "provisioning.branches";
    const AT_ONCE: u16 = 128;
    const KEEP_EVERY: Option<Duration> = Some(Duration::from_secs(4));

    fn cause<'a>(&self, job: &'a Job) -> Option<Cause<'a>> {
        Some(Cause { person: job.key.0, traceparent: job.traceparent.as_deref() })
    }

    async fn lease(&self, tx: &mut Tx, limit: u16) -> Result<Vec<Job>, Rejection> {
        let looking = match self.is_reserved() {
            true => &self.shared.looking_for_leavers,
            false => &self.shared.looking,
        };
        let Ok(_looking) = looking.try_lock() else { return Ok(Vec::new()) };
        self.shared.applications.refresh(tx).await?;
        let mut free = self.shared.applications.ready(tx).await?;
        if !self.is_reserved() {
            free.retain(|application| self.shared.hands.is_free(application));
        }
        if free.is_empty() {
            return Ok(Vec::new());
        }
        let now = tx.now();
        let circuits = self.shared.circuits(tx).await?;
        let admission = |application: &str| {
            circuits.get(application).map_or(Admission::All, |circuit| circuit.admits(now))
        };
        free.retain(|application| admission(application) != Admission::Nobody);
        if free.is_empty() {
            return Ok(Vec::new());
        }
        let mut due = branch::table::due(tx, &free, self.lanes).await?;
        due.retain(|due| self.shared.applications.admits(&due.application, due.lane));
        let in_hand = |due: &branch::table::Due| self.shared.hands.of(&due.application);
        let Some(due) = due.into_iter().min_by_key(|due| (due.lane, in_hand(due), due.since))
        else {
            return Ok(Vec::new());
        };
        let probes = admission(&due.application) == Admission::Probe;
        let claimed = |tx| circuit::table::claim(tx, &due.application, Circuit::next_probe(now));
        if probes && !claimed(tx).await? {
            return Ok(Vec::new());
        }
        let limit = if probes { limit.min(circuit::PROBE_BRANCHES) } else { limit };
        self.take(tx, &due, limit, probes).await
    }

    async fn act(&self, jobs: &[Job]) -> Vec<Done> {
        let budget = Duration::from_secs(self.shared.config.worked_seconds_max.get().into());
        act::act(jobs, budget, self.shared.rules.losses, &self.shared.store).await
    }

    async fn keep(&self, tx: &mut Tx, jobs: &[Job]) -> Result<(), Rejection> {
        let Some(first) = jobs.first() else { return Ok(()) };
        let people: Vec<Uuid> = jobs.iter().map(|job| job.key.0.0).collect();
        let until = tx.now().saturating_add(self.shared.config.lease()).unwrap_or(tx.now());
        Ok(branch::table::keep(tx, &first.key.1, &people, first.lease, until).await?)
    }

    async fn record(&self, tx: &mut Tx, done: &[(Job, Done)]) -> Result<(), Rejection> {
        record::record(tx, done, &self.shared).await
    }
}

impl Branches {
    /// Leases what is due, and gathers what is needed to carry it out.
    async fn take(
        &self,
        tx: &mut Tx,
        due: &branch::table::Due,
        limit: u16,
        probes: bool,
    ) -> Result<Vec<Job>, Rejection> {
        let application = due.application.as_str();
        let applications = &self.shared.applications;
        let way = applications.connector(application).zip(applications.spec(application));
        let Some((connector, spec)) = way else { return Ok(Vec::new()) };
        let now = tx.now();
        let until = now.saturating_add(self.shared.config.lease()).unwrap_or(now);
        let lease = tx.new_id();
        let leased = branch::table::lease(tx, due, lease, until, limit).await?;
        let ids: BTreeSet<PersonId> = leased.iter().map(|(key, _branch)| key.0).collect();
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        let mut slices = access::table::slices(tx, &ids, application).await?;
        let mut accounts = account::table::of(tx, &ids, Some(application)).await?;
        let mut actions = action::table::standing(tx, &ids, Some(application)).await?;
        let referred = Arc::new(look_up(tx, &slices).await?);
        let drift = drift::table::standing(tx, &ids, Some(application)).await?;
        let creates = |person: &PersonId| {
            let actions = actions.get(&(*person, application.to_owned())).into_iter().flatten();
            actions
                .filter(|action| action.is_open())
                .any(|one| one.step.kind == Kind::CreateAccount)
        };
        let wants: Vec<(PersonId, &Slice)> = slices
            .iter()
            .filter(|(person, _slice)| creates(person))
            .map(|(person, slice)| (*person, slice))
            .collect();
        let mut found = adoption::look(tx, application, &spec, &wants).await?;
        let mut kept = administrators::kept(tx, application, &spec, &accounts, &actions).await?;
        let at_once = self.shared.applications.concurrency(application);
        let hand = Arc::new(Hands::take(&self.shared.hands, application));
        let before = connector.beat();

        let jobs = leased.into_iter().map(|(key, branch)| {
            let desired = slices.remove(&key.0);
            let account = accounts.remove(&key);
            let resolved = desired
                .as_ref()
                .map(|slice| reference::resolve(slice, key.0, |key| referred.account(key)))
                .unwrap_or_default();
            let known = account.as_ref().filter(|account| account.exists());
            let found = found.remove(&key.0);
            let kept = kept.remove(&key.0).unwrap_or_default();
            let target = Target::of(desired.as_ref(), &resolved.attributes);
            let left = drift.get(&key).into_iter().flatten();
            let target = tolerate(target.clone(), account.as_ref(), left).unwrap_or(target);
            let taken = match &found {
                Some(adoption::Found::One(seen)) => Some(seen.account.login.clone()),
                Some(adoption::Found::Doubt) | None => None,
            };
            Job {
                lane: branch.lane,
                lease,
                round: branch.round,
                target,
                referred: Arc::clone(&referred),
                missing: resolved.missing.into_keys().collect(),
                desired,
                login: known.map(|account| account.login.clone()).or(taken).or(branch.login),
                account,
                actions: actions.remove(&key).unwrap_or_default(),
                connector: Arc::clone(&connector),
                before: before.clone(),
                probes,
                spec: Arc::clone(&spec),
                kept,
                found,
                traceparent: branch.traceparent,
                at_once,
                _hand: Arc::clone(&hand),
                key,
            }
        });
        Ok(jobs.collect())
    }
}

impl Job {
    /// Whether a step would leave the application without an administrator.
    fn is_kept(&self, step: &Step) -> bool {
        match step.kind {
            Kind::DisableAccount => !self.kept.is_empty(),
            Kind::Revoke => self.kept.contains(&step.entitlement),
            Kind::CreateAccount | Kind::UpdateAccount | Kind::EnableAccount | Kind::Grant => false,
        }
    }

    fn has(&self, kind: Kind) -> bool {
        self.of_kind(kind).next().is_some()
    }

    fn open(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_open())
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Action> {
        self.open().filter(move |action| action.step.kind == kind)
    }

    /// What is to be said of a step that was done: which values an account was made without.
    fn note(&self, kind: Kind) -> String {
        if kind != Kind::CreateAccount {
            return String::new();
        }
        if self.adopts().is_some() {
            return format!("{}: an account that was there already was taken over", code::ADOPTED);
        }
        if self.missing.is_empty() {
            return String::new();
        }
        let names = self.missing.join(", ");
        format!("{}: made without {names}: no account supplies it", code::MADE_WITHOUT)
    }

    /// The person whose id the account carries in the application, or shall carry.
    fn carried(&self) -> PersonId {
        self.known().and_then(|account| account.linked).unwrap_or(self.key.0)
    }

    /// The account that is there already and is taken over.
    fn adopts(&self) -> Option<&Seen> {
        match &self.found {
            Some(adoption::Found::One(seen)) => Some(seen),
            Some(adoption::Found::Doubt) | None => None,
        }
    }

    /// The account as it was when the branch was taken, if there was one.
    fn known(&self) -> Option<&Account> {
        self.account.as_ref().filter(|account| account.exists())
    }
}

#[cfg(test)]
mod tests;
