//! The NATS doors: CloudEvents of systems outside of the mesh, each a few records of one source.
//!
//! `submit` answers a request after its commit; the handler `ReceiveIntake` takes over what waits in a
//! stream, and tells its publisher by a receipt. Both read an event by `event`, which is pure, and take
//! it over by `take`.
//!
//! Invariants:
//! - the source is the one in the subject, for which the broker vouches, whatever the event says;
//! - an event that changed something is kept by its id with what was answered: it changes nothing again,
//!   and is answered the same;
//! - nothing of an event is kept that its source's document does not map, and what cannot be used is
//!   refused under a code.

pub(crate) mod event;
pub mod fuzzed;
pub(crate) mod refusal;
mod structured;
pub(crate) mod submit;
mod table;
pub(crate) mod take;
