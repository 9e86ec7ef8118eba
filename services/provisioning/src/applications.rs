//! The applications of the newest usable release, and the way to each.
//!
//! An application whose references lead to nothing has no connector: its work waits, and the way is
//! looked for again from time to time.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Lane, Timestamp};
use jiff::SignedDuration;
use rules::document::{self, ConnectorKind, Every, Setting, Spec};
use store::{Error, Store, Tx};

use crate::code;
use crate::connectors::{
    Budget, ConnectError, Connector, Egress, InProcess, Ldap, LdapConnectError, LdapSettings,
    Limits, ReferenceError, Scim, Secret, Settings, Timeouts, resolve,
};
use crate::purse::Purse;
use crate::release;
use crate::watch;

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct Applications {
    ways: Ways,
    state: Mutex<State>,
}

/// What every way to an application is made with.
#[derive(Debug)]
struct Ways {
    /// Where budgets are kept.
    store: Store,
    egress: Egress,
}

#[derive(Debug, Default)]
struct State {
    /// Number and epoch.
    release: Option<(i64, i64)>,
    applications: BTreeMap<String, Application>,
}

#[derive(Debug)]
struct Application {
    digest: String,
    spec: Arc<document::Application>,
    connector: Option<Arc<Connector>>,
    look_at: Timestamp,
    /// Somebody sees to it that it is read.
    watched: bool,
    /// It was read and held against what it shall hold, so that its work may begin.
    ready: bool,
}

/// Why there is no way to an application.
#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("look a reference up")]
    Reference(#[from] ReferenceError),
    #[error("read the address from {path}")]
    Address { path: String, source: std::io::Error },
    #[error("the environment variable {name} is not set")]
    Variable { name: String },
    #[error("the document names no address")]
    NoAddress,
    #[error("the document does not describe the directory")]
    NoDirectory,
    #[error("set up the connector")]
    Connect(#[from] ConnectError),
    #[error("set up the connector")]
    Directory(#[from] LdapConnectError),
}

/// How often a way is looked for where there is none.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

impl Applications {
    pub(crate) fn new(store: Store, egress: Egress) -> Self {
        Self { ways: Ways { store, egress }, state: Mutex::default() }
    }

    /// Follows the newest usable release, and looks again for ways that were not found.
    pub(crate) async fn refresh(&self, tx: &mut Tx) -> Result<(), Error> {
        let newest = release::table::newest(tx).await?;
        let known = self.lock().release;
        if let Some(release @ (number, _epoch)) = newest
            && newest != known
        {
            let documents = release::table::documents(tx, number, "Application").await?;
            self.lock().follow(release, documents);
        }
        let now = tx.now();
        self.lock().connect(&self.ways, now);
        Ok(())
    }

    /// Returns the applications that are to be read and that nobody sees to yet.
    pub(crate) fn unwatched(&self) -> Vec<String> {
        let state = self.lock();
        let unwatched = state
            .applications
            .iter()
            .filter(|(_name, of)| of.connector.is_some() && !of.watched && reads_itself(&of.spec));
        unwatched.map(|(name, _application)| name.clone()).collect()
    }

    /// Remembers that somebody sees to it that applications are read.
    pub(crate) fn are_watched(&self, names: &[String]) {
        let mut state = self.lock();
        for name in names {
            if let Some(application) = state.applications.get_mut(name) {
                application.watched = true;
            }
        }
    }

    /// Returns the names of the applications that can be reached and whose work may begin: what is there
    /// already has to be known before anything is made.
    pub(crate) async fn ready(&self, tx: &mut Tx) -> Result<Vec<String>, Error> {
        let waits =
            |of: &Application| of.connector.is_some() && !of.ready && reads_itself(&of.spec);
        if self.lock().applications.values().any(waits) {
            let read = watch::table::were_read(tx).await?;
            for (name, application) in &mut self.lock().applications {
                application.ready |= read.contains(name);
            }
        }
        let state = self.lock();
        let ready =
            state.applications.iter().filter(|(_name, of)| of.connector.is_some() && !waits(of));
        Ok(ready.map(|(name, _application)| name.clone()).collect())
    }

    /// Returns the names of the applications that can be reached.
    pub(crate) fn reachable(&self) -> Vec<String> {
        let state = self.lock();
        let reached = state.applications.iter().filter(|(_name, of)| of.connector.is_some());
        reached.map(|(name, _application)| name.clone()).collect()
    }

    /// Returns the way to an application.
    pub(crate) fn connector(&self, name: &str) -> Option<Arc<Connector>> {
        self.lock().applications.get(name)?.connector.clone()
    }

    /// Whether an application's rates admit changes of a lane.
    pub(crate) fn admits(&self, name: &str, lane: Lane) -> bool {
        self.connector(name).is_none_or(|connector| connector.waits(lane).is_zero())
    }

    /// Returns what an application's document says.
    pub(crate) fn spec(&self, name: &str) -> Option<Arc<document::Application>> {
        self.lock().applications.get(name).map(|application| Arc::clone(&application.spec))
    }

    /// Returns how many requests an application admits at once.
    pub(crate) fn concurrency(&self, name: &str) -> usize {
        let state = self.lock();
        state.applications.get(name).map_or(1, |of| usize::from(of.spec.limits.concurrency))
    }

    /// Every change leaves the state whole, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes over the documents of a release; what did not change keeps its connector.
    fn follow(&mut self, release: (i64, i64), documents: Vec<release::Document>) {
        let mut before = std::mem::take(&mut self.applications);
        for stored in documents {
            let kept = before.remove(&stored.name);
            if let Some(kept) = kept.as_ref().filter(|kept| kept.digest == stored.digest) {
                let kept = kept.again();
                self.applications.insert(stored.name, kept);
                continue;
            }
            let document = match document::Document::from_json(&stored.content) {
                Ok(document) => document,
                Err(error) => {
                    tracing::error!(
                        application = stored.name,
                        "application {} cannot be used: {}",
                        stored.name,
                        domain::Rejection::park(error)
                    );
                    continue;
                }
            };
            match document.spec {
                Spec::Application(spec) => {
                    let ready = kept.as_ref().is_some_and(|kept| kept.ready);
                    // What lives in the connector would be lost with it.
                    let in_process =
                        kept.filter(|_kept| spec.connector.kind == ConnectorKind::InProcess);
                    let connector = in_process
                        .and_then(|kept| kept.connector)
                        .filter(|connector| matches!(**connector, Connector::InProcess(_)));
                    let application = Application {
                        digest: stored.digest,
                        spec: Arc::new(*spec),
                        connector,
                        look_at: Timestamp::MIN,
                        watched: false,
                        ready,
                    };
                    self.applications.insert(stored.name, application);
                }
                Spec::AttributeSchema(_)
                | Spec::Bundle(_)
                | Spec::AccessPolicy(_)
                | Spec::SeparationOfDuties(_)
                | Spec::LifecyclePlan(_)
                | Spec::Breaker(_) => {}
            }
        }
        self.release = Some(release);
    }

    fn connect(&mut self, ways: &Ways, now: Timestamp) {
        for (name, application) in &mut self.applications {
            if application.connector.is_some() || now < application.look_at {
                continue;
            }
            match ways.connect(name, &application.spec) {
                Ok(connector) => application.connector = Some(Arc::new(connector)),
                Err(error) => {
                    application.look_at = now.saturating_add(LOOK_AGAIN).unwrap_or(now);
                    tracing::warn!(
                        application = name,
                        code = code::NOT_CONNECTED,
                        "work in {name} waits ({}): {}",
                        code::NOT_CONNECTED,
                        domain::Rejection::retry(error)
                    );
                }
            }
        }
    }
}

impl Application {
    fn again(&self) -> Self {
        Self {
            digest: self.digest.clone(),
            spec: Arc::clone(&self.spec),
            connector: self.connector.clone(),
            look_at: self.look_at,
            watched: self.watched,
            ready: self.ready,
        }
    }
}

/// Whether it is read without anybody asking for it. A manual application is read when somebody lists it.
fn reads_itself(spec: &document::Application) -> bool {
    spec.connector.kind != ConnectorKind::Manual && spec.reconciliation.every != Every::Never
}

impl Ways {
    fn connect(&self, name: &str, spec: &document::Application) -> Result<Connector, Unreachable> {
        match spec.connector.kind {
            ConnectorKind::Ldap => self.directory(name, spec),
            ConnectorKind::Manual => Ok(Connector::Manual),
            ConnectorKind::InProcess => Ok(Connector::InProcess(InProcess::default())),
            ConnectorKind::Scim => {
                let url = spec.connector.url.as_ref().ok_or(Unreachable::NoAddress)?;
                let token = spec.connector.token.as_ref().map(|token| token.to_string());
                let token: Option<Secret> = token.as_deref().map(resolve).transpose()?;
                let limits = limits(&spec.limits);
                let budget = self.budget(name, spec);
                let egress = self.egress.clone();
                let settings = Settings {
                    token,
                    limits,
                    egress,
                    budget,
                    ..Settings::new(name, looked_up(url)?)
                };
                Ok(Connector::Scim(Box::new(Scim::try_new(&settings)?)))
            }
        }
    }

    fn directory(
        &self,
        name: &str,
        spec: &document::Application,
    ) -> Result<Connector, Unreachable> {
        let url = spec.connector.url.as_ref().ok_or(Unreachable::NoAddress)?;
        let described = spec.connector.ldap.as_ref().ok_or(Unreachable::NoDirectory)?;
        let settings = LdapSettings {
            application: name.to_owned(),
            url: looked_up(url)?,
            starttls: described.starttls,
            ca: described.ca.as_ref().and_then(|ca| match ca {
                Setting::File(path) => Some(path.into()),
                Setting::Literal(_) | Setting::Env(_) => None,
            }),
            bind_dn: looked_up(&described.bind_dn)?,
            password: resolve(&described.password.to_string())?,
            layout: described.layout(),
            managed: spec.account.attributes.keys().cloned().collect(),
            limits: limits(&spec.limits),
            timeouts: Timeouts::default(),
            egress: self.egress.clone(),
            budget: self.budget(name, spec),
        };
        Ok(Connector::Ldap(Box::new(Ldap::try_new(settings)?)))
    }

    fn budget(&self, name: &str, spec: &document::Application) -> Option<Arc<dyn Budget>> {
        let purse = Purse::new(&self.store, name, &spec.limits.rates)?;
        Some(Arc::new(purse))
    }
}

fn looked_up(setting: &Setting) -> Result<String, Unreachable> {
    let text = match setting {
        Setting::Literal(text) => text.clone(),
        Setting::Env(name) => {
            std::env::var(name).map_err(|_unset| Unreachable::Variable { name: name.clone() })?
        }
        Setting::File(path) => std::fs::read_to_string(path)
            .map_err(|source| Unreachable::Address { path: path.clone(), source })?,
    };
    Ok(text.trim().to_owned())
}

fn limits(limits: &document::Limits) -> Limits {
    let at_least_one = |count: u16| NonZeroUsize::new(count.into()).unwrap_or(NonZeroUsize::MIN);
    Limits {
        concurrency: at_least_one(limits.concurrency),
        leaver_reserve: limits.leaver_reserve.into(),
        changes_per_request: at_least_one(limits.changes_per_request),
    }
}
