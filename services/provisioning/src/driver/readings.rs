//! Watches applications: reads each as a whole when that is due, holds what it showed against what it shall
//! hold, and begins the repairs that may go.
//!
//! A reading goes on in small steps, each a transaction of its own, so that it survives whoever carries it
//! out and never keeps leavers waiting.

mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::Driver;
use domain::{ReadingId, Rejection, Timestamp};
use rules::document::{self, ConnectorKind, Every, Privilege};
use store::{Store, Tx};
use tokio::sync::mpsc::{self, Sender};
use uuid::Uuid;

use super::Shared;
use crate::circuit::Admission;
use crate::connectors::{Beat, Completeness, Connector, Page, Unread};
use crate::listing;
use crate::observed;
use crate::watch::{self, Stage, Watch};

use step::Step;

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
    /// What the connector's requests had come to when the watch was taken.
    before: Beat,
}

/// What became of it: nothing is asked of the application but in one stage.
pub(crate) struct Done(Option<Result<Completeness, Unread>>);

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
    /// An application that answers slowly keeps one, and the others go on.
    const WORKERS: usize = 4;
    const KEEP_EVERY: Option<Duration> = Some(Duration::from_secs(4));

    async fn lease(&self, tx: &mut Tx, _limit: u16) -> Result<Vec<Job>, Rejection> {
        let Ok(_looking) = self.looking.try_lock() else { return Ok(Vec::new()) };
        // Whoever looks for branches keeps the applications up to date.
        let applications = &self.shared.applications;
        let unwatched = applications.unwatched();
        if !unwatched.is_empty() {
            // What is scheduled here is leased at once, or is not committed and is found again.
            let scheduled = watch::table::schedule(tx, &unwatched).await?;
            applications.are_watched(&scheduled);
        }
        let mut reachable = applications.reachable();
        let circuits = self.shared.circuits(tx).await?;
        // A reading is a probe too, and one worker has it in hand.
        let waits = |name: &String| {
            circuits.get(name).is_some_and(|circuit| circuit.admits(tx.now()) == Admission::Nobody)
        };
        reachable.retain(|name| !waits(name));
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
            if spec.connector.kind == ConnectorKind::Manual {
                // It shows what was there when it was uploaded.
                let uploaded = listing::table::uploaded_at(tx, &name).await?;
                watch.began_at = uploaded.or(watch.began_at);
            }
            watch::table::put(tx, &watch).await?;
        }
        let privileged = spec
            .entitlements
            .iter()
            .map(|entitlement| (entitlement.name.clone(), entitlement.privilege))
            .filter(|(_name, privilege)| *privilege != Privilege::Standard)
            .collect();
        let before = connector.beat();
        Ok(vec![Job { watch, lease, spec, privileged, connector, before }])
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
                Stage::Rest => watch.rest(job.every(), tx.now()),
                Stage::Read => {
                    step.was_read(tx, &mut watch, done.0.as_ref()).await?;
                    let (name, after) = (&job.watch.application, job.connector.beat());
                    self.shared.learn(tx, name, &job.before, after, true).await?;
                }
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
    /// How often it is read by itself. A list shows nothing new when it is read once more.
    fn every(&self) -> Every {
        match self.spec.connector.kind {
            ConnectorKind::Manual => Every::Never,
            ConnectorKind::Scim | ConnectorKind::Ldap | ConnectorKind::InProcess => {
                self.spec.reconciliation.every
            }
        }
    }

    /// Reads the application, and keeps what it shows page by page.
    async fn read(&self, store: &Store) -> Result<Completeness, Unread> {
        let reading = self.watch.reading.unwrap_or(ReadingId(Uuid::nil()));
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let asked = async move { self.ask(store, &sender).await };
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

    /// Asks the application, or looks at the last list of it.
    async fn ask(&self, store: &Store, pages: &Sender<Page>) -> Result<Completeness, Unread> {
        let Connector::Manual = *self.connector else { return self.connector.read(pages).await };
        let last = async {
            let mut tx = store.begin().await?;
            let lines = listing::table::last(&mut tx, &self.watch.application).await?;
            Ok::<_, store::Error>((
                lines,
                listing::table::owners(&mut tx, &self.watch.application).await?,
            ))
        };
        let unread =
            |error| Unread { after: Duration::ZERO, reason: Rejection::retry(error).to_string() };
        let (Some(lines), owners) = last.await.map_err(unread)? else {
            return self.connector.read(pages).await;
        };
        for page in listing::pages(&lines, &owners) {
            // Whoever keeps the pages says why it takes no more of them.
            if pages.send(page).await.is_err() {
                break;
            }
        }
        Ok(Completeness::Whole)
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
