//! What tests see of an application's memory.

use serde_json::{Map, Value};

use super::memory::{Group, Memory, User, employee_number, text};

/// A user of the application, as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct SandboxUser {
    /// The application's own id of the user.
    pub id: String,
    /// The name the user signs in with.
    pub user_name: String,
    /// The id its provisioner gave it.
    pub external_id: Option<String>,
    /// The employee number in the enterprise extension.
    pub employee_number: Option<String>,
    /// Whether the user can sign in.
    pub active: bool,
    /// The display names of the groups the user is in, sorted.
    pub groups: Vec<String>,
    /// Every attribute, as SCIM spells it.
    pub attributes: Map<String, Value>,
}

/// A group of the application, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxGroup {
    /// The application's own id of the group.
    pub id: String,
    /// The group's name.
    pub display_name: String,
    /// The user names of its members, sorted.
    pub members: Vec<String>,
}

pub(super) fn user(memory: &Memory, user: &User) -> SandboxUser {
    let names = user.groups.iter().filter_map(|key| memory.groups().get(key));
    let mut groups: Vec<String> = names.map(|group| group.display_name.clone()).collect();
    groups.sort_unstable();
    SandboxUser {
        id: user.id.clone(),
        user_name: text(&user.attributes, "userName").unwrap_or_default().to_owned(),
        external_id: text(&user.attributes, "externalId").map(str::to_owned),
        employee_number: employee_number(&user.attributes).map(str::to_owned),
        active: user.attributes.get("active") == Some(&Value::Bool(true)),
        groups,
        attributes: user.attributes.clone(),
    }
}

pub(super) fn group(memory: &Memory, group: &Group) -> SandboxGroup {
    SandboxGroup {
        id: group.id.clone(),
        display_name: group.display_name.clone(),
        members: members(memory, group),
    }
}

pub(super) fn members(memory: &Memory, group: &Group) -> Vec<String> {
    let users = group.members.iter().filter_map(|key| memory.users().get(key));
    let mut names: Vec<String> =
        users.filter_map(|user| text(&user.attributes, "userName")).map(str::to_owned).collect();
    names.sort_unstable();
    names
}
