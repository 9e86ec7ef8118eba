//! How resources look on the wire, written straight from memory.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::json;

use super::filter::strip_urn;
use super::memory::{Group, Key, Memory, Meta, User, text};
use super::schema::{ENTERPRISE, GROUP, USER};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Which attributes an answer carries; whole attributes only, so a dotted name brings its parent.
#[derive(Debug, Default)]
pub(super) struct Fields {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl Fields {
    pub(super) fn parse(only: Option<&str>, without: Option<&str>) -> Self {
        let names = |list: &str| -> Vec<String> { list.split(',').map(top_level).collect() };
        // Leaving a whole attribute out because of one part of it would hide the other parts.
        let undotted = |list: &str| {
            list.split(',').filter(|name| part_of(name).is_none()).map(top_level).collect()
        };
        Self { only: only.map(names), without: without.map(undotted).unwrap_or_default() }
    }

    /// Everything but the members of a group, which may be many.
    pub(super) fn without_members() -> Self {
        Self { only: None, without: vec!["members".to_owned()] }
    }

    fn show(&self, name: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        self.only.as_deref().is_none_or(named) && !named(&self.without)
    }
}

fn top_level(name: &str) -> String {
    let name = name.trim();
    if name.eq_ignore_ascii_case(ENTERPRISE) || strip_urn(name, ENTERPRISE).is_some() {
        return ENTERPRISE.to_owned();
    }
    let name = strip_urn(name, USER).or_else(|| strip_urn(name, GROUP)).unwrap_or(name);
    name.split('.').next().unwrap_or(name).to_owned()
}

fn part_of(name: &str) -> Option<&str> {
    let name = name.trim();
    strip_urn(name, ENTERPRISE).or_else(|| {
        let name = strip_urn(name, USER).or_else(|| strip_urn(name, GROUP)).unwrap_or(name);
        if name.eq_ignore_ascii_case(ENTERPRISE) { None } else { name.split_once('.').map(|x| x.1) }
    })
}

/// What every view needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) memory: &'a Memory,
    pub(super) base: &'a str,
    pub(super) fields: &'a Fields,
}

#[derive(Debug)]
pub(super) struct UserView<'a>(pub(super) View<'a>, pub(super) &'a User);

#[derive(Debug)]
pub(super) struct GroupView<'a>(pub(super) View<'a>, pub(super) &'a Group);

impl Serialize for UserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(view, user) = self;
        let mut map = serializer.serialize_map(None)?;
        if user.attributes.contains_key(ENTERPRISE) {
            map.serialize_entry("schemas", &[USER, ENTERPRISE])?;
        } else {
            map.serialize_entry("schemas", &[USER])?;
        }
        map.serialize_entry("id", &user.id)?;
        for (name, value) in user.attributes.iter().filter(|(name, _)| view.fields.show(name)) {
            map.serialize_entry(name, value)?;
        }
        if !user.groups.is_empty() && view.fields.show("groups") {
            map.serialize_entry("groups", &GroupsOf(*view, user))?;
        }
        if view.fields.show("meta") {
            map.serialize_entry("meta", &meta(view, "User", &user.id, &user.meta))?;
        }
        map.end()
    }
}

impl Serialize for GroupView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(view, group) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemas", &[GROUP])?;
        map.serialize_entry("id", &group.id)?;
        if view.fields.show("displayName") {
            map.serialize_entry("displayName", &group.display_name)?;
        }
        if let Some(external_id) = &group.external_id
            && view.fields.show("externalId")
        {
            map.serialize_entry("externalId", external_id)?;
        }
        if !group.members.is_empty() && view.fields.show("members") {
            map.serialize_entry("members", &MembersOf(*view, group))?;
        }
        if view.fields.show("meta") {
            map.serialize_entry("meta", &meta(view, "Group", &group.id, &group.meta))?;
        }
        map.end()
    }
}

struct GroupsOf<'a>(View<'a>, &'a User);

impl Serialize for GroupsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.1.groups.len()))?;
        for group in self.1.groups.iter().filter_map(|key| self.0.memory.groups().get(key)) {
            list.serialize_element(&Reference {
                value: &group.id,
                location: format!("{}/Groups/{}", self.0.base, group.id),
                display: Some(&group.display_name),
                kind: "direct",
            })?;
        }
        list.end()
    }
}

struct MembersOf<'a>(View<'a>, &'a Group);

impl Serialize for MembersOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.1.members.len()))?;
        for user in self.1.members.iter().filter_map(|key| self.0.memory.users().get(key)) {
            list.serialize_element(&Reference {
                value: &user.id,
                location: format!("{}/Users/{}", self.0.base, user.id),
                display: text(&user.attributes, "displayName"),
                kind: "User",
            })?;
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
struct Reference<'a> {
    value: &'a str,
    #[serde(rename = "$ref")]
    location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

fn meta(view: &View<'_>, kind: &str, id: &str, meta: &Meta) -> serde_json::Value {
    json!({
        "resourceType": kind,
        "created": meta.created,
        "lastModified": meta.modified,
        "location": format!("{}/{kind}s/{id}", view.base),
        "version": meta.etag(),
    })
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) total: usize,
    pub(super) start: usize,
    pub(super) keys: Vec<Key>,
}

/// Writes a list answer around the resources of a page.
pub(super) fn list<T: Serialize>(
    page: &Page,
    resources: impl Iterator<Item = T>,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&List {
        schemas: [LIST],
        total: page.total,
        start: page.start,
        count: page.keys.len(),
        resources: resources.collect(),
    })
}

#[derive(serde::Serialize)]
struct List<T> {
    schemas: [&'static str; 1],
    #[serde(rename = "totalResults")]
    total: usize,
    #[serde(rename = "startIndex")]
    start: usize,
    #[serde(rename = "itemsPerPage")]
    count: usize,
    #[serde(rename = "Resources")]
    resources: Vec<T>,
}
