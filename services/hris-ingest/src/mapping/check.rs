//! From the document as written to a mapping that holds together.

mod authority;
mod feeds;
mod fields;
mod limits;
mod matching;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::document::{Document, SecurityHold as HoldDocument, Spec, Zone};
use super::{Attribute, Error, Field, Format, Kind, SecurityHold, Source, WORKER_ID, ZoneField};
use crate::scim::offer::{Place, USER_NAME};

const API_VERSION: &str = "tenure.dev/v1";
/// The door of sources that publish over NATS.
const EVENTS: &str = "events";
const COLUMNS_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 63;

pub(super) fn check(
    document: Document,
    default_zone: Option<&str>,
    digest: [u8; 32],
) -> Result<Source, Error> {
    let mut problems = Problems::default();
    let Document { api_version, kind, metadata, mut spec } = document;
    if api_version != API_VERSION {
        problems.add("apiVersion", format_args!("must be {API_VERSION}"));
    }
    if kind != "Source" {
        problems.add("kind", "must be Source");
    }
    if !is_dns_label(&metadata.name) {
        problems.add("metadata.name", "must be lower-case letters, digits and '-', at most 63");
    }
    let format = Format::ALL.into_iter().find(|format| format.as_str() == spec.format);
    if format.is_none() {
        let known = Format::ALL.map(Format::as_str).join(" or ");
        problems.add("spec.format", format_args!("must be {known}"));
    }
    if format == Some(Format::Scim) {
        check_scim(&mut spec, &mut problems);
    }
    // A CSV file without a header to hold it against would be read by guesswork.
    let tabular = matches!(format, Some(Format::Csv | Format::Tsv));
    let strict = tabular || !spec.columns.is_empty();
    if !strict {
        let named: BTreeSet<_> =
            spec.fields.values().filter_map(|field| field.column.clone()).collect();
        spec.columns = named.into_iter().collect();
    }
    check_columns(&spec.columns, &mut problems);
    if format == Some(Format::JsonLines) {
        check_paths(&spec.columns, &mut problems);
    }
    let fields = fields::check(&spec, &mut problems);
    let zone_name = match &spec.zone {
        Some(Zone::Name(name)) => Some(name.as_str()),
        Some(Zone::Field(field)) => field.default.as_deref(),
        None => None,
    };
    let (zone, zone_name) = zone(zone_name.or(default_zone), &mut problems);
    if spec.limits.pushed_leavers_percent > 100 {
        problems.add("spec.limits.pushed_leavers_percent", "must be at most 100");
    }

    let accepts_events = accepts_events(&spec, format, &mut problems);
    let delimiter = feeds::delimiter(&spec, format, &mut problems);
    let schedule = feeds::schedule(&spec, &zone, &mut problems);
    let folder = feeds::folder(&spec, format, &mut problems);

    let names = Names { fields: &fields };
    let key = names.key(&spec.key, &mut problems);
    let engagement = spec
        .engagement
        .as_deref()
        .and_then(|name| names.find("spec.engagement", name, &mut problems));
    let effective_date =
        names.date("spec.effective_date", spec.effective_date.as_deref(), &mut problems);
    let start_date = names.date("spec.start_date", spec.start_date.as_deref(), &mut problems);
    let last_working_day =
        names.end("spec.last_working_day", spec.last_working_day.as_deref(), &mut problems);
    let termination_date =
        names.end("spec.termination_date", spec.termination_date.as_deref(), &mut problems);
    let manager =
        spec.manager.as_deref().and_then(|name| names.find("spec.manager", name, &mut problems));
    let (identity, matching) =
        matching::check(spec.matching.as_ref(), &metadata.name, &names, &mut problems);
    let zone_field = names.zone_field(spec.zone.as_ref(), &mut problems);
    let security_hold = spec.security_hold.as_ref();
    let security_hold = security_hold.and_then(|hold| names.security_hold(hold, &mut problems));
    let attributes = names.attributes(&spec.attributes, &mut problems);
    let pushed_leavers_percent = spec.limits.pushed_leavers_percent;
    let limits = limits::check(spec.limits, &spec.attributes, &mut problems);
    let scoped = spec.matching.as_ref().is_some_and(|how| how.scope.is_some());
    let authority =
        authority::check(spec.authority, &spec.attributes, scoped, format, &mut problems);

    if !problems.0.is_empty() {
        return Err(Error { problems: problems.0 });
    }
    Ok(Source {
        name: metadata.name,
        format: format.unwrap_or(Format::Csv),
        columns: spec.columns,
        strict,
        fields,
        key,
        engagement,
        effective_date,
        start_date,
        last_working_day,
        termination_date,
        manager,
        identity,
        matching,
        zone_field,
        security_hold,
        attributes,
        digest,
        limits,
        pushed_leavers_percent,
        authority,
        accepts_events,
        delimiter,
        schedule,
        folder,
        zone_name,
        zone,
    })
}

/// What it pushes are JSON objects, as those of its files.
fn accepts_events(spec: &Spec, format: Option<Format>, problems: &mut Problems) -> bool {
    for door in &spec.accepts {
        if door != EVENTS {
            problems.add("spec.accepts", format_args!("{door:?} is no door: {EVENTS} is"));
        }
    }
    if !spec.accepts.is_empty() && format.is_some_and(|format| format != Format::JsonLines) {
        problems.add("spec.accepts", "events hold records as the lines of a jsonl source do");
    }
    spec.accepts.iter().any(|door| door == EVENTS)
}

fn check_columns(columns: &[String], problems: &mut Problems) {
    if columns.is_empty() || columns.len() > COLUMNS_MAX {
        problems.add("spec.columns", format_args!("there must be 1 to {COLUMNS_MAX} of them"));
    }
    let mut seen = BTreeSet::new();
    for column in columns {
        if column.is_empty() {
            problems.add("spec.columns", "a column has no name");
        } else if !seen.insert(column) {
            problems.add("spec.columns", format_args!("{column:?} is listed twice"));
        }
    }
}

/// Of a SCIM source, columns are attributes of a user, written as one and the same one always is.
fn check_scim(spec: &mut Spec, problems: &mut Problems) {
    for (name, field) in &mut spec.fields {
        let Some(column) = &mut field.column else { continue };
        match Place::parse(column) {
            Ok(place) => *column = place.column(),
            Err(reason) => {
                let path = format!("spec.fields.{name}");
                problems.add(&path, format_args!("{column:?} {reason}"));
            }
        }
    }
    if !spec.columns.is_empty() {
        problems.add("spec.columns", "a SCIM source has those that its fields name");
        spec.columns.clear();
    }
    if !spec.fields.values().any(|field| field.column.as_deref() == Some(USER_NAME)) {
        problems.add("spec.fields", "one must be of the column userName, which every user has");
    }
    if spec.engagement.is_some() {
        problems.add("spec.engagement", "a SCIM user is one engagement");
    }
}

fn check_paths(columns: &[String], problems: &mut Problems) {
    for column in columns {
        if column.split('.').any(str::is_empty) {
            problems.add("spec.columns", format_args!("{column:?} has a part without a name"));
        }
        let below = |other: &&String| {
            other.strip_prefix(column.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        if let Some(other) = columns.iter().find(below) {
            let problem = format_args!("{column:?} cannot be a value and hold {other:?}, too");
            problems.add("spec.columns", problem);
        }
    }
}

fn zone(name: Option<&str>, problems: &mut Problems) -> (TimeZone, String) {
    let Some(name) = name else {
        problems.add("spec.zone", "must name a time zone, such as America/New_York");
        return (TimeZone::UTC, String::new());
    };
    let zone = TimeZone::get(name).unwrap_or_else(|_error| {
        problems.add("spec.zone", format_args!("there is no time zone {name:?}"));
        TimeZone::UTC
    });
    let name = zone.iana_name().unwrap_or(name).to_owned();
    (zone, name)
}

/// Resolves the names of fields.
struct Names<'a> {
    fields: &'a [Field],
}

impl Names<'_> {
    fn find(&self, path: &str, name: &str, problems: &mut Problems) -> Option<usize> {
        let found = self.fields.iter().position(|field| field.name == name);
        if found.is_none() {
            problems.add(path, format_args!("there is no field {name:?}"));
        }
        found
    }

    fn key(&self, names: &[String], problems: &mut Problems) -> Vec<usize> {
        if names.is_empty() {
            problems.add("spec.key", "at least one field must tell people apart");
        }
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                problems.add("spec.key", format_args!("{name:?} is listed twice"));
            }
        }
        names.iter().filter_map(|name| self.find("spec.key", name, problems)).collect()
    }

    fn date(&self, path: &str, name: Option<&str>, problems: &mut Problems) -> Option<usize> {
        let found = self.find(path, name?, problems)?;
        match self.fields[found].kind {
            Kind::Date(_) => {}
            Kind::Text(_) | Kind::Integer | Kind::Boolean => {
                problems.add(path, "the field must be a date");
            }
        }
        Some(found)
    }

    /// A field that ends an engagement is empty for everybody who stays.
    fn end(&self, path: &str, name: Option<&str>, problems: &mut Problems) -> Option<usize> {
        let found = self.date(path, name, problems)?;
        if !self.fields[found].optional {
            problems.add(path, "the field must be optional: who stays has no such date");
        }
        Some(found)
    }

    fn zone_field(&self, zone: Option<&Zone>, problems: &mut Problems) -> Option<ZoneField> {
        let Some(Zone::Field(zone)) = zone else { return None };
        for (value, name) in &zone.values {
            if TimeZone::get(name).is_err() {
                let problem = format_args!("there is no time zone {name:?}");
                problems.add(&format!("spec.zone.values.{value}"), problem);
            }
        }
        let field = self.find("spec.zone.field", &zone.field, problems)?;
        Some(ZoneField { field, values: zone.values.clone() })
    }

    fn security_hold(&self, hold: &HoldDocument, problems: &mut Problems) -> Option<SecurityHold> {
        if hold.values.is_empty() {
            problems
                .add("spec.security_hold.values", "must name what the field says of who is held");
        }
        let field = self.find("spec.security_hold.field", &hold.field, problems)?;
        Some(SecurityHold { field, values: hold.values.iter().cloned().collect() })
    }

    fn attributes(&self, names: &[String], problems: &mut Problems) -> Vec<Attribute> {
        let mut seen = BTreeSet::new();
        let mut attributes = Vec::with_capacity(names.len());
        for name in names {
            if !seen.insert(name) {
                problems.add("spec.attributes", format_args!("{name:?} is listed twice"));
            } else if name == WORKER_ID {
                attributes.push(Attribute::WorkerId);
            } else if let Some(field) = self.find("spec.attributes", name, problems) {
                attributes.push(Attribute::Field(field));
            }
        }
        attributes
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, path: &str, problem: impl std::fmt::Display) {
        self.0.push(format!("{path}: {problem}"));
    }
}

fn is_dns_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_attribute_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed)
}
