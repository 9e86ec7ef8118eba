//! What a dossier does about drift: it compares what was seen, leaves alone what is to be left, and repairs.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, DriftId, Lane, PersonId, ReadingId, Timestamp};
use rules::document::DriftKind;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Dossier, Key, slice};
use crate::account::Account;
use crate::branch::Branch;
use crate::drift::compare::{Subject, View, compare};
use crate::drift::tolerance::tolerate;
use crate::drift::{self, Drift, Finding, Outcome, Rules};
use crate::observed::Seen;
use crate::plan::Target;

/// A reading that is held against what shall be.
pub(crate) struct Reading<'a> {
    pub(crate) id: ReadingId,
    /// Whatever was done since is newer than what it shows.
    pub(crate) began_at: Timestamp,
    pub(crate) view: View<'a>,
    pub(crate) rules: Rules<'a>,
}

impl Dossier {
    /// Adds the drift of people, in one application or in all.
    pub(super) async fn load_drift(
        &mut self,
        tx: &mut Tx,
        ids: &[Uuid],
        application: Option<&str>,
    ) -> Result<(), Error> {
        let standing = drift::table::standing(tx, ids, application).await?;
        self.before.drift.extend(standing.clone());
        self.drift.extend(standing);
        Ok(())
    }

    /// What a plan may make of an account; none: nothing.
    pub(super) fn tolerated(&mut self, key: &Key, target: Target) -> Option<Target> {
        let desired = self.is_desired(key);
        let now = self.now;
        let Some(standing) = self.drift.get_mut(key) else { return Some(target) };
        for drift in standing.iter_mut().filter(|drift| drift.closed_at.is_none()) {
            if drift.is_superseded(&target, desired) {
                drift.close(Outcome::Superseded, now);
            }
        }
        tolerate(target, self.accounts.get(key), standing.iter())
    }

    /// Whether desired access names an account there.
    fn is_desired(&self, key: &Key) -> bool {
        slice(&self.access, key).is_some_and(|slice| match slice.state {
            AccountState::Active | AccountState::Suspended => true,
            AccountState::None | AccountState::Deleted => false,
        })
    }

    /// Whether something else is being done there, or was done since an instant.
    fn is_newer(&self, key: &Key, began_at: Timestamp) -> bool {
        let busy = self.branches.get(key).is_some_and(|branch| branch.due_at.is_some());
        let said = self.tasks.get(key).is_some_and(|task| task.changed_at >= began_at);
        busy || said
            || self.accounts.get(key).is_some_and(|account| account.observed_at >= began_at)
    }

    /// Holds what was seen of a person against what shall be; says whether an account was taken over that
    /// nobody here had known of.
    pub(crate) fn compare(
        &mut self,
        tx: &Tx,
        key: &Key,
        seen: &[Seen],
        reading: &Reading<'_>,
    ) -> bool {
        let shared = self.drift.get(key).into_iter().flatten().any(|drift| {
            drift.closed_at.is_none() && drift.finding.kind == DriftKind::SeveralPeople
        });
        if shared || self.is_newer(key, reading.began_at) || !self.people.contains_key(&key.0) {
            return false;
        }
        let target = self.target(key);
        let desired = self.is_desired(key);
        let left = |kind| {
            let mut standing = self.drift.get(key).into_iter().flatten();
            standing.any(|drift| drift.is_left() && drift.finding.kind == kind)
        };
        let missed = left(DriftKind::MissingAccount);
        let unmanaged = left(DriftKind::UnmanagedAccount);
        let known = self.accounts.get(key);
        let subject = Subject { target: &target, desired, known, seen, missed, unmanaged };
        let compared = compare(&subject, &reading.view);
        let shown = compared.account.is_some();
        if let Some(account) = compared.account
            && account.differs(known)
        {
            self.take_over(key, account);
        }
        let whole = reading.view.whole;
        // What differs while a human is at it is on its way.
        if !self.is_shown(key, whole) {
            for finding in compared.findings {
                self.note(tx, key, finding, reading.id, &reading.rules);
            }
        }
        for drift in self.drift.get_mut(key).into_iter().flatten() {
            // What somebody wants back may still be on its way.
            if drift.closed_at.is_none()
                && drift.undoes.is_none()
                && drift.seen_by != reading.id
                && is_refuted(drift.finding.kind, whole, shown)
            {
                drift.close(ended(drift), reading.rules.now);
            }
        }
        self.plan_branch(tx, key);
        compared.adopted
    }

    /// Takes over what an account holds that was there already. What nobody asked for is drift.
    pub(crate) fn adopt(
        &mut self,
        tx: &Tx,
        key: &Key,
        seen: &Seen,
        spec: &rules::document::Application,
    ) {
        let target = self.target(key);
        let Some(account) = self.accounts.get_mut(key) else { return };
        account.entitlements = seen.entitlements(&target.grants);
        let rules = Rules { reconciliation: &spec.reconciliation, now: self.now };
        let (id, login) = (&seen.account.account_id, &seen.account.login);
        let surplus: Vec<String> =
            account.entitlements.difference(&target.grants).cloned().collect();
        for name in surplus {
            let listed = spec.entitlements.iter().find(|listed| listed.name == name);
            let finding = Finding {
                item: name,
                privilege: listed.map(|listed| listed.privilege).unwrap_or_default(),
                closing: target.closes(),
                ..Finding::of_account(DriftKind::UnmanagedGrant, id, login)
            };
            self.note(tx, key, finding, seen.reading, &rules);
        }
    }

    /// Takes over what a reading found: one difference stands once.
    fn note(
        &mut self,
        tx: &Tx,
        key: &Key,
        finding: Finding,
        reading: ReadingId,
        rules: &Rules<'_>,
    ) {
        let standing = self.drift.entry(key.clone()).or_default();
        let same = |one: &&mut Drift| one.closed_at.is_none() && one.is_of(&finding);
        match standing.iter_mut().find(same) {
            Some(drift) => drift.seen(finding, reading, rules),
            None => {
                let id = DriftId(tx.new_id());
                standing.push(Drift::found(id, &key.1, Some(key.0), finding, reading, rules));
            }
        }
    }

    /// Takes over an account that was read outside of any action.
    fn take_over(&mut self, key: &Key, account: Account) {
        let lane = self.people.get(&key.0).map_or(Lane::Regular, |person| person.lane);
        let branch = self.branches.entry(key.clone()).or_insert_with(|| Branch::idle(lane));
        if account.exists() {
            branch.login = Some(account.login.clone());
        }
        self.accounts.insert(key.clone(), account);
    }

    /// Says of people that they share an account: nothing is done to it until a human has decided.
    pub(crate) fn share(&mut self, tx: &Tx, key: &Key, finding: Finding, reading: &Reading<'_>) {
        self.note(tx, key, finding, reading.id, &reading.rules);
        self.plan_branch(tx, key);
    }

    /// Ends that people share an account where a reading did not find it again.
    pub(crate) fn end_shared(&mut self, tx: &Tx, application: &str, reading: ReadingId) {
        let now = self.now;
        let mut ended = Vec::new();
        for (key, standing) in self.drift.iter_mut().filter(|(key, _)| key.1 == application) {
            let shared = |drift: &&mut Drift| {
                drift.closed_at.is_none()
                    && drift.finding.kind == DriftKind::SeveralPeople
                    && drift.seen_by != reading
            };
            for drift in standing.iter_mut().filter(shared) {
                drift.close(Outcome::Vanished, now);
                ended.push(key.clone());
            }
        }
        for key in ended {
            self.plan_branch(tx, &key);
        }
    }

    /// Begins repairs that waited.
    pub(crate) fn repair(
        &mut self,
        tx: &Tx,
        repairs: &[Drift],
        application: &str,
        reading: Option<ReadingId>,
    ) {
        let ids: BTreeSet<DriftId> = repairs.iter().map(|drift| drift.id).collect();
        let people: BTreeSet<PersonId> = repairs.iter().filter_map(|drift| drift.person).collect();
        for id in people {
            let key = (id, application.to_owned());
            for drift in self.drift.get_mut(&key).into_iter().flatten() {
                if ids.contains(&drift.id) && drift.state == drift::State::Waiting {
                    drift.repair(reading);
                }
            }
            self.begin_anew(id);
            self.plan_branch(tx, &key);
        }
    }

    /// What failed before is tried again.
    fn begin_anew(&mut self, id: PersonId) {
        if let Some(person) = self.people.get_mut(&id).filter(|person| person.failed > 0) {
            person.try_again();
        }
    }

    /// Has an account closed that is nobody's, under the id that stands in for it.
    pub(crate) fn close_stranger(&mut self, tx: &Tx, key: &Key, seen: &Seen) {
        let mut account = Account::read(None, &seen.account, &BTreeMap::new(), self.now);
        account.linked = seen.carries.filter(|carried| *carried != key.0);
        account.entitlements = seen.entitlements(&BTreeSet::new());
        self.begin_anew(key.0);
        self.take_over(key, account);
        self.plan_branch(tx, key);
    }

    /// Takes over what somebody decided about drift.
    pub(crate) fn decide(&mut self, tx: &Tx, key: &Key, decided: Drift) {
        let standing = self.drift.entry(key.clone()).or_default();
        match standing.iter_mut().find(|drift| drift.id == decided.id) {
            Some(drift) => *drift = decided,
            None => {
                // What takes a repair back stands in the place of what is repaired.
                let same =
                    |drift: &&mut Drift| drift.closed_at.is_none() && drift.is_of(&decided.finding);
                if let Some(repaired) = standing.iter_mut().find(same) {
                    repaired.close(Outcome::Superseded, self.now);
                }
                standing.push(decided);
            }
        }
        self.begin_anew(key.0);
        self.plan_branch(tx, key);
    }

    /// Writes drift that changed, and announces it.
    pub(super) async fn write_drift(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let mut changed: Vec<&mut Drift> = Vec::new();
        for (key, standing) in &mut self.drift {
            let before = self.before.drift.get(key).map(Vec::as_slice).unwrap_or_default();
            changed.extend(standing.iter_mut().filter(|drift| !before.contains(drift)));
        }
        let before = self.before.drift.values().flatten();
        let before = before.map(|drift| (drift.id, drift.clone())).collect();
        announce(tx, &before, changed).await
    }
}

/// Writes drift, and announces it: as found when it was not known before, else when it stands otherwise.
pub(crate) async fn announce(
    tx: &mut Tx,
    before: &BTreeMap<DriftId, Drift>,
    changed: Vec<&mut Drift>,
) -> Result<(), Error> {
    let now = tx.now();
    let mut written: Vec<&Drift> = Vec::with_capacity(changed.len());
    for drift in changed {
        match before.get(&drift.id) {
            None => {
                drift.version = tx.next_version(drift.version);
                tx.publish(&drift.announce_found())?;
            }
            Some(before) if drift.stands_as(before) => {}
            Some(_other) => {
                drift.version = tx.next_version(drift.version);
                tx.publish(&drift.announce_changed(now))?;
            }
        }
        written.push(drift);
    }
    drift::table::put(tx, &written).await
}

/// How drift ended that a reading did not find again.
pub(crate) fn ended(drift: &Drift) -> Outcome {
    match drift.state {
        drift::State::Repairing => Outcome::Repaired,
        drift::State::Reported
        | drift::State::Ignored
        | drift::State::Grace
        | drift::State::Waiting
        | drift::State::Adopted
        | drift::State::Closed => Outcome::Vanished,
    }
}

/// Whether a reading that did not find drift shows that it is not there.
fn is_refuted(kind: DriftKind, whole: bool, shown: bool) -> bool {
    match kind {
        // Looked at with all others that are no single person's.
        DriftKind::SeveralPeople | DriftKind::OrphanedAccount => false,
        DriftKind::MissingAccount
        | DriftKind::WronglyEnabled
        | DriftKind::WronglyDisabled
        | DriftKind::AttributeDiffers => shown || whole,
        DriftKind::UnmanagedAccount
        | DriftKind::SeveralAccounts
        | DriftKind::UnmanagedGrant
        | DriftKind::MissingGrant => whole,
    }
}
