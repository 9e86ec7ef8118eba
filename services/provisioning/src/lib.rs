//! Makes applications agree with desired access.
//!
//! There is one input, desired access; no date of HR is known here. What is open for one person in
//! one application is a *branch*: the unit that is leased, carried out and recorded. Three doors lead
//! in: `handlers` (events), `driver` (branches fallen due), `rpc` (operators). The first two load a
//! `dossier` of the people concerned under lock, decide purely (`plan`), and write it.
//!
//! Invariants:
//! - the open actions of a branch are the plan from observed to desired access, made whenever either
//!   changes. While a worker has the branch in hand its actions stay; whoever records them plans
//!   anew from what was observed, so no desired access is ever missed and none is undone by an
//!   older one;
//! - a branch belongs to one worker at a time: a record without the present lease changes nothing,
//!   and no worker is still asking an application when its lease ends;
//! - locks are taken people first, then branches, each in the order of their keys;
//! - an account that is to be made waits, for a time, for accounts it refers to; nothing else waits
//!   for another account, and what an account supplies is looked up when the branch is leased. Who
//!   refers to an account that changes is planned anew, by a timer;
//! - within an application an account comes before its grants, closing an account before
//!   revocations, and grants before revocations;
//! - the last administrator of an application keeps that until somebody else is one; whoever would take it waits
//!   for those who are about to take it from another;
//! - an application that answers nothing is out of reach: its work waits, and no attempt is counted, until
//!   one of a few that try hears an answer; the others go on meanwhile;
//! - what failed for good is not tried again in the same round; newer desired access, or the same
//!   one under a newer release, begins a round;
//! - a login that was reserved for a person is never given to another, unless the two are merged;
//! - of people who are merged or split the survivor's word counts first, and hands accounts over
//!   without a word to the application: an account carries for ever the id that it was made with;
//! - an application's work begins when what is there already was read and held against what shall be;
//!   `accounts` hold what was read last, and what drift is left as it is no plan undoes;
//! - what a connector leaves to humans becomes one task per branch; nothing of it is planned again while the
//!   task stands, and the account counts as changed only when that was verified;
//! - no transaction is open while an application is asked, and nothing here reads a wall clock.

mod access;
mod account;
mod action;
mod applications;
mod backoff;
mod branch;
mod budget;
mod circuit;
mod code;
mod config;
pub mod connectors;
mod dossier;
mod drift;
mod driver;
mod duty;
mod guard;
mod handlers;
mod kin;
mod listing;
mod login;
mod observed;
mod patience;
mod person;
mod plan;
mod purse;
mod reference;
mod release;
mod republish;
mod rpc;
mod task;
mod watch;

use chassis::App;
use proto::catalogue::Service;
use proto::provisioning::v1::drift_service_server::DriftServiceServer;
use proto::provisioning::v1::provisioning_service_server::ProvisioningServiceServer;
use proto::provisioning::v1::task_service_server::TaskServiceServer;
use store::Store;

pub use config::{Config, EgressConfig};

/// The service's own tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Wires the service to its host; the host decides when it runs and drains.
///
/// # Errors
/// Never: what is not there at the start is waited for.
#[expect(clippy::unused_async, reason = "every service starts alike")]
pub async fn start(config: Config, store: Store) -> anyhow::Result<App> {
    let reference_wait = config.reference_wait();
    let mut app = App::new(Service::Provisioning)
        .on(handlers::PlanAccess::new(config.confirmation_wait(), reference_wait))
        .on(handlers::ConfirmAccess::new(config.confirmation_wait(), reference_wait))
        .on(handlers::ReceiveDocuments)
        .on(handlers::ActivateRelease)
        .drive(driver::References { wait: reference_wait })
        .drive(driver::Overdue)
        .drive(driver::Departures)
        .drive(chassis::Resync::new(&store).tell(republish::Accounts).tell(republish::Settled))
        .serve(ProvisioningServiceServer::new(rpc::Provisioning::new(store.clone())))
        .serve(DriftServiceServer::new(rpc::DriftDoor::new(store.clone())))
        .serve(TaskServiceServer::new(rpc::TaskDoor::new(store.clone())));
    let (workers, leaver_workers) = (config.workers.get(), config.leaver_workers.get());
    let shared = driver::Shared::new(config, store);
    for _worker in 0..leaver_workers {
        app = app.drive(driver::Branches::leavers(&shared));
    }
    for _worker in 0..workers {
        app = app.drive(driver::Branches::regular(&shared));
    }
    Ok(app.drive(driver::Readings::new(&shared)))
}
