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
    pub(super) delimiter: Option<String>,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    pub(super) key: Vec<String>,
    #[serde(default)]
    pub(super) engagement: Option<String>,
    #[serde(default)]
    pub(super) effective_date: Option<String>,
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
    /// By which doors it pushes that no token or key opens.
    #[serde(default)]
    pub(super) accepts: Vec<String>,
    #[serde(default)]
    pub(super) schedule: Option<When>,
    #[serde(default)]
    pub(super) folder: Option<Folder>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) authority: Authority,
    #[serde(default)]
    pub(super) security_hold: Option<SecurityHold>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    #[serde(default)]
    pub(super) column: Option<String>,
    #[serde(default)]
    pub(super) cel: Option<String>,
    #[serde(rename = "type", default = "text")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) format: Option<String>,
    #[serde(default)]
    pub(super) replace: Vec<Replace>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) unlisted: Option<String>,
    #[serde(default)]
    pub(super) default: Option<String>,
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
    #[serde(default)]
    pub(super) immutable: Option<String>,
    #[serde(default)]
    pub(super) scope: Option<String>,
    #[serde(default)]
    pub(super) score: Option<Score>,
    #[serde(default)]
    pub(super) not_rehirable: Option<String>,
}

/// What speaks for one human, by field, and how much of it is enough.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Score {
    pub(super) rules: BTreeMap<String, MatchRule>,
    #[serde(default = "automatic")]
    pub(super) automatic_percent: u8,
    #[serde(default = "case")]
    pub(super) case_percent: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchRule {
    #[serde(rename = "as")]
    pub(super) comparison: String,
    pub(super) agree: u8,
    pub(super) differ: u8,
}

const fn automatic() -> u8 {
    95
}

const fn case() -> u8 {
    60
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecurityHold {
    pub(super) field: String,
    pub(super) values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Authority {
    pub(super) role: String,
    pub(super) rank: Option<u16>,
    pub(super) attributes: BTreeMap<String, u16>,
    pub(super) personal: Vec<String>,
}

impl Default for Authority {
    fn default() -> Self {
        let role = "employer".to_owned();
        Self { role, rank: None, attributes: BTreeMap::new(), personal: Vec::new() }
    }
}

/// One of a span and a cron pattern; a pattern may have a zone of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    #[serde(default)]
    pub(super) every: Option<String>,
    #[serde(default)]
    pub(super) cron: Option<String>,
    #[serde(default)]
    pub(super) zone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Folder {
    pub(super) path: String,
    pub(super) files: String,
    pub(super) contract: String,
    #[serde(default = "settled")]
    pub(super) complete: String,
}

fn settled() -> String {
    "settled".to_owned()
}

fn text() -> String {
    "text".to_owned()
}

/// Without a share, a limit holds nothing. What is `above` is how many it never holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Leaving, of those present.
    pub(super) leavers_percent: Option<u8>,
    pub(super) leavers_above: u64,
    /// The published attribute whose values are groups.
    pub(super) group_by: Option<String>,
    /// Leaving a group, of those in it.
    pub(super) group_leavers_percent: Option<u8>,
    pub(super) group_leavers_above: u64,
    /// Joining, of those present.
    pub(super) joiners_percent: Option<u8>,
    pub(super) joiners_above: u64,
    /// Changing, of those present.
    pub(super) changed_percent: Option<u8>,
    pub(super) changed_above: u64,
    /// Leaving, together with those of so many days before.
    pub(super) window_days: u8,
    pub(super) window_percent: Option<u8>,
    pub(super) window_above: u64,
    /// Rows that a file has at least, of those of the last one.
    pub(super) rows_percent: Option<u8>,
    /// People whom a file knows at least, of those present.
    pub(super) overlap_percent: Option<u8>,
    /// What of an attribute a file fills at least, of what the last one did.
    pub(super) filled_percent: Option<u8>,
    /// How long a run is held.
    pub(super) held_days: u8,
    pub(super) pushed_leavers_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leavers_percent: Some(10),
            leavers_above: 2,
            group_by: None,
            group_leavers_percent: Some(30),
            group_leavers_above: 9,
            joiners_percent: Some(25),
            joiners_above: 20,
            changed_percent: Some(50),
            changed_above: 20,
            window_days: 7,
            window_percent: Some(15),
            window_above: 2,
            rows_percent: Some(25),
            overlap_percent: Some(10),
            filled_percent: Some(50),
            held_days: 7,
            pushed_leavers_percent: 10,
        }
    }
}
