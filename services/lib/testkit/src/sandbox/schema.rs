//! The attributes the application knows, and the check that a value fits one.
//!
//! Names are matched without regard to case and stored as the RFC spells them. An attribute that
//! is not listed is refused rather than dropped, so a client notices its mistake.

use serde_json::{Map, Value};

use super::refusal::Refusal;

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// One attribute, as RFC 7643 describes it.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) many: bool,
    pub(super) mutability: Mutability,
}

#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Boolean,
    Complex(&'static [Attribute]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutability {
    ReadWrite,
    ReadOnly,
    WriteOnly,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, kind: Kind::Text, many: false, mutability: Mutability::ReadWrite }
}

const fn boolean(name: &'static str) -> Attribute {
    Attribute { name, kind: Kind::Boolean, many: false, mutability: Mutability::ReadWrite }
}

const fn complex(name: &'static str, parts: &'static [Attribute]) -> Attribute {
    Attribute { name, kind: Kind::Complex(parts), many: false, mutability: Mutability::ReadWrite }
}

const fn many(name: &'static str, parts: &'static [Attribute]) -> Attribute {
    Attribute { name, kind: Kind::Complex(parts), many: true, mutability: Mutability::ReadWrite }
}

const fn read_only(attribute: Attribute) -> Attribute {
    Attribute {
        name: attribute.name,
        kind: attribute.kind,
        many: attribute.many,
        mutability: Mutability::ReadOnly,
    }
}

const VALUE: &[Attribute] = &[text("value"), text("display"), text("type"), boolean("primary")];
const ADDRESS: &[Attribute] = &[
    text("formatted"),
    text("streetAddress"),
    text("locality"),
    text("region"),
    text("postalCode"),
    text("country"),
    text("type"),
    boolean("primary"),
];
const REFERENCE: &[Attribute] = &[text("value"), text("$ref"), text("display"), text("type")];

pub(super) const USER_ATTRIBUTES: &[Attribute] = &[
    text("userName"),
    text("externalId"),
    complex(
        "name",
        &[
            text("formatted"),
            text("familyName"),
            text("givenName"),
            text("middleName"),
            text("honorificPrefix"),
            text("honorificSuffix"),
        ],
    ),
    text("displayName"),
    text("nickName"),
    text("profileUrl"),
    text("title"),
    text("userType"),
    text("preferredLanguage"),
    text("locale"),
    text("timezone"),
    boolean("active"),
    Attribute {
        name: "password",
        kind: Kind::Text,
        many: false,
        mutability: Mutability::WriteOnly,
    },
    many("emails", VALUE),
    many("phoneNumbers", VALUE),
    many("ims", VALUE),
    many("photos", VALUE),
    many("addresses", ADDRESS),
    many("entitlements", VALUE),
    many("roles", VALUE),
    many("x509Certificates", VALUE),
    read_only(many("groups", REFERENCE)),
    read_only(text("id")),
    read_only(complex("meta", &[])),
];

pub(super) const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    complex("manager", &[text("value"), text("$ref"), read_only(text("displayName"))]),
];

pub(super) const GROUP_ATTRIBUTES: &[Attribute] =
    &[text("displayName"), text("externalId"), many("members", REFERENCE)];

/// Returns the attribute of that name, whatever its case.
pub(super) fn find(
    attributes: &'static [Attribute],
    name: &str,
) -> Result<&'static Attribute, Refusal> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
        .ok_or(Refusal::InvalidPath("no such attribute"))
}

/// Checks the attributes of a whole user, as POST and PUT bring them.
pub(super) fn accept_user(body: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut accepted = Map::new();
    for (name, value) in body {
        if name.eq_ignore_ascii_case("schemas") {
            continue;
        }
        if name.eq_ignore_ascii_case(ENTERPRISE) {
            if let Some(extension) = accept_parts(ENTERPRISE_ATTRIBUTES, ENTERPRISE, value)? {
                accepted.insert(ENTERPRISE.to_owned(), extension);
            }
            continue;
        }
        let attribute = find(USER_ATTRIBUTES, &name)
            .map_err(|_unknown| Refusal::InvalidSyntax("an attribute is unknown"))?;
        if attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = accept(attribute, value)?
            && attribute.mutability != Mutability::WriteOnly
        {
            accepted.insert(attribute.name.to_owned(), value);
        }
    }
    check_user(&accepted)?;
    accepted.entry("active").or_insert(Value::Bool(true));
    Ok(accepted)
}

/// Checks what must hold of every user, however it was changed.
pub(super) fn check_user(attributes: &Map<String, Value>) -> Result<(), Refusal> {
    match attributes.get("userName") {
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(()),
        _ => Err(Refusal::InvalidValue("userName")),
    }
}

/// Checks a value against its attribute; `None` is the RFC's "unassigned".
pub(super) fn accept(
    attribute: &'static Attribute,
    value: Value,
) -> Result<Option<Value>, Refusal> {
    if !attribute.many {
        return accept_one(attribute, value);
    }
    match value {
        Value::Null => Ok(None),
        Value::Array(values) => {
            let mut accepted = Vec::with_capacity(values.len());
            for value in values {
                accepted.extend(accept_one(attribute, value)?);
            }
            if accepted.iter().filter(|value| value["primary"] == true).count() > 1 {
                return Err(Refusal::InvalidValue(attribute.name));
            }
            Ok((!accepted.is_empty()).then_some(Value::Array(accepted)))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err(Refusal::InvalidValue(attribute.name))
        }
    }
}

/// Checks one value of an attribute that may have many.
pub(super) fn accept_one(
    attribute: &'static Attribute,
    value: Value,
) -> Result<Option<Value>, Refusal> {
    match (&attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Text, value @ Value::String(_)) | (Kind::Boolean, value @ Value::Bool(_)) => {
            Ok(Some(value))
        }
        (Kind::Complex(parts), value) => accept_parts(parts, attribute.name, value),
        (Kind::Text | Kind::Boolean, _) => Err(Refusal::InvalidValue(attribute.name)),
    }
}

fn accept_parts(
    parts: &'static [Attribute],
    whole: &'static str,
    value: Value,
) -> Result<Option<Value>, Refusal> {
    let fields = match value {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Refusal::InvalidValue(whole));
        }
    };
    let mut accepted = Map::new();
    for (name, value) in fields {
        let part = find(parts, &name).map_err(|_unknown| Refusal::InvalidValue(whole))?;
        if part.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = accept(part, value)? {
            accepted.insert(part.name.to_owned(), value);
        }
    }
    Ok((!accepted.is_empty()).then_some(Value::Object(accepted)))
}
