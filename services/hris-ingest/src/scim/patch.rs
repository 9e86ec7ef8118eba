//! PATCH of RFC 7644 section 3.5.2, and what Okta and Entra make of it. Pure.
//!
//! What an operation says of attributes that are not on offer is nothing. An operation that is refused
//! refuses the whole request.

use serde_json::Value;

use super::error::Error;
use super::filter::{Attribute, Filter, Path, member};
use super::offer::{Leaf, Offer, Written};

/// The most operations of one request.
pub(crate) const OPERATIONS_MAX: usize = 100;

/// What only the server writes.
const READ_ONLY: [&str; 3] = ["id", "meta", "schemas"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Replace,
    Remove,
}

/// Applies the operations of a request, in their order.
pub(crate) fn apply(offer: &Offer, written: &mut Written, request: &Value) -> Result<(), Error> {
    let operations = member(request, "Operations").and_then(Value::as_array);
    let operations = operations.ok_or_else(|| Error::syntax("the body has no Operations"))?;
    if operations.len() > OPERATIONS_MAX {
        return Err(Error::new(413, format!("there are more than {OPERATIONS_MAX} operations")));
    }
    for operation in operations {
        one(offer, written, operation)?;
    }
    if written.user_name().is_empty() {
        return Err(Error::value("userName cannot be without a value"));
    }
    Ok(())
}

fn one(offer: &Offer, written: &mut Written, operation: &Value) -> Result<(), Error> {
    let name = member(operation, "op").and_then(Value::as_str).unwrap_or_default();
    let kind = match name.to_ascii_lowercase().as_str() {
        "add" => Operation::Add,
        "replace" => Operation::Replace,
        "remove" => Operation::Remove,
        _ => return Err(Error::syntax("an operation is none of add, replace and remove")),
    };
    let value = member(operation, "value");
    let path = match member(operation, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => Some(path.as_str()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(Error::path("a path is not a text"));
        }
    };
    match (kind, path, value) {
        (Operation::Remove, None, _) => Err(Error::no_target("a remove has no path")),
        (Operation::Remove, Some(path), _) => remove(offer, written, path, value),
        (Operation::Add | Operation::Replace, _, None) => {
            Err(Error::value("an operation has no value"))
        }
        (Operation::Add | Operation::Replace, Some(path), Some(value)) => {
            set(offer, written, kind, path, value)
        }
        (Operation::Add | Operation::Replace, None, Some(value)) => {
            let members = value.as_object();
            let members = members.ok_or_else(|| {
                Error::value("an operation has no path and its value is not an object")
            })?;
            for (path, value) in members {
                // The members are attributes, or, as Entra writes them, paths.
                let read_only = READ_ONLY.iter().any(|name| name.eq_ignore_ascii_case(path));
                if !read_only && (offer.is_extension(path) || Path::parse(path).is_ok()) {
                    set(offer, written, kind, path, value)?;
                }
            }
            Ok(())
        }
    }
}

fn target(text: &str) -> Result<Path, Error> {
    let path = Path::parse(text)?;
    let name = &path.attribute.name;
    if path.attribute.schema.is_none() && READ_ONLY.iter().any(|one| one.eq_ignore_ascii_case(name))
    {
        return Err(Error::mutability(format!("{} is read-only", name.to_ascii_lowercase())));
    }
    Ok(path)
}

fn set(
    offer: &Offer,
    written: &mut Written,
    kind: Operation,
    path: &str,
    value: &Value,
) -> Result<(), Error> {
    if offer.is_extension(path) {
        return offer.set_extension(written, path, value);
    }
    let Path { attribute, filter } = target(path)?;
    if let Some(filter) = filter {
        return set_values(offer, written, kind, &attribute, &filter, value);
    }
    let leaves: Vec<&Leaf> = offer.below(&attribute).collect();
    match (&attribute.sub, leaves.as_slice()) {
        (None, _) => offer.set_whole(written, &attribute, value, kind == Operation::Replace),
        (Some(_), []) => Ok(()),
        (Some(sub), leaves) => {
            let present = leaves.iter().any(|leaf| written.0.contains_key(&leaf.column));
            for (index, leaf) in leaves.iter().enumerate() {
                let several = leaf.place.of_type.is_some();
                let named =
                    leaf.place.sub.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(sub));
                // A part of several values is that part of each; without values, of the first.
                let meant = !several
                    || if present { written.0.contains_key(&leaf.column) } else { index == 0 };
                if named && meant {
                    offer.set(written, leaf, value)?;
                }
            }
            Ok(())
        }
    }
}

fn remove(
    offer: &Offer,
    written: &mut Written,
    path: &str,
    value: Option<&Value>,
) -> Result<(), Error> {
    if offer.is_extension(path) {
        let columns: Vec<&Leaf> = offer
            .leaves
            .iter()
            .filter(|leaf| leaf.place.schema.eq_ignore_ascii_case(path))
            .collect();
        return columns.into_iter().try_for_each(|leaf| offer.set(written, leaf, &Value::Null));
    }
    let Path { attribute, filter } = target(path)?;
    let values = Values::of(offer, written, &attribute);
    for leaf in offer.below(&attribute) {
        let of_type = leaf.place.of_type.as_deref();
        let kept = match (&filter, of_type) {
            (Some(filter), Some(of_type)) => !values.fits(filter, of_type),
            (Some(_), None) => true,
            // Entra names the values to remove beside the path.
            (None, Some(of_type)) => value.is_some_and(|value| !values.names(value, of_type)),
            (None, None) => false,
        };
        if !kept {
            offer.set(written, leaf, &Value::Null)?;
        }
    }
    Ok(())
}

/// Sets the values of an attribute, or a part of them, for which a filter holds. A value that the
/// filter describes by its type alone is made where there is none.
fn set_values(
    offer: &Offer,
    written: &mut Written,
    kind: Operation,
    attribute: &Attribute,
    filter: &Filter,
    value: &Value,
) -> Result<(), Error> {
    let whole = Attribute { sub: None, ..attribute.clone() };
    let leaves: Vec<&Leaf> = offer.below(&whole).collect();
    if leaves.is_empty() {
        return Ok(());
    }
    let values = Values::of(offer, written, &whole);
    let described = filter.demands("type");
    let is_meant = |leaf: &Leaf| {
        let of_type = leaf.place.of_type.as_deref().unwrap_or_default();
        values.fits(filter, of_type)
            || (!values.has(of_type)
                && described.is_some_and(|wanted| wanted.eq_ignore_ascii_case(of_type)))
    };
    let meant: Vec<&Leaf> = leaves.iter().copied().filter(|leaf| is_meant(leaf)).collect();
    if meant.is_empty() {
        // A value of a type that is not on offer is nothing; else there is nothing to replace.
        return match (kind, described) {
            (Operation::Replace, None) => {
                Err(Error::no_target("no value of the attribute is what the path asks for"))
            }
            (Operation::Add | Operation::Remove, _) | (Operation::Replace, Some(_)) => Ok(()),
        };
    }
    for leaf in meant {
        let own = leaf.place.sub.as_deref().unwrap_or("value");
        match &attribute.sub {
            Some(sub) if own.eq_ignore_ascii_case(sub) => offer.set(written, leaf, value)?,
            Some(_) => {}
            None => {
                let value = match value {
                    Value::Array(values) => values.first().unwrap_or(&Value::Null),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_) => value,
                };
                if !value.is_object() {
                    return Err(Error::value(format!(
                        "a value of {} is not an object",
                        leaf.place.name
                    )));
                }
                if let Some(value) = member(value, own) {
                    offer.set(written, leaf, value)?;
                }
            }
        }
    }
    Ok(())
}

/// The values that an attribute has.
struct Values(Vec<Value>);

impl Values {
    fn of(offer: &Offer, written: &Written, attribute: &Attribute) -> Self {
        let user = Value::Object(offer.render(written));
        let values = member(&user, &attribute.name).and_then(Value::as_array);
        Self(values.cloned().unwrap_or_default())
    }

    fn of_type<'a>(&'a self, of_type: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |value| value["type"] == *of_type)
    }

    fn has(&self, of_type: &str) -> bool {
        self.of_type(of_type).next().is_some()
    }

    fn fits(&self, filter: &Filter, of_type: &str) -> bool {
        self.of_type(of_type).any(|value| filter.matches(value))
    }

    /// Whether what stands beside a path names the value of a type.
    fn names(&self, named: &Value, of_type: &str) -> bool {
        let named = match named {
            Value::Array(named) => named.as_slice(),
            Value::Null => return true,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                std::slice::from_ref(named)
            }
        };
        self.of_type(of_type).any(|value| {
            named.iter().any(|named| match member(named, "value") {
                Some(text) => *text == value["value"],
                None => member(named, "type").is_none_or(|named| named == of_type),
            })
        })
    }
}

#[cfg(test)]
mod tests;
