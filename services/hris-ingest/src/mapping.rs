//! The `Source` document: which columns a source's files have, what they mean, and how they come.
//!
//! A mapping is checked completely before the first row is read, and every problem is told at once.

mod authority;
mod check;
pub(crate) mod clean;
mod date_format;
mod document;
mod folder;
mod limits;
mod schedule;
pub(crate) mod transform;

pub use authority::{Authority, RANK_DEFAULT, Role};
pub use date_format::DateFormat;
pub(crate) use folder::Complete;
pub use folder::Folder;
pub use limits::{Completeness, Limits};
pub use schedule::Schedule;
pub use transform::Transform;

use std::collections::{BTreeMap, BTreeSet};

use domain::Date;
use jiff::tz::TimeZone;
use rules::Computed;
use sha2::{Digest as _, Sha256};

use crate::matching::Rules;

/// The attribute that holds the key's text; no field may take its name.
pub const WORKER_ID: &str = "worker_id";

/// Changes whenever the same mapping reads the same row otherwise than before.
const READING: u32 = 2;

/// The longest mapping that is read.
pub const MAPPING_BYTES_MAX: usize = 64 * 1024;

/// A checked mapping: every name in it was resolved.
#[derive(Debug, Clone)]
pub struct Source {
    pub(crate) name: String,
    pub(crate) format: Format,
    /// What a row may hold; of JSON lines, paths whose parts are joined by dots.
    pub(crate) columns: Vec<String>,
    /// Whether a row that holds something else is rejected.
    pub(crate) strict: bool,
    /// In the order of their names; the other members hold positions in this list.
    pub(crate) fields: Vec<Field>,
    pub(crate) key: Vec<usize>,
    pub(crate) engagement: Option<usize>,
    pub(crate) effective_date: Option<usize>,
    pub(crate) start_date: Option<usize>,
    pub(crate) last_working_day: Option<usize>,
    pub(crate) termination_date: Option<usize>,
    pub(crate) manager: Option<usize>,
    pub(crate) identity: Option<Identity>,
    pub(crate) matching: Option<Matching>,
    pub(crate) zone_field: Option<ZoneField>,
    pub(crate) security_hold: Option<SecurityHold>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) limits: Limits,
    pub(crate) pushed_leavers_percent: u8,
    pub(crate) authority: Authority,
    accepts_events: bool,
    /// What parts the columns of a line.
    pub(crate) delimiter: u8,
    schedule: Option<Schedule>,
    folder: Option<Folder>,
    digest: [u8; 32],
    zone: TimeZone,
    zone_name: String,
}

/// How a source's files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header and one row a line, as RFC 4180 has it.
    Csv,
    /// The same, but that tabs part the columns.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// None: a SCIM client pushes people.
    Scim,
}

/// The field that names a human wherever it stands, whatever else changes about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) field: usize,
    /// Sources of one scope speak of the same human by the same value.
    pub(crate) scope: String,
}

/// How people are told apart where no number does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matching {
    /// Sources of one scope are compared with each other.
    pub(crate) scope: String,
    pub(crate) rules: Option<Rules>,
    /// The field that marks who is not to be hired again.
    pub(crate) unrehirable: Option<usize>,
}

/// The field that says in which zone a row's dates are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneField {
    pub(crate) field: usize,
    /// What the field says, for the name of a zone.
    pub(crate) values: BTreeMap<String, String>,
}

/// The field that says that a person has to be held for reasons of security, and what it says then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecurityHold {
    pub(crate) field: usize,
    pub(crate) values: BTreeSet<String>,
}

impl SecurityHold {
    /// Whether what the field says is that.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.values.contains(text)
    }
}

/// One thing that a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) clean: clean::Clean,
    pub(crate) kind: Kind,
    /// What it says where nothing is written.
    pub(crate) default: Option<String>,
    pub(crate) optional: bool,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Column(usize),
    /// From fields of columns.
    Computed(Computed),
}

/// What becomes of a value that a field's value map does not list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unlisted {
    /// It stays as it is written.
    #[default]
    Keep,
    /// Its row is rejected.
    Reject,
    /// The field says nothing: what is not known gives nothing, and takes nothing away.
    Unknown,
    /// The same, once two people have released the file; until then it is held.
    Hold,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Text(Option<Transform>),
    Date(DateFormat),
    Integer,
    Boolean,
}

/// One published attribute and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    WorkerId,
    Field(usize),
}

/// A mapping that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping is not valid: {}", problems.join("; "))]
pub struct Error {
    /// One sentence each, in the order of the document.
    pub problems: Vec<String>,
}

impl Source {
    /// Reads a mapping from YAML.
    ///
    /// # Errors
    /// When it is not YAML of the expected shape (one problem, with its line), or when what it says
    /// does not hold together (every problem).
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        Self::parse_in(yaml, None)
    }

    /// Reads a mapping from YAML; one that names no zone is in `default_zone`, if there is one.
    ///
    /// # Errors
    /// As [`Source::parse`].
    pub fn parse_in(yaml: &str, default_zone: Option<&str>) -> Result<Self, Error> {
        if yaml.len() > MAPPING_BYTES_MAX {
            let problem = format!("the document is longer than {MAPPING_BYTES_MAX} bytes");
            return Err(Error { problems: vec![problem] });
        }
        let document: document::Document = serde_saphyr::from_str(yaml)
            .map_err(|error| Error { problems: vec![error.without_snippet().to_string()] })?;
        let mut hash = Sha256::new_with_prefix(READING.to_be_bytes());
        hash.update(default_zone.unwrap_or_default());
        hash.update([0]);
        hash.update(yaml);
        check::check(document, default_zone, hash.finalize().into())
    }

    /// A hash of everything by which it reads a row.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How its files are written.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone in which the source's dates become instants.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The zone's IANA name.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// Whether it publishes events over NATS.
    #[must_use]
    pub const fn accepts_events(&self) -> bool {
        self.accepts_events
    }

    /// When it is looked at.
    #[must_use]
    pub const fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// The folder into which it drops files.
    #[must_use]
    pub const fn folder(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }

    /// What a full file may do without being asked about it.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What its word is worth beside that of others.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The names of the published attributes, in the mapping's order.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|attribute| self.attribute_name(attribute))
    }

    pub(crate) fn attribute_name(&self, attribute: &Attribute) -> &str {
        match attribute {
            Attribute::WorkerId => WORKER_ID,
            Attribute::Field(field) => &self.fields[*field].name,
        }
    }
}

impl Source {
    /// Where what a field says is written: its column, or, where it is computed, its name.
    pub(crate) fn column_of(&self, field: usize) -> &str {
        let field = &self.fields[field];
        match field.origin {
            Origin::Column(column) => &self.columns[column],
            Origin::Computed(_) => &field.name,
        }
    }
}

impl Field {
    /// The column that it is read from, if it is from one.
    pub(crate) const fn column(&self) -> Option<usize> {
        match self.origin {
            Origin::Column(column) => Some(column),
            Origin::Computed(_) => None,
        }
    }
}

impl Unlisted {
    /// Everything that may become of it.
    pub const ALL: [Self; 4] = [Self::Keep, Self::Reject, Self::Unknown, Self::Hold];

    /// Its name in a mapping.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Reject => "reject",
            Self::Unknown => "unknown",
            Self::Hold => "hold",
        }
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Tsv, Self::JsonLines, Self::Scim];

    /// The format's name in a mapping.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "jsonl",
            Self::Scim => "scim",
        }
    }
}

impl ZoneField {
    /// Returns the zone that a field's text names, by its IANA name.
    pub(crate) fn read(&self, text: &str) -> Result<String, String> {
        let name = self.values.get(text).map_or(text, String::as_str);
        let zone = TimeZone::get(name).map_err(|_error| "names no time zone".to_owned())?;
        Ok(zone.iana_name().unwrap_or(name).to_owned())
    }
}

impl Kind {
    /// Whether what a text means depends on the day for which a file speaks.
    pub(crate) fn depends_on_snapshot(&self) -> bool {
        match self {
            Self::Date(format) => format.depends_on_snapshot(),
            Self::Text(_) | Self::Integer | Self::Boolean => false,
        }
    }

    /// Reads a column's text; the text is not empty and its white space is normal.
    pub(crate) fn read(
        &self,
        text: &str,
        snapshot_date: Date,
    ) -> Result<Option<domain::Value>, String> {
        use domain::Value;
        match self {
            Self::Text(transform) => {
                let text = transform.map_or_else(|| text.to_owned(), |how| how.apply(text));
                Ok((!text.is_empty()).then_some(Value::Text(text)))
            }
            Self::Date(format) => format
                .read(text, snapshot_date)
                .map(|date| Some(Value::Date(date)))
                .ok_or_else(|| format!("is not a day of the calendar written as {format}")),
            Self::Integer => text
                .parse()
                .map(|number| Some(Value::Integer(number)))
                .map_err(|_error| "is not a whole number of 64 bits".to_owned()),
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Ok(Some(Value::Boolean(true))),
                "false" | "no" | "n" | "0" => Ok(Some(Value::Boolean(false))),
                _ => Err("is none of true, yes, y, 1, false, no, n, 0".to_owned()),
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
