//! A local mesh: its servers and services as child processes, started in order, kept running.
//!
//! Invariants:
//! - one launcher at a time works on a state folder;
//! - what dies is started again, on the port it had, with the data it had;
//! - passwords are made once and stand in files that only their owner reads.

mod backoff;
mod board;
mod broker;
mod database;
mod environment;
mod process;
mod service;
mod state;
mod stop;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use bus::accounts::Holder;
use clock::Clock;
use futures::future::{join_all, try_join_all};
use jiff::SignedDuration;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::catalogue::Service;
use servers::Tools;

use crate::arguments::Launch;
use crate::client::Mesh;
use crate::credentials::{self, Wanted};
use crate::output::tell;
use crate::vault::Vault;

pub(crate) use self::board::{Board, Server};
use self::broker::Broker;
pub(crate) use self::broker::{Owner as StreamOwner, set_up};
use self::database::Database;
pub(crate) use self::database::specifications;

pub(crate) use self::process::{Process, Spawner, Stdin};
use self::service::Member;
use self::state::Lock;
pub(crate) use self::state::{Elsewhere, StateDir};
pub(crate) use self::stop::Stop;

/// How long credentials count.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// How often it is looked whether any end soon.
const RENEW_EVERY: Duration = Duration::from_secs(600);
/// How long a service may drain before it is killed.
const SERVICE_GRACE: Duration = Duration::from_secs(20);

/// How a mesh is started.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) state: StateDir,
    pub(crate) bin_dir: PathBuf,
    pub(crate) nats_url: Option<String>,
    /// Certificates of authorities that are trusted besides the system's when that server is spoken to.
    pub(crate) nats_ca: Option<PathBuf>,
    pub(crate) database_url: Option<String>,
    /// Sources that publish over NATS, from outside of the mesh.
    pub(crate) publishers: Vec<String>,
    /// Told to provisioning besides this process's own `TENURE_APP_*`: where applications are.
    pub(crate) applications: BTreeMap<String, String>,
    /// Told to notification besides this process's own settings for it: where the mail server is.
    pub(crate) mail: BTreeMap<String, String>,
}

impl Options {
    /// Reads them from the command line.
    pub(crate) fn new(state: StateDir, launch: Launch) -> anyhow::Result<Self> {
        let bin_dir = match launch.bin_dir {
            Some(folder) => std::path::absolute(&folder).context("find the services' programs")?,
            None => beside()?,
        };
        Ok(Self {
            state,
            bin_dir,
            nats_url: launch.nats_url,
            nats_ca: launch.nats_ca,
            database_url: launch.database_url,
            publishers: launch.publishers,
            applications: BTreeMap::new(),
            mail: BTreeMap::new(),
        })
    }

    /// What the programs sign in with.
    fn wanted(&self) -> Wanted<'_> {
        Wanted { sources: &self.publishers, lifetime: LIFETIME, server_names: &[] }
    }

    /// Returns the path of a file of a secret.
    fn secret(&self, secret: &str, file: &str) -> String {
        self.state.secrets().join(secret).join(file).display().to_string()
    }

    /// Returns the path of a program of ours.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let program = self.bin_dir.join(name);
        anyhow::ensure!(
            program.is_file(),
            "there is no {}: build it with `cargo build --bins`, or name its folder with --bin-dir",
            program.display()
        );
        Ok(program)
    }
}

fn beside() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    Ok(own.parent().context("find this program's folder")?.to_owned())
}

/// A mesh that was started here; dropping it kills it.
pub(crate) struct Running {
    // In the order in which they end: what uses something ends before it.
    members: Vec<Member>,
    broker: Broker,
    database: Database,
    state: StateDir,
    vault: Vault,
    options: Options,
    // Last, so that nobody else starts while something still runs.
    _lock: Lock,
}

impl Running {
    /// Starts everything and returns when every service is ready.
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        let programs = Service::ALL
            .into_iter()
            .map(|service| Ok((service, options.program(service.as_str())?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let state = options.state.clone();
        let lock = state.lock().await?;
        state.prepare()?;
        let vault = Vault::Folder(state.secrets());
        credentials::ensure(&vault, &options.wanted(), Clock::system().now())
            .await
            .context("make what the services sign in with")?;
        let tools = match (&options.nats_url, &options.database_url) {
            (Some(_), Some(_)) => None,
            (None, _) | (_, None) => {
                tell("looking for nats-server and PostgreSQL");
                Some(Tools::locate().await.context("find nats-server and PostgreSQL")?)
            }
        };
        tell("starting NATS and PostgreSQL");
        let (broker, database) = futures::try_join!(
            Broker::start(tools.as_ref(), &options, &vault),
            Database::start(tools.as_ref(), &options, &vault),
        )?;
        state.board().update(|board| {
            board.pid = std::process::id();
            board.nats = broker.entry();
            board.postgres = database.entry();
        })?;
        tell("starting the services");
        let spawner = Spawner::find().await;
        let members = try_join_all(programs.into_iter().map(|(service, program)| {
            let settings = settings(service, &options, &broker, &database);
            let owner = owner(service, &options, &database);
            Member::start(service, program, settings, owner, spawner.clone(), state.clone())
        }))
        .await?;
        state.board().update(|board| board.ready = true)?;
        Ok(Self { members, broker, database, state, vault, options, _lock: lock })
    }

    /// Starts again whatever dies. Never returns; what it does may be dropped at any time.
    pub(crate) async fn supervise(&mut self) -> Infallible {
        let services = join_all(self.members.iter_mut().map(Member::keep));
        let renewing = Box::pin(renew(&self.vault, &self.options));
        tokio::select! {
            never = renewing => never,
            never = self.broker.keep(&self.state) => never,
            never = self.database.keep(&self.state) => never,
            // None of them ever returns.
            _never = services => std::future::pending().await,
        }
    }

    /// Stops everything in order: services, NATS, PostgreSQL.
    pub(crate) async fn stop(mut self) {
        join_all(self.members.iter_mut().map(|member| member.stop(SERVICE_GRACE))).await;
        self.broker.stop().await;
        self.database.stop().await;
        self.state.forget_board();
    }

    /// What runs, where.
    pub(crate) fn board(&self) -> anyhow::Result<Board> {
        self.state.board().read()
    }

    /// The services, as operators reach them.
    pub(crate) fn mesh(&self) -> anyhow::Result<Mesh> {
        self.state.mesh_of(&self.board()?)
    }
}

/// Renews credentials before they end, for as long as the mesh runs.
async fn renew(vault: &Vault, options: &Options) -> Infallible {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match credentials::ensure(vault, &options.wanted(), Clock::system().now()).await {
            Ok(written) if written.is_empty() => {}
            Ok(written) => {
                tracing::info!("renewed {}", written.join(", "));
                if written.iter().any(|name| name == credentials::NATS_SERVER) {
                    reload(&options.state);
                }
            }
            Err(error) => tracing::warn!("renew credentials: {error:#}"),
        }
    }
}

/// Lets a private NATS read its certificate again.
fn reload(state: &StateDir) {
    let pid = state.board().read().ok().and_then(|board| board.nats.pid);
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else { return };
    if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGHUP) {
        tracing::warn!("let NATS read its certificate again: {error}");
    }
}

/// What a service is told when it brings its schema up to date, as the owner of its database.
fn owner(service: Service, options: &Options, database: &Database) -> BTreeMap<String, String> {
    let mut settings = environment::inherited(service, std::env::vars());
    let password = options.secret(&credentials::of_owner(service), credentials::PASSWORD);
    let told =
        [("DATABASE__URL", database.owner_url(service)), ("DATABASE__PASSWORD_FILE", password)];
    settings.extend(told.map(|(key, value)| (environment::key(service, key), value)));
    settings
}

/// What a service is told by its environment, besides where it shall listen.
fn settings(
    service: Service,
    options: &Options,
    broker: &Broker,
    database: &Database,
) -> BTreeMap<String, String> {
    let mut settings = environment::inherited(service, std::env::vars());
    if service == Service::Provisioning {
        settings.extend(options.applications.clone());
        // Applications of a local mesh run beside it.
        let allowed = environment::key(service, "EGRESS__ALLOW");
        settings.entry(allowed).or_insert_with(|| "127.0.0.0/8,::1/128".to_owned());
    }
    if service == Service::Notification {
        settings.extend(options.mail.clone());
    }
    if service == Service::HrisIngest {
        let address = environment::key(service, service::SCIM_ADDRESS);
        settings.entry(address).or_insert_with(|| "127.0.0.1:0".to_owned());
    }
    let holder = credentials::of_holder(&Holder::Service(service));
    let password = options.secret(&credentials::of_worker(service), credentials::PASSWORD);
    let told = [
        ("NATS__URL", broker.url()),
        ("NATS__CREDENTIALS_FILE", options.secret(&holder, credentials::CREDENTIALS)),
        ("DATABASE__URL", database.url(service)),
        ("DATABASE__PASSWORD_FILE", password),
        ("DATABASE__MIGRATE", "false".to_owned()),
        ("GRPC__TOKEN_FILE", options.secret(credentials::OPERATORS, credentials::TOKEN)),
        ("ADDRESS_FILE", options.state.address_file(service).display().to_string()),
    ];
    settings.extend(told.map(|(key, value)| (environment::key(service, key), value)));
    if let Some(trusted) = broker.trusted() {
        settings.insert(environment::key(service, "NATS__CA_FILE"), trusted.display().to_string());
    }
    settings
}
