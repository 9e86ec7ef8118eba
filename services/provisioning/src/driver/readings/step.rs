//! The steps of a reading, each in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use domain::{DriftId, PersonId, ReadingId, Rejection, Timestamp, Value};
use rules::document::{self, Breaker, DriftKind};
use store::Tx;
use uuid::Uuid;

use super::{Job, Listed, Readings};
use crate::code;
use crate::connectors::{Completeness, Connector, Unread};
use crate::dossier::{Dossier, Reading, announce, ended};
use crate::drift::compare::{Spelling, View};
use crate::drift::{self, Drift, Finding, Outcome, Rules, gate};
use crate::observed::{self, table::Stranger};
use crate::person;
use crate::release;
use crate::watch::{self, Stage, Watch};

/// People compared or repaired in one transaction.
const PEOPLE_AT_ONCE: i64 = 200;
/// Accounts of nobody looked at in one transaction.
const STRANGERS_AT_ONCE: i64 = 500;

/// One step of a reading.
pub(super) struct Step<'a> {
    pub(super) readings: &'a Readings,
    pub(super) job: &'a Job,
}

impl Step<'_> {
    fn application(&self) -> &str {
        &self.job.watch.application
    }

    /// The application was asked.
    pub(super) async fn was_read(
        &self,
        tx: &mut Tx,
        watch: &mut Watch,
        read: Option<&Result<Completeness, Unread>>,
    ) -> Result<(), Rejection> {
        let now = tx.now();
        let application = self.application();
        let completeness = match read {
            Some(Ok(completeness)) => *completeness,
            Some(Err(Unread { after, reason })) => {
                watch.attempts = watch.attempts.saturating_add(1);
                watch.error.clone_from(reason);
                let key = (PersonId(Uuid::nil()), application.to_owned());
                let after = jiff::SignedDuration::try_from(*after).unwrap_or_default();
                let pause = self.readings.shared.backoff.pause(watch.attempts, &key).max(after);
                watch.go_on(Stage::Read, now.saturating_add(pause).unwrap_or(now));
                tracing::warn!(
                    application,
                    code = code::NOT_READ,
                    "{application} cannot be read as a whole ({}): {reason}",
                    code::NOT_READ
                );
                return Ok(());
            }
            None => {
                watch.go_on(Stage::Read, now);
                return Ok(());
            }
        };
        let Some(reading) = watch.reading else { return Ok(()) };
        watch.attempts = 0;
        watch.complete = completeness.reason().is_none();
        completeness.reason().unwrap_or_default().clone_into(&mut watch.error);
        observed::table::forget_earlier(tx, application, reading).await?;
        observed::table::correlate(tx, application).await?;
        observed::table::key(tx, application, &self.job.spec.reconciliation.keys).await?;
        let (accounts, holdings) = observed::table::count(tx, application).await?;
        // What shrank by half since it was read as a whole was not read, or is an accident: it proves nothing,
        // and the next reading is held against the same count.
        if is_halved(watch.accounts, accounts) {
            watch.complete = false;
            watch.error = format!(
                "{accounts} accounts were read in the place of {}, and what is missing is not believed",
                watch.accounts
            );
        } else {
            watch.accounts = accounts.unsigned_abs();
        }
        watch.holdings = holdings.unsigned_abs();
        watch.go_on(Stage::Strangers, now);
        Ok(())
    }

    /// Compares some people.
    pub(super) async fn compare(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let application = self.application();
        let ids =
            observed::table::people_after(tx, application, watch.done_through, PEOPLE_AT_ONCE)
                .await?;
        let now = tx.now();
        let Some(last) = ids.last().copied() else {
            watch.go_on(Stage::Judge, now);
            return Ok(());
        };
        let people: BTreeSet<PersonId> = ids.iter().map(|id| PersonId(*id)).collect();
        let mut dossier = self.load(tx, &people).await?;
        let mut seen = observed::table::of(tx, application, &ids).await?;
        let listed = self.listed(tx, watch).await?;
        let awake = dossier.awake(tx, &people).await?;
        let reading = self.reading(watch, &listed, now);
        for person in awake {
            let key = (person, application.to_owned());
            let seen = seen.remove(&person).unwrap_or_default();
            watch.adopted += u64::from(dossier.compare(tx, &key, &seen, &reading));
        }
        dossier.write(tx).await?;
        watch.go_on(Stage::Compare, now);
        watch.done_through = last;
        Ok(())
    }

    /// Looks at some accounts that are nobody's, or several people's; at the end, at what is so no longer.
    pub(super) async fn strangers(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let application = self.application();
        let (now, reading) = (tx.now(), watch.reading.unwrap_or(ReadingId(Uuid::nil())));
        // Before people have taken over what is there for them, and before anybody is known, everybody's
        // account is nobody's.
        let orphaned = watch.first_read_at.is_some() && person::table::is_anybody_known(tx).await?;
        let found =
            observed::table::strangers(tx, application, reading, orphaned, STRANGERS_AT_ONCE)
                .await?;
        if found.is_empty() {
            return self.end_strangers(tx, watch).await;
        }
        let shared: BTreeSet<PersonId> = found
            .iter()
            .flat_map(|stranger| stranger.people.iter().map(|person| PersonId(*person)))
            .collect();
        let mut dossier = self.load(tx, &shared).await?;
        let listed = self.listed(tx, watch).await?;
        let accounts: Vec<&str> =
            found.iter().map(|stranger| stranger.account_id.as_str()).collect();
        let mut standing = drift::table::of_nobody(tx, application, &accounts).await?;
        let before = by_id(&standing);
        let reading = self.reading(watch, &listed, now);
        for Stranger { account_id, login, people } in &found {
            let finding = |kind| Finding::of_account(kind, account_id, login);
            for person in people {
                let key = (PersonId(*person), application.to_owned());
                dossier.share(tx, &key, finding(DriftKind::SeveralPeople), &reading);
            }
            if !people.is_empty() {
                continue;
            }
            let finding = finding(DriftKind::OrphanedAccount);
            match standing.iter_mut().find(|drift| drift.is_of(&finding)) {
                Some(drift) => drift.seen(finding, reading.id, &reading.rules),
                None => {
                    let (id, rules) = (DriftId(tx.new_id()), &reading.rules);
                    standing.push(Drift::found(id, application, None, finding, reading.id, rules));
                }
            }
        }
        announce(tx, &before, standing.iter_mut().collect()).await?;
        dossier.write(tx).await?;
        watch.go_on(Stage::Strangers, now);
        Ok(())
    }

    /// Ends what a whole reading did not find again, some at a time.
    async fn end_strangers(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let application = self.application();
        let (now, reading) = (tx.now(), watch.reading.unwrap_or(ReadingId(Uuid::nil())));
        watch.go_on(Stage::Compare, now);
        if !watch.complete {
            return Ok(());
        }
        let unseen =
            drift::table::unseen_of_nobody(tx, application, reading, STRANGERS_AT_ONCE).await;
        let mut unseen = unseen?;
        if !unseen.is_empty() {
            let before = by_id(&unseen);
            for drift in &mut unseen {
                drift.close(ended(drift), now);
            }
            announce(tx, &before, unseen.iter_mut().collect()).await?;
            watch.go_on(Stage::Strangers, now);
            return Ok(());
        }
        let shared = drift::table::sharing(tx, application).await?.into_iter().map(PersonId);
        let mut dossier = self.load(tx, &shared.collect()).await?;
        dossier.end_shared(tx, application, reading);
        dossier.write(tx).await?;
        Ok(())
    }

    /// Counts the repairs, and lets them go or holds them.
    pub(super) async fn judge(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let now = tx.now();
        // What a human chose one by one is nobody's accident.
        let (decided, repairs): (Vec<Drift>, Vec<Drift>) =
            drift::table::waiting(tx, self.application())
                .await?
                .into_iter()
                .partition(|drift| !drift.decided_by.is_empty());
        let stock = gate::Stock { accounts: watch.accounts, holdings: watch.holdings };
        let breaker = breaker(tx).await?;
        let held = gate::held(&repairs, stock, breaker.as_ref());
        let hash = gate::hash(&repairs);
        let released = watch.is_released(&hash);
        if !released {
            watch.released_by.retain(|_name| watch.hash == hash);
        }
        watch.hash = hash;
        watch.repairs = u64::try_from(repairs.len()).unwrap_or(u64::MAX);
        watch.first_read_at = watch.first_read_at.or(Some(now));
        watch.read_at = Some(now);
        watch.version = tx.next_version(watch.version);
        let goes = held.is_empty() || released;
        watch.held = if goes { Vec::new() } else { held };
        if let Some(reading) = watch.reading {
            let found = drift::table::found(tx, reading).await?;
            watch::table::keep_reading(tx, watch, &found).await?;
            tx.publish(&watch.announce(found, now))?;
        }
        if !goes {
            tracing::warn!(
                application = self.application(),
                code = code::REPAIRS_HELD,
                "{} repairs are held ({}): {}",
                watch.repairs,
                code::REPAIRS_HELD,
                watch.held.join("; ")
            );
        }
        if !decided.is_empty() || (goes && !repairs.is_empty()) {
            watch.go_on(Stage::Apply, now);
        } else {
            watch.rest(self.job.every(), now);
        }
        Ok(())
    }

    /// Begins the repairs of some people.
    pub(super) async fn apply(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let application = self.application();
        let now = tx.now();
        // Of what is held only that goes which a human chose.
        let chosen = !watch.held.is_empty();
        let waiting = drift::table::next_waiting(tx, application, chosen, PEOPLE_AT_ONCE).await?;
        if waiting.is_empty() {
            if watch.held.is_empty() {
                watch.released_by.clear();
            }
            watch.rest(self.job.every(), now);
            return Ok(());
        }
        let (strangers, own): (Vec<Drift>, Vec<Drift>) =
            waiting.into_iter().partition(|drift| is_of_stranger(drift.finding.kind));
        let people: BTreeSet<PersonId> = own.iter().filter_map(|drift| drift.person).collect();
        let standing_in: BTreeMap<String, PersonId> = strangers
            .iter()
            .map(|drift| {
                let id = &drift.finding.account_id;
                (id.clone(), drift::stand_in(application, id))
            })
            .collect();
        let rows: Vec<Uuid> = standing_in.values().map(|person| person.0).collect();
        person::table::ensure(tx, &rows).await?;
        let ids: Vec<&str> = standing_in.keys().map(String::as_str).collect();
        let seen = observed::table::accounts(tx, application, &ids).await?;
        let owners = strangers.iter().filter_map(|drift| drift.person);
        let all = people.iter().copied().chain(standing_in.values().copied()).chain(owners);
        let mut dossier = self.load(tx, &all.collect()).await?;
        dossier.repair(tx, &own, application, watch.reading);
        let before = by_id(&strangers);
        let mut of_nobody = Vec::new();
        for mut drift in strangers {
            let id = drift.finding.account_id.clone();
            drift.repair(watch.reading);
            if let Some((seen, person)) = seen.get(&id).zip(standing_in.get(&id)) {
                dossier.close_stranger(tx, &(*person, application.to_owned()), seen);
            } else {
                drift.close(Outcome::Vanished, now);
            }
            match drift.person {
                Some(owner) => dossier.decide(tx, &(owner, application.to_owned()), drift),
                None => of_nobody.push(drift),
            }
        }
        announce(tx, &before, of_nobody.iter_mut().collect()).await?;
        dossier.write(tx).await?;
        watch.go_on(Stage::Apply, now);
        Ok(())
    }

    async fn load(&self, tx: &mut Tx, people: &BTreeSet<PersonId>) -> Result<Dossier, Rejection> {
        let mut dossier = Dossier::load(tx, people).await?;
        dossier.load_access(tx, people).await?;
        dossier.load_referred(tx).await?;
        Ok(dossier)
    }

    async fn listed(&self, tx: &mut Tx, watch: &Watch) -> Result<Arc<BTreeSet<String>>, Rejection> {
        let reading = watch.reading.unwrap_or(ReadingId(Uuid::nil()));
        let cached = self.lock().get(&watch.application).cloned();
        if let Some((of, listed)) = cached
            && of == reading
        {
            return Ok(listed);
        }
        let listed = Arc::new(observed::table::listed(tx, &watch.application).await?);
        self.lock().insert(watch.application.clone(), (reading, Arc::clone(&listed)));
        Ok(listed)
    }

    /// Every change leaves the cache whole, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.readings.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading<'b>(
        &'b self,
        watch: &Watch,
        listed: &'b BTreeSet<String>,
        now: Timestamp,
    ) -> Reading<'b> {
        Reading {
            id: watch.reading.unwrap_or(ReadingId(Uuid::nil())),
            began_at: watch.began_at.unwrap_or(now),
            view: View {
                whole: watch.complete,
                listed,
                privileged: &self.job.privileged,
                spelling: &*self.job.connector,
                at: now,
            },
            rules: Rules { reconciliation: &self.job.spec.reconciliation, now },
        }
    }
}

fn by_id(drift: &[Drift]) -> BTreeMap<DriftId, Drift> {
    drift.iter().map(|one| (one.id, one.clone())).collect()
}

/// Whether what is repaired is an account that is not the one of the person it is found with.
const fn is_of_stranger(kind: DriftKind) -> bool {
    match kind {
        DriftKind::OrphanedAccount | DriftKind::SeveralAccounts => true,
        DriftKind::UnmanagedAccount
        | DriftKind::MissingAccount
        | DriftKind::WronglyEnabled
        | DriftKind::WronglyDisabled
        | DriftKind::SeveralPeople
        | DriftKind::UnmanagedGrant
        | DriftKind::MissingGrant
        | DriftKind::AttributeDiffers => false,
    }
}

/// Few accounts may come and go as they like.
fn is_halved(before: u64, accounts: i64) -> bool {
    const FEW: u64 = 20;
    before > FEW && accounts.unsigned_abs() * 2 < before
}

/// The limits of the newest release, if it sets any.
async fn breaker(tx: &mut Tx) -> Result<Option<Breaker>, Rejection> {
    let Some((number, _epoch)) = release::table::newest(tx).await? else { return Ok(None) };
    let documents = release::table::documents(tx, number, "Breaker").await?;
    let Some(stored) = documents.first() else { return Ok(None) };
    match document::Document::from_json(&stored.content).map(|document| document.spec) {
        Ok(document::Spec::Breaker(breaker)) => Ok(Some(breaker)),
        Ok(_) | Err(_) => Ok(None),
    }
}

impl Spelling for Connector {
    fn agrees(&self, attribute: &str, wanted: &Value, observed: Option<&Value>) -> bool {
        Self::agrees(self, attribute, wanted, observed)
    }
}
