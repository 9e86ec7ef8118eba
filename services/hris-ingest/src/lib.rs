//! Reads the files of HR systems, and tells of every person whose facts they change.
//!
//! Doors: `rpc` (operators) receives a file, reads it and stages its rows; `driver` applies what
//! is staged, chunk by chunk; by `rpc`, `scim` and `webhook` sources push people, who are taken over at
//! once, and so are events by `intake`. Files that wait in a `folder` are taken on a `schedule`. What any of
//! them says is decided in `mapping`, `reader` and `facts`, and what a file may do unasked in `gate`; they
//! are pure. What it may not do unasked waits in `hold` for two people, and what nobody but a human can
//! know in `case`; that two ids are one of them, or one is two, in `kin`.
//!
//! Invariants:
//! - a file is applied as a whole or not at all: it is staged to its end before anybody is changed,
//!   and an apply that was interrupted goes on where it stopped;
//! - a person's facts and the event that tells them commit together; no news, no event;
//! - at most one run of a source at a time and one that is held, and never a snapshot older than the last;
//! - a file ends nobody whom it may have named in a row that was rejected.

mod authority;
mod case;
mod chunk;
mod config;
mod driver;
pub mod facts;
mod folder;
mod gate;
mod handlers;
mod hold;
pub mod import;
pub mod intake;
mod kin;
mod listed;
pub mod mapping;
mod matching;
mod person;
mod push;
pub mod reader;
mod republish;
mod roster;
mod rpc;
mod run;
mod schedule;
pub mod scim;
mod source;
mod token;
pub mod webhook;

use anyhow::Context as _;
use chassis::App;
use jiff::tz::TimeZone;
use proto::catalogue::Service;
use proto::hris::v1::case_service_server::CaseServiceServer;
use proto::hris::v1::hris_ingest_service_server::HrisIngestServiceServer;
use proto::hris::v1::ingest_service_server::IngestServiceServer;
use proto::hris::v1::person_service_server::PersonServiceServer;
use proto::hris::v1::source_service_server::SourceServiceServer;
use sqlx::migrate::Migrator;
use store::Store;
use tokio::net::TcpListener;

pub use config::{Config, FoldersConfig, ScimConfig, WebhookConfig};

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Wires the service; the chassis decides when it runs and drains.
///
/// # Errors
/// When the settings name a time zone that does not exist, an address that cannot be bound, or a key
/// that is none.
pub async fn start(config: Config, store: Store) -> anyhow::Result<App> {
    if let Some(zone) = &config.zone {
        TimeZone::get(zone).context("read service.zone")?;
    }
    let rpc = rpc::Rpc::new(config.clone(), store.clone());
    let app = App::new(Service::HrisIngest);
    let app = match config.scim.address {
        Some(address) => {
            let listener = TcpListener::bind(address).await.context("bind service.scim.address")?;
            app.listen(listener, doors(&config, &store)?)
        }
        None => app,
    };
    Ok(app
        .drive(driver::Imports::new(config.clone(), store.clone()))
        .drive(schedule::driver::Schedules::new(config.clone(), store.clone()))
        .receive(handlers::ReceiveIntake::new(config.clone(), store.clone()))
        .respond(intake::submit::Submit::new(config, store.clone()))
        .drive(chassis::Resync::new(&store).tell(republish::People))
        .serve(CaseServiceServer::new(rpc.clone()))
        .serve(IngestServiceServer::new(rpc.clone()))
        .serve(PersonServiceServer::new(rpc.clone()))
        .serve(SourceServiceServer::new(rpc.clone()))
        .serve(HrisIngestServiceServer::new(rpc)))
}

/// What is answered to clients that speak HTTP.
fn doors(config: &Config, store: &Store) -> anyhow::Result<axum::Router> {
    let keys = |(source, webhook): (&String, &WebhookConfig)| {
        let keys = webhook::Keys::load(&webhook.key_files);
        Ok((source.clone(), keys.with_context(|| format!("read service.webhooks.{source}"))?))
    };
    let keys = config.webhooks.iter().map(keys).collect::<anyhow::Result<_>>()?;
    Ok(webhook::router(config.clone(), store.clone(), keys)
        .merge(scim::router(config.clone(), store.clone())))
}
