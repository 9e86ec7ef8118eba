//! What a dossier does about people who are merged or split: it hands accounts over.

use std::collections::BTreeSet;

use domain::{Kin, PersonId};
use store::{Error, Tx};
use uuid::Uuid;

use super::{Dossier, Key, counts};
use crate::access::{Access, Announced};
use crate::account;
use crate::action::{self, State};
use crate::branch::{self, Branch};
use crate::kin::{self, Awaited, Move};
use crate::login::HandedOver;
use crate::person;

/// What announced desired access has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// What is announced of another person.
    Word(Awaited),
    /// Work on accounts that are to be handed over.
    Hand,
}

impl Dossier {
    /// Loads everybody whom the kin of those in the dossier names.
    ///
    /// An announcement names nearly always the same people as the one before it, and they were loaded
    /// together; those that it does not name are locked late, and a deadlock is tried again.
    pub(crate) async fn load_kin(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let named: BTreeSet<PersonId> = self
            .people
            .values()
            .flat_map(|person| person.kin.all())
            .chain(self.accounts.values().filter_map(|account| account.linked))
            .filter(|id| !self.people.contains_key(id))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = named.into_iter().map(|id| id.0).collect();
        let people = person::table::lock(tx, &ids).await?;
        let branches = branch::table::lock(tx, &ids, None).await?;
        let accounts = account::table::of(tx, &ids, None).await?;
        let actions = action::table::standing(tx, &ids, None).await?;
        self.before.counts.extend(counts(&people, &actions));
        self.before.people.extend(people.clone());
        self.before.branches.extend(branches.clone());
        self.before.accounts.extend(accounts.clone());
        self.people.extend(people);
        self.branches.extend(branches);
        self.accounts.extend(accounts);
        self.actions.extend(actions);
        self.load_drift(tx, &ids, None).await
    }

    /// Returns what announced desired access has to wait for before it is received.
    pub(crate) fn wait(&self, announced: &Announced) -> Option<Wait> {
        let person = self.people.get(&announced.person)?;
        kin::waits(person.id, &person.kin, &announced.kin, |id| self.kin_of(id))
            .map(Wait::Word)
            .or_else(|| self.is_in_hand(person.id, &announced.kin).then_some(Wait::Hand))
    }

    /// Does what a person's kin says: who is merged into them holds nothing from now on, and accounts
    /// change hands. Returns the others whom it concerns.
    pub(crate) fn follow_kin(&mut self, id: PersonId) -> BTreeSet<PersonId> {
        let Some(kin) = self.people.get(&id).map(|person| person.kin.clone()) else {
            return BTreeSet::new();
        };
        for merged in &kin.merged {
            let Some(other) = self.people.get_mut(merged) else { continue };
            if other.kin.merged_into != Some(id) {
                other.merge_into(id);
                self.access.insert(*merged, Access::default());
                self.received.insert(*merged);
                self.referring.insert(*merged);
            }
        }
        for moved in kin::moves(id, &kin, &self.accounts, |id| self.kin_of(id)) {
            self.hand_over(&moved);
        }
        let before = self.before.people.get(&id).map(|person| person.kin.clone());
        let named = kin.all().chain(before.iter().flat_map(Kin::all));
        named.filter(|other| self.people.get(other).is_some_and(person::Person::is_known)).collect()
    }

    /// Adds the desired access of people whose access is not there yet.
    pub(crate) async fn complete_access(
        &mut self,
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
    ) -> Result<(), Error> {
        let missing: BTreeSet<PersonId> =
            ids.iter().filter(|id| !self.access.contains_key(id)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.load_access(tx, &missing).await
    }

    /// Returns those of people who may be planned: whoever rests is left as they are.
    ///
    /// A survivor changes its kin only with the others locked, so what is read of one who is not in the
    /// dossier holds until the transaction ends.
    pub(crate) async fn awake(
        &self,
        tx: &mut Tx,
        ids: &BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, Error> {
        let survivor = |id: &PersonId| self.people.get(id)?.kin.merged_into;
        let strangers: BTreeSet<Uuid> = ids
            .iter()
            .filter_map(survivor)
            .filter(|id| !self.people.contains_key(id))
            .map(|id| id.0)
            .collect();
        let strangers =
            person::table::kin_of(tx, &strangers.into_iter().collect::<Vec<_>>()).await?;
        let kin_of = |id: PersonId| self.kin_of(id).or_else(|| strangers.get(&id));
        let rests = |id: &PersonId| {
            self.people.get(id).is_some_and(|person| kin::rests(*id, &person.kin, kin_of))
        };
        Ok(ids.iter().filter(|id| !rests(id)).copied().collect())
    }

    fn kin_of(&self, id: PersonId) -> Option<&Kin> {
        self.people.get(&id).map(|person| &person.kin)
    }

    /// Whether somebody works on what would be handed over, or may be making an account that would be.
    fn is_in_hand(&self, id: PersonId, kin: &Kin) -> bool {
        let leased = |key: &Key| self.branches.get(key).is_some_and(|it| it.is_leased(self.now));
        let moves = kin::moves(id, kin, &self.accounts, |id| self.kin_of(id));
        let exists = |key: &Key| self.accounts.get(key).is_some_and(account::Account::exists);
        let becomes =
            |key: &Key| kin.merged.contains(&key.0) && !exists(&(id, key.1.clone())) && leased(key);
        moves.iter().any(|moved| leased(&moved.source()) || leased(&moved.target()))
            || (!kin.merged.is_empty() && self.branches.keys().any(becomes))
    }

    /// Hands an account over, together with its login. What was to be done to it ends.
    fn hand_over(&mut self, moved: &Move) {
        let (source, target) = (moved.source(), moved.target());
        let Some(account) = self.accounts.get_mut(&source) else { return };
        let given = account.clone();
        account.vanish(self.now);
        let held = given.handed_over(moved.from, moved.to, self.accounts.get(&target));
        let lane = self.people.get(&moved.to).map_or(domain::Lane::Regular, |person| person.lane);
        let branch = self.branches.entry(target.clone()).or_insert_with(|| Branch::idle(lane));
        branch.login = Some(held.login.clone());
        self.accounts.insert(target, held);
        if let Some(branch) = self.branches.get_mut(&source) {
            (branch.login, branch.due_at, branch.waits_until) = (None, None, None);
            branch.lease = None;
        }
        let now = self.now;
        for action in self.open_actions(&source) {
            action.finish(State::Superseded, "", now);
        }
        self.handed_over.insert(HandedOver {
            application: moved.application.clone(),
            folded: given.login.to_lowercase(),
            from: moved.from,
            to: moved.to,
        });
    }
}
