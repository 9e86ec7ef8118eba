//! From a record to what it says of one engagement.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, Date, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Marks;
use crate::mapping::transform::collapse;
use crate::mapping::{Attribute, Field, Origin, Source, Unlisted};
use crate::matching::{self, Features};

/// The longest field, in bytes.
pub const FIELD_BYTES_MAX: usize = 4 * 1024;

/// The longest worker id and the longest engagement key, in bytes; both are indexed.
pub const KEY_BYTES_MAX: usize = 512;

/// Joins the parts of a key.
const KEY_SEPARATOR: char = '|';

/// What a file says of one engagement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Where the row begins; of a CSV file, 1 is the header.
    pub line: u64,
    /// The key's text: tells people apart within the source.
    pub worker_id: String,
    /// Tells engagements of one person apart; empty when the source has no such field.
    pub engagement_key: String,
    /// The day from which the row's attributes hold. Absent: the snapshot date.
    #[serde(default)]
    pub effective_date: Option<Date>,
    /// The stated start. Absent: the engagement began by the snapshot date at the latest.
    pub start_date: Option<Date>,
    /// The stated last working day, or the termination date when only that is stated.
    pub last_working_day: Option<Date>,
    /// The stated termination date.
    pub termination_date: Option<Date>,
    /// The worker id of the worker's manager, as stated.
    #[serde(default)]
    pub manager: Option<String>,
    /// What names the human for ever, within the scope that the mapping declares.
    #[serde(default)]
    pub identity: Option<String>,
    /// IANA name of the zone of the row's dates: its own, else the source's.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether the person has to be held for reasons of security.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// What is published of the row.
    pub attributes: Attributes,
    /// Marks of what tells the human apart, by attribute; nothing else is kept of it here.
    #[serde(default)]
    pub features: BTreeMap<String, BTreeSet<Uuid>>,
    /// Whether the worker is marked as not to be hired again.
    #[serde(default)]
    pub unrehirable: bool,
    /// What it will be known by; absent: it stands in no file.
    #[serde(default)]
    pub marks: Option<Marks>,
}

/// A row that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Where the row begins; 1 is the header.
    pub line: u64,
    /// The column that is wrong; empty: the row as a whole.
    pub column: String,
    /// What is wrong, without the value.
    pub reason: String,
    /// Whose row it is, if that much could be read.
    pub worker_id: Option<String>,
}

/// What a field says, if anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) value: Option<Value>,
    /// The text, and what becomes of it, where the field's value map does not list it.
    unlisted: Option<(String, Unlisted)>,
}

/// What a field says, or why it cannot be read.
type Read = Result<Said, String>;

/// Told of every value that a value map does not list: the field, the text, and what becomes of it.
pub(super) type Tell<'a> = &'a mut dyn FnMut(usize, String, Unlisted);

/// What a line holds, column by column.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a> {
    /// Where it begins.
    pub(super) line: u64,
    /// The line as it is written, without its end; of no file, nothing.
    pub(super) raw: &'a [u8],
    /// As many as the mapping has columns.
    pub(super) texts: Vec<&'a str>,
    /// What is wrong with the line as it is written: the column and the reason.
    pub(super) fault: Option<(String, String)>,
}

pub(super) fn read(
    source: &Source,
    snapshot_date: Date,
    cells: &Cells<'_>,
    unlisted: Tell<'_>,
) -> Result<Row, Reject> {
    let reject = |column: String, reason: String, worker_id: Option<&str>| Reject {
        line: cells.line,
        column,
        reason,
        worker_id: worker_id.map(str::to_owned),
    };
    let texts = &cells.texts;
    let mut values = values(source, texts, snapshot_date);
    for (field, value) in values.iter_mut().enumerate() {
        let Ok(Said { unlisted: found, .. }) = value else { continue };
        let Some((text, becomes)) = found.take() else { continue };
        if becomes == Unlisted::Reject {
            *value = Err("is not among the values that the mapping lists".to_owned());
        }
        unlisted(field, text, becomes);
    }
    let fault = |worker_id: Option<&str>| {
        let (column, reason) = cells.fault.clone()?;
        Some(reject(column, reason, worker_id))
    };
    let of_key = |(column, _): &(String, String)| {
        source.key.iter().any(|field| column_of(source, Some(*field)) == *column)
    };
    if cells.fault.as_ref().is_some_and(of_key)
        && let Some(reject) = fault(None)
    {
        return Err(reject);
    }
    let worker_id = worker_id(source, &values).map_err(|(field, reason)| {
        fault(None).unwrap_or_else(|| reject(column_of(source, Some(field)), reason, None))
    })?;
    if let Some(reject) = fault(Some(&worker_id)) {
        return Err(reject);
    }

    // What is computed of a field that cannot be read is not what is wrong with the row.
    let is_computed = |index: &usize| source.fields[*index].column().is_none();
    let wrong = |computed: bool| {
        let mut of = (0..values.len()).filter(|index| is_computed(index) == computed);
        of.find_map(|index| Some((index, values[index].as_ref().err()?.clone())))
    };
    if let Some((index, reason)) = wrong(false).or_else(|| wrong(true)) {
        return Err(reject(column_of(source, Some(index)), reason, Some(worker_id.as_str())));
    }
    let read: Vec<Option<Value>> =
        values.into_iter().map(|value| value.ok().and_then(|said| said.value)).collect();
    if let Some(column) = texts.iter().position(|text| text.len() > FIELD_BYTES_MAX) {
        let reason = format!("is longer than {FIELD_BYTES_MAX} bytes");
        return Err(reject(source.columns[column].clone(), reason, Some(&worker_id)));
    }
    let engagement_key = source.engagement.and_then(|field| read[field].as_ref());
    let engagement_key = engagement_key.map(ToString::to_string).unwrap_or_default();
    if engagement_key.len() > KEY_BYTES_MAX {
        let reason = format!("tells engagements apart and is longer than {KEY_BYTES_MAX} bytes");
        return Err(reject(column_of(source, source.engagement), reason, Some(&worker_id)));
    }
    let text = |field: usize| read[field].as_ref().map(ToString::to_string);
    let identity = source.identity.as_ref().map(|identity| identity.field);
    for field in [source.manager, identity].into_iter().flatten() {
        if text(field).is_some_and(|text| text.len() > KEY_BYTES_MAX) {
            let reason = format!("names a person and is longer than {KEY_BYTES_MAX} bytes");
            return Err(reject(column_of(source, Some(field)), reason, Some(&worker_id)));
        }
    }
    let zone = source.zone_field.as_ref().and_then(|zone| Some((zone, text(zone.field)?)));
    let zone = zone.map(|(zone, text)| zone.read(&text).map_err(|reason| (zone.field, reason)));
    let zone = zone.transpose().map_err(|(field, reason)| {
        reject(column_of(source, Some(field)), reason, Some(&worker_id))
    })?;
    let termination_date = date(&read, source.termination_date);
    let hold = source.security_hold.as_ref();
    Ok(Row {
        line: cells.line,
        locked: hold.is_some_and(|hold| text(hold.field).is_some_and(|text| hold.says(&text))),
        engagement_key,
        effective_date: date(&read, source.effective_date),
        start_date: date(&read, source.start_date),
        last_working_day: date(&read, source.last_working_day).or(termination_date),
        termination_date,
        manager: source.manager.and_then(text),
        identity: identity.and_then(text),
        zone: Some(zone.unwrap_or_else(|| source.zone_name().to_owned())),
        attributes: attributes(source, &read, &worker_id),
        features: features(source, &read),
        unrehirable: unrehirable(source, &read),
        marks: None,
        worker_id,
    })
}

/// Where what a field says is written; empty without a field.
pub(super) fn column_of(source: &Source, field: Option<usize>) -> String {
    field.map(|field| source.column_of(field).to_owned()).unwrap_or_default()
}

/// What each field says; those that are computed after the others.
fn values(source: &Source, texts: &[&str], snapshot_date: Date) -> Vec<Read> {
    let of_columns = |field: &Field| match field.origin {
        Origin::Column(column) => value(field, texts[column], snapshot_date),
        Origin::Computed(_) => Ok(Said::default()),
    };
    let mut values: Vec<Read> = source.fields.iter().map(of_columns).collect();
    if source.fields.iter().all(|field| field.column().is_some()) {
        return values;
    }
    let known = source.fields.iter().zip(&values);
    let known = known
        .filter_map(|(field, read)| Some((field.name.clone(), read.as_ref().ok()?.value.clone()?)));
    let row: Attributes = known.collect();
    for (field, read) in source.fields.iter().zip(&mut values) {
        let Origin::Computed(computed) = &field.origin else { continue };
        *read = match computed.value(&row) {
            Some(Value::Text(text)) => value(field, &text, snapshot_date),
            Some(other) => Ok(Said { value: Some(other), unlisted: None }),
            None => value(field, "", snapshot_date),
        };
    }
    values
}

/// What a field says whose text is this.
pub(super) fn value(field: &Field, text: &str, snapshot_date: Date) -> Read {
    if text.len() > FIELD_BYTES_MAX {
        return Err(format!("is longer than {FIELD_BYTES_MAX} bytes"));
    }
    let text = collapse(text);
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    let cleaned = field.clean.apply(text);
    match cleaned.unlisted {
        Some(becomes @ (Unlisted::Unknown | Unlisted::Hold | Unlisted::Reject)) => {
            return Ok(Said { value: None, unlisted: Some((cleaned.text, becomes)) });
        }
        Some(Unlisted::Keep) | None => {}
    }
    let unlisted = cleaned.unlisted.map(|becomes| (cleaned.text.clone(), becomes));
    let text = match &field.default {
        Some(default) if cleaned.text.is_empty() => default.clone(),
        Some(_) | None => cleaned.text,
    };
    let value = if text.is_empty() { None } else { field.kind.read(&text, snapshot_date)? };
    if value.is_none() && !field.optional {
        return Err(format!("is empty, and {} is not optional", field.name));
    }
    Ok(Said { value, unlisted })
}

/// Joins the key's parts; names the field that prevents it.
fn worker_id(source: &Source, values: &[Read]) -> Result<String, (usize, String)> {
    let mut parts = Vec::with_capacity(source.key.len());
    for field in &source.key {
        let said = values[*field].as_ref().map_err(|reason| (*field, reason.clone()))?;
        let part = said.value.as_ref().map(ToString::to_string).unwrap_or_default();
        if part.contains(KEY_SEPARATOR) {
            return Err((*field, format!("holds '{KEY_SEPARATOR}', which joins the key's parts")));
        }
        parts.push(part);
    }
    let first = source.key.first().copied().unwrap_or_default();
    if parts.iter().all(String::is_empty) {
        return Err((first, "is empty, as is every other part of the key".to_owned()));
    }
    let worker_id = parts.join(&KEY_SEPARATOR.to_string());
    if worker_id.len() > KEY_BYTES_MAX {
        return Err((first, format!("makes a key longer than {KEY_BYTES_MAX} bytes")));
    }
    Ok(worker_id)
}

fn date(values: &[Option<Value>], field: Option<usize>) -> Option<Date> {
    match values[field?].as_ref()? {
        Value::Date(date) => Some(*date),
        Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::List(_) => None,
    }
}

fn attributes(source: &Source, values: &[Option<Value>], worker_id: &str) -> Attributes {
    let value = |attribute: &Attribute| match attribute {
        Attribute::WorkerId => Some(Value::Text(worker_id.to_owned())),
        Attribute::Field(field) => values[*field].clone(),
    };
    let named = |attribute| Some((source.attribute_name(attribute).to_owned(), value(attribute)?));
    source.attributes.iter().filter_map(named).collect()
}

/// The marks of what the mapping's rules compare.
fn features(source: &Source, values: &[Option<Value>]) -> Features {
    let rules = source.matching.iter().filter_map(|matching| matching.rules.as_ref());
    rules
        .flat_map(|rules| &rules.rules)
        .filter_map(|rule| {
            let value = values[rule.field].as_ref()?;
            let mark = matching::mark(&rule.attribute, rule.comparison, value)?;
            Some((rule.attribute.clone(), BTreeSet::from([mark])))
        })
        .collect()
}

fn unrehirable(source: &Source, values: &[Option<Value>]) -> bool {
    let field = source.matching.as_ref().and_then(|matching| matching.unrehirable);
    field.is_some_and(|field| values[field] == Some(Value::Boolean(true)))
}
