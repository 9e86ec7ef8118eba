//! The servers themselves: that they start, keep what they hold, and end with their parent.

mod nats;
mod parent;
mod postgres;
