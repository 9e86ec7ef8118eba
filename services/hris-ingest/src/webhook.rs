//! The webhook door: signed messages with records, as the Standard Webhooks specification signs them.
//!
//! A message is believed when one of its source's keys has signed id, time and raw body, and the time
//! is near. It is taken over once, however often it comes: its id is kept in the transaction that does.

pub mod fuzzed;
mod http;
mod signature;
mod table;

pub(crate) use http::router;
pub(crate) use signature::Keys;
