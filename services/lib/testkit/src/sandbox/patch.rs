//! PATCH: the request of RFC 7644, section 3.5.2, and what it does to the attributes of a user.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::path::{self, Place, Target};
use super::refusal::Refusal;
use super::schema::{self, Attribute, ENTERPRISE, Mutability};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const OPERATIONS_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
struct Request {
    schemas: Vec<String>,
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Wire>,
}

#[derive(Debug, Deserialize)]
struct Wire {
    op: String,
    path: Option<String>,
    value: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Remove,
    Replace,
}

/// One operation, with a value where its kind needs one.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) path: Option<String>,
    pub(super) value: Value,
}

/// Parses the body of a PATCH.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Operation>, Refusal> {
    let request: Request = serde_json::from_slice(body)
        .map_err(|_malformed| Refusal::InvalidSyntax("the body is not a PatchOp"))?;
    if !request.schemas.iter().any(|schema| schema.eq_ignore_ascii_case(PATCH)) {
        return Err(Refusal::InvalidSyntax("the schemas do not name PatchOp"));
    }
    if request.operations.is_empty() || request.operations.len() > OPERATIONS_MAX {
        return Err(Refusal::InvalidSyntax("the number of operations is out of bounds"));
    }
    request.operations.into_iter().map(operation).collect()
}

fn operation(wire: Wire) -> Result<Operation, Refusal> {
    // Entra spells operations with a capital.
    let op = match wire.op.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "remove" => Op::Remove,
        "replace" => Op::Replace,
        _ => return Err(Refusal::InvalidSyntax("an operation is unknown")),
    };
    let value = match (op, wire.value) {
        (_, Some(value)) => value,
        (Op::Remove, None) => Value::Null,
        (Op::Add | Op::Replace, None) => {
            return Err(Refusal::InvalidSyntax("an operation has no value"));
        }
    };
    Ok(Operation { op, path: wire.path, value })
}

/// Applies operations to a user's attributes; on a refusal the attributes are of no use any more.
pub(super) fn apply(
    attributes: &mut Map<String, Value>,
    operations: Vec<Operation>,
) -> Result<(), Refusal> {
    for Operation { op, path, value } in operations {
        match path {
            Some(path) => reach(attributes, op, path::parse(&path)?, value)?,
            None => spread(attributes, op, value)?,
        }
    }
    schema::check_user(attributes)
}

fn spread(attributes: &mut Map<String, Value>, op: Op, value: Value) -> Result<(), Refusal> {
    if op == Op::Remove {
        return Err(Refusal::NoTarget("the resource: a removal needs a path"));
    }
    let Value::Object(fields) = value else {
        return Err(Refusal::InvalidSyntax("without a path the value must be an object"));
    };
    for (name, value) in fields {
        if !name.eq_ignore_ascii_case("schemas") {
            reach(attributes, op, path::parse(&name)?, value)?;
        }
    }
    Ok(())
}

fn reach(
    attributes: &mut Map<String, Value>,
    op: Op,
    target: Target,
    value: Value,
) -> Result<(), Refusal> {
    let place = match target {
        Target::Attribute(place) => place,
        Target::Extension if op == Op::Remove => {
            attributes.remove(ENTERPRISE);
            return Ok(());
        }
        Target::Extension => {
            let Value::Object(fields) = value else {
                return Err(Refusal::InvalidValue(ENTERPRISE));
            };
            for (name, value) in fields {
                let path = format!("{ENTERPRISE}:{name}");
                reach(attributes, op, path::parse(&path)?, value)?;
            }
            return Ok(());
        }
    };
    match place.part.map_or(place.attribute.mutability, |part| part.mutability) {
        Mutability::ReadOnly => return Err(Refusal::Mutability(place.attribute.name)),
        Mutability::WriteOnly => {
            schema::accept(place.attribute, value)?;
            return Ok(());
        }
        Mutability::ReadWrite if place.attribute.mutability == Mutability::ReadOnly => {
            return Err(Refusal::Mutability(place.attribute.name));
        }
        Mutability::ReadWrite => {}
    }
    if !place.extension {
        return change(attributes, op, &place, value);
    }
    let mut extension = match attributes.remove(ENTERPRISE) {
        Some(Value::Object(extension)) => extension,
        _ => Map::new(),
    };
    change(&mut extension, op, &place, value)?;
    if !extension.is_empty() {
        attributes.insert(ENTERPRISE.to_owned(), Value::Object(extension));
    }
    Ok(())
}

fn change(
    fields: &mut Map<String, Value>,
    op: Op,
    place: &Place,
    value: Value,
) -> Result<(), Refusal> {
    let attribute = place.attribute;
    if attribute.name == "userName" && op == Op::Remove {
        return Err(Refusal::Mutability("userName"));
    }
    match (attribute.many, &place.only, place.part) {
        (true, None, None) => change_values(fields, op, attribute, value),
        (true, only, part) => {
            let only = only.as_deref().unwrap_or_default();
            change_some(fields, op, attribute, only, part, value)
        }
        (false, _, Some(part)) => {
            let mut whole = match fields.remove(attribute.name) {
                Some(Value::Object(whole)) => whole,
                _ => Map::new(),
            };
            set(&mut whole, op, part, value)?;
            if !whole.is_empty() {
                fields.insert(attribute.name.to_owned(), Value::Object(whole));
            }
            Ok(())
        }
        (false, _, None) => set(fields, op, attribute, value),
    }
}

/// Sets or removes an attribute with one value; parts of a complex one are merged.
fn set(
    fields: &mut Map<String, Value>,
    op: Op,
    attribute: &'static Attribute,
    value: Value,
) -> Result<(), Refusal> {
    if op == Op::Remove {
        fields.remove(attribute.name);
        return Ok(());
    }
    match (fields.get_mut(attribute.name), schema::accept(attribute, value)?) {
        (Some(Value::Object(held)), Some(Value::Object(more))) => held.extend(more),
        (_, Some(value)) => {
            fields.insert(attribute.name.to_owned(), value);
        }
        (_, None) => {
            fields.remove(attribute.name);
        }
    }
    Ok(())
}

/// Adds to, replaces or removes the values of an attribute that may have many.
fn change_values(
    fields: &mut Map<String, Value>,
    op: Op,
    attribute: &'static Attribute,
    value: Value,
) -> Result<(), Refusal> {
    let values = if value.is_object() { Value::Array(vec![value]) } else { value };
    let named = match schema::accept(attribute, values)? {
        Some(Value::Array(named)) => named,
        _ => Vec::new(),
    };
    let mut held = match fields.remove(attribute.name) {
        Some(Value::Array(held)) => held,
        _ => Vec::new(),
    };
    match op {
        Op::Add => {
            if named.iter().any(|value| value["primary"] == true) {
                demote(&mut held);
            }
            for value in named {
                if !held.contains(&value) {
                    held.push(value);
                }
            }
        }
        Op::Replace => held = named,
        Op::Remove if named.is_empty() => held.clear(),
        Op::Remove => held.retain(|value| !named.contains(value)),
    }
    if !held.is_empty() {
        fields.insert(attribute.name.to_owned(), Value::Array(held));
    }
    Ok(())
}

/// Changes those values of an attribute that fulfil a condition, or one part of these.
fn change_some(
    fields: &mut Map<String, Value>,
    op: Op,
    attribute: &'static Attribute,
    only: &[(&'static str, Value)],
    part: Option<&'static Attribute>,
    value: Value,
) -> Result<(), Refusal> {
    let meant = |held: &Value| only.iter().all(|(part, value)| held.get(part) == Some(value));
    let mut held = match fields.remove(attribute.name) {
        Some(Value::Array(held)) => held,
        _ => Vec::new(),
    };
    if op != Op::Remove && !held.iter().any(meant) {
        return Err(Refusal::NoTarget(attribute.name));
    }
    match (op, part) {
        (Op::Remove, None) => held.retain(|value| !meant(value)),
        (Op::Add | Op::Replace, None) => {
            let Some(Value::Object(parts)) = schema::accept_one(attribute, value)? else {
                return Err(Refusal::InvalidValue(attribute.name));
            };
            for held in held.iter_mut().filter(|held| meant(held)).filter_map(Value::as_object_mut)
            {
                held.extend(parts.clone());
            }
        }
        (_, Some(part)) => {
            for held in held.iter_mut().filter(|held| meant(held)).filter_map(Value::as_object_mut)
            {
                set(held, op, part, value.clone())?;
            }
        }
    }
    held.retain(|value| value.as_object().is_some_and(|parts| !parts.is_empty()));
    if held.iter().filter(|value| value["primary"] == true).count() > 1 {
        return Err(Refusal::InvalidValue(attribute.name));
    }
    if !held.is_empty() {
        fields.insert(attribute.name.to_owned(), Value::Array(held));
    }
    Ok(())
}

/// Makes room for another primary value: there is at most one.
fn demote(held: &mut [Value]) {
    for parts in held.iter_mut().filter_map(Value::as_object_mut) {
        if parts.get("primary") == Some(&Value::Bool(true)) {
            parts.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}
