//! The mesh's PostgreSQL: a private server, or one that somebody else runs.

use std::convert::Infallible;

use anyhow::Context as _;
use proto::catalogue::Service;
use servers::{DatabaseSpec, Postgres, PostgresConfig, Role, Tools};
use tokio::time::{Instant, sleep};

use super::Options;
use super::backoff::Backoff;
use super::board::Server;
use super::state::StateDir;
use crate::credentials;
use crate::vault::Vault;

/// The server, with a role and a database for each service.
#[derive(Debug)]
pub(crate) struct Database {
    place: Place,
    private: Option<Postgres>,
}

impl Database {
    /// Starts the server unless one is configured, and makes the databases.
    pub(crate) async fn start(
        tools: Option<&Tools>,
        options: &Options,
        vault: &Vault,
    ) -> anyhow::Result<Self> {
        let databases = specifications(vault).await?;
        if let Some(url) = &options.database_url {
            let place = Place::parse(url)?;
            servers::create_databases(url, &databases)
                .await
                .with_context(|| format!("make the databases at {}", place.host))?;
            return Ok(Self { place, private: None });
        }
        let tools = tools.context("the programs of the servers are not known")?;
        let config = PostgresConfig::durable(options.state.postgres());
        let server = Postgres::start(tools, config).await.context("start PostgreSQL")?;
        server.create_databases(&databases).await.context("make the databases")?;
        let place = Place {
            host: format!("127.0.0.1:{}", server.port()),
            query: Some("sslmode=disable".to_owned()),
        };
        Ok(Self { place, private: Some(server) })
    }

    /// Returns the address of a service's database, without a password.
    pub(crate) fn url(&self, service: Service) -> String {
        self.place.url(service.database(), service.database())
    }

    /// Returns the same as the database's owner sees it.
    pub(crate) fn owner_url(&self, service: Service) -> String {
        self.place.url(&owner(service), service.database())
    }

    pub(crate) fn entry(&self) -> Server {
        let pid = self.private.as_ref().map(Postgres::pid);
        Server { address: format!("postgres://{}", self.place.host), pid, restarts: 0 }
    }

    /// Starts the private server again whenever it dies.
    pub(crate) async fn keep(&mut self, state: &StateDir) -> Infallible {
        let Some(server) = &mut self.private else { return std::future::pending().await };
        let mut backoff = Backoff::default();
        loop {
            let begin = Instant::now();
            let how = server.ended().await;
            tracing::warn!("PostgreSQL ended and is started again ({how})");
            let mut pause = backoff.died_after(begin.elapsed());
            loop {
                sleep(pause).await;
                let begin = Instant::now();
                match again(server, state).await {
                    Ok(()) => break,
                    Err(error) => tracing::warn!("start PostgreSQL again: {error:#}"),
                }
                pause = backoff.died_after(begin.elapsed());
            }
            tracing::info!("PostgreSQL is ready again");
        }
    }

    pub(crate) async fn stop(&self) {
        if let Some(server) = &self.private {
            server.stop().await;
        }
    }
}

/// Names the database of each service and its two roles, with the passwords that are kept.
pub(crate) async fn specifications(vault: &Vault) -> anyhow::Result<Vec<DatabaseSpec>> {
    let mut databases = Vec::new();
    for service in Service::ALL {
        let name = service.database().to_owned();
        let worker = credentials::of_worker(service);
        databases.push(DatabaseSpec {
            owner: role(vault, owner(service), &credentials::of_owner(service)).await?,
            worker: role(vault, name.clone(), &worker).await?,
            name,
        });
    }
    Ok(databases)
}

/// The role that owns a service's database.
fn owner(service: Service) -> String {
    format!("{}_owner", service.database())
}

async fn role(vault: &Vault, name: String, secret: &str) -> anyhow::Result<Role> {
    let files = vault.read(secret).await?;
    let password = files
        .get(credentials::PASSWORD)
        .with_context(|| format!("there is no {} in the secret {secret}", credentials::PASSWORD))?;
    Ok(Role { name, password: password.trim_end().to_owned() })
}

async fn again(server: &mut Postgres, state: &StateDir) -> anyhow::Result<()> {
    server.restart().await?;
    let pid = server.pid();
    state.board().update(|board| {
        board.postgres.pid = Some(pid);
        board.postgres.restarts += 1;
    })
}

/// Where a server is, whoever connects.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Host and port.
    host: String,
    /// How to connect: `sslmode=require`.
    query: Option<String>,
}

impl Place {
    /// Takes role, password and database out of an address.
    fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .context("the address of PostgreSQL does not begin with postgres://")?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let authority = rest.split_once('/').map_or(rest, |(authority, _database)| authority);
        let host = authority.rsplit_once('@').map_or(authority, |(_role, host)| host);
        anyhow::ensure!(!host.is_empty(), "the address of PostgreSQL names no host");
        Ok(Self { host: host.to_owned(), query })
    }

    fn url(&self, role: &str, database: &str) -> String {
        let url = format!("postgres://{role}@{}/{database}", self.host);
        match &self.query {
            Some(query) => format!("{url}?{query}"),
            None => url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_address_has_the_admins_host_and_nothing_else_of_the_admin() {
        let place =
            Place::parse("postgres://admin:p%40ss@db.example:5433/postgres?sslmode=require")
                .unwrap();

        assert_eq!(
            place.url("audit", "audit"),
            "postgres://audit@db.example:5433/audit?sslmode=require"
        );
        let bare = Place::parse("postgresql://db.example").unwrap();
        assert_eq!(bare.url("audit", "audit"), "postgres://audit@db.example/audit");
    }

    #[test]
    fn an_address_of_something_else_is_refused() {
        assert!(Place::parse("mysql://db.example").is_err());
        assert!(Place::parse("postgres:///postgres").is_err());
    }
}
