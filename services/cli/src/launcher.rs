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
mod secrets;
mod service;
mod state;
mod stop;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::{join_all, try_join_all};
use proto::catalogue::Service;
use servers::Tools;

use crate::arguments::Launch;
use crate::client::Mesh;
use crate::output::tell;

pub(crate) use self::board::{Board, Server};
use self::broker::Broker;
use self::database::Database;

pub(crate) use self::process::{Process, Spawner, Stdin};
use self::secrets::Secrets;
use self::service::Member;
use self::state::Lock;
pub(crate) use self::state::StateDir;
pub(crate) use self::stop::Stop;

/// How long a service may drain before it is killed.
const SERVICE_GRACE: Duration = Duration::from_secs(20);

/// How a mesh is started.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) state: StateDir,
    pub(crate) bin_dir: PathBuf,
    pub(crate) nats_url: Option<String>,
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
            database_url: launch.database_url,
            publishers: launch.publishers,
            applications: BTreeMap::new(),
            mail: BTreeMap::new(),
        })
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
        let secrets = Secrets::load(&state, &options.publishers)?;
        state.write_accounts(&secrets)?;
        let tools = match (&options.nats_url, &options.database_url) {
            (Some(_), Some(_)) => None,
            (None, _) | (_, None) => {
                tell("looking for nats-server and PostgreSQL");
                Some(Tools::locate().await.context("find nats-server and PostgreSQL")?)
            }
        };
        tell("starting NATS and PostgreSQL");
        let (broker, database) = futures::try_join!(
            Broker::start(tools.as_ref(), &options, &secrets),
            Database::start(tools.as_ref(), &options, &secrets),
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
            Member::start(service, program, settings, spawner.clone(), state.clone())
        }))
        .await?;
        state.board().update(|board| board.ready = true)?;
        Ok(Self { members, broker, database, state, _lock: lock })
    }

    /// Starts again whatever dies. Never returns; what it does may be dropped at any time.
    pub(crate) async fn supervise(&mut self) -> Infallible {
        let services = join_all(self.members.iter_mut().map(Member::keep));
        tokio::select! {
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
        self.board()?.mesh()
    }
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
    let secret = |name: String| options.state.secret(&name).display().to_string();
    let told = [
        ("NATS__URL", broker.url()),
        ("NATS__PASSWORD_FILE", secret(secrets::nats(service))),
        ("DATABASE__URL", database.url(service)),
        ("DATABASE__PASSWORD_FILE", secret(secrets::database(service))),
        ("ADDRESS_FILE", options.state.address_file(service).display().to_string()),
    ];
    settings.extend(told.map(|(key, value)| (environment::key(service, key), value)));
    settings
}
