use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What only hris-ingest is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest file that is taken.
    pub file_bytes_max: u64,
    /// Files received and read at once; a further one is refused.
    pub imports_max: NonZeroU16,
    /// Workers compared and written in one transaction.
    pub chunk_workers: NonZeroU16,
    /// Where files are kept while they are read; the system's temporary folder unless named.
    pub spool_folder: Option<PathBuf>,
    /// IANA name of the zone of sources whose mapping names none; without it such a mapping is
    /// refused.
    pub zone: Option<String>,
    /// Folders into which sources drop files.
    pub folders: FoldersConfig,
    /// Where SCIM clients and signed messages come in.
    pub scim: ScimConfig,
    /// Sources that send signed messages to `/webhooks/<source>` at the same address.
    pub webhooks: BTreeMap<String, WebhookConfig>,
}

/// Folders into which sources drop files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FoldersConfig {
    /// The folder below which they all are; without it none is watched. Every replica has to see the
    /// same one.
    pub root: Option<PathBuf>,
}

/// A source that sends signed messages.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Files with its keys, each written as `whsec_` and base64: the one in use, and, while they are
    /// changed, the one that replaces it.
    pub key_files: Vec<PathBuf>,
}

/// Where SCIM clients push people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScimConfig {
    /// Address to bind; port 0 lets the system pick; without it there is no such door. What listens
    /// there speaks plain HTTP: what comes from elsewhere needs a proxy before it that speaks TLS.
    pub address: Option<SocketAddr>,
    /// Where clients find it, such as `https://hr.example.com/scim/v2`; what they say they asked for
    /// unless named.
    pub url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file_bytes_max: 2 << 30,
            imports_max: NonZeroU16::MIN.saturating_add(3),
            chunk_workers: NonZeroU16::MIN.saturating_add(511),
            spool_folder: None,
            zone: None,
            folders: FoldersConfig::default(),
            scim: ScimConfig::default(),
            webhooks: BTreeMap::new(),
        }
    }
}
