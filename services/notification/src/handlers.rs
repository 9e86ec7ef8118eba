//! What notification reacts to, one file per consumer.

mod activate_release;
mod receive_documents;
mod track_accounts;
mod track_lifecycle;
mod track_settlement;
mod track_tasks;

pub(crate) use activate_release::ActivateRelease;
pub(crate) use receive_documents::ReceiveDocuments;
pub(crate) use track_accounts::TrackAccounts;
pub(crate) use track_lifecycle::TrackLifecycle;
pub(crate) use track_settlement::TrackSettlement;
pub(crate) use track_tasks::TrackTasks;

/// Why an event parks that contradicts one of the same version.
const CONFLICT: &str = "this version was received before, with another content";
