//! Writing a dossier: what changed, and the events that say so.

use std::collections::BTreeSet;

use domain::{Lane, Version};
use store::{Error, Tx};
use uuid::Uuid;

use super::references::supplies_otherwise;
use super::{Counts, Dossier, Key, counts, slice};
use crate::access;
use crate::account;
use crate::account::table::Kept;
use crate::action::{self, Action, Pending, State};
use crate::branch::{self, Branch};
use crate::login::{self, Wish};
use crate::person::{self, Person};
use crate::plan::Kind;

impl Dossier {
    /// Writes what changed and announces it.
    pub(crate) async fn write(mut self, tx: &mut Tx) -> Result<(), Error> {
        let handed_over: Vec<_> = self.handed_over.iter().cloned().collect();
        login::table::hand_over(tx, &handed_over).await?;
        self.reserve_logins(tx).await?;
        self.count();
        let dependants = self.write_accounts(tx).await?;
        self.write_actions(tx).await?;
        self.write_drift(tx).await?;
        self.write_tasks(tx).await?;
        let branches: Vec<(&Key, &Branch)> = self
            .branches
            .iter()
            .filter(|(key, branch)| self.before.branches.get(*key) != Some(*branch))
            .collect();
        branch::table::put(tx, &branches).await?;
        let received: Vec<_> = self
            .received
            .iter()
            .filter_map(|id| self.access.get(id).map(|access| (*id, access)))
            .collect();
        access::table::put(tx, &received).await?;
        self.write_dependencies(tx).await?;
        self.wake(tx, dependants).await?;
        self.write_people(tx).await
    }

    /// Reserves a login for each account that is to be made and has none yet.
    async fn reserve_logins(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let creates = |actions: &[Action]| {
            actions.iter().any(|action| action.is_open() && action.step.kind == Kind::CreateAccount)
        };
        let wishes: Vec<Wish> = self
            .actions
            .iter()
            .filter(|(_key, actions)| creates(actions))
            .filter(|(key, _actions)| {
                self.branches.get(*key).is_some_and(|branch| branch.login.is_none())
            })
            .filter_map(|(key, _actions)| {
                let base = slice(&self.access, key)?.login()?.to_owned();
                Some(Wish { key: key.clone(), base })
            })
            .collect();
        for (key, login) in login::reserve(tx, wishes).await? {
            if let Some(branch) = self.branches.get_mut(&key) {
                branch.login = Some(login);
            }
        }
        Ok(())
    }

    /// Brings the counts of people up to what their actions say.
    fn count(&mut self) {
        let after = counts(&self.people, &self.actions);
        for (id, person) in &mut self.people {
            let was = self.before.counts.get(id).copied().unwrap_or_default();
            let is: Counts = after.get(id).copied().unwrap_or_default();
            person.open += is.open - was.open;
            person.failed += is.failed - was.failed;
        }
        for ((id, _application), actions) in &self.actions {
            let Some(person) = self.people.get_mut(id) else { continue };
            for action in actions.iter().filter(|action| action.pending != Pending::Nothing) {
                person.settled = false;
                match action.state {
                    State::Done | State::Already => person.done += 1,
                    State::Manual => person.manual += 1,
                    State::Open | State::Failed | State::Superseded => {}
                }
            }
        }
    }

    /// Returns the people whose accounts refer to those that changed.
    async fn write_accounts(&mut self, tx: &mut Tx) -> Result<BTreeSet<Uuid>, Error> {
        let mut changed: Vec<Kept<'_>> = Vec::new();
        for (key, account) in &mut self.accounts {
            let before = self.before.accounts.get(key);
            if !account.differs(before) {
                // It may have been told again.
                if before.is_some_and(|before| before.version != account.version) {
                    changed.push(Kept { key, account, supplies: false });
                }
                continue;
            }
            let supplies = supplies_otherwise(account, before);
            account.version = tx.next_version(account.version);
            let lane = self.branches.get(key).map_or(Lane::Regular, |branch| branch.lane);
            tx.publish(&account.changed(key.0, &key.1, lane))?;
            changed.push(Kept { key, account, supplies });
        }
        account::table::put(tx, &changed).await
    }

    async fn write_actions(&self, tx: &mut Tx) -> Result<(), Error> {
        let mut pending: Vec<(&Key, Lane, &Action)> = Vec::new();
        let first = tx.next_version(Version::default());
        for (key, actions) in &self.actions {
            let lane = self.branches.get(key).map_or(Lane::Regular, |branch| branch.lane);
            for action in actions.iter().filter(|action| action.pending != Pending::Nothing) {
                if !action.is_open() {
                    tx.publish(&action.finished(key.0, &key.1, lane, first))?;
                    let (kind, outcome) = (action.step.kind.as_str(), action.state.as_str());
                    telemetry::metrics().actions_finished(&key.1, kind, outcome);
                }
                pending.push((key, lane, action));
            }
        }
        action::table::put(tx, &pending).await
    }

    async fn write_people(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let mut changed: Vec<&Person> = Vec::new();
        for (id, person) in &mut self.people {
            if let Some(settled) = person.settle(tx.epoch(), self.now) {
                tx.publish(&settled.event)?;
                if let Some(seconds) = settled.seconds {
                    telemetry::metrics().settle_duration(seconds);
                }
                if let Some(seconds) = settled.leaver_seconds {
                    telemetry::metrics().leaver_duration(seconds);
                }
            }
            if self.before.people.get(id) != Some(&*person) {
                changed.push(person);
            }
        }
        person::table::update(tx, &changed).await
    }
}
