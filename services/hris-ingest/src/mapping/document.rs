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
    #[serde(default)]
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
    pub(super) manager: Option<String>,
    #[serde(default, rename = "match")]
    pub(super) matching: Option<Match>,
    #[serde(default)]
    pub(super) zone: Option<Zone>,
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
    pub(super) replace: Vec<Replace>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) transform: Option<String>,
    #[serde(default)]
    pub(super) optional: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replace {
    pub(super) pattern: String,
    #[serde(default)]
    pub(super) with: String,
}

/// A zone's name for the whole source, or where each row says it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Zone {
    Name(String),
    Field(ZoneField),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneField {
    pub(super) field: String,
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) default: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    pub(super) immutable: String,
    #[serde(default)]
    pub(super) scope: Option<String>,
}

fn text() -> String {
    "text".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) leavers_percent: u8,
    pub(super) pushed_leavers_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { leavers_percent: 20, pushed_leavers_percent: 10 }
    }
}
