use serde::{Deserialize, Serialize};

/// What only audit is told: nothing so far.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}
