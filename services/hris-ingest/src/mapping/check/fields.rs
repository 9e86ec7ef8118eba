use std::collections::BTreeMap;

use domain::Date;
use rules::Computed;
use rules::document::AttributeType;

use super::{Problems, is_attribute_name};
use crate::mapping::clean::Clean;
use crate::mapping::document::{Field as Document, Spec};
use crate::mapping::{DateFormat, Field, Kind, Origin, Transform, Unlisted, WORKER_ID};

const FIELDS_MAX: usize = 200;

/// Returns every field, those with problems too, so that references to them still resolve.
pub(super) fn check(spec: &Spec, problems: &mut Problems) -> Vec<Field> {
    if spec.fields.len() > FIELDS_MAX {
        problems.add("spec.fields", format_args!("there are more than {FIELDS_MAX}"));
    }
    let mut fields: Vec<Field> =
        spec.fields.iter().map(|(name, field)| check_one(spec, name, field, problems)).collect();
    let of_columns: BTreeMap<String, AttributeType> = fields
        .iter()
        .zip(spec.fields.values())
        .filter(|(_, document)| document.cel.is_none())
        .map(|(field, _)| (field.name.clone(), attribute_type(&field.kind)))
        .collect();
    for (field, document) in fields.iter_mut().zip(spec.fields.values()) {
        let Some(cel) = &document.cel else { continue };
        match Computed::compile(cel, &of_columns, attribute_type(&field.kind)) {
            Ok(computed) => field.origin = Origin::Computed(computed),
            Err(findings) => {
                let path = format!("spec.fields.{}.cel", field.name);
                findings.into_iter().for_each(|finding| problems.add(&path, finding));
            }
        }
    }
    fields
}

fn check_one(spec: &Spec, name: &str, field: &Document, problems: &mut Problems) -> Field {
    let path = format!("spec.fields.{name}");
    if name == WORKER_ID {
        problems.add(&path, "the name is taken by the key's text");
    } else if !is_attribute_name(name) {
        problems.add(&path, "must be lower-case letters, digits and '_', a letter first");
    }
    let column = match (&field.column, &field.cel) {
        (Some(name), None) => {
            let column = spec.columns.iter().position(|column| column == name);
            if column.is_none() {
                problems.add(&path, format_args!("there is no column {name:?}"));
            }
            column
        }
        (None, Some(_)) => None,
        (Some(_), Some(_)) | (None, None) => {
            problems.add(&path, "must have either a column or cel, which computes it of others");
            None
        }
    };
    let clean = Clean::check(&field.replace, &field.values, |problem| problems.add(&path, problem));
    let kind = kind(&path, field, problems);
    let field = Field {
        name: name.to_owned(),
        origin: Origin::Column(column.unwrap_or_default()),
        clean: clean.with_unlisted(unlisted(&path, field, problems)),
        kind,
        default: field.default.clone(),
        optional: field.optional,
    };
    check_default(&path, &field, problems);
    field
}

fn unlisted(path: &str, field: &Document, problems: &mut Problems) -> Unlisted {
    let Some(name) = field.unlisted.as_deref() else { return Unlisted::default() };
    let Some(found) = Unlisted::ALL.into_iter().find(|unlisted| unlisted.as_str() == name) else {
        let known = Unlisted::ALL.map(Unlisted::as_str).join(", ");
        problems.add(path, format_args!("unlisted must be one of {known}"));
        return Unlisted::default();
    };
    if field.values.is_empty() {
        problems.add(path, "there are no values, and so none that are unlisted");
    }
    match found {
        Unlisted::Unknown | Unlisted::Hold if !field.optional => {
            problems.add(path, "must be optional, since a value that is not listed is unknown");
        }
        Unlisted::Keep | Unlisted::Reject | Unlisted::Unknown | Unlisted::Hold => {}
    }
    found
}

fn check_default(path: &str, field: &Field, problems: &mut Problems) {
    let Some(default) = &field.default else { return };
    match field.kind.read(default, Date::MAX) {
        Ok(Some(_)) => {}
        Ok(None) => problems.add(path, "the default says nothing"),
        Err(reason) => problems.add(path, format_args!("the default {reason}")),
    }
    if field.optional {
        problems.add(path, "is never empty with a default, and so not optional");
    }
}

fn attribute_type(kind: &Kind) -> AttributeType {
    match kind {
        Kind::Text(_) => AttributeType::String,
        Kind::Date(_) => AttributeType::Date,
        Kind::Integer => AttributeType::Integer,
        Kind::Boolean => AttributeType::Boolean,
    }
}

fn kind(path: &str, field: &Document, problems: &mut Problems) -> Kind {
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
