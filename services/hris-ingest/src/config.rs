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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file_bytes_max: 2 << 30,
            imports_max: NonZeroU16::MIN.saturating_add(3),
            chunk_workers: NonZeroU16::MIN.saturating_add(511),
            spool_folder: None,
            zone: None,
        }
    }
}
