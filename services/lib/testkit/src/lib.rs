//! What tests share: private servers, a service fed by hand, and an application to provision.
//!
//! For tests and demonstrations only; nothing that people install depends on it.

mod broker;
mod database;
mod feed;
mod http;
mod mail_server;
mod peer;
pub mod sandbox;
mod slapd;
mod until;

pub use broker::Broker;
pub use database::Database;
pub use feed::Feed;
pub use http::client as http_client;
pub use mail_server::{Mail, MailServer, MailTrouble};
pub use peer::{Peer, python};
pub use slapd::{Entry as DirectoryEntry, Slapd};
pub use until::until;
