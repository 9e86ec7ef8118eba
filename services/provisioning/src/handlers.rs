//! What provisioning reacts to, one file per consumer.

mod activate_release;
mod confirm_access;
mod plan_access;
mod receive_documents;

pub(crate) use activate_release::ActivateRelease;
pub(crate) use confirm_access::ConfirmAccess;
pub(crate) use plan_access::PlanAccess;
pub(crate) use receive_documents::ReceiveDocuments;
