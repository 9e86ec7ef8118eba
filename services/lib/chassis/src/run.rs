use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clock::Clock;
use proto::catalogue::Service;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use store::Store;
use telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::admin::Admin;
use crate::app::App;
use crate::running::{Addresses, Resources, Running};
use crate::settings::{DatabaseSettings, NatsSettings, Secret, Settings, load};

/// The exit code for settings that are not usable (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// How often a database that is out of reach is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What a service's program understands.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Brings the schema of the service's database up to date, and ends
    ///
    /// Meant for the role that owns the database; the role of the running service is given what it
    /// needs.
    Migrate,
}

/// Runs a service until it is told to stop by SIGTERM or SIGINT, or does what its command says.
pub fn run<C, F, Fut>(service: Service, migrations: &'static Migrator, start: F) -> ExitCode
where
    C: DeserializeOwned + Serialize + Default,
    F: FnOnce(C, Store) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    let arguments = arguments(service);
    let settings = match load::<C>(service) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, USAGE),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into(), 1),
    };
    install_tls();
    let done = match arguments.command {
        None => runtime.block_on(serve(service, settings, migrations, start)),
        Some(Command::Migrate) => runtime.block_on(bring_up_to_date(service, settings, migrations)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, 1),
    }
}

fn arguments(service: Service) -> Arguments {
    let variables = service.database().to_uppercase();
    let command = Arguments::command().name(service.as_str()).about(format!(
        "The service {service} of Tenure. It is told what it needs by variables such as \
         TENURE_{variables}__DATABASE__URL, or by a TOML file that TENURE_{variables}_CONFIG names."
    ));
    Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

#[expect(clippy::print_stderr, reason = "there may be no subscriber yet")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::from(code)
}

/// Says where it goes, since it may have to wait for the database.
fn listen<C>(service: Service, settings: &Settings<C>, clock: &Clock) -> anyhow::Result<Telemetry> {
    let format = if settings.log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    telemetry::init(service.as_str(), &clock.new_id().to_string(), format)
}

async fn bring_up_to_date<C>(
    service: Service,
    settings: Settings<C>,
    migrations: &'static Migrator,
) -> anyhow::Result<()> {
    let telemetry = listen(service, &settings, &Clock::system())?;
    let done = migrate(service, &settings.database, migrations).await;
    if done.is_ok() {
        tracing::info!("the schema of {service} is up to date");
    }
    telemetry.shutdown();
    done
}

async fn serve<C, F, Fut>(
    service: Service,
    settings: Settings<C>,
    migrations: &'static Migrator,
    start: F,
) -> anyhow::Result<()>
where
    F: FnOnce(C, Store) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    let clock = Clock::system();
    let telemetry = listen(service, &settings, &clock)?;
    telemetry::metrics().build_info(env!("CARGO_PKG_VERSION"));
    let token = settings.grpc.token()?;
    let admin = TcpListener::bind(settings.admin.address).await.context("bind admin.address")?;
    let admin = Admin::open(admin, Some(telemetry.scrape()))?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;

    let (own, settings) = settings.split();
    let ready = async {
        let (store, nats) = connect(service, &settings, migrations, clock).await?;
        let credentials = settings.nats.credentials_file.clone();
        let grpc = TcpListener::bind(settings.grpc.address).await.context("bind grpc.address")?;
        let app = start(own, store.clone()).await?;
        Running::start(app, Resources { store, nats, credentials, grpc, token, admin })
    };
    let running = tokio::select! {
        _stop = terminate.recv() => return Ok(()),
        _stop = interrupt.recv() => return Ok(()),
        running = ready => running?,
    };
    if let Some(path) = &settings.address_file {
        write_addresses(path, running.addresses())?;
    }
    tracing::info!(grpc = %running.addresses().grpc, "{service} is ready");
    tokio::select! {
        _stop = terminate.recv() => {}
        _stop = interrupt.recv() => {}
    }
    tracing::info!("{service} drains");
    running.stop().await;
    telemetry.shutdown();
    Ok(())
}

/// Connects to what the service runs on; what is out of reach is waited for.
async fn connect(
    service: Service,
    settings: &Settings<()>,
    migrations: &'static Migrator,
    clock: Clock,
) -> anyhow::Result<(Store, async_nats::Client)> {
    if settings.database.migrate {
        migrate(service, &settings.database, migrations).await?;
    }
    let options = store::Options {
        connect: database(&settings.database)?,
        connections_max: settings.database.connections_max,
        epoch: settings.database.epoch,
    };
    let store =
        waiting(service, || Store::connect(service, options.clone(), migrations, clock.clone()))
            .await?;
    let NatsSettings { url, credentials_file, ca_file } = &settings.nats;
    let nats = bus::connect::options(credentials_file.as_deref(), ca_file.as_deref())
        .name(service.as_str())
        .custom_inbox_prefix(service.inbox_prefix())
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(u64::try_from(attempts.min(20)).unwrap_or(20) * 100)
        });
    let nats = nats.connect(url).await.context("connect to NATS")?;
    Ok((store, nats))
}

/// Brings the schema up to date; a database that is out of reach is waited for.
async fn migrate(
    service: Service,
    settings: &DatabaseSettings,
    migrations: &'static Migrator,
) -> anyhow::Result<()> {
    let connect = database(settings)?;
    waiting(service, || store::migrate(service, connect.clone(), migrations)).await
}

fn database(settings: &DatabaseSettings) -> anyhow::Result<PgConnectOptions> {
    let connect: PgConnectOptions = settings.url.parse().context("read database.url")?;
    Ok(match &settings.password_file {
        Some(path) => connect.password(Secret::read(path)?.expose()),
        None => connect,
    })
}

async fn waiting<T, Fut>(service: Service, mut attempt: impl FnMut() -> Fut) -> anyhow::Result<T>
where
    Fut: Future<Output = Result<T, store::Error>>,
{
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if error.is_transient() => {
                tracing::warn!("{service} waits: {}", domain::Rejection::retry(error));
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn write_addresses(path: &Path, addresses: Addresses) -> anyhow::Result<()> {
    let text = serde_json::to_string(&addresses).context("write the addresses")?;
    // Readers see the old file or the new one, never half of it.
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text).with_context(|| format!("write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("write {}", path.display()))
}

/// One TLS implementation for every client of the process.
fn install_tls() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider is installed already");
    }
}
