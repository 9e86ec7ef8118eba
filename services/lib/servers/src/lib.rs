//! Private NATS and PostgreSQL servers as child processes, on loopback only.
//!
//! `tenure up` keeps a durable pair for as long as it runs; tests start a pair of their own each.
//!
//! Invariants:
//! - no server outlives the process that started it, however that process ends, wherever `setpriv`
//!   of util-linux exists; elsewhere only an orderly end takes the servers along;
//! - a server that was started once keeps its port over every restart;
//! - passwords stand in files only their owner reads, never in an argument, an error or a log.
//!
//! Not here: what the servers are configured for. Accounts and databases are the caller's.

mod child;
mod error;
mod folder;
mod launch;
mod log;
mod nats;
mod port;
mod postgres;
mod tools;

pub use error::Error;
pub use folder::{cache, scratch};
pub use nats::{Certificate, Nats, NatsConfig};
pub use postgres::{
    DatabaseSpec, Postgres, PostgresConfig, Role, create_databases, create_databases_at,
};
pub use tools::Tools;
