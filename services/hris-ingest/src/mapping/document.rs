//! The shape of the YAML, as written. What it means is decided in `check`.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) format: String,
    pub(super) columns: Vec<String>,
    pub(super) key: Vec<String>,
    #[serde(default)]
    pub(super) engagement: Option<String>,
    #[serde(default)]
    pub(super) start_date: Option<String>,
    #[serde(default)]
    pub(super) last_working_day: Option<String>,
    #[serde(default)]
    pub(super) termination_date: Option<String>,
    #[serde(default)]
    pub(super) zone: Option<String>,
    pub(super) fields: BTreeMap<String, Field>,
    pub(super) attributes: Vec<String>,
    #[serde(default)]
    pub(super) limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) column: String,
    #[serde(rename = "type", default = "text")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) format: Option<String>,
    #[serde(default)]
    pub(super) transform: Option<String>,
    #[serde(default)]
    pub(super) optional: bool,
}

fn text() -> String {
    "text".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) leavers_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { leavers_percent: 20 }
    }
}
