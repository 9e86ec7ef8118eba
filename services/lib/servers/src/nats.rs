//! A private NATS server with `JetStream`.
//!
//! Its folder holds `server.conf`, `jetstream` and the log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::child::Child;
use crate::launch::Identity;
use crate::log::Log;
use crate::{Error, Tools, folder, port};

/// Says where a server keeps its streams and whom it serves.
#[derive(Clone)]
pub struct NatsConfig {
    /// The folder that is the server's own; made when it is not there.
    pub store_dir: PathBuf,
    /// The port; without one the server chooses at the first start and keeps it.
    pub port: Option<u16>,
    /// What is to stand in the configuration file besides address and storage: the accounts.
    pub config: String,
    /// With what the server proves who it is; none: clients speak to it in the clear.
    pub tls: Option<Certificate>,
}

/// A certificate that names 127.0.0.1, and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl std::fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsConfig")
            .field("store_dir", &self.store_dir)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A private server; dropping it ends it and keeps its streams.
#[derive(Debug)]
pub struct Nats {
    tools: Tools,
    config: NatsConfig,
    port: u16,
    child: Child,
}

const SERVER: &str = "nats-server";
/// Reading large streams back in may take this long.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long a port may still be held by what is just ending.
const BUSY_MAX: Duration = Duration::from_secs(15);
const END_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// Why one attempt to start failed.
enum Failure {
    PortTaken(Error),
    Final(Error),
}

impl Nats {
    /// Starts a server on the folder.
    pub async fn start(tools: &Tools, config: NatsConfig) -> Result<Self, Error> {
        let config = NatsConfig { store_dir: folder::own(&config.store_dir)?, ..config };
        let (port, child) = launch(tools, &config, config.port).await?;
        Ok(Self { tools: tools.clone(), config, port, child })
    }

    /// Starts the server again on the same port, stopping it first if it runs.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await;
        let (_, child) = launch(&self.tools, &self.config, Some(self.port)).await?;
        self.child = child;
        Ok(())
    }

    /// Returns the address, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.config.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Returns the port, which stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Whether the server has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child.is_running()
    }

    /// Waits until the server has ended and returns how it did.
    pub async fn ended(&self) -> String {
        self.child.ended().await
    }

    /// Stops the server in order; kills it if that takes too long.
    pub async fn stop(&self) {
        if self.is_running() {
            self.child.end(Signal::SIGTERM, END_MAX).await;
        }
    }

    /// Kills the server as `kill -9` does.
    pub async fn kill(&self) {
        if self.is_running() {
            self.child.end(Signal::SIGKILL, END_MAX).await;
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if self.child.is_running() {
            self.child.end_blocking(Signal::SIGTERM, Duration::from_secs(3));
        }
    }
}

/// Starts until it works, for as long as what holds the port can be expected to leave.
async fn launch(
    tools: &Tools,
    config: &NatsConfig,
    fixed_port: Option<u16>,
) -> Result<(u16, Child), Error> {
    let give_up = Instant::now() + BUSY_MAX;
    loop {
        match attempt(tools, config, fixed_port).await {
            Ok(launched) => return Ok(launched),
            Err(Failure::PortTaken(error)) => {
                if Instant::now() >= give_up {
                    return Err(error);
                }
                tracing::debug!("the NATS server has to wait for its port");
                sleep(POLL * 25).await;
            }
            Err(Failure::Final(error)) => return Err(error),
        }
    }
}

async fn attempt(
    tools: &Tools,
    config: &NatsConfig,
    fixed_port: Option<u16>,
) -> Result<(u16, Child), Failure> {
    let (log, child) = spawn(tools, config, fixed_port).await.map_err(Failure::Final)?;
    let ports = ports_folder(config);
    tokio::select! {
        status = child.ended() => {
            let log = log.tail();
            let taken = log.contains("address already in use");
            let error = Error::Ended { server: SERVER, status, log };
            Err(if taken { Failure::PortTaken(error) } else { Failure::Final(error) })
        }
        ready = timeout(READY_MAX, until_ready(&ports, fixed_port)) => match ready {
            Ok(port) => Ok((port, child)),
            Err(_) => Err(Failure::Final(Error::NotReady {
                server: SERVER,
                seconds: READY_MAX.as_secs(),
                log: log.tail(),
            })),
        },
    }
}

async fn spawn(
    tools: &Tools,
    config: &NatsConfig,
    fixed_port: Option<u16>,
) -> Result<(Log, Child), Error> {
    let ports = ports_folder(config);
    folder::remove(&ports)?;
    folder::make(&ports)?;
    let file = config.store_dir.join("server.conf");
    folder::write_private(&file, &text(config, fixed_port), Identity::Caller)?;
    let (log, output) = Log::open(config.store_dir.join("log"))?;
    let mut command = tools.launcher.command(tools.nats_server(), Identity::Caller);
    command.arg("--config").arg(&file);
    let errors = output.try_clone().map_err(Error::io("open", &config.store_dir))?;
    command.stdout(output).stderr(errors);
    let child = Child::spawn(command).await.map_err(Error::io("start", tools.nats_server()))?;
    Ok((log, child))
}

/// Waits until the server greets, and returns its port.
async fn until_ready(ports: &Path, fixed_port: Option<u16>) -> u16 {
    loop {
        if let Some(port) = fixed_port.or_else(|| chosen_port(ports))
            && port::greets(port, b"INFO ").await
        {
            return port;
        }
        sleep(POLL).await;
    }
}

/// Reads the port out of the one file that the server writes, named after itself, once it listens.
fn chosen_port(ports: &Path) -> Option<u16> {
    let file = fs::read_dir(ports).ok()?.next()?.ok()?;
    let text = fs::read(file.path()).ok()?;
    let ports: serde_json::Value = serde_json::from_slice(&text).ok()?;
    ports["nats"][0].as_str()?.rsplit_once(':')?.1.parse().ok()
}

fn text(config: &NatsConfig, fixed_port: Option<u16>) -> String {
    let port = fixed_port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
    let (ports, store) = (ports_folder(config), &config.store_dir);
    let tls = config.tls.as_ref().map_or_else(String::new, |tls| {
        format!(
            "tls {{ cert_file: {}, key_file: {} }}\n",
            quoted(&tls.certificate),
            quoted(&tls.key)
        )
    });
    format!(
        "listen: \"127.0.0.1:{port}\"\n\
         server_name: tenure\n\
         ports_file_dir: {}\n\
         jetstream {{ store_dir: {} }}\n\
         {tls}{}\n",
        quoted(&ports),
        quoted(store),
        config.config,
    )
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

fn ports_folder(config: &NatsConfig) -> PathBuf {
    config.store_dir.join("ports")
}
