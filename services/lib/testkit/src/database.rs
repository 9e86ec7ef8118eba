use std::path::PathBuf;

use clock::Clock;
use proto::catalogue::Service;
use servers::{DatabaseSpec, Postgres, PostgresConfig, Role, Tools};
use sqlx::migrate::Migrator;
use store::{Options, Store};
use tempfile::TempDir;

/// A private PostgreSQL with every service's role and database; ends when it is dropped.
#[derive(Debug)]
pub struct Database {
    postgres: Postgres,
    databases: Vec<(Service, DatabaseSpec)>,
    _folder: TempDir,
}

impl Database {
    /// Starts a server that trades durability for speed.
    ///
    /// # Panics
    /// When no PostgreSQL can be found, installed or started.
    pub async fn start() -> Self {
        Box::pin(Self::configured(PostgresConfig::fast)).await
    }

    /// Starts a server as `tenure up` does, for measurements.
    ///
    /// # Panics
    /// When no PostgreSQL can be found, installed or started.
    pub async fn durable() -> Self {
        Box::pin(Self::configured(PostgresConfig::durable)).await
    }

    async fn configured(config: fn(PathBuf) -> PostgresConfig) -> Self {
        let tools = Tools::locate().await.expect("PostgreSQL can be found or installed");
        let folder = servers::scratch().expect("a scratch folder can be made");
        let config = config(folder.path().join("postgres"));
        let postgres = Postgres::start(&tools, config).await.expect("PostgreSQL starts");
        let databases: Vec<(Service, DatabaseSpec)> = Service::ALL
            .into_iter()
            .map(|service| {
                let name = service.database().to_owned();
                let role = |name: String| Role { password: format!("password-of-{name}"), name };
                let spec = DatabaseSpec {
                    owner: role(format!("{name}_owner")),
                    worker: role(name.clone()),
                    name,
                };
                (service, spec)
            })
            .collect();
        let specs: Vec<DatabaseSpec> =
            databases.iter().map(|(_service, spec)| spec.clone()).collect();
        postgres.create_databases(&specs).await.expect("the databases can be made");
        Self { postgres, databases, _folder: folder }
    }

    /// Opens a service's database as the service itself would, its schema brought up to date.
    ///
    /// # Panics
    /// When a migration fails.
    pub async fn store(&self, service: Service, migrations: &Migrator, clock: Clock) -> Store {
        self.store_in_epoch(service, migrations, clock, 1).await
    }

    /// Does the same under settings that name an epoch.
    ///
    /// # Panics
    /// When a migration fails.
    pub async fn store_in_epoch(
        &self,
        service: Service,
        migrations: &Migrator,
        clock: Clock,
        epoch: i64,
    ) -> Store {
        let owner = self.owner_url(service);
        store::migrate(service, owner.parse().expect("the server's URL is valid"), migrations)
            .await
            .unwrap_or_else(|error| panic!("migrate the database of {service}: {error:?}"));
        let connect = self.url(service).parse().expect("the server's URL is valid");
        let options = Options { connect, connections_max: 8, epoch };
        Store::connect(service, options, migrations, clock)
            .await
            .unwrap_or_else(|error| panic!("open the database of {service}: {error:?}"))
    }

    /// Where a service's database is, with its role and password.
    ///
    /// # Panics
    /// Never: every service has a database.
    #[must_use]
    pub fn url(&self, service: Service) -> String {
        self.postgres.url(self.spec(service))
    }

    /// Where a service's database is, with the role that owns it and its password.
    #[must_use]
    pub fn owner_url(&self, service: Service) -> String {
        self.postgres.owner_url(self.spec(service))
    }

    /// Names a service's database and its roles.
    ///
    /// # Panics
    /// Never: every service has a database.
    #[must_use]
    pub fn spec(&self, service: Service) -> &DatabaseSpec {
        let (_service, spec) = self
            .databases
            .iter()
            .find(|(owner, _spec)| *owner == service)
            .expect("every service has a database");
        spec
    }

    /// The server, for tests that kill it.
    pub fn server(&mut self) -> &mut Postgres {
        &mut self.postgres
    }
}
