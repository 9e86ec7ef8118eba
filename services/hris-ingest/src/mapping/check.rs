//! From the document as written to a mapping that holds together.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::document::{Document, Field as FieldDocument, Spec};
use super::{Attribute, DateFormat, Error, Field, Kind, Source, Transform, WORKER_ID};

const API_VERSION: &str = "tenure.dev/v1";
const COLUMNS_MAX: usize = 1_000;
const FIELDS_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 63;

pub(super) fn check(document: Document, default_zone: Option<&str>) -> Result<Source, Error> {
    let mut problems = Problems::default();
    let Document { api_version, kind, metadata, spec } = document;
    if api_version != API_VERSION {
        problems.add("apiVersion", format_args!("must be {API_VERSION}"));
    }
    if kind != "Source" {
        problems.add("kind", "must be Source");
    }
    if !is_dns_label(&metadata.name) {
        problems.add("metadata.name", "must be lower-case letters, digits and '-', at most 63");
    }
    if spec.format != "csv" {
        problems.add("spec.format", "must be csv");
    }
    check_columns(&spec.columns, &mut problems);
    let fields = fields(&spec, &mut problems);
    let (zone, zone_name) = zone(spec.zone.as_deref().or(default_zone), &mut problems);
    if spec.limits.leavers_percent > 100 {
        problems.add("spec.limits.leavers_percent", "must be at most 100");
    }

    let names = Names { fields: &fields };
    let key = names.key(&spec.key, &mut problems);
    let engagement = spec
        .engagement
        .as_deref()
        .and_then(|name| names.find("spec.engagement", name, &mut problems));
    let start_date = names.date("spec.start_date", spec.start_date.as_deref(), &mut problems);
    let last_working_day =
        names.end("spec.last_working_day", spec.last_working_day.as_deref(), &mut problems);
    let termination_date =
        names.end("spec.termination_date", spec.termination_date.as_deref(), &mut problems);
    let attributes = names.attributes(&spec.attributes, &mut problems);

    if !problems.0.is_empty() {
        return Err(Error { problems: problems.0 });
    }
    Ok(Source {
        name: metadata.name,
        columns: spec.columns,
        fields,
        key,
        engagement,
        start_date,
        last_working_day,
        termination_date,
        attributes,
        leavers_percent: spec.limits.leavers_percent,
        zone_name,
        zone,
    })
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

/// Returns every field, those with problems too, so that references to them still resolve.
fn fields(spec: &Spec, problems: &mut Problems) -> Vec<Field> {
    if spec.fields.len() > FIELDS_MAX {
        problems.add("spec.fields", format_args!("there are more than {FIELDS_MAX}"));
    }
    let field = |(name, field): (&String, &FieldDocument)| {
        let path = format!("spec.fields.{name}");
        if name == WORKER_ID {
            problems.add(&path, "the name is taken by the key's text");
        } else if !is_attribute_name(name) {
            problems.add(&path, "must be lower-case letters, digits and '_', a letter first");
        }
        let column = spec.columns.iter().position(|column| *column == field.column);
        if column.is_none() {
            problems.add(&path, format_args!("there is no column {:?}", field.column));
        }
        Field {
            name: name.clone(),
            column: column.unwrap_or_default(),
            kind: kind(&path, field, problems),
            optional: field.optional,
        }
    };
    spec.fields.iter().map(field).collect()
}

fn kind(path: &str, field: &FieldDocument, problems: &mut Problems) -> Kind {
    if field.kind != "date" && field.format.is_some() {
        problems.add(path, "only a date has a format");
    }
    if field.kind != "text" && field.transform.is_some() {
        problems.add(path, "only text has a transform");
    }
    match field.kind.as_str() {
        "text" => Kind::Text(field.transform.as_deref().and_then(|name| {
            let transform = Transform::from_name(name);
            if transform.is_none() {
                let known = Transform::ALL.map(Transform::as_str).join(", ");
                problems.add(path, format_args!("the transform must be one of {known}"));
            }
            transform
        })),
        "date" => {
            let format = field.format.as_deref().unwrap_or("YYYY-MM-DD");
            Kind::Date(DateFormat::parse(format).unwrap_or_else(|error| {
                problems.add(path, format_args!("the format {format:?}: {error}"));
                DateFormat::iso()
            }))
        }
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        _ => {
            problems.add(path, "the type must be one of text, date, integer, boolean");
            Kind::Text(None)
        }
    }
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
