//! What tests share: private servers, a service fed by hand, and an application to provision.
//!
//! For tests and demonstrations only; nothing that people install depends on it.

mod admin;
mod broker;
mod database;
mod feed;
mod http;
mod mail_server;
mod peer;
mod proxy;
mod samba;
pub mod sandbox;
mod slapd;
mod tools;
mod until;

pub use admin::admin;
pub use broker::Broker;
pub use database::Database;
pub use feed::Feed;
pub use http::client as http_client;
pub use mail_server::{Mail, MailServer, MailTrouble};
pub use peer::Peer;
pub use proxy::{Call, Proxy, Said, Wire, WireTrouble};
pub use samba::Samba;
pub use slapd::{Entry as DirectoryEntry, Slapd};
pub use tools::python;
pub use until::until;
