//! The policy language: documents, conditions, releases, and who shall hold what when.
//!
//! Pure: no IO, no clock, and only ordered collections. [`Document`]s are compiled into a
//! [`Release`] once; [`desired`] then answers for any person at any instant.
//!
//! Invariants:
//! - an attribute that is unknown never grants anything;
//! - between two boundaries that [`desired`] names, desired access does not change.

mod access;
pub mod change;
mod condition;
mod desired;
pub mod document;
pub mod explain;
mod formula;
mod lifecycle;
pub mod population;
mod problem;
mod profile;
pub mod proof;
mod reference;
mod release;
mod suggest;
mod timeline;
mod trace;

pub use access::{Access, Conflict, DesiredAccount, DesiredGrant, Evaluation, Reason, USER_NAME};
pub use change::Change;
pub use condition::{Computed, Condition, Finding, Opaque, slug};
pub use desired::{desired, desired_after};
pub use document::Document;
pub use formula::{Atom, Formula, Node};
pub use lifecycle::{Lifecycle, Position, Standing, lifecycle};
pub use problem::Problem;
pub use profile::{assuming, profiles};
pub use reference::{ACCOUNT_ID, LOGIN, Reference};
pub use release::{Application, Entitlement, Offer, Policy, Release, Schedule, Separation};
pub use timeline::{Engagement, Slice, Timeline};
pub use trace::{Course, NotThere, Outcome, Trace, Window, trace};
