//! The service alone, on a real PostgreSQL, without a broker: people and documents in, desired
//! access out, and time moved by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backtest;
mod boundaries;
mod columns;
mod fixture;
mod instants;
mod kin;
mod lifecycle;
mod order;
mod people;
mod previews;
mod questions;
mod releases;
