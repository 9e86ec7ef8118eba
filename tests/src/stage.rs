//! One service alone, as processes on servers of its own: what it is told is said here, in the name
//! of policy-evaluation, and what it asks is asked of sandboxes.

mod desired;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::jetstream;
use bus::Message;
use bus::accounts::Holder;
use clock::Clock;
use domain::Version;
use futures::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::Event;
use proto::catalogue::Service;
use proto::policy::v1::{DocumentDigest, DocumentReleased, ReleaseActivated};
use store::outbox::Pending;
use tempfile::TempDir;
use testkit::{Broker, Database};

use crate::processes::program;

pub use desired::{Desired, person};

/// The one release there is.
const RELEASE: u64 = 1;
/// No test lasts longer.
const CREDENTIALS_LAST: Duration = Duration::from_secs(86_400);
/// Events that wait for the broker's acknowledgement at most.
const WINDOW: usize = 512;

/// The servers, and the voice of policy-evaluation.
#[derive(Debug)]
pub struct Stage {
    /// The database server.
    pub database: Database,
    broker: Broker,
    nats_url: String,
    policy: jetstream::Context,
    clock: Clock,
    folder: TempDir,
}

/// Where an application is reached, and how it signs in.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Its name.
    pub name: String,
    /// Where its SCIM begins.
    pub url: String,
    /// The file with its token.
    pub token_file: PathBuf,
    /// How often it is read as a whole, as its document has it.
    pub every: &'static str,
}

impl Stage {
    /// Starts a broker beside a database server.
    ///
    /// # Errors
    /// When there is no room for what they keep.
    pub async fn start(database: Database) -> anyhow::Result<Self> {
        let mut broker = Broker::start().await;
        let nats_url = broker.server().url();
        let client = broker.connect(Service::PolicyEvaluation).await;
        let folder = servers::scratch()?;
        let policy = jetstream::new(client);
        Ok(Self { database, broker, nats_url, policy, clock: Clock::system(), folder })
    }

    /// A folder that is there for as long as this.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The broker, as its owner sees it.
    pub async fn owner(&self) -> async_nats::Client {
        self.broker.owner().await
    }

    /// Prepares a process of a service under a name of its own; `told` are further settings.
    ///
    /// # Errors
    /// When its program is not built.
    pub fn replica(
        &self,
        service: Service,
        name: &str,
        told: &[(&'static str, &str)],
    ) -> anyhow::Result<Replica> {
        let credentials =
            self.broker.write_credentials(&Holder::Service(service), CREDENTIALS_LAST);
        let address_file = self.folder.path().join(format!("{name}.json"));
        let settings = [
            ("NATS__URL", self.nats_url.clone()),
            ("NATS__CREDENTIALS_FILE", credentials.display().to_string()),
            ("DATABASE__URL", self.database.url(service)),
            ("DATABASE__MIGRATE", "false".to_owned()),
            ("ADDRESS_FILE", address_file.display().to_string()),
        ];
        let settings = settings.into_iter();
        let settings =
            settings.chain(told.iter().map(|(key, value)| (*key, (*value).to_owned()))).collect();
        let log = self.folder.path().join(format!("{name}.log"));
        let program = program(service.as_str())?;
        let variable = format!("TENURE_{}__DATABASE__URL", service.database().to_uppercase());
        let migrated = Command::new(&program)
            .arg("migrate")
            .env(variable, self.database.owner_url(service))
            .status();
        let migrated = migrated.with_context(|| format!("migrate the database of {service}"))?;
        anyhow::ensure!(migrated.success(), "migrate the database of {service}: {migrated}");
        Ok(Replica { service, program, settings, address_file, log, child: None, starts: 0 })
    }

    /// Announces a release of these applications and no policies.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn release(&self, applications: &[Reached]) -> anyhow::Result<()> {
        let mut documents = Vec::new();
        for Reached { name, url, token_file, every } in applications {
            let mut text = format!(
                "apiVersion: tenure.dev/v1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  \
                 connector: {{kind: scim, url: \"{url}\", token: \"file:{}\"}}\n  \
                 account: {{login: person.name}}\n",
                token_file.display()
            );
            writeln!(text, "  reconciliation: {{every: {every}}}")?;
            let loaded = rules::document::load("application.yaml", &text);
            documents.extend(loaded.map_err(|refused| anyhow::anyhow!("{name}: {refused:?}"))?);
        }
        let version = Some(Version { epoch: 1, counter: 1 }.into());
        let released: Vec<DocumentReleased> = documents
            .iter()
            .map(|document| DocumentReleased {
                release: RELEASE,
                kind: document.kind().to_string(),
                name: document.name().to_owned(),
                digest: document.digest(),
                content: document.canonical().into_bytes(),
                version,
            })
            .collect();
        self.say(&released).await?;
        let named = documents.iter().map(|document| DocumentDigest {
            kind: document.kind().to_string(),
            name: document.name().to_owned(),
            digest: document.digest(),
        });
        let activated = ReleaseActivated {
            release: RELEASE,
            content_hash: format!("{} applications", documents.len()),
            documents: named.collect(),
            version,
            activated_at: Some(self.clock.now().into()),
        };
        self.say(&[activated]).await
    }

    /// Announces what shall hold for people.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn desire(&self, desired: &[Desired]) -> anyhow::Result<()> {
        let now = self.clock.now();
        let changed: Vec<_> = desired.iter().map(|desired| desired.changed(now)).collect();
        self.say(&changed).await
    }

    /// Publishes events as the relay of their publisher does, and waits until all are stored.
    async fn say<E: Event>(&self, events: &[E]) -> anyhow::Result<()> {
        let source = format!("/tenure/{}", Service::PolicyEvaluation);
        for window in events.chunks(WINDOW) {
            let mut stored = Vec::with_capacity(window.len());
            for event in window {
                let about = event.subject()?;
                let pending = Pending {
                    id: self.clock.new_id(),
                    lane: about.lane,
                    subject: about.address(E::row()),
                    subject_id: about.id,
                    kind: E::TYPE.to_owned(),
                    traceparent: None,
                    payload: event.encode_to_vec(),
                    occurred_at: self.clock.now(),
                };
                let message = Message::outgoing(pending, &source);
                let headers = message.headers();
                let sent =
                    self.policy.publish_with_headers(message.subject, headers, message.payload);
                stored.push(sent.await.context("publish")?);
            }
            for stored in join_all(stored.into_iter().map(IntoFuture::into_future)).await {
                stored.context("publish")?;
            }
        }
        Ok(())
    }
}

/// A process of a service that can be killed and started again; dropping this kills it.
#[derive(Debug)]
pub struct Replica {
    service: Service,
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    address_file: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    starts: u64,
}

impl Replica {
    /// Starts it; it becomes ready by itself.
    ///
    /// # Errors
    /// When it cannot be started, or runs already.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.child.is_some() {
            bail!("{} runs already", self.service);
        }
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let prefix = format!("TENURE_{}__", self.service.database().to_uppercase());
        let mut command = Command::new(&self.program);
        command.envs(self.settings.iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
        if self.service == Service::Provisioning {
            // Applications of tests run beside the service.
            command.env(format!("{prefix}EGRESS__ALLOW"), "127.0.0.0/8");
        }
        command.env("RUST_LOG", "warn").stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("start {}", self.service))?;
        self.child = Some(child);
        self.starts += 1;
        Ok(())
    }

    /// Kills it with a signal that it cannot catch.
    ///
    /// # Errors
    /// When it had ended by itself, which it never does.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(status) = child.try_wait()? {
            bail!("{} ended by itself: {status}: {}", self.service, self.told());
        }
        child.kill().context("kill it")?;
        child.wait().context("wait for its end").map(drop)
    }

    /// Tells it to end, as Kubernetes does, and waits until it has; returns how it ended, and how long
    /// that took.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn end(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let mut child =
            self.child.take().with_context(|| format!("{} does not run", self.service))?;
        let begin = tokio::time::Instant::now();
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
        let mut look = tokio::time::interval(Duration::from_millis(10));
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((status, begin.elapsed()));
            }
            look.tick().await;
        }
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether this start of it has become ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let written = std::fs::read_to_string(&self.address_file).unwrap_or_default();
        let addresses: serde_json::Value = serde_json::from_str(&written).unwrap_or_default();
        self.pid().is_some() && addresses["pid"].as_u64() == self.pid().map(u64::from)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it is not in a minute.
    pub async fn ready(&self) -> anyhow::Result<()> {
        const READY_MAX: Duration = Duration::from_secs(60);
        let mut look = tokio::time::interval(Duration::from_millis(20));
        let waited = tokio::time::timeout(READY_MAX, async {
            while !self.is_ready() {
                look.tick().await;
            }
        });
        let waited = waited.await;
        waited.with_context(|| format!("{} does not become ready: {}", self.service, self.told()))
    }

    /// What it logged.
    #[must_use]
    pub fn told(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nobody is there to hear of it.
            child.kill().ok();
            child.wait().ok();
        }
    }
}
