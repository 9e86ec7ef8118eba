//! The data of a new server: a copy of a template, which spares a second of `initdb`.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::{PostgresConfig, SUPERUSER};
use crate::launch::{Identity, succeed};
use crate::{Error, Tools, folder};

/// Goes up whenever the template is made in another way.
const TEMPLATE_REVISION: u32 = 1;

/// Returns where the data of a server is.
pub(crate) fn pgdata(config: &PostgresConfig) -> PathBuf {
    config.data_dir.join("pgdata")
}

/// Makes the data unless they are there, and returns the superuser's password.
pub(crate) async fn prepare(tools: &Tools, config: &PostgresConfig) -> Result<String, Error> {
    let identity = Identity::unprivileged();
    let (pgdata, secret) = (pgdata(config), config.data_dir.join("superuser"));
    folder::check_reachable(&pgdata, identity)?;
    if !fs::exists(&pgdata).map_err(Error::io("look at", &pgdata))? {
        let template = template(tools, identity).await?;
        let incoming = config.data_dir.join("pgdata.incoming");
        let copy = incoming.clone();
        spawn_blocking(move || {
            folder::remove(&copy)?;
            folder::copy_tree(&template, &copy, identity)
        })
        .await
        .map_err(|error| Error::io("copy to", &incoming)(error.into()))??;

        let password = new_password();
        set_password(tools, &incoming, &password, identity).await?;
        folder::write_private(&secret, &password, Identity::Caller)?;
        if config.durable {
            let mut sync = tools.launcher.command(&tools.postgres("initdb"), identity);
            sync.arg("--sync-only").arg("-D").arg(&incoming);
            succeed(&tools.postgres("initdb"), sync, Vec::new()).await?;
            folder::sync(&secret)?;
        }
        fs::rename(&incoming, &pgdata).map_err(Error::io("rename", &incoming))?;
        // Where nothing has to survive a power loss, a sync would only wait for others' writes.
        if config.durable {
            folder::sync(&config.data_dir)?;
        }
    }
    fs::read_to_string(&secret).map_err(Error::io("read", &secret))
}

/// Returns the template of this version and identity, making it at the first time.
async fn template(tools: &Tools, identity: Identity) -> Result<PathBuf, Error> {
    let cache = folder::cache()?;
    let version: String = tools
        .postgres_version()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
        .collect();
    let name = format!("template-{version}-{TEMPLATE_REVISION}");
    let template = cache.join(&name);
    if template.join("PG_VERSION").exists() {
        return Ok(template);
    }
    let _held = folder::lock(&cache, "template.lock").await?;
    if !template.join("PG_VERSION").exists() {
        let work = cache.join(format!("{name}.incoming"));
        folder::check_reachable(&work, identity)?;
        folder::remove(&work)?;
        folder::make_private(&work, identity)?;
        initdb(tools, &work, identity).await?;
        fs::rename(work.join("pgdata"), &template).map_err(Error::io("rename", &work))?;
        folder::remove(&work)?;
    }
    Ok(template)
}

async fn initdb(tools: &Tools, work: &Path, identity: Identity) -> Result<(), Error> {
    let secret = work.join("password");
    // Nobody keeps this password: every copy is given its own.
    folder::write_private(&secret, &new_password(), identity)?;
    let program = tools.postgres("initdb");
    let mut command = tools.launcher.command(&program, identity);
    command.arg("--pgdata").arg(work.join("pgdata")).arg("--pwfile").arg(&secret);
    command.args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"]);
    // The built-in provider sorts alike on every machine, whatever its C library.
    command.args(["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]);
    command.args(["--no-sync", "--no-instructions"]);
    succeed(&program, command, Vec::new()).await.map(drop)
}

/// Sets the password with the server in single-user mode, before anybody can connect.
async fn set_password(
    tools: &Tools,
    pgdata: &Path,
    password: &str,
    identity: Identity,
) -> Result<(), Error> {
    let program = tools.postgres("postgres");
    let mut command = tools.launcher.command(&program, identity);
    command.args(["--single", "-F", "-D"]).arg(pgdata);
    // A statement that fails must fail the program, too.
    command.args(["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "postgres"]);
    let statement = super::table::set_superuser_password(password);
    succeed(&program, command, statement.into_bytes()).await.map(drop)
}

fn new_password() -> String {
    rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect()
}
