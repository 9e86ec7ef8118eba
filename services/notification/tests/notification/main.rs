//! Notification alone: real PostgreSQL, events by hand, a mail server that somebody else wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod kin;
mod lives;
mod order;
mod recipients;
mod tasks;
mod trouble;
mod world;
