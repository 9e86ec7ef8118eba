use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clock::Clock;
use proto::catalogue::Service;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::running::{Addresses, Resources, Running};
use crate::settings::{Secret, Settings, load};

/// The exit code for settings that are not usable (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// How often a database that is out of reach is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs a service until it is told to stop by SIGTERM or SIGINT.
pub fn run<C, F, Fut>(service: Service, migrations: &'static Migrator, start: F) -> ExitCode
where
    C: DeserializeOwned + Serialize + Default,
    F: FnOnce(C, Store) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    let settings = match load::<C>(service) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, USAGE),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into(), 1),
    };
    match runtime.block_on(serve(service, settings, migrations, start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "there may be no subscriber yet")]
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::from(code)
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
    let format = if settings.log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    let telemetry = telemetry::init(service.as_str(), &clock.new_id().to_string(), format)?;
    install_tls();
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;

    let (own, settings) = settings.split();
    let ready = async {
        let resources = connect(service, &settings, migrations, clock).await?;
        let app = start(own, resources.store.clone()).await?;
        Running::start(app, resources, Some(telemetry.scrape()))
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
) -> anyhow::Result<Resources> {
    let mut connect: PgConnectOptions =
        settings.database.url.parse().context("read database.url")?;
    if let Some(path) = &settings.database.password_file {
        connect = connect.password(Secret::read(path)?.expose());
    }
    let options = store::Options {
        connect,
        connections_max: settings.database.connections_max,
        epoch: settings.database.epoch,
    };
    let store = loop {
        match Store::connect(service, options.clone(), migrations, clock.clone()).await {
            Ok(store) => break store,
            Err(error) if error.is_transient() => {
                tracing::warn!("{service} waits: {}", domain::Rejection::retry(error));
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut nats = async_nats::ConnectOptions::new()
        .name(service.as_str())
        .custom_inbox_prefix(service.inbox_prefix())
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(u64::try_from(attempts.min(20)).unwrap_or(20) * 100)
        });
    if let Some(path) = &settings.nats.password_file {
        let user = settings.nats.user.clone().unwrap_or_else(|| service.to_string());
        nats = nats.user_and_password(user, Secret::read(path)?.expose().to_owned());
    }
    let nats = nats.connect(&settings.nats.url).await.context("connect to NATS")?;
    Ok(Resources {
        store,
        nats,
        grpc: TcpListener::bind(settings.grpc.address).await.context("bind grpc.address")?,
        admin: TcpListener::bind(settings.admin.address).await.context("bind admin.address")?,
    })
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
