use std::path::PathBuf;
use std::time::Duration;

use bus::accounts::{Authority, Holder, Seeds};
use bus::admin::{self, StreamOptions};
use clock::Clock;
use proto::catalogue::Service;
use servers::{Nats, NatsConfig, Tools};
use tempfile::TempDir;

/// How long credentials count that no test outlives.
const DAY: Duration = Duration::from_secs(86_400);

/// A private NATS with the accounts, streams and consumers of the catalogue; ends when it is dropped.
#[derive(Debug)]
pub struct Broker {
    nats: Nats,
    authority: Authority,
    folder: TempDir,
}

impl Broker {
    /// Sources that may publish from outside of the mesh.
    pub const SOURCES: [&str; 2] = ["lines", "payroll"];

    /// Starts a server and sets it up.
    ///
    /// # Panics
    /// When no nats-server can be found, installed or started.
    pub async fn start() -> Self {
        let tools = Tools::locate().await.expect("nats-server can be found or installed");
        let folder = servers::scratch().expect("a scratch folder can be made");
        let sources = Self::SOURCES.map(str::to_owned);
        let (authority, _seeds) =
            Authority::open(Seeds::new(), &sources, rand::random).expect("keys can be made");
        let config = NatsConfig {
            store_dir: folder.path().join("jetstream"),
            port: None,
            config: authority
                .server_configuration(Clock::system().now())
                .expect("accounts can be signed"),
            tls: None,
        };
        let nats = Nats::start(&tools, config).await.expect("nats-server starts");
        let broker = Self { nats, authority, folder };
        broker.set_up().await;
        broker
    }

    /// Makes every stream and consumer, as an operator does at deployment.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn set_up(&self) {
        let owner = self.owner().await;
        admin::ensure(&owner, StreamOptions::default()).await.expect("streams can be made");
    }

    /// Connects as the owner of the streams, for looking at them from outside.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn owner(&self) -> async_nats::Client {
        self.connect_as(&Holder::Owner, None).await
    }

    /// Connects as a service, under exactly its permissions.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn connect(&self, service: Service) -> async_nats::Client {
        self.connect_as(&Holder::Service(service), Some(service.inbox_prefix())).await
    }

    /// Connects as a source that publishes from outside of the mesh, under exactly its permissions.
    ///
    /// # Panics
    /// When the broker refuses, as it does for any source but [`Self::SOURCES`].
    pub async fn connect_source(&self, source: &str) -> async_nats::Client {
        self.connect_as(&Holder::Source(source.to_owned()), None).await
    }

    /// Writes the credentials of whoever is to sign in, which end after a while, and returns where.
    ///
    /// # Panics
    /// When the holder is not known or the file cannot be written.
    pub fn write_credentials(&self, holder: &Holder, lasting: Duration) -> PathBuf {
        let now = Clock::system().now();
        let text = self.authority.credentials(holder, now, now + lasting);
        let path = self.folder.path().join(format!("{}.creds", holder.user()));
        std::fs::write(&path, text.expect("credentials can be signed"))
            .expect("credentials can be written");
        path
    }

    async fn connect_as(&self, holder: &Holder, inbox: Option<String>) -> async_nats::Client {
        let path = self.write_credentials(holder, DAY);
        let mut options = bus::connect::options(Some(&path), None);
        if let Some(prefix) = inbox {
            options = options.custom_inbox_prefix(prefix);
        }
        options
            .connect(self.nats.url())
            .await
            .unwrap_or_else(|error| panic!("connect as {}: {error}", holder.user()))
    }

    /// The server, for tests that kill it.
    pub fn server(&mut self) -> &mut Nats {
        &mut self.nats
    }
}
