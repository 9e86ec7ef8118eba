//! SCIM users as JSON: what is written, what is compared, what is observed. Pure.

use std::collections::BTreeMap;

use domain::{AccountState, Value as Attribute};
use serde_json::{Map, Value, json};

use super::super::{AccountChange, ObservedAccount};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Where a value lives in a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Active,
    UserName,
    Core(&'static str),
    Name(&'static str),
    WorkEmail,
    Enterprise(&'static str),
    /// The id of another user; what else the application says of the manager is its own.
    Manager,
}

/// The attributes a document may map, and where each goes.
const ATTRIBUTES: [(&str, Place); 11] = [
    ("displayName", Place::Core("displayName")),
    ("title", Place::Core("title")),
    ("givenName", Place::Name("givenName")),
    ("familyName", Place::Name("familyName")),
    ("email", Place::WorkEmail),
    ("department", Place::Enterprise("department")),
    ("employeeNumber", Place::Enterprise("employeeNumber")),
    ("costCenter", Place::Enterprise("costCenter")),
    ("organization", Place::Enterprise("organization")),
    ("division", Place::Enterprise("division")),
    ("manager", Place::Manager),
];

/// Why an account cannot be expressed as a SCIM user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the attribute {0} is not one a SCIM account has")]
    Attribute(String),
    #[error("an account cannot be made {0}")]
    State(AccountState),
}

/// A user as it shall be: only what is named here is ever written or compared.
#[derive(Debug)]
pub(super) struct Wanted {
    external_id: String,
    values: Vec<Field>,
}

/// One value; null means that there shall be none.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: &'static str,
    place: Place,
    value: Value,
}

impl Wanted {
    pub(super) fn try_new(change: &AccountChange) -> Result<Self, Error> {
        let active = match change.state {
            AccountState::Active => true,
            AccountState::Suspended => false,
            AccountState::None | AccountState::Deleted => return Err(Error::State(change.state)),
        };
        let login = change.login.clone();
        let mut values = vec![
            Field { name: "active", place: Place::Active, value: Value::Bool(active) },
            Field { name: "userName", place: Place::UserName, value: Value::String(login) },
        ];
        for (attribute, value) in &change.attributes {
            let (name, place) = ATTRIBUTES
                .into_iter()
                .find(|(name, _)| name == attribute)
                .ok_or_else(|| Error::Attribute(attribute.clone()))?;
            values.push(Field { name, place, value: text(value) });
        }
        Ok(Self { external_id: change.person.to_string(), values })
    }

    /// The body that creates the user.
    pub(super) fn resource(&self) -> Value {
        self.merged_into(json!({ "schemas": [CORE], "externalId": self.external_id }))
    }

    /// The whole user for applications that replace instead of patching.
    pub(super) fn merged_into(&self, mut resource: Value) -> Value {
        if let Value::Object(user) = &mut resource {
            user.remove("meta");
            user.remove("groups");
            for field in &self.values {
                field.place.write(user, &field.value);
            }
            declare_extension(user);
        }
        resource
    }

    /// The attributes in which a user differs, by the names documents use.
    pub(super) fn differences(&self, resource: &Value) -> Vec<&'static str> {
        self.differing(resource).map(|field| field.name).collect()
    }

    /// One request that changes exactly what differs, with a path for each value.
    pub(super) fn patch(&self, resource: &Value) -> Value {
        let operations: Vec<_> =
            self.differing(resource).map(|field| field.operation(resource)).collect();
        json!({ "schemas": [PATCH], "Operations": operations })
    }

    fn differing<'a>(&'a self, resource: &'a Value) -> impl Iterator<Item = &'a Field> {
        self.values.iter().filter(|field| !field.holds_in(resource))
    }
}

impl Field {
    fn holds_in(&self, resource: &Value) -> bool {
        self.place.agrees(&self.value, &self.place.read(resource))
    }

    fn operation(&self, resource: &Value) -> Value {
        let path = self.place.path();
        match (self.place, &self.value) {
            // Other addresses stay, and a filter in the path would fail where there is none yet.
            (Place::WorkEmail, _) => {
                let mut user = Map::new();
                user.insert("emails".to_owned(), resource["emails"].clone());
                Place::WorkEmail.write(&mut user, &self.value);
                json!({ "op": "replace", "path": path, "value": user["emails"] })
            }
            (_, Value::Null) => json!({ "op": "remove", "path": path }),
            (Place::Manager, value) => {
                json!({ "op": "replace", "path": path, "value": { "value": value } })
            }
            (_, value) => json!({ "op": "replace", "path": path, "value": value }),
        }
    }
}

impl Place {
    /// Logins and mail addresses are compared without regard to case, as SCIM says.
    fn agrees(self, wanted: &Value, found: &Value) -> bool {
        match (self, found, wanted) {
            (Self::UserName | Self::WorkEmail, Value::String(found), Value::String(wanted)) => {
                same_login(found, wanted)
            }
            _ => found == wanted,
        }
    }

    fn path(self) -> String {
        match self {
            Self::Active => "active".to_owned(),
            Self::UserName => "userName".to_owned(),
            Self::Core(name) => name.to_owned(),
            Self::Name(name) => format!("name.{name}"),
            Self::WorkEmail => "emails".to_owned(),
            Self::Enterprise(name) => format!("{ENTERPRISE}:{name}"),
            Self::Manager => format!("{ENTERPRISE}:manager"),
        }
    }

    /// What a user has there; no value and an empty text are the same.
    fn read(self, user: &Value) -> Value {
        let value = match self {
            Self::Active => return Value::Bool(is_active(user)),
            Self::UserName => &user["userName"],
            Self::Core(name) => &user[name],
            Self::Name(name) => &user["name"][name],
            Self::WorkEmail => match emails(user).and_then(|mails| Some(&mails[work(mails)?])) {
                Some(mail) => &mail["value"],
                None => &Value::Null,
            },
            Self::Enterprise(name) => &user[ENTERPRISE][name],
            Self::Manager => &user[ENTERPRISE]["manager"]["value"],
        };
        if value == "" { Value::Null } else { value.clone() }
    }

    fn write(self, user: &mut Map<String, Value>, value: &Value) {
        match self {
            Self::Active => put(user, "active", value),
            Self::UserName => put(user, "userName", value),
            Self::Core(name) => put(user, name, value),
            Self::Name(name) => put(nested(user, "name"), name, value),
            Self::WorkEmail => write_email(user, value),
            Self::Enterprise(name) => put(nested(user, ENTERPRISE), name, value),
            // Whole: a reference or a name that the application adds belongs to the former manager.
            Self::Manager if value.is_null() => put(nested(user, ENTERPRISE), "manager", value),
            Self::Manager => {
                put(nested(user, ENTERPRISE), "manager", &json!({ "value": value }));
            }
        }
    }
}

/// A user as the application returned it; none when it has no id or no login.
pub(super) fn observed(resource: &Value) -> Option<ObservedAccount> {
    let attributes: BTreeMap<_, _> = ATTRIBUTES
        .into_iter()
        .filter_map(|(name, place)| {
            let value = place.read(resource);
            Some((name.to_owned(), Attribute::Text(value.as_str()?.to_owned())))
        })
        .collect();
    Some(ObservedAccount {
        account_id: id(resource)?.to_owned(),
        login: resource["userName"].as_str()?.to_owned(),
        state: if is_active(resource) { AccountState::Active } else { AccountState::Suspended },
        attributes,
    })
}

/// Whether an attribute that was read has the value that it shall have.
pub(in super::super) fn agrees(
    attribute: &str,
    wanted: &Attribute,
    observed: Option<&Attribute>,
) -> bool {
    let place = ATTRIBUTES.into_iter().find(|(name, _place)| *name == attribute);
    let Some((_name, place)) = place else { return true };
    let observed = observed.map_or(Value::Null, text);
    place.agrees(&text(wanted), &observed)
}

/// The application's own id; some applications count with numbers, but SCIM ids are texts.
pub(super) fn id(resource: &Value) -> Option<&str> {
    resource["id"].as_str().filter(|id| !id.is_empty())
}

/// The person's id the user carries, if it carries one.
pub(super) fn external_id(resource: &Value) -> Option<&str> {
    resource["externalId"].as_str().filter(|id| !id.is_empty())
}

/// Whether a user signs in with this login.
pub(super) fn has_login(resource: &Value, login: &str) -> bool {
    resource["userName"].as_str().is_some_and(|found| same_login(found, login))
}

fn same_login(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Some applications say it in a text. A user that says nothing can be used.
fn is_active(user: &Value) -> bool {
    match &user["active"] {
        Value::Bool(active) => *active,
        Value::String(text) => !text.eq_ignore_ascii_case("false"),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

fn text(value: &Attribute) -> Value {
    let text = value.to_string();
    if text.is_empty() { Value::Null } else { Value::String(text) }
}

fn put(object: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value.clone());
    }
}

fn nested<'a>(user: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let inner = user.entry(name).or_insert(Value::Null);
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    inner.as_object_mut().expect("it was made an object if it was none")
}

fn emails(user: &Value) -> Option<&Vec<Value>> {
    user["emails"].as_array()
}

/// The address that counts: the one for work, else the primary one, else the only one.
fn work(emails: &[Value]) -> Option<usize> {
    emails
        .iter()
        .position(|mail| mail["type"] == "work")
        .or_else(|| emails.iter().position(|mail| mail["primary"] == true))
        .or_else(|| (emails.len() == 1).then_some(0))
}

fn write_email(user: &mut Map<String, Value>, value: &Value) {
    let emails = user.entry("emails").or_insert(Value::Null);
    let mut mails = emails.as_array().cloned().unwrap_or_default();
    match (work(&mails), value) {
        (Some(at), Value::Null) => {
            mails.remove(at);
        }
        (None, Value::Null) => {}
        (Some(at), value) => mails[at]["value"] = value.clone(),
        (None, value) => {
            mails.push(json!({ "value": value, "type": "work", "primary": mails.is_empty() }));
        }
    }
    *emails = Value::Array(mails);
}

/// A user names the extension exactly when it has something in it.
fn declare_extension(user: &mut Map<String, Value>) {
    if user.get(ENTERPRISE).and_then(Value::as_object).is_some_and(Map::is_empty) {
        user.remove(ENTERPRISE);
    }
    let present = user.contains_key(ENTERPRISE);
    if let Some(Value::Array(schemas)) = user.get_mut("schemas") {
        schemas.retain(|schema| schema != ENTERPRISE);
        if present {
            schemas.push(json!(ENTERPRISE));
        }
    }
}

#[cfg(test)]
mod tests;
