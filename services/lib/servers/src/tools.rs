//! Where the servers' programs are.

mod fetch;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::folder;
use crate::launch::{Identity, Launcher, version};

/// The programs the servers are made of, found and of a fitting version.
#[derive(Clone, Debug)]
pub struct Tools {
    pub(crate) launcher: Launcher,
    nats_server: PathBuf,
    postgres_home: PathBuf,
    postgres_version: String,
}

const NATS_WANTED: &str = "nats-server 2.15 or a later 2";
const POSTGRES_WANTED: &str = "PostgreSQL 18";

impl Tools {
    /// Finds the programs: those configured, else those on the path, else fetched ones.
    ///
    /// `TENURE_NATS_SERVER` names a binary, `TENURE_POSTGRES_HOME` a folder with `bin` in it.
    pub async fn locate() -> Result<Self, Error> {
        let launcher = Launcher::find().await;
        let mut nats_server = find_nats_server().await?;
        let mut postgres_home = find_postgres().await?;
        let missing: Vec<&str> = [
            nats_server.is_none().then_some(fetch::NATS_SERVER),
            postgres_home.is_none().then_some(fetch::POSTGRES),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !missing.is_empty() {
            let mut fetched = fetch::fetch(&missing).await?;
            nats_server = nats_server.or_else(|| fetched.remove(fetch::NATS_SERVER));
            postgres_home = postgres_home.or_else(|| fetched.remove(fetch::POSTGRES));
        }
        let absent = |name: &str| Error::Fetch { output: format!("it did not name {name}") };
        let nats_server = nats_server.ok_or_else(|| absent(fetch::NATS_SERVER))?;
        let postgres_home = postgres_home.ok_or_else(|| absent(fetch::POSTGRES))?;
        check_nats_server(&nats_server).await?;
        let postgres_version = check_postgres(&postgres_home).await?;
        folder::check_reachable(&postgres_home.join("bin/postgres"), Identity::unprivileged())?;
        tracing::debug!(nats = %nats_server.display(), postgres = %postgres_home.display(), "found");
        Ok(Self { launcher, nats_server, postgres_home, postgres_version })
    }

    /// The NATS server binary.
    #[must_use]
    pub fn nats_server(&self) -> &Path {
        &self.nats_server
    }

    /// A program of `PostgreSQL`: `postgres`, `initdb`, `psql`.
    #[must_use]
    pub fn postgres(&self, program: &str) -> PathBuf {
        self.postgres_home.join("bin").join(program)
    }

    /// What `postgres --version` says.
    #[must_use]
    pub fn postgres_version(&self) -> &str {
        &self.postgres_version
    }
}

/// Finds an executable file on the path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| {
        let data = fs::metadata(file);
        data.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

async fn find_nats_server() -> Result<Option<PathBuf>, Error> {
    if let Some(configured) = configured("TENURE_NATS_SERVER")? {
        return Ok(Some(configured));
    }
    let Some(program) = on_path("nats-server") else { return Ok(None) };
    Ok(check_nats_server(&program).await.is_ok().then_some(program))
}

async fn find_postgres() -> Result<Option<PathBuf>, Error> {
    if let Some(configured) = configured("TENURE_POSTGRES_HOME")? {
        return Ok(Some(configured));
    }
    // A link on the path leads to the installation, where the other programs are.
    let home = on_path("postgres")
        .and_then(|program| fs::canonicalize(program).ok())
        .and_then(|program| Some(program.parent()?.parent()?.to_owned()));
    let Some(home) = home else { return Ok(None) };
    Ok(check_postgres(&home).await.is_ok().then_some(home))
}

fn configured(name: &str) -> Result<Option<PathBuf>, Error> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let path = PathBuf::from(value);
    std::path::absolute(&path).map(Some).map_err(Error::io("find", &path))
}

async fn check_nats_server(program: &Path) -> Result<(), Error> {
    let found = version(program).await?;
    if numbers(&found).is_some_and(|(major, minor)| major == 2 && minor >= 15) {
        return Ok(());
    }
    Err(Error::Version { program: program.to_owned(), found, wanted: NATS_WANTED })
}

async fn check_postgres(home: &Path) -> Result<String, Error> {
    let program = home.join("bin/postgres");
    let found = version(&program).await?;
    let initdb = home.join("bin/initdb");
    fs::metadata(&initdb).map_err(Error::io("find", &initdb))?;
    if numbers(&found).is_some_and(|(major, _)| major == 18) {
        return Ok(found);
    }
    Err(Error::Version { program, found, wanted: POSTGRES_WANTED })
}

/// Reads the first two numbers out of "nats-server: v2.15.1" or "postgres (PostgreSQL) 18.6".
fn numbers(version: &str) -> Option<(u32, u32)> {
    let digits = version.find(|c: char| c.is_ascii_digit())?;
    let mut parts = version[digits..].split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_what_the_programs_say() {
        assert_eq!(numbers("nats-server: v2.15.1"), Some((2, 15)));
        assert_eq!(numbers("postgres (PostgreSQL) 18.6 (Debian 18.6-1)"), Some((18, 6)));
        assert_eq!(numbers("no version"), None);
    }
}
