//! Reads the files of HR systems, and tells of every person whose facts they change.
//!
//! Two doors: `rpc` (operators) receives a file, reads it and stages its rows; `driver` applies what
//! is staged, chunk by chunk. What a file means is decided in `mapping`, `reader` and `facts`, and what it
//! may do unasked in `gate`; they are pure. What it may not do unasked waits in `hold` for two people.
//!
//! Invariants:
//! - a file is applied as a whole or not at all: it is staged to its end before anybody is changed,
//!   and an apply that was interrupted goes on where it stopped;
//! - a person's facts and the event that tells them commit together; no news, no event;
//! - at most one run of a source at a time and one that is held, and never a snapshot older than the last;
//! - a file ends nobody whom it may have named in a row that was rejected.

mod chunk;
mod config;
mod driver;
pub mod facts;
mod gate;
mod hold;
pub mod import;
mod listed;
pub mod mapping;
mod person;
pub mod reader;
mod republish;
mod roster;
mod rpc;
mod run;

use anyhow::Context as _;
use chassis::App;
use jiff::tz::TimeZone;
use proto::catalogue::Service;
use proto::hris::v1::hris_ingest_service_server::HrisIngestServiceServer;
use sqlx::migrate::Migrator;
use store::Store;

pub use config::Config;

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Wires the service; the chassis decides when it runs and drains.
///
/// # Errors
/// When the settings name a time zone that does not exist.
#[expect(clippy::unused_async, reason = "every service starts the same way")]
pub async fn start(config: Config, store: Store) -> anyhow::Result<App> {
    if let Some(zone) = &config.zone {
        TimeZone::get(zone).context("read service.zone")?;
    }
    Ok(App::new(Service::HrisIngest)
        .drive(driver::Imports::new(config.clone(), store.clone()))
        .drive(chassis::Resync::new(&store).tell(republish::People))
        .serve(HrisIngestServiceServer::new(rpc::Rpc::new(config, store))))
}
