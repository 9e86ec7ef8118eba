//! Tells managers and owners of applications what happens to the people they answer for, and asks people to do
//! what no program can do.
//!
//! Who stands where is kept as it was last announced; what is to be told follows from comparing it
//! with what was told (`milestone`, pure). Three doors lead in: `handlers` (events), `driver`
//! (instants and messages fallen due), `rpc` (operators). The first two decide through the `teller`.
//!
//! Invariants:
//! - a notice is unique by person, engagement, milestone, effective date, recipient and template;
//! - a message's row, with its Message-ID, commits before the message is sent; a send whose outcome
//!   is unknown is repeated once, under the same Message-ID;
//! - whoever has tasks to do by hand gets one message with all of them when one is new, asks for something else, is
//!   late or was given back; what it says is read when it is sent;
//! - what nobody can be told of is recorded as such, never dropped;
//! - nothing is told of who goes on under another id, and what was told of them is not told again;
//! - locks are taken people first, then messages, then notices;
//! - no transaction is open while the mail server is asked, and nothing here reads a wall clock;
//! - without a mail server in the configuration nothing leaves, and everything stays pending.

mod account;
mod backoff;
mod code;
mod config;
mod driver;
mod handlers;
mod mail;
mod message;
mod milestone;
mod notice;
mod person;
mod recipient;
mod release;
mod rpc;
mod standing;
mod task;
mod teller;

use std::sync::Arc;

use anyhow::Context as _;
use chassis::App;
use proto::catalogue::Service;
use proto::notification::v1::notification_service_server::NotificationServiceServer;
use store::Store;

pub use config::{Config, Owner, Smtp, Tls};

/// The service's own tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Wires the service to its host; the host decides when it runs and drains.
///
/// # Errors
/// When the configuration or a template cannot be used, naming every problem at once.
#[expect(clippy::unused_async, reason = "every service starts alike")]
pub async fn start(config: Config, store: Store) -> anyhow::Result<App> {
    config.check()?;
    let templates = mail::Templates::load(config.templates.as_deref())?;
    let smtp = config.smtp.as_ref().map(mail::Transport::new).transpose();
    let transport = smtp.context("prepare the way to the mail server")?;
    let configured = transport.is_some();
    let config = Arc::new(config);
    let teller = teller::Teller::new(&config);
    let mut app = App::new(Service::Notification)
        .on(handlers::TrackLifecycle { teller })
        .on(handlers::TrackSettlement { teller })
        .on(handlers::TrackAccounts { teller })
        .on(handlers::TrackTasks { config: Arc::clone(&config) })
        .on(handlers::ReceiveDocuments)
        .on(handlers::ActivateRelease)
        .drive(driver::Boundaries { teller });
    match transport {
        Some(transport) => {
            let sender = mail::Sender::new(&config, templates, transport, store.clock().clone())?;
            app = app
                .drive(driver::Gathering { config: Arc::clone(&config) })
                .drive(driver::Asking { config: Arc::clone(&config) })
                .drive(driver::Sending::new(config, sender));
        }
        None => tracing::warn!(
            "no mail server is configured (smtp.host): notices are kept and none is sent"
        ),
    }
    Ok(app.serve(NotificationServiceServer::new(rpc::Notification::new(store, configured))))
}
