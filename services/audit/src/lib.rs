//! Records every event of every service, and answers what is known about a person.
//!
//! Two doors: `recorder` (events), `rpc` (auditors). Audit publishes nothing.
//!
//! Invariants:
//! - an event is stored once, with its bytes as they came;
//! - positions of one publisher have no gap and follow the order of its stream;
//! - no row of the log is changed or removed; the database refuses it.

mod config;
mod content;
mod log;
mod recorder;
mod rpc;

use chassis::App;
use proto::audit::v1::audit_service_server::AuditServiceServer;
use proto::catalogue::Service;
use sqlx::migrate::Migrator;
use store::Store;

pub use config::Config;

/// The schema.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Wires the service; the chassis decides when it runs and drains.
///
/// # Errors
/// When the event types cannot be described: a mistake of the build.
#[expect(clippy::unused_async, reason = "every service starts the same way")]
pub async fn start(_config: Config, store: Store) -> anyhow::Result<App> {
    let content = content::Content::load()?;
    let mut app = App::new(Service::Audit);
    for row in proto::catalogue::consumers_of(Service::Audit) {
        app = app.record(recorder::Record::new(row, content.clone()));
    }
    Ok(app.serve(AuditServiceServer::new(rpc::Rpc { store, content })))
}
