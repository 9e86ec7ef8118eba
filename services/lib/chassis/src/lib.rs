//! A service's process: settings, signals, the three doors, health, drain.
//!
//! A service hands in an [`App`]: what it consumes, what it drives, what it serves. The chassis
//! decides when all of it runs and drains. Tests run an `App` of every service in one process.
//!
//! Invariant: everything that is spawned is tracked and drained.

mod admin;
mod app;
mod driver;
mod lag;
mod operations;
mod outside;
mod requests;
mod resync;
mod run;
mod running;
mod settings;

pub use admin::Admin;
pub use app::App;
pub use driver::{Cause, Driver};
pub use resync::{Republish, Resync, Told};
pub use run::run;
pub use running::{Addresses, Resources, Running};
pub use settings::{
    AdminSettings, DatabaseSettings, GrpcSettings, NatsSettings, Secret, Settings, load,
};
