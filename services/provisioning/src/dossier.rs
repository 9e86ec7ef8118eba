//! Everything known of some people: loaded under lock, changed in memory, written set-based.
//!
//! Every door works on a dossier, so what has to hold between the tables is kept in one place:
//! plans follow from desired and observed access, counts follow from actions, and what changed is
//! announced in the transaction that changes it.

mod drift;
mod kin;
mod references;
mod tasks;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use domain::{ActionId, Lane, PersonId, Timestamp};
use jiff::SignedDuration;
use store::{Error, Tx};
use uuid::Uuid;

use crate::access::{self, Access, Announced, Slice};
use crate::account::{self, Account};
use crate::action::{self, Action, State};
use crate::branch::{self, Branch};
use crate::code;
use crate::drift::Drift;
use crate::login::HandedOver;
use crate::person::{self, Fence, Person};
use crate::plan::{Kind, Step, hash};
use crate::reference::Referred;
use crate::task::Task;

pub(crate) use drift::{Reading, announce, ended};
pub(crate) use kin::Wait;
pub(crate) use references::look_up;

/// A person in an application.
pub(crate) type Key = (PersonId, String);

/// What is known of some people.
pub(crate) struct Dossier {
    now: Timestamp,
    people: BTreeMap<PersonId, Person>,
    access: BTreeMap<PersonId, Access>,
    branches: BTreeMap<Key, Branch>,
    accounts: BTreeMap<Key, Account>,
    /// Those that stood when it was loaded, and those opened since.
    actions: BTreeMap<Key, Vec<Action>>,
    /// Drift that stood when it was loaded, and that was found since.
    drift: BTreeMap<Key, Vec<Drift>>,
    /// Tasks that stood when it was loaded, and that were opened since.
    tasks: BTreeMap<Key, Task>,
    /// Branches of which a list of the application's accounts shows all there is.
    shown: BTreeSet<Key>,
    /// Branches of whose tasks somebody said something.
    said: BTreeSet<Key>,
    /// Accounts that references lead to and that are not among those above.
    referred: Referred,
    /// It holds everything about its people, not only what concerns one application.
    whole: bool,
    /// Whose desired access has to be written.
    received: BTreeSet<PersonId>,
    /// Whose references have to be written.
    referring: BTreeSet<PersonId>,
    /// Logins that went to others together with their accounts.
    handed_over: BTreeSet<HandedOver>,
    before: Before,
}

struct Before {
    people: BTreeMap<PersonId, Person>,
    branches: BTreeMap<Key, Branch>,
    accounts: BTreeMap<Key, Account>,
    counts: BTreeMap<PersonId, Counts>,
    drift: BTreeMap<Key, Vec<Drift>>,
    tasks: BTreeMap<Key, Task>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    open: i32,
    failed: i32,
}

impl Dossier {
    /// Loads and locks everything that is known of people. Those without a row are left out.
    pub(crate) async fn load(tx: &mut Tx, ids: &BTreeSet<PersonId>) -> Result<Self, Error> {
        Self::load_beside(tx, ids, &BTreeSet::new()).await
    }

    /// Loads people like [`load`](Self::load), and locks others beside them: until this is
    /// committed nobody records what the others' accounts have become.
    pub(crate) async fn load_beside(
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
        others: &BTreeSet<PersonId>,
    ) -> Result<Self, Error> {
        let all: Vec<Uuid> = ids.union(others).map(|id| id.0).collect();
        let mut people = person::table::lock(tx, &all).await?;
        people.retain(|id, _person| ids.contains(id));
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let branches = branch::table::lock(tx, &ids, None).await?;
        let accounts = account::table::of(tx, &ids, None).await?;
        let actions = action::table::standing(tx, &ids, None).await?;
        let mut loaded = Self::new(tx.now(), people, branches, accounts, actions);
        loaded.load_drift(tx, &ids, None).await?;
        loaded.load_tasks(tx, &ids, None).await?;
        Ok(Self { whole: true, ..loaded })
    }

    /// Locks people and their branches in one application, and takes the rest of what is known of
    /// these branches from whoever has them in hand: nobody else changes it.
    pub(crate) async fn resume(
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
        application: &str,
        accounts: BTreeMap<Key, Account>,
        actions: BTreeMap<Key, Vec<Action>>,
    ) -> Result<Self, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let people = person::table::lock(tx, &ids).await?;
        let branches = branch::table::lock(tx, &ids, Some(application)).await?;
        let mut resumed = Self::new(tx.now(), people, branches, accounts, actions);
        resumed.load_drift(tx, &ids, Some(application)).await?;
        resumed.load_tasks(tx, &ids, Some(application)).await?;
        Ok(resumed)
    }

    fn new(
        now: Timestamp,
        people: BTreeMap<PersonId, Person>,
        branches: BTreeMap<Key, Branch>,
        accounts: BTreeMap<Key, Account>,
        actions: BTreeMap<Key, Vec<Action>>,
    ) -> Self {
        let before = Before {
            counts: counts(&people, &actions),
            people: people.clone(),
            branches: branches.clone(),
            accounts: accounts.clone(),
            drift: BTreeMap::new(),
            tasks: BTreeMap::new(),
        };
        Self {
            now,
            people,
            access: BTreeMap::new(),
            branches,
            accounts,
            actions,
            drift: BTreeMap::new(),
            tasks: BTreeMap::new(),
            shown: BTreeSet::new(),
            said: BTreeSet::new(),
            referred: Referred::default(),
            whole: false,
            received: BTreeSet::new(),
            referring: BTreeSet::new(),
            handed_over: BTreeSet::new(),
            before,
        }
    }

    /// Whether a worker still has a branch in hand.
    pub(crate) fn holds(&self, key: &Key, lease: Uuid) -> bool {
        self.branches.get(key).is_some_and(|branch| branch.lease == Some(lease))
    }

    /// Forgets branches that somebody else has in hand.
    pub(crate) fn forget(&mut self, keys: &BTreeSet<Key>) {
        self.branches.retain(|key, _branch| !keys.contains(key));
        self.accounts.retain(|key, _account| !keys.contains(key));
        self.actions.retain(|key, _actions| !keys.contains(key));
        self.drift.retain(|key, _drift| !keys.contains(key));
        self.tasks.retain(|key, _task| !keys.contains(key));
        self.before.counts = counts(&self.before.people, &self.actions);
    }

    /// Takes over what is known to be desired.
    pub(crate) fn put_access(&mut self, id: PersonId, access: Access) {
        self.access.insert(id, access);
    }

    pub(crate) fn round(&self, id: PersonId) -> Option<i32> {
        self.people.get(&id).map(|person| person.round)
    }

    /// Adds the desired access of people.
    pub(crate) async fn load_access(
        &mut self,
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
    ) -> Result<(), Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        self.access.extend(access::table::of(tx, &ids).await?);
        Ok(())
    }

    pub(crate) fn person_mut(&mut self, id: PersonId) -> Option<&mut Person> {
        self.people.get_mut(&id)
    }

    pub(crate) fn branch_mut(&mut self, key: &Key) -> Option<&mut Branch> {
        self.branches.get_mut(key)
    }

    pub(crate) fn account(&self, key: &Key) -> Option<&Account> {
        self.accounts.get(key)
    }

    /// The accounts of a person that are known.
    pub(crate) fn accounts_of(&self, id: PersonId) -> impl Iterator<Item = &Account> {
        let all = self.accounts.range((id, String::new())..);
        all.take_while(move |(key, _account)| key.0 == id).map(|(_key, account)| account)
    }

    pub(crate) fn account_mut(&mut self, key: &Key) -> Option<&mut Account> {
        self.accounts.get_mut(key)
    }

    /// Announces accounts that were not told in the transaction's epoch; returns how many.
    pub(crate) fn tell_accounts(&mut self, tx: &mut Tx) -> Result<usize, Error> {
        let mut told = 0;
        for (key, account) in &mut self.accounts {
            if account.version.epoch >= tx.epoch() {
                continue;
            }
            account.version = tx.next_version(account.version);
            let lane = self.branches.get(key).map_or(Lane::Regular, |branch| branch.lane);
            tx.publish(&account.changed(key.0, &key.1, lane))?;
            told += 1;
        }
        Ok(told)
    }

    pub(crate) fn put_account(&mut self, key: &Key, account: Account) {
        self.accounts.insert(key.clone(), account);
    }

    /// The actions of a branch that are open.
    pub(crate) fn open_actions(&mut self, key: &Key) -> impl Iterator<Item = &mut Action> {
        self.actions.get_mut(key).into_iter().flatten().filter(|action| action.is_open())
    }

    /// Says what announced desired access is worth.
    pub(crate) fn fence(&self, announced: &Announced) -> Fence {
        self.people.get(&announced.person).map_or(Fence::Older, |person| person.fence(announced))
    }

    /// Takes over announced desired access if it is newer, and says what it was worth.
    pub(crate) fn receive(&mut self, announced: Announced) -> Fence {
        let Some(person) = self.people.get_mut(&announced.person) else { return Fence::Older };
        let fence = person.fence(&announced);
        match fence {
            Fence::Newer => {
                person.announce(&announced);
                self.received.insert(announced.person);
                if announced.access.refers() {
                    self.referring.insert(announced.person);
                }
                self.access.insert(announced.person, announced.access);
            }
            Fence::Same => {
                person.confirm(announced.person_version, announced.release, announced.recorded_at);
            }
            Fence::Older | Fence::Conflict => {}
        }
        fence
    }

    /// Plans every branch of people; the dossier holds everything about them. Whoever rests is left
    /// out: nobody knows yet what they shall hold.
    ///
    /// An account that is to be made waits at most for `wait` for those it refers to.
    pub(crate) async fn plan_people(
        &mut self,
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
        wait: SignedDuration,
    ) -> Result<(), Error> {
        self.load_referred(tx).await?;
        let ids = self.awake(tx, ids).await?;
        for id in &ids {
            self.plan_person(tx, *id);
        }
        // After everybody is planned: whether a value may still come is seen from the others' plans.
        self.hold_back(&ids, wait);
        Ok(())
    }

    fn plan_person(&mut self, tx: &Tx, id: PersonId) {
        let desired = self.access.get(&id).into_iter().flat_map(|access| access.0.keys().cloned());
        let first = (id, String::new());
        let known = self
            .branches
            .range(first..)
            .map(|(key, _branch)| key)
            .take_while(|key| key.0 == id)
            .map(|key| key.1.clone());
        let applications: BTreeSet<String> = desired.chain(known).collect();
        let mut open: Vec<(&str, &Step)> = Vec::new();
        for application in &applications {
            self.plan_branch(tx, &(id, application.clone()));
        }
        for application in &applications {
            let actions = self.actions.get(&(id, application.clone())).into_iter().flatten();
            let steps = actions.filter(|action| action.is_open()).map(|action| &action.step);
            open.extend(steps.map(|step| (application.as_str(), step)));
        }
        let plan_hash = hash(open.into_iter());
        if let Some(person) = self.people.get_mut(&id) {
            person.plan_hash = plan_hash;
        }
    }

    /// Makes the open actions of a branch the plan from observed to desired access, and says
    /// whether any was opened.
    ///
    /// A branch that somebody has in hand is left alone: whoever records it plans it.
    pub(crate) fn plan_branch(&mut self, tx: &Tx, key: &Key) -> bool {
        let Some(person) = self.people.get(&key.0) else { return false };
        if let Some(branch) = self.branches.get_mut(key) {
            branch.lane = person.lane;
            if branch.is_leased(self.now) {
                return false;
            }
            branch.lease = None;
        }
        let target = self.target(key);
        let target = self.tolerated(key, target);
        let planned = self.planned(key, target.as_ref());
        let Some(lane) = self.people.get(&key.0).map(|person| person.lane) else { return false };
        let mut wanted = self.beside_task(key, planned, target.as_ref(), lane);
        let Some(person) = self.people.get(&key.0) else { return false };
        if wanted.is_empty() && !self.branches.contains_key(key) {
            return false;
        }
        let actions = self.actions.entry(key.clone()).or_default();
        for action in actions.iter_mut() {
            if action.is_open() {
                if !wanted.remove(&action.step) {
                    action.finish(State::Superseded, "", self.now);
                }
            } else if action.stands_failed(person.round) {
                wanted.remove(&action.step);
            }
        }
        let opened = !wanted.is_empty();
        actions.extend(wanted.into_iter().map(|step| {
            let id = ActionId(tx.new_id());
            Action::open(id, step, person.round, person.desired_version, self.now)
        }));
        if !self.accounts.get(key).is_some_and(Account::exists) {
            give_up_grants(actions, person.round, self.now);
        }
        let any_open = actions.iter().any(Action::is_open);
        let branch = self.branches.entry(key.clone()).or_insert_with(|| Branch::idle(person.lane));
        if any_open {
            branch.round = person.round;
        }
        if opened {
            branch.traceparent = tx.cause(key.0);
        }
        let creates = |action: &Action| action.is_open() && action.step.kind == Kind::CreateAccount;
        if !actions.iter().any(creates) {
            branch.waits_until = None;
        }
        branch.due_at = match branch.due_at {
            _ if opened => Some(self.now),
            _ if !any_open => None,
            due_at => due_at.or(Some(self.now)),
        };
        opened
    }
}

/// Where the account could not be made, nothing can be granted to it.
fn give_up_grants(actions: &mut [Action], round: i32, now: Timestamp) {
    let no_account = actions
        .iter()
        .any(|action| action.step.kind == Kind::CreateAccount && action.stands_failed(round));
    if !no_account {
        return;
    }
    for action in actions.iter_mut().filter(|action| action.is_open()) {
        action.round = round;
        let reason = format!("{}: the account could not be made", code::NO_ACCOUNT);
        action.finish(State::Failed, &reason, now);
    }
}

fn slice<'a>(access: &'a BTreeMap<PersonId, Access>, key: &Key) -> Option<&'a Slice> {
    access.get(&key.0)?.0.get(&key.1)
}

fn counts(
    people: &BTreeMap<PersonId, Person>,
    actions: &BTreeMap<Key, Vec<Action>>,
) -> BTreeMap<PersonId, Counts> {
    let mut counts: BTreeMap<PersonId, Counts> = BTreeMap::new();
    for ((id, _application), actions) in actions {
        let Some(person) = people.get(id) else { continue };
        let counts = counts.entry(*id).or_default();
        for action in actions {
            counts.open += i32::from(action.is_open());
            counts.failed += i32::from(action.stands_failed(person.round));
        }
    }
    counts
}
