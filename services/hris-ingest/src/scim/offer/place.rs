//! Where in a user a column's value stands.

use serde_json::{Map, Value, json};

use crate::scim::filter::{Attribute, Filter, Operator, Path};
use crate::scim::{ENTERPRISE, USER};

const SIMPLE: [&str; 11] = [
    "userName",
    "externalId",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
];
const NAME: [&str; 6] =
    ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"];
const ADDRESS: [&str; 6] =
    ["formatted", "streetAddress", "locality", "region", "postalCode", "country"];
const EMPLOYER: [&str; 5] =
    ["employeeNumber", "costCenter", "organization", "division", "department"];
/// Attributes with several values, each of a type of its own, and their parts.
const SEVERAL: [(&str, &[&str]); 3] =
    [("emails", &["value"]), ("phoneNumbers", &["value"]), ("addresses", &ADDRESS)];
const TYPES: [&str; 7] = ["work", "home", "other", "mobile", "fax", "pager", "main"];

/// Where in a user a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Which of several values.
    pub(crate) of_type: Option<String>,
    /// Which part of it.
    pub(crate) sub: Option<String>,
}

impl Place {
    /// An attribute of every user.
    pub(crate) fn of_user(name: &str) -> Self {
        Self { schema: USER.to_owned(), name: name.to_owned(), of_type: None, sub: None }
    }

    /// Reads a column's name: a SCIM path, or shorter: `emails.work`, `addresses.work.country`,
    /// `department`, `manager`.
    pub(crate) fn parse(column: &str) -> Result<Self, String> {
        let unknown = || "is no attribute of a SCIM user that can be mapped".to_owned();
        if let Some(place) = short(column) {
            return Ok(place);
        }
        let path = Path::parse(column).map_err(|error| error.detail)?;
        let Attribute { schema, name, sub } = path.attribute;
        let schema = schema.unwrap_or_else(|| USER.to_owned());
        if let Some(filter) = &path.filter {
            let of_type = wanted_type(filter).ok_or_else(unknown)?;
            return several(&name, &of_type, sub.as_deref().unwrap_or("value")).ok_or_else(unknown);
        }
        let place = Self { schema, name, of_type: None, sub };
        if place.schema.eq_ignore_ascii_case(USER) {
            let column = match &place.sub {
                Some(sub) => format!("{}.{sub}", place.name),
                None => place.name,
            };
            return short(&column).ok_or_else(unknown);
        }
        if place.schema.eq_ignore_ascii_case(ENTERPRISE) {
            return employer(&place.name, place.sub.as_deref()).ok_or_else(unknown);
        }
        if place.sub.is_some() {
            return Err("is a part of an attribute of an extension: only whole ones can be mapped"
                .to_owned());
        }
        Ok(place)
    }

    /// The column's name, as one and the same place is always written.
    pub(crate) fn column(&self) -> String {
        let prefix = if self.schema == USER { String::new() } else { format!("{}:", self.schema) };
        let of_type = self.of_type.as_ref().map(|of_type| format!("[type eq \"{of_type}\"]"));
        let sub = self.sub.as_ref().map(|sub| format!(".{sub}"));
        format!("{prefix}{}{}{}", self.name, of_type.unwrap_or_default(), sub.unwrap_or_default())
    }

    /// Whether it stands at or below an attribute as a client writes it.
    pub(crate) fn is_of(&self, attribute: &Attribute) -> bool {
        let schema = attribute.schema.as_deref().unwrap_or(USER);
        self.schema.eq_ignore_ascii_case(schema)
            && self.name.eq_ignore_ascii_case(&attribute.name)
            && attribute.sub.as_ref().is_none_or(|asked| {
                let sub = self.sub.as_deref();
                sub.is_some_and(|sub| sub.eq_ignore_ascii_case(asked))
                    || (self.of_type.is_some() && asked.eq_ignore_ascii_case("type"))
            })
    }

    /// Puts a value into the object of its schema.
    pub(super) fn put(&self, object: &mut Map<String, Value>, value: Value) {
        match (&self.of_type, &self.sub) {
            (None, None) => {
                object.insert(self.name.clone(), value);
            }
            (None, Some(sub)) => {
                let inner = object.entry(self.name.clone()).or_insert_with(|| json!({}));
                if let Some(inner) = inner.as_object_mut() {
                    inner.insert(sub.clone(), value);
                }
            }
            (Some(of_type), sub) => {
                let values = object.entry(self.name.clone()).or_insert_with(|| json!([]));
                let Some(values) = values.as_array_mut() else { return };
                let sub = sub.as_deref().unwrap_or("value");
                match values.iter_mut().find(|value| value["type"] == **of_type) {
                    Some(known) => known[sub] = value,
                    None => values.push(json!({"type": of_type, sub: value})),
                }
            }
        }
    }
}

/// The type that `type eq "…"` asks for.
fn wanted_type(filter: &Filter) -> Option<String> {
    match filter {
        Filter::Compare(attribute, Operator::Equal, Value::String(of_type))
            if attribute.name.eq_ignore_ascii_case("type") && attribute.sub.is_none() =>
        {
            Some(of_type.clone())
        }
        Filter::And(..)
        | Filter::Or(..)
        | Filter::Not(_)
        | Filter::Present(_)
        | Filter::Compare(..)
        | Filter::Values(..) => None,
    }
}

fn known(names: &[&'static str], name: &str) -> Option<String> {
    names.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| (*known).to_owned())
}

fn several(name: &str, of_type: &str, sub: &str) -> Option<Place> {
    let (name, subs) = SEVERAL.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let (of_type, sub) = (known(&TYPES, of_type)?, known(subs, sub)?);
    Some(Place { of_type: Some(of_type), sub: Some(sub), ..Place::of_user(name) })
}

fn employer(name: &str, sub: Option<&str>) -> Option<Place> {
    let place = |name: String, sub: Option<&str>| Place {
        schema: ENTERPRISE.to_owned(),
        sub: sub.map(str::to_owned),
        ..Place::of_user(&name)
    };
    match sub {
        None if name.eq_ignore_ascii_case("manager") => {
            Some(place("manager".to_owned(), Some("value")))
        }
        Some(sub) if name.eq_ignore_ascii_case("manager") && sub.eq_ignore_ascii_case("value") => {
            Some(place("manager".to_owned(), Some("value")))
        }
        None => Some(place(known(&EMPLOYER, name)?, None)),
        Some(_) => None,
    }
}

fn short(column: &str) -> Option<Place> {
    let parts: Vec<&str> = column.split('.').collect();
    match parts.as_slice() {
        [name] => {
            known(&SIMPLE, name).map(|name| Place::of_user(&name)).or_else(|| employer(name, None))
        }
        ["name", sub] => Some(Place { sub: Some(known(&NAME, sub)?), ..Place::of_user("name") }),
        [name, sub] => employer(name, Some(sub)).or_else(|| several(name, sub, "value")),
        [name, of_type, sub] => several(name, of_type, sub),
        _ => None,
    }
}
