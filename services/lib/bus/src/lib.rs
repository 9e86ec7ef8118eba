//! Events over JetStream: handlers, the relay, what comes from outside, and what is set up once.
//!
//! The loop in `consume` is the only place that decodes, begins, claims in the inbox, calls the
//! handler, commits and then acknowledges. The relay is the only place that publishes.
//!
//! Invariants:
//! - nothing is acknowledged before the transaction that handled it has committed;
//! - what cannot be handled is parked with its bytes, never acknowledged away;
//! - no ordering is assumed, and any message may come twice.

pub mod accounts;
pub mod admin;
pub mod connect;
mod consume;
mod handler;
mod message;
mod outside;
mod process;
mod relay;
mod respond;
mod stream;

pub use consume::{ConsumeOptions, consume, receive};
pub use handler::{Batch, Event, Handler, Recorder, Verdicts};
pub use message::Message;
pub use outside::{Incoming, Intake, Reply, Responder};
pub use process::{Consumer, Outcome, process, replay};
pub use relay::{RelayOptions, relay};
pub use respond::respond;

/// What went wrong with the broker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker refused, or did not answer.
    #[error("{during}: {problem}")]
    Broker {
        /// What was attempted, in words.
        during: &'static str,
        /// What the broker or its client said.
        problem: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Returns a function that says what was attempted, for `map_err`.
    pub(crate) fn during<E: std::fmt::Display>(during: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Broker { during, problem: error.to_string() }
    }
}
