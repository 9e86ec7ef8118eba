//! `tenure setup`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bus::admin::StreamOptions;
use clock::Clock;
use jiff::SignedDuration;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep};

use crate::arguments::{Setup, SetupCredentials, SetupDatabases, SetupStreams};
use crate::credentials::{self, Wanted};
use crate::launcher::{StreamOwner, set_up, specifications};
use crate::output::{Output, tell};
use crate::vault::{Cluster, Vault};

/// How often a server that is not there yet is tried again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(asked: &Setup, output: &Output) -> anyhow::Result<ExitCode> {
    match asked {
        Setup::Credentials(asked) => credentials(asked, output).await,
        Setup::Databases(asked) => databases(asked, output).await,
        Setup::Streams(asked) => streams(asked, output).await,
    }
}

async fn credentials(asked: &SetupCredentials, output: &Output) -> anyhow::Result<ExitCode> {
    let vault = match &asked.folder {
        Some(folder) => Vault::Folder(folder.clone()),
        None => {
            let prefix = asked.prefix.clone().unwrap_or_default();
            let namespace = asked.namespace.as_deref();
            Vault::Kubernetes(Cluster::find(&asked.service_account, namespace, prefix)?)
        }
    };
    let wanted = Wanted {
        sources: &asked.sources,
        lifetime: SignedDuration::from_hours(asked.hours.into()),
        server_names: &asked.server_names,
    };
    let written = credentials::ensure(&vault, &wanted, Clock::system().now()).await?;
    output.print(&json!({ "written": written }), |_result| match written.len() {
        0 => "everything is there, and nothing ends soon".to_owned(),
        _some => format!("written: {}", written.join(", ")),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn databases(asked: &SetupDatabases, output: &Output) -> anyhow::Result<ExitCode> {
    let mut options: PgConnectOptions = asked.url.parse().context("read --url")?;
    if let Some(path) = &asked.password_file {
        options = options.password(chassis::Secret::read(path)?.expose());
    }
    let databases = specifications(&Vault::Folder(asked.secrets.clone())).await?;
    waiting(asked.timeout, "PostgreSQL", || async {
        servers::create_databases_at(options.clone(), &databases).await.map_err(Into::into)
    })
    .await?;
    let names: Vec<&str> = databases.iter().map(|database| database.name.as_str()).collect();
    output.print(&json!({ "databases": names }), |_result| {
        format!(
            "ready, each with the role that owns it and the one that works in it: {}",
            names.join(", ")
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn streams(asked: &SetupStreams, output: &Output) -> anyhow::Result<ExitCode> {
    let owner =
        StreamOwner { credentials: asked.credentials.clone(), trusted: asked.ca_file.clone() };
    let options = StreamOptions { replicas: asked.replicas, bytes_max: asked.bytes_max };
    waiting(asked.timeout, "NATS", || set_up(&asked.nats_url, &owner, options)).await?;
    let made = json!({ "streams": bus::admin::STREAMS_COUNT, "replicas": asked.replicas });
    output.print(&made, |_result| {
        format!("{} streams and their consumers are ready", bus::admin::STREAMS_COUNT)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Does something until it works, for as long as that may take.
async fn waiting<Fut>(
    seconds: u16,
    server: &str,
    mut attempt: impl FnMut() -> Fut,
) -> anyhow::Result<()>
where
    Fut: Future<Output = anyhow::Result<()>>,
{
    let give_up = Instant::now() + Duration::from_secs(seconds.into());
    loop {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= give_up => return Err(error),
            Err(error) => {
                tell(&format!("{server} is tried again: {error:#}"));
                sleep(PAUSE).await;
            }
        }
    }
}
