use async_nats::ConnectOptions;
use bus::accounts::{self, Passwords};
use bus::admin::{self, StreamOptions};
use proto::catalogue::Service;
use servers::{Nats, NatsConfig, Tools};
use tempfile::TempDir;

/// A private NATS with the accounts, streams and consumers of the catalogue; ends when it is dropped.
#[derive(Debug)]
pub struct Broker {
    nats: Nats,
    passwords: Passwords,
    _folder: TempDir,
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
        let passwords = Passwords {
            owner: "password-of-owner".to_owned(),
            services: Service::ALL
                .into_iter()
                .map(|service| (service, format!("password-of-{service}")))
                .collect(),
            sources: Self::SOURCES
                .map(|source| (source.to_owned(), format!("password-of-source-{source}")))
                .to_vec(),
        };
        let config = NatsConfig {
            store_dir: folder.path().join("jetstream"),
            port: None,
            config: accounts::configuration(&passwords),
        };
        let nats = Nats::start(&tools, config).await.expect("nats-server starts");
        let broker = Self { nats, passwords, _folder: folder };
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
        ConnectOptions::new()
            .user_and_password(accounts::OWNER_USER.to_owned(), self.passwords.owner.clone())
            .connect(self.nats.url())
            .await
            .expect("the owner can connect")
    }

    /// Connects as a service, under exactly its permissions.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn connect(&self, service: Service) -> async_nats::Client {
        ConnectOptions::new()
            .user_and_password(service.to_string(), format!("password-of-{service}"))
            .custom_inbox_prefix(service.inbox_prefix())
            .connect(self.nats.url())
            .await
            .unwrap_or_else(|error| panic!("connect as {service}: {error}"))
    }

    /// Connects as a source that publishes from outside of the mesh, under exactly its permissions.
    ///
    /// # Panics
    /// When the broker refuses, as it does for any source but [`Self::SOURCES`].
    pub async fn connect_source(&self, source: &str) -> async_nats::Client {
        let password = format!("password-of-source-{source}");
        ConnectOptions::new()
            .user_and_password(accounts::user_of(source), password)
            .connect(self.nats.url())
            .await
            .unwrap_or_else(|error| panic!("connect as source {source}: {error}"))
    }

    /// The server, for tests that kill it.
    pub fn server(&mut self) -> &mut Nats {
        &mut self.nats
    }
}
