//! What a dossier does about references: it looks them up, waits for some, and remembers them.
//!
//! Only making an account waits, and only for a time: whatever takes access away, and whatever else
//! an account is to be told, never depends on another account.

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use jiff::SignedDuration;
use store::timers::{self, Timer};
use store::{Error, Tx};
use uuid::Uuid;

use super::{Dossier, Key, slice};
use crate::access::Slice;
use crate::account::{self, Account, Dependency};
use crate::branch;
use crate::person;
use crate::plan::{Kind, Target};
use crate::reference::{self, Referred, Resolved};

impl Dossier {
    /// Looks up the accounts that references lead to and that the dossier does not hold, and, for
    /// values that are not there, whether they may still come.
    ///
    /// Nothing is asked of the database where nothing refers to anything.
    pub(crate) async fn load_referred(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let slices = self
            .access
            .iter()
            .flat_map(|(id, access)| access.0.values().map(move |slice| (*id, slice)));
        let mut keys = reference::targets(slices);
        keys.retain(|key| !self.holds_accounts_of(key) && !self.referred.knows(key));
        if keys.is_empty() {
            return Ok(());
        }
        let found = account::table::at(tx, &keys).await?;
        let absent: BTreeSet<Key> =
            keys.iter().filter(|key| !found.contains_key(*key)).cloned().collect();
        let open = branch::table::open(tx, &keys).await?;
        let people: BTreeSet<Uuid> = absent.iter().map(|key| key.0.0).collect();
        let known = person::table::known(tx, &people.into_iter().collect::<Vec<_>>()).await?;
        self.referred.await_also(open);
        self.referred.await_also(absent.into_iter().filter(|key| !known.contains(&key.0)));
        self.referred.extend(keys, found);
        Ok(())
    }

    /// Takes over what somebody else looked up.
    pub(crate) fn refer(&mut self, referred: Referred) {
        self.referred = referred;
    }

    /// The account a person shall have in an application, with what other accounts supply.
    pub(super) fn target(&self, key: &Key) -> Target {
        let desired = slice(&self.access, key);
        let resolved = desired.map(|slice| self.resolve(key, slice)).unwrap_or_default();
        Target::of(desired, &resolved.attributes)
    }

    /// Lets accounts wait that are to be made and refer to values that may still come.
    ///
    /// A wait that has begun goes on, and one that is over is not begun again.
    pub(super) fn hold_back(&mut self, ids: &BTreeSet<PersonId>, wait: SignedDuration) {
        let now = self.now;
        let keys: Vec<Key> =
            self.branches.keys().filter(|key| ids.contains(&key.0)).cloned().collect();
        for key in keys {
            let awaits = self.awaits(&key);
            let Some(branch) = self.branches.get_mut(&key) else { continue };
            if branch.is_leased(now) || branch.due_at.is_none() {
                continue;
            }
            match (awaits, branch.waits_until) {
                (true, begun) => {
                    let until = begun.or_else(|| now.checked_add(wait).ok()).unwrap_or(now);
                    branch.waits_until = Some(until);
                    if until > now {
                        branch.due_at = Some(until);
                    }
                }
                (false, Some(until)) if until > now => {
                    branch.waits_until = None;
                    branch.due_at = Some(now);
                }
                (false, _) => {}
            }
        }
    }

    /// Whether an account is to be made and a value it refers to may still come.
    fn awaits(&self, key: &Key) -> bool {
        let Some(slice) = slice(&self.access, key).filter(|slice| !slice.references.is_empty())
        else {
            return false;
        };
        let actions = self.actions.get(key).into_iter().flatten();
        let creates = |action: &crate::action::Action| {
            action.is_open() && action.step.kind == Kind::CreateAccount
        };
        // Somebody who refers to the very account that is to be made waits for nobody.
        actions.filter(|action| creates(action)).count() > 0
            && self
                .resolve(key, slice)
                .missing
                .values()
                .any(|target| target != key && self.may_come(target))
    }

    fn may_come(&self, target: &Key) -> bool {
        if !self.holds_accounts_of(target) {
            return self.referred.is_awaited(target);
        }
        let actions = self.actions.get(target).into_iter().flatten();
        actions.filter(|action| action.is_open()).any(|action| action.step.kind.is_of_account())
    }

    /// Whether the dossier itself knows every account of a person.
    fn holds_accounts_of(&self, key: &Key) -> bool {
        self.whole && self.people.contains_key(&key.0)
    }

    fn resolve(&self, key: &Key, slice: &Slice) -> Resolved {
        reference::resolve(slice, key.0, |target| self.referred_account(target))
    }

    /// The account that a reference leads to: the person's own, or the one that went to another and
    /// carries the person's id.
    fn referred_account(&self, target: &Key) -> Option<&Account> {
        let own = self.accounts.get(target);
        let carries = |(key, account): &(&Key, &Account)| {
            key.1 == target.1 && account.linked == Some(target.0)
        };
        own.filter(|account| account.exists())
            .or_else(|| self.referred.account(target))
            .or_else(|| self.accounts.iter().find(carries).map(|(_key, account)| account))
            .or(own)
    }

    /// Has the references of people remembered anew when the dossier is written.
    pub(crate) fn remember_references(&mut self, ids: &BTreeSet<PersonId>) {
        self.referring.extend(ids);
    }

    /// Keeps which accounts the references of people lead to.
    pub(super) async fn write_dependencies(&self, tx: &mut Tx) -> Result<(), Error> {
        if self.referring.is_empty() {
            return Ok(());
        }
        let mut dependencies = BTreeSet::new();
        for id in &self.referring {
            for (application, slice) in self.access.get(id).into_iter().flat_map(|it| &it.0) {
                let key = (*id, application.clone());
                let targets = reference::targets([(*id, slice)]);
                dependencies
                    .extend(targets.into_iter().map(|on| Dependency { of: key.clone(), on }));
            }
        }
        let people: Vec<Uuid> = self.referring.iter().map(|id| id.0).collect();
        account::table::depend(tx, &people, &dependencies).await
    }

    /// Has everybody looked at whose references lead to accounts that supply something else than
    /// before, or that will not come to be: by a timer of their own, since people are locked before
    /// anything else, and only those the dossier was loaded for.
    pub(super) async fn wake(
        &self,
        tx: &mut Tx,
        mut dependants: BTreeSet<Uuid>,
    ) -> Result<(), Error> {
        let failed: BTreeSet<Key> = self
            .actions
            .iter()
            .filter(|(_key, actions)| actions.iter().any(|action| action.failed_just_now()))
            .map(|(key, _actions)| key.clone())
            .collect();
        if !failed.is_empty() {
            dependants.extend(account::table::dependants(tx, &failed).await?);
        }
        let due_at = self.now;
        let timers: Vec<Timer> = dependants
            .into_iter()
            .map(|key| Timer { key, lane: domain::Lane::Regular, due_at })
            .collect();
        timers::set(tx, reference::TIMER, &timers).await
    }
}

/// Looks up what the references of slices come to, for whoever has people's branches in hand.
pub(crate) async fn look_up(
    tx: &mut Tx,
    slices: &BTreeMap<PersonId, Slice>,
) -> Result<Referred, Error> {
    let mut referred = Referred::default();
    let keys = reference::targets(slices.iter().map(|(id, slice)| (*id, slice)));
    if !keys.is_empty() {
        let found = account::table::at(tx, &keys).await?;
        referred.extend(keys, found);
    }
    Ok(referred)
}

/// Whether an account supplies something else to those who refer to it than it did before.
pub(super) fn supplies_otherwise(account: &Account, before: Option<&Account>) -> bool {
    before.is_none_or(|before| {
        (account.exists(), &account.account_id, &account.login, &account.attributes)
            != (before.exists(), &before.account_id, &before.login, &before.attributes)
    })
}
