//! The passwords of a mesh: made once, one file each.

use bus::accounts::Passwords;
use proto::catalogue::Service;

use super::state::StateDir;

/// Every password of the mesh.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// Of the NATS accounts.
    pub(crate) nats: Passwords,
    /// Of the PostgreSQL roles.
    pub(crate) databases: Vec<(Service, String)>,
}

impl Secrets {
    /// Reads the passwords, those too of sources that publish over NATS; those that are not there are
    /// made.
    pub(crate) fn load(state: &StateDir, publishers: &[String]) -> anyhow::Result<Self> {
        let of_each = |name: fn(Service) -> String| {
            Service::ALL
                .into_iter()
                .map(|service| Ok((service, secret(state, &name(service))?)))
                .collect::<anyhow::Result<Vec<_>>>()
        };
        let sources = publishers
            .iter()
            .map(|name| Ok((name.clone(), secret(state, &source(name))?)))
            .collect::<anyhow::Result<_>>()?;
        let owner = secret(state, "nats-owner")?;
        let nats = Passwords { owner, services: of_each(nats)?, sources };
        Ok(Self { nats, databases: of_each(database)? })
    }
}

/// The file with a service's password for NATS.
pub(crate) fn nats(service: Service) -> String {
    format!("nats-{service}")
}

/// The file with a source's password for NATS.
fn source(name: &str) -> String {
    format!("nats-source-{name}")
}

/// The file with a service's password for PostgreSQL.
pub(crate) fn database(service: Service) -> String {
    format!("database-{service}")
}

fn secret(state: &StateDir, name: &str) -> anyhow::Result<String> {
    let path = state.secret(name);
    if let Ok(found) = chassis::Secret::read(&path)
        && !found.expose().is_empty()
    {
        return Ok(found.expose().to_owned());
    }
    let made: String =
        rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect();
    state.write_private(&path, &made)?;
    Ok(made)
}
