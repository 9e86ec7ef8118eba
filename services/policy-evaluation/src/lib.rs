//! Decides who shall hold what, and announces it: the one place that turns dates into instants.
//!
//! Three doors lead in: `handlers` (people change), `driver` (boundaries fall due, people wait for
//! the active release), [`rpc`] (operators apply documents and ask). The first two end in
//! `evaluator`, which loads, asks the pure [`rules::desired`], writes and announces.
//!
//! Invariants:
//! - an evaluation, the timer of its next boundary and the events that announce it commit together;
//! - a lifecycle is announced when its content differs from what was announced last, and only then;
//! - what follows an urgent evaluation of a person is urgent for a while: it never overtakes it, and
//!   never falls behind it;
//! - a row evaluated with a release is never overwritten by an evaluation with an older one;
//! - desired access depends on timeline, release and instant alone, never on the order of messages,
//!   but for what a policy granted before and cannot answer for any more: that is kept;
//! - who is merged into another holds nothing, and has not left;
//! - nothing here touches the outside world.
mod backtest;
mod columns;
mod config;
mod driver;
mod evaluator;
mod handlers;
mod history;
mod lifecycle;
mod observe;
mod person;
mod preview;
mod release;
mod republish;
pub mod rpc;
mod timeline;
mod wire;

use chassis::App;
use proto::catalogue::Service;
use proto::policy::v1::policy_evaluation_service_server::PolicyEvaluationServiceServer;
use store::Store;

pub use config::Config;

use crate::evaluator::Evaluator;

/// The service's own tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Wires the service to its host; the host decides when it runs and drains.
///
/// # Errors
/// Never; every service's `start` may fail.
#[expect(clippy::unused_async, reason = "the host awaits every service's start")]
pub async fn start(config: Config, store: Store) -> anyhow::Result<App> {
    let evaluator = Evaluator::new(config.zone.clone(), config.leaver_span());
    let rpc = rpc::PolicyEvaluation::new(store.clone()).in_zone(config.zone.clone());
    Ok(App::new(Service::PolicyEvaluation)
        .on(handlers::EvaluatePeople::new(evaluator.clone()))
        .drive(driver::Boundaries::new(evaluator.clone()))
        .drive(driver::Reevaluation::new(evaluator, config.chunk_size))
        .drive(
            chassis::Resync::new(&store)
                .tell(republish::ActiveRelease)
                .tell(republish::DesiredAccess)
                .tell(republish::Lifecycles { zone: config.zone }),
        )
        .serve(PolicyEvaluationServiceServer::new(rpc)))
}
