//! The contract between services: events, gRPC, subjects, and the catalogue of who speaks to whom.
//!
//! Types are generated from `tenure/**/*.proto`. What two services must agree on beyond the types
//! stands in [`catalogue`]: streams, subjects, consumers, retention.

pub mod catalogue;
pub mod convert;
mod event;
pub mod upstream;

/// Generated from the `.proto` files; they hold the documentation.
#[expect(missing_docs, reason = "documented where it is written: in the .proto files")]
#[allow(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    clippy::str_to_string,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    reason = "generated"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/tenure.rs"));
}

pub use convert::Invalid;
pub use event::{Event, Subject};
pub use generated::tenure::{audit, common, hris, notification, operations, policy, provisioning};
pub use prost;

/// The serialized `FileDescriptorSet` of all files, for reflection and for audit's JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
