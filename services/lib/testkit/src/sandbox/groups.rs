//! What requests mean for groups: a change is worked out in full, then carried out.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde_json::{Map, Value};

use super::filter::{comparisons, strip_urn};
use super::memory::{Key, Memory};
use super::patch::{Op, Operation};
use super::refusal::Refusal;
use super::schema::{self, GROUP, GROUP_ATTRIBUTES};

/// What shall become of a group.
#[derive(Debug, Default)]
pub(super) struct Change {
    display_name: Option<String>,
    external_id: Option<Option<String>>,
    /// Whether everybody not named in `members` leaves.
    cleared: bool,
    members: BTreeMap<Key, bool>,
}

impl Change {
    /// Reads a whole group, as POST and PUT bring it.
    pub(super) fn whole(memory: &Memory, body: Map<String, Value>) -> Result<Self, Refusal> {
        let mut change = Self { cleared: true, external_id: Some(None), ..Self::default() };
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "schemas" | "id" | "meta" => {}
                "displayname" => change.display_name = Some(display_name(value)?),
                "externalid" => change.external_id = Some(external_id(value)?),
                "members" => change.include(memory, value)?,
                _ => return Err(Refusal::InvalidSyntax("an attribute is unknown")),
            }
        }
        if change.display_name.is_none() {
            return Err(Refusal::InvalidValue("displayName"));
        }
        Ok(change)
    }

    /// Reads the operations of a PATCH.
    pub(super) fn patch(
        memory: &Memory,
        id: &str,
        operations: Vec<Operation>,
    ) -> Result<Self, Refusal> {
        let mut change = Self::default();
        for Operation { op, path, value } in operations {
            match path {
                Some(path) => change.reach(memory, id, op, &path, value)?,
                None => change.spread(memory, id, op, value)?,
            }
        }
        Ok(change)
    }

    fn spread(&mut self, memory: &Memory, id: &str, op: Op, value: Value) -> Result<(), Refusal> {
        if op == Op::Remove {
            return Err(Refusal::NoTarget("the resource: a removal needs a path"));
        }
        let Value::Object(fields) = value else {
            return Err(Refusal::InvalidSyntax("without a path the value must be an object"));
        };
        fields.into_iter().try_for_each(|(name, value)| self.reach(memory, id, op, &name, value))
    }

    fn reach(
        &mut self,
        memory: &Memory,
        id: &str,
        op: Op,
        path: &str,
        value: Value,
    ) -> Result<(), Refusal> {
        let path = path.trim();
        let path = strip_urn(path, GROUP).unwrap_or(path);
        if let Some((name, filter)) = path.split_once('[') {
            let filter = filter
                .strip_suffix(']')
                .ok_or(Refusal::InvalidPath("only whole members can be chosen"))?;
            if schema::find(GROUP_ATTRIBUTES, name)?.name != "members" {
                return Err(Refusal::InvalidPath("the attribute has one value only"));
            }
            return self.remove_chosen(memory, op, filter);
        }
        match path.to_ascii_lowercase().as_str() {
            "schemas" => Ok(()),
            // Some clients repeat the id beside what they change.
            "id" if op != Op::Remove && value == id => Ok(()),
            "id" | "meta" => Err(Refusal::Mutability("id")),
            "displayname" if op == Op::Remove => Err(Refusal::Mutability("displayName")),
            "displayname" => {
                self.display_name = Some(display_name(value)?);
                Ok(())
            }
            "externalid" => {
                let value = if op == Op::Remove { Value::Null } else { value };
                self.external_id = Some(external_id(value)?);
                Ok(())
            }
            "members" => self.change_members(memory, op, value),
            _ => Err(Refusal::InvalidPath("no such attribute")),
        }
    }

    fn change_members(&mut self, memory: &Memory, op: Op, value: Value) -> Result<(), Refusal> {
        match (op, value) {
            (Op::Add, value) => self.include(memory, value),
            (Op::Replace, value) => {
                self.clear();
                self.include(memory, value)
            }
            (Op::Remove, Value::Null) => {
                self.clear();
                Ok(())
            }
            // The way of Entra: only the listed members go, and strangers are gone already.
            (Op::Remove, value) => {
                for id in member_ids(&value)? {
                    self.members.extend(memory.user_key(id).map(|key| (key, false)));
                }
                Ok(())
            }
        }
    }

    fn remove_chosen(&mut self, memory: &Memory, op: Op, filter: &str) -> Result<(), Refusal> {
        if op != Op::Remove {
            return Err(Refusal::Mutability("members"));
        }
        match comparisons(filter)?.as_slice() {
            [(name, Value::String(id))] if name.eq_ignore_ascii_case("value") => {
                self.members.extend(memory.user_key(id).map(|key| (key, false)));
                Ok(())
            }
            _ => Err(Refusal::InvalidFilter("members are chosen by value alone")),
        }
    }

    fn clear(&mut self) {
        self.cleared = true;
        self.members.clear();
    }

    fn include(&mut self, memory: &Memory, value: Value) -> Result<(), Refusal> {
        for id in member_ids(&value)? {
            let key = memory.user_key(id).ok_or(Refusal::InvalidValue("members"))?;
            self.members.insert(key, true);
        }
        Ok(())
    }

    /// Makes the group that was read from a POST.
    pub(super) fn create(
        self,
        memory: &mut Memory,
        id: String,
        now: Timestamp,
    ) -> Result<Key, Refusal> {
        let name = self.display_name.ok_or(Refusal::InvalidValue("displayName"))?;
        let key = memory.create_group(id, name, now)?;
        memory.change_members(key, &self.members, now)?;
        if self.external_id != Some(None) {
            memory.rename_group(key, None, self.external_id, now)?;
        }
        Ok(key)
    }

    /// Carries the change out; what can be refused comes first.
    pub(super) fn carry_out(
        mut self,
        memory: &mut Memory,
        key: Key,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        memory.rename_group(key, self.display_name, self.external_id, now)?;
        if self.cleared {
            let group = memory.groups().get(&key).ok_or(Refusal::NotFound)?;
            for member in &group.members {
                self.members.entry(*member).or_insert(false);
            }
        }
        memory.change_members(key, &self.members, now)
    }
}

fn display_name(value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(name) if !name.trim().is_empty() => Ok(name),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Err(Refusal::InvalidValue("displayName")),
    }
}

fn external_id(value: Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(id) => Ok(Some(id)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Refusal::InvalidValue("externalId"))
        }
    }
}

fn member_ids(value: &Value) -> Result<Vec<&str>, Refusal> {
    let members = match value {
        Value::Null => &[],
        Value::Array(members) => members.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Refusal::InvalidValue("members"));
        }
    };
    members
        .iter()
        .map(|member| member["value"].as_str().ok_or(Refusal::InvalidValue("members")))
        .collect()
}
