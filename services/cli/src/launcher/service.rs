//! One service of the mesh as a child process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use chassis::Addresses;
use proto::catalogue::Service;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::board::Entry;
use super::environment;
use super::process::{Process, Spawner, Stdin};
use super::state::StateDir;
use crate::http;

/// Migrations of a large database may take this long.
const READY_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Names the setting of where SCIM clients push people.
pub(super) const SCIM_ADDRESS: &str = "SCIM__ADDRESS";

/// A service that is kept running.
#[derive(Debug)]
pub(crate) struct Member {
    service: Service,
    program: PathBuf,
    settings: BTreeMap<String, String>,
    /// What it is told to bring its schema up to date.
    owner: BTreeMap<String, String>,
    spawner: Spawner,
    state: StateDir,
    process: Process,
    /// Where it listened last, unless that did not work out.
    listened: Option<Addresses>,
    restarts: u32,
}

impl Member {
    /// Starts a service and waits until it is ready.
    pub(crate) async fn start(
        service: Service,
        program: PathBuf,
        settings: BTreeMap<String, String>,
        owner: BTreeMap<String, String>,
        spawner: Spawner,
        state: StateDir,
    ) -> anyhow::Result<Self> {
        let log = state.log(service.as_str());
        forget_address(&state, service)?;
        migrate(service, &program, &owner, &spawner, &state).await?;
        let told = with_epoch(&settings, &state, service)?;
        let process = Process::spawn(&spawner, &program, &[], &told, Stdin::Nothing, log)?;
        let mut member = Self {
            service,
            program,
            settings,
            owner,
            spawner,
            state,
            process,
            listened: None,
            restarts: 0,
        };
        member.ready().await?;
        Ok(member)
    }

    /// Starts the service again whenever it dies.
    pub(crate) async fn keep(&mut self) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            let begin = Instant::now();
            let how = self.process.ended().await;
            tracing::warn!("{} ended and is started again ({how})", self.service);
            let mut pause = backoff.died_after(begin.elapsed());
            loop {
                sleep(pause).await;
                let begin = Instant::now();
                self.restarts = self.restarts.saturating_add(1);
                match self.again().await {
                    Ok(()) => break,
                    Err(error) => {
                        tracing::warn!("{error:#}");
                        // Somebody else may have its port.
                        self.listened = None;
                        pause = backoff.died_after(begin.elapsed());
                    }
                }
            }
            tracing::info!("{} is ready again", self.service);
        }
    }

    /// Lets it drain, and kills it if that takes too long.
    pub(crate) async fn stop(&mut self, grace: Duration) {
        self.process.stop(grace).await;
    }

    async fn again(&mut self) -> anyhow::Result<()> {
        forget_address(&self.state, self.service)?;
        // The program may have been replaced by a newer one.
        migrate(self.service, &self.program, &self.owner, &self.spawner, &self.state).await?;
        let mut settings = with_epoch(&self.settings, &self.state, self.service)?;
        if let Some(Addresses { grpc, admin, http, pid: _ }) = self.listened {
            settings.insert(environment::key(self.service, "GRPC__ADDRESS"), grpc.to_string());
            settings.insert(environment::key(self.service, "ADMIN__ADDRESS"), admin.to_string());
            if let Some(http) = http {
                settings.insert(environment::key(self.service, SCIM_ADDRESS), http.to_string());
            }
        }
        let log = self.state.log(self.service.as_str());
        self.process =
            Process::spawn(&self.spawner, &self.program, &[], &settings, Stdin::Nothing, log)?;
        self.ready().await
    }

    /// Waits until it says that it is ready, and writes down where it is.
    async fn ready(&mut self) -> anyhow::Result<()> {
        let (service, state, pid) = (self.service, &self.state, self.process.pid());
        let answers = async {
            loop {
                if let Some(addresses) = address(state, service, pid)
                    && let Ok(answer) = http::get(addresses.admin, "/readyz", None).await
                    && answer.status == 200
                {
                    return addresses;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let addresses = tokio::select! {
            how = self.process.ended() => {
                bail!("{service} ended before it was ready ({how}); its log is {}", state.log(service.as_str()).display())
            }
            answers = timeout(READY_MAX, answers) => answers.with_context(|| {
                format!("{service} is not ready after {READY_MAX:?}; its log is {}", state.log(service.as_str()).display())
            })?,
        };
        self.listened = Some(addresses);
        let Addresses { grpc, admin, http, pid } = addresses;
        let entry = Entry { grpc, admin, http, pid, restarts: self.restarts };
        state.board().update(|board| {
            board.services.insert(service.to_string(), entry);
        })
    }
}

/// Brings the schema up to date, as the owner of the database.
async fn migrate(
    service: Service,
    program: &Path,
    owner: &BTreeMap<String, String>,
    spawner: &Spawner,
    state: &StateDir,
) -> anyhow::Result<()> {
    let log = state.log(service.as_str());
    let arguments = ["migrate".to_owned()];
    let mut process =
        Process::spawn(spawner, program, &arguments, owner, Stdin::Nothing, log.clone())?;
    match timeout(READY_MAX, process.succeeded()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(how)) => bail!(
            "{service} could not bring its schema up to date ({how}); its log is {}",
            log.display()
        ),
        Err(_elapsed) => bail!(
            "the schema of {service} is not up to date after {READY_MAX:?}; its log is {}",
            log.display()
        ),
    }
}

/// The epoch may have been raised since the service was started last.
fn with_epoch(
    settings: &BTreeMap<String, String>,
    state: &StateDir,
    service: Service,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut settings = settings.clone();
    let epoch = state.epoch(service)?.to_string();
    settings.entry(environment::key(service, "DATABASE__EPOCH")).or_insert(epoch);
    Ok(settings)
}

fn forget_address(state: &StateDir, service: Service) -> anyhow::Result<()> {
    let path = state.address_file(service);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads where a service listens, once the process in question has written it.
fn address(state: &StateDir, service: Service, pid: u32) -> Option<Addresses> {
    let text = std::fs::read(state.address_file(service)).ok()?;
    serde_json::from_slice::<Addresses>(&text).ok().filter(|addresses| addresses.pid == pid)
}
