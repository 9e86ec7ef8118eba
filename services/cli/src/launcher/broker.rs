//! The mesh's NATS: a private server, or one that somebody else runs.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bus::accounts::Holder;
use bus::admin::{self, StreamOptions};
use nix::sys::statvfs::statvfs;
use servers::{Certificate, Nats, NatsConfig, Tools};
use tokio::time::{Instant, sleep};

use super::Options;
use super::backoff::Backoff;
use super::board::Server;
use super::state::StateDir;
use crate::credentials;
use crate::vault::Vault;

/// The broker, with every stream and consumer of the catalogue.
#[derive(Debug)]
pub(crate) struct Broker {
    url: String,
    private: Option<Nats>,
    owner: Owner,
    streams: StreamOptions,
}

/// Who sets the broker up: the files to sign in with, and to trust it by.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) credentials: PathBuf,
    pub(crate) trusted: Option<PathBuf>,
}

impl Broker {
    /// Starts the server unless one is configured, and sets it up.
    pub(crate) async fn start(
        tools: Option<&Tools>,
        options: &Options,
        vault: &Vault,
    ) -> anyhow::Result<Self> {
        let file = |secret: &str, file: &str| options.state.secrets().join(secret).join(file);
        let own = credentials::of_holder(&Holder::Owner);
        let mut owner = Owner {
            credentials: file(&own, credentials::CREDENTIALS),
            trusted: options.nats_ca.clone(),
        };
        if let Some(url) = &options.nats_url {
            if url.contains('@') {
                bail!(
                    "the address of NATS must hold no credentials: the mesh has its own accounts"
                );
            }
            let streams = StreamOptions::default();
            set_up(url, &owner, streams).await.with_context(|| {
                format!(
                    "set up the NATS server at {url}: its configuration must include {} and enable \
                     jetstream; reload it after that",
                    file(credentials::NATS_SERVER, credentials::ACCOUNTS).display()
                )
            })?;
            return Ok(Self { url: url.clone(), private: None, owner, streams });
        }
        let tools = tools.context("the programs of the servers are not known")?;
        let files = vault.read(credentials::NATS_SERVER).await?;
        let accounts = files.get(credentials::ACCOUNTS).context("there are no accounts of NATS")?;
        let config = NatsConfig {
            store_dir: options.state.nats(),
            port: None,
            config: accounts.clone(),
            tls: Some(Certificate {
                certificate: file(credentials::NATS_SERVER, credentials::CERTIFICATE),
                key: file(credentials::NATS_SERVER, credentials::CERTIFICATE_KEY),
            }),
        };
        owner.trusted = Some(file(&own, credentials::AUTHORITY));
        let server = Nats::start(tools, config).await.context("start NATS")?;
        let url = server.url();
        let streams = fitting(&options.state.nats())?;
        set_up(&url, &owner, streams).await.context("set NATS up")?;
        Ok(Self { url, private: Some(server), owner, streams })
    }

    /// Returns the address, without credentials.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the file of certificates to trust besides the system's.
    pub(crate) fn trusted(&self) -> Option<&Path> {
        self.owner.trusted.as_deref()
    }

    pub(crate) fn entry(&self) -> Server {
        let pid = self.private.as_ref().map(Nats::pid);
        Server { address: self.url.clone(), pid, restarts: 0 }
    }

    /// Starts the private server again whenever it dies.
    pub(crate) async fn keep(&mut self, state: &StateDir) -> Infallible {
        let Some(server) = &mut self.private else { return std::future::pending().await };
        let mut backoff = Backoff::default();
        loop {
            let begin = Instant::now();
            let how = server.ended().await;
            tracing::warn!("NATS ended and is started again ({how})");
            let mut pause = backoff.died_after(begin.elapsed());
            loop {
                sleep(pause).await;
                let begin = Instant::now();
                match again(server, &self.url, &self.owner, self.streams, state).await {
                    Ok(()) => break,
                    Err(error) => tracing::warn!("start NATS again: {error:#}"),
                }
                pause = backoff.died_after(begin.elapsed());
            }
            tracing::info!("NATS is ready again");
        }
    }

    pub(crate) async fn stop(&self) {
        if let Some(server) = &self.private {
            server.stop().await;
        }
    }
}

/// Keeps streams so small that the disk has room for all of them: the server sets their size aside,
/// and takes three quarters of what is free at most.
fn fitting(folder: &Path) -> anyhow::Result<StreamOptions> {
    let room = statvfs(folder).context("measure the disk")?;
    let free = room.blocks_available().saturating_mul(room.fragment_size());
    Ok(of_size(free))
}

fn of_size(free: u64) -> StreamOptions {
    let options = StreamOptions::default();
    let share = i64::try_from(free / 2 / admin::STREAMS_COUNT).unwrap_or(i64::MAX);
    StreamOptions { bytes_max: options.bytes_max.min(share), ..options }
}

async fn again(
    server: &mut Nats,
    url: &str,
    owner: &Owner,
    streams: StreamOptions,
    state: &StateDir,
) -> anyhow::Result<()> {
    server.restart().await?;
    // Its disk may have been wiped.
    set_up(url, owner, streams).await?;
    let pid = server.pid();
    state.board().update(|board| {
        board.nats.pid = Some(pid);
        board.nats.restarts += 1;
    })
}

/// Makes every stream and consumer, or brings them up to date.
pub(crate) async fn set_up(url: &str, owner: &Owner, streams: StreamOptions) -> anyhow::Result<()> {
    let client = bus::connect::options(Some(&owner.credentials), owner.trusted.as_deref())
        .name("tenure")
        .connect(url)
        .await
        .context("connect as the owner of the streams")?;
    admin::ensure(&client, streams).await?;
    client.drain().await.context("disconnect")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_fit_on_a_small_disk_and_stop_growing_on_a_large_one() {
        assert_eq!(of_size((admin::STREAMS_COUNT * 2) << 20).bytes_max, 1 << 20);
        assert_eq!(of_size(1 << 40).bytes_max, StreamOptions::default().bytes_max);
    }
}
