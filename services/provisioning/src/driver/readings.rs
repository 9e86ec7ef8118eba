//! Watches applications: reads each as a whole when that is due, holds what it showed against what it shall
//! hold, and begins the repairs that may go.
//!
//! A reading goes on in small steps, each a transaction of its own, so that it survives whoever carries it
//! out and never keeps leavers waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::Driver;
use domain::{DriftId, PersonId, ReadingId, Rejection, Timestamp, Value};
use rules::document::{self, Breaker, DriftKind, Privilege};
use store::{Store, Tx};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Shared;
use crate::code;
use crate::connectors::{Completeness, Connector, Page, Unread};
use crate::dossier::{Dossier, Reading, announce, ended};
use crate::drift::compare::{Spelling, View};
use crate::drift::{self, Drift, Finding, Outcome, Rules};
use crate::observed::{self, table::Stranger};
use crate::person;
use crate::watch::{self, Stage, Watch};
use crate::{drift::gate, release};

/// Reads applications.
pub(crate) struct Readings {
    shared: Arc<Shared>,
    /// One worker looks for work at a time; the others would only find the same.
    looking: tokio::sync::Mutex<()>,
    listed: Mutex<Listed>,
}

/// Attributes of which a reading gave any value, by application.
type Listed = BTreeMap<String, (ReadingId, Arc<BTreeSet<String>>)>;

/// An application's watch in hand.
pub(crate) struct Job {
    watch: Watch,
    lease: Uuid,
    spec: Arc<document::Application>,
    /// Entitlements that are more than standard.
    privileged: BTreeMap<String, Privilege>,
    connector: Arc<Connector>,
}

/// What became of it: nothing is asked of the application but in one stage.
pub(crate) struct Done(Option<Result<Completeness, Unread>>);

/// People compared or repaired in one transaction.
const PEOPLE_AT_ONCE: i64 = 200;
/// Accounts of nobody looked at in one transaction.
const STRANGERS_AT_ONCE: i64 = 500;
/// Pages on their way from the application to the database.
const PAGES_AHEAD: usize = 4;

impl Readings {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, looking: tokio::sync::Mutex::default(), listed: Mutex::default() }
    }

    fn lease_end(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.shared.config.lease()).unwrap_or(now)
    }
}

impl Driver for Readings {
    type Job = Job;
    type Outcome = Done;

    const NAME: &'static str = "provisioning.readings";
    const AT_ONCE: u16 = 1;
    const WORKERS: usize = 2;
    const KEEP_EVERY: Option<Duration> = Some(Duration::from_secs(4));

    async fn lease(&self, tx: &mut Tx, _limit: u16) -> Result<Vec<Job>, Rejection> {
        let Ok(_looking) = self.looking.try_lock() else { return Ok(Vec::new()) };
        // Whoever looks for branches keeps the applications up to date.
        let applications = &self.shared.applications;
        let unwatched = applications.unwatched();
        if !unwatched.is_empty() {
            let names: Vec<&str> = unwatched.iter().map(String::as_str).collect();
            watch::table::ensure(tx, &names).await?;
            applications.are_watched(&unwatched);
        }
        let reachable = applications.reachable();
        if reachable.is_empty() {
            return Ok(Vec::new());
        }
        let (now, lease) = (tx.now(), tx.new_id());
        let until = self.lease_end(now);
        let leased = watch::table::lease(tx, &reachable, lease, until).await?;
        let Some(mut watch) = leased else { return Ok(Vec::new()) };
        let name = watch.application.clone();
        let way = applications.connector(&name).zip(applications.spec(&name));
        let Some((connector, spec)) = way else { return Ok(Vec::new()) };
        if matches!(watch.stage, Stage::Rest | Stage::Read) {
            watch.begin(ReadingId(tx.new_id()), now);
            watch::table::put(tx, &watch).await?;
        }
        let privileged = spec
            .entitlements
            .iter()
            .map(|entitlement| (entitlement.name.clone(), entitlement.privilege))
            .filter(|(_name, privilege)| *privilege != Privilege::Standard)
            .collect();
        Ok(vec![Job { watch, lease, spec, privileged, connector }])
    }

    async fn act(&self, jobs: &[Job]) -> Vec<Done> {
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(Done(match job.watch.stage {
                Stage::Read => Some(job.read(&self.shared.store).await),
                Stage::Rest | Stage::Compare | Stage::Strangers | Stage::Judge | Stage::Apply => {
                    None
                }
            }));
        }
        done
    }

    async fn keep(&self, tx: &mut Tx, jobs: &[Job]) -> Result<(), Rejection> {
        let until = self.lease_end(tx.now());
        for job in jobs {
            watch::table::keep(tx, &job.watch.application, job.lease, until).await?;
        }
        Ok(())
    }

    async fn record(&self, tx: &mut Tx, done: &[(Job, Done)]) -> Result<(), Rejection> {
        for (job, done) in done {
            let watch = watch::table::lock(tx, &job.watch.application).await?;
            let Some(mut watch) = watch.filter(|watch| watch.lease == Some(job.lease)) else {
                tracing::info!(application = job.watch.application, "a reading went to others");
                continue;
            };
            let step = Step { readings: self, job };
            match watch.stage {
                Stage::Rest => watch.rest(job.spec.reconciliation.every, tx.now()),
                Stage::Read => step.was_read(tx, &mut watch, done.0.as_ref()).await?,
                Stage::Compare => step.compare(tx, &mut watch).await?,
                Stage::Strangers => step.strangers(tx, &mut watch).await?,
                Stage::Judge => step.judge(tx, &mut watch).await?,
                Stage::Apply => step.apply(tx, &mut watch).await?,
            }
            watch::table::put(tx, &watch).await?;
        }
        Ok(())
    }
}

impl Job {
    /// Reads the application, and keeps what it shows page by page.
    async fn read(&self, store: &Store) -> Result<Completeness, Unread> {
        let reading = self.watch.reading.unwrap_or(ReadingId(Uuid::nil()));
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let asked = async move { self.connector.read(&sender).await };
        // It owns the receiver: when it ends early, whoever still sends hears of it.
        let kept = async move {
            while let Some(page) = pages.recv().await {
                self.keep_page(store, reading, page).await?;
            }
            Ok::<(), store::Error>(())
        };
        let (read, kept) = tokio::join!(asked, kept);
        match (read, kept) {
            (_, Err(error)) => {
                Err(Unread { after: Duration::ZERO, reason: Rejection::retry(error).to_string() })
            }
            (read, Ok(())) => read,
        }
    }

    async fn keep_page(
        &self,
        store: &Store,
        reading: ReadingId,
        page: Page,
    ) -> Result<(), store::Error> {
        let application = self.watch.application.as_str();
        let mut tx = store.begin().await?;
        match page {
            Page::Accounts(mut accounts) => {
                let watched = &self.spec.reconciliation;
                accounts.retain(|seen| !watched.protects(&seen.account.login));
                observed::table::put_accounts(&mut tx, application, reading, &accounts).await?;
            }
            Page::Holdings(holdings) => {
                observed::table::put_holdings(&mut tx, application, reading, &holdings).await?;
            }
        }
        tx.commit().await
    }
}

impl Spelling for Connector {
    fn agrees(&self, attribute: &str, wanted: &Value, observed: Option<&Value>) -> bool {
        Self::agrees(self, attribute, wanted, observed)
    }
}

/// One step of a reading.
struct Step<'a> {
    readings: &'a Readings,
    job: &'a Job,
}

impl Step<'_> {
    fn application(&self) -> &str {
        &self.job.watch.application
    }

    /// The application was asked.
    async fn was_read(
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
    async fn compare(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
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
    async fn strangers(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
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
    async fn judge(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
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
            watch.rest(self.job.spec.reconciliation.every, now);
        }
        Ok(())
    }

    /// Begins the repairs of some people.
    async fn apply(&self, tx: &mut Tx, watch: &mut Watch) -> Result<(), Rejection> {
        let application = self.application();
        let now = tx.now();
        // Of what is held only that goes which a human chose.
        let chosen = !watch.held.is_empty();
        let waiting = drift::table::next_waiting(tx, application, chosen, PEOPLE_AT_ONCE).await?;
        if waiting.is_empty() {
            if watch.held.is_empty() {
                watch.released_by.clear();
            }
            watch.rest(self.job.spec.reconciliation.every, now);
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
