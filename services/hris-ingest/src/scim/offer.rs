//! What a source's clients may write: the attributes that its document maps, and `active`. Pure.

mod place;

pub(crate) use place::Place;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Error;
use super::filter::{Attribute, member};
use super::{ENTERPRISE, USER};
use crate::mapping::{Kind, Source};
use crate::reader::FIELD_BYTES_MAX;

/// The attribute that every user has.
pub(crate) const USER_NAME: &str = "userName";
/// The attribute that ends and begins engagements.
pub(crate) const ACTIVE: &str = "active";
/// What a value is for that does not say it.
const WORK: &str = "work";

/// The attributes on offer.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) leaves: Vec<Leaf>,
    /// How many of them are columns of the source; `active` may come after them.
    columns: usize,
}

/// One value on offer.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The column that it is.
    pub(crate) column: String,
    pub(crate) place: Place,
    pub(crate) kind: LeafKind,
    pub(crate) required: bool,
}

/// What a value is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafKind {
    Text,
    Boolean,
    Integer,
}

/// What a client wrote of one user, column by column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Written(pub(crate) BTreeMap<String, Value>);

impl Written {
    /// The user's name; empty without one.
    pub(crate) fn user_name(&self) -> &str {
        self.0.get(USER_NAME).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the user is active, if that is stated.
    pub(crate) fn active(&self) -> Option<bool> {
        self.0.get(ACTIVE)?.as_bool()
    }

    pub(crate) fn set_active(&mut self, active: bool) {
        self.0.insert(ACTIVE.to_owned(), Value::Bool(active));
    }

    fn set(&mut self, leaf: &Leaf, value: Option<Value>) {
        match value {
            Some(value) => {
                self.0.insert(leaf.column.clone(), value);
            }
            None => {
                self.0.remove(&leaf.column);
            }
        }
    }
}

impl Offer {
    /// What a source's document maps. A column that is no place of SCIM is not offered; the document's
    /// check has refused it.
    pub(crate) fn new(source: &Source) -> Self {
        let mut leaves = Vec::with_capacity(source.columns.len() + 1);
        for (index, column) in source.columns.iter().enumerate() {
            let Ok(place) = Place::parse(column) else { continue };
            let mut fields =
                source.fields.iter().filter(|field| field.column() == Some(index)).peekable();
            let kind = match fields.peek().map(|field| &field.kind) {
                Some(Kind::Boolean) => LeafKind::Boolean,
                Some(Kind::Integer) => LeafKind::Integer,
                Some(Kind::Text(_) | Kind::Date(_)) | None => LeafKind::Text,
            };
            let kind = if column == ACTIVE { LeafKind::Boolean } else { kind };
            let required = column == USER_NAME || fields.any(|field| !field.optional);
            let required = required && column != ACTIVE;
            leaves.push(Leaf { column: column.clone(), place, kind, required });
        }
        let columns = leaves.len();
        if !leaves.iter().any(|leaf| leaf.column == ACTIVE) {
            let place = Place::of_user(ACTIVE);
            let (column, kind) = (ACTIVE.to_owned(), LeafKind::Boolean);
            leaves.push(Leaf { column, place, kind, required: false });
        }
        Self { leaves, columns }
    }

    /// Reads a whole user; what is not on offer is nothing.
    pub(crate) fn read(&self, user: &Value) -> Result<Written, Error> {
        let Some(members) = user.as_object() else {
            return Err(Error::syntax("the body is not a JSON object"));
        };
        if let Some(schemas) = member(user, "schemas") {
            let names = |schema: &Value| {
                schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(USER))
            };
            if !schemas.as_array().is_some_and(|schemas| schemas.iter().any(names)) {
                return Err(Error::value(format!("schemas does not name {USER}")));
            }
        }
        let mut written = Written::default();
        for (name, value) in members {
            if self.is_extension(name) {
                self.set_extension(&mut written, name, value)?;
            } else {
                let attribute = Attribute { schema: None, name: name.clone(), sub: None };
                self.set_whole(&mut written, &attribute, value, false)?;
            }
        }
        if written.user_name().is_empty() {
            return Err(Error::value("userName is missing"));
        }
        Ok(written)
    }

    /// Whether it is the name of a schema besides that of users.
    pub(crate) fn is_extension(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(ENTERPRISE)
            || self.leaves.iter().any(|leaf| {
                leaf.place.schema != USER && leaf.place.schema.eq_ignore_ascii_case(name)
            })
    }

    /// The schemas on offer, that of users first.
    pub(crate) fn schemas(&self) -> Vec<&str> {
        let mut schemas = vec![USER];
        for leaf in &self.leaves {
            if !schemas.contains(&leaf.place.schema.as_str()) {
                schemas.push(&leaf.place.schema);
            }
        }
        schemas
    }

    /// Sets what an extension's object says.
    pub(crate) fn set_extension(
        &self,
        written: &mut Written,
        schema: &str,
        value: &Value,
    ) -> Result<(), Error> {
        let Some(members) = value.as_object() else {
            if value.is_null() {
                return Ok(());
            }
            return Err(Error::value("an extension is not an object"));
        };
        for (name, value) in members {
            let schema = Some(schema.to_owned());
            let attribute = Attribute { schema, name: name.clone(), sub: None };
            self.set_whole(written, &attribute, value, false)?;
        }
        Ok(())
    }

    /// The places below an attribute.
    pub(crate) fn below<'a>(&'a self, attribute: &'a Attribute) -> impl Iterator<Item = &'a Leaf> {
        self.leaves.iter().filter(|leaf| leaf.place.is_of(attribute))
    }

    /// Sets everything that a whole attribute says; of several values, those that it does not name stay
    /// unless they are to be replaced.
    pub(crate) fn set_whole(
        &self,
        written: &mut Written,
        attribute: &Attribute,
        value: &Value,
        replace: bool,
    ) -> Result<(), Error> {
        let leaves: Vec<&Leaf> = self.below(attribute).collect();
        if leaves.iter().any(|leaf| leaf.place.of_type.is_some()) {
            return set_values(written, &leaves, value, replace);
        }
        for leaf in leaves {
            match &leaf.place.sub {
                None => written.set(leaf, leaf.coerce(only(value))?),
                Some(sub) => match only(value) {
                    Value::Null => written.set(leaf, None),
                    // Some clients write a reference as the text that it refers by.
                    text @ Value::String(_) if sub == "value" => {
                        written.set(leaf, leaf.coerce(text)?);
                    }
                    object @ Value::Object(_) => {
                        if let Some(value) = member(object, sub) {
                            written.set(leaf, leaf.coerce(value)?);
                        }
                    }
                    Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                        return Err(Error::value(format!("{} is not an object", leaf.place.name)));
                    }
                },
            }
        }
        Ok(())
    }

    /// Sets one value.
    pub(crate) fn set(
        &self,
        written: &mut Written,
        leaf: &Leaf,
        value: &Value,
    ) -> Result<(), Error> {
        written.set(leaf, leaf.coerce(only(value))?);
        Ok(())
    }

    /// The texts of the source's columns, in their order.
    pub(crate) fn texts(&self, written: &Written) -> Vec<String> {
        let text = |leaf: &Leaf| match written.0.get(&leaf.column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        self.leaves.iter().take(self.columns).map(text).collect()
    }

    /// The user as SCIM writes it, without what every resource has.
    pub(crate) fn render(&self, written: &Written) -> Map<String, Value> {
        let mut user = Map::new();
        for leaf in &self.leaves {
            let Some(value) = written.0.get(&leaf.column) else { continue };
            let object = if leaf.place.schema == USER {
                &mut user
            } else {
                let extension = user.entry(leaf.place.schema.clone());
                let Some(extension) =
                    extension.or_insert_with(|| Value::Object(Map::new())).as_object_mut()
                else {
                    continue;
                };
                extension
            };
            leaf.place.put(object, value.clone());
        }
        user
    }
}

impl Leaf {
    /// Reads one value; `None` when there is none.
    fn coerce(&self, value: &Value) -> Result<Option<Value>, Error> {
        let wrong = |what: &str| Error::value(format!("{} is not {what}", self.column));
        let read = match (self.kind, value) {
            (_, Value::Null) => return Ok(None),
            (LeafKind::Text, Value::String(text)) => Value::String(text.clone()),
            (LeafKind::Text, Value::Bool(_) | Value::Number(_)) => Value::String(value.to_string()),
            (LeafKind::Text, Value::Array(_) | Value::Object(_)) => return Err(wrong("a text")),
            (LeafKind::Boolean, Value::Bool(_)) => value.clone(),
            // Entra writes True and False as texts.
            (LeafKind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => {
                true.into()
            }
            (LeafKind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => {
                false.into()
            }
            (
                LeafKind::Boolean,
                Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
            ) => return Err(wrong("a boolean")),
            (LeafKind::Integer, Value::Number(number)) if number.is_i64() => value.clone(),
            (LeafKind::Integer, Value::String(text)) => {
                let number: Result<i64, _> = text.parse();
                number.map_err(|_error| wrong("a whole number"))?.into()
            }
            (
                LeafKind::Integer,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
            ) => return Err(wrong("a whole number")),
        };
        if read.as_str().is_some_and(|text| text.len() > FIELD_BYTES_MAX) {
            return Err(Error::value(format!(
                "{} is longer than {FIELD_BYTES_MAX} bytes",
                self.column
            )));
        }
        Ok(Some(read))
    }
}

/// Unpacks a list of one value, as which some clients write a value.
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(values) => match values.as_slice() {
            [] => &Value::Null,
            [only] => only,
            [_, ..] => value,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            value
        }
    }
}

/// Sets the values of an attribute that may have several, each by its type. A value without a type is
/// for work, if that is on offer, else of the first type that is.
fn set_values(
    written: &mut Written,
    leaves: &[&Leaf],
    value: &Value,
    replace: bool,
) -> Result<(), Error> {
    if replace || value.is_null() {
        for leaf in leaves {
            written.set(leaf, None);
        }
    }
    let values = match value {
        Value::Array(values) => values.as_slice(),
        Value::Null => &[],
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    };
    let types = || leaves.iter().filter_map(|leaf| leaf.place.of_type.as_deref());
    let untyped = types().find(|of_type| *of_type == WORK).or_else(|| types().next());
    let untyped = untyped.unwrap_or_default();
    for value in values {
        if !value.is_object() {
            let name = leaves.first().map_or("", |leaf| leaf.place.name.as_str());
            return Err(Error::value(format!("a value of {name} is not an object")));
        }
        let of_type = member(value, "type").and_then(Value::as_str).unwrap_or(untyped);
        for leaf in leaves {
            let same = leaf.place.of_type.as_deref();
            let sub = leaf.place.sub.as_deref().unwrap_or("value");
            if same.is_some_and(|same| same.eq_ignore_ascii_case(of_type))
                && let Some(value) = member(value, sub)
            {
                written.set(leaf, leaf.coerce(value)?);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
