//! What of a mesh runs where, in one file that every command reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use proto::catalogue::Service;
use serde::{Deserialize, Serialize};

use chassis::Secret;

use crate::client::Mesh;

/// A mesh at work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Board {
    /// The launcher.
    pub(crate) pid: u32,
    /// Every service was ready once.
    pub(crate) ready: bool,
    pub(crate) nats: Server,
    pub(crate) postgres: Server,
    pub(crate) services: BTreeMap<String, Entry>,
}

/// A server, ours or somebody else's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    /// Without credentials.
    pub(crate) address: String,
    /// Absent: somebody else runs it.
    pub(crate) pid: Option<u32>,
    pub(crate) restarts: u32,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Clients that speak HTTP, where the service has a door for them.
    #[serde(default)]
    pub(crate) http: Option<SocketAddr>,
    pub(crate) pid: u32,
    pub(crate) restarts: u32,
}

impl Board {
    /// The services, as operators with this token reach them.
    pub(crate) fn mesh(&self, token: &Secret) -> anyhow::Result<Mesh> {
        let url = |service: Service| {
            let address = self.services.get(service.as_str())?.grpc;
            Some((service, format!("http://{address}")))
        };
        Mesh::at(&Service::ALL.into_iter().filter_map(url).collect(), Some(token))
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct BoardFile(pub(crate) PathBuf);

impl BoardFile {
    pub(crate) fn read(&self) -> anyhow::Result<Board> {
        let text = std::fs::read_to_string(&self.0)
            .with_context(|| format!("read {}", self.0.display()))?;
        serde_json::from_str(&text).with_context(|| format!("read {}", self.0.display()))
    }

    /// Changes the file in one step. Only the launcher does, from its one thread.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Board)) -> anyhow::Result<()> {
        let mut board = if self.0.exists() { self.read()? } else { Board::default() };
        change(&mut board);
        let text = serde_json::to_string_pretty(&board).context("write the addresses")?;
        let partial = self.0.with_extension("partial");
        std::fs::write(&partial, text).with_context(|| format!("write {}", partial.display()))?;
        std::fs::rename(&partial, &self.0).with_context(|| format!("write {}", self.0.display()))
    }
}
