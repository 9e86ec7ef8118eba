//! The words of the domain as types: ids, civil time, versions, values.
//!
//! Pure: no IO, no clock, and only ordered collections.

mod account;
pub mod breaker;
mod id;
mod kin;
mod lane;
mod rejection;
pub mod time;
mod value;
mod version;

pub use account::AccountState;
pub use id::{
    ActionId, CaseId, DriftId, EngagementId, EventId, NoticeId, PersonId, ReadingId, ReceiptId,
    RunId, TaskId,
};
pub use jiff::Timestamp;
pub use jiff::civil::Date;
pub use kin::Kin;
pub use lane::Lane;
pub use rejection::Rejection;
pub use value::{Attributes, Value};
pub use version::Version;
