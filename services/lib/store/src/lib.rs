//! A service's PostgreSQL: transactions that publish, and the tables of the contract between
//! services.
//!
//! Invariants:
//! - state and the events it causes commit together: [`Tx::publish`] only queues, [`Tx::commit`]
//!   writes the outbox in the same transaction;
//! - an event is found for publishing because it is pending, never because of its position;
//! - nothing here reads a wall clock.

mod causes;
pub mod epochs;
mod error;
pub mod inbox;
pub mod outbox;
pub mod parked;
mod partitions;
mod schema;
mod store;
pub mod streams;
pub mod timers;
mod tx;
mod whole;

pub use error::Error;
pub use jiff_sqlx::{Date as SqlDate, Timestamp as SqlTimestamp, ToSqlx};
pub use partitions::day_of;
pub use schema::migrate;
pub use store::{Options, Store};
pub use tx::Tx;
pub use whole::to_its_end;
