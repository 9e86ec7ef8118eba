//! Everything the application remembers, indexed by whatever it can be asked for.
//!
//! Invariants: a membership stands in the group's set and in the user's set; the indexes say what
//! the resources say; a refused change leaves everything as it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::filter::{Column, Term};
use super::refusal::Refusal;
use super::schema::ENTERPRISE;

/// Counts resources in the order of their creation, which is the order of lists.
pub(super) type Key = u64;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) attributes: Map<String, Value>,
    #[serde(skip)]
    pub(super) groups: BTreeSet<Key>,
    pub(super) meta: Meta,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) external_id: Option<String>,
    pub(super) members: BTreeSet<Key>,
    pub(super) meta: Meta,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) version: u64,
}

impl Meta {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { created: now, modified: now, version: 1 }
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.modified = now;
        self.version += 1;
    }

    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

/// The text of an attribute, if it has one.
pub(super) fn text<'a>(attributes: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str)
}

/// The employee number in the enterprise extension, if there is one.
pub(super) fn employee_number(attributes: &Map<String, Value>) -> Option<&str> {
    attributes.get(ENTERPRISE)?.get("employeeNumber")?.as_str()
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    next: Key,
    users: BTreeMap<Key, User>,
    groups: BTreeMap<Key, Group>,
    user_index: Index,
    group_index: Index,
}

#[derive(Debug, Default)]
struct Index(BTreeMap<Column, HashMap<String, Vec<Key>>>);

impl Index {
    fn find(&self, column: Column, value: &str) -> &[Key] {
        self.0.get(&column).and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
    }

    fn one(&self, column: Column, value: &str) -> Option<Key> {
        self.find(column, value).first().copied()
    }

    fn add(&mut self, key: Key, column: Column, value: &str) {
        let keys = self.0.entry(column).or_default().entry(column.fold(value)).or_default();
        if let Err(place) = keys.binary_search(&key) {
            keys.insert(place, key);
        }
    }

    fn remove(&mut self, key: Key, column: Column, value: &str) {
        let Some(values) = self.0.get_mut(&column) else { return };
        let value = column.fold(value);
        if let Some(keys) = values.get_mut(&value) {
            keys.retain(|held| *held != key);
            if keys.is_empty() {
                values.remove(&value);
            }
        }
    }
}

impl Memory {
    /// Restores what a snapshot kept; memberships of unknown users are dropped.
    pub(super) fn restore(users: BTreeMap<Key, User>, groups: BTreeMap<Key, Group>) -> Self {
        let last = users.keys().chain(groups.keys()).max().copied().unwrap_or_default();
        let mut memory = Self { next: last + 1, users, groups, ..Self::default() };
        for (key, user) in &memory.users {
            index_user(&mut memory.user_index, *key, user, Index::add);
        }
        for (key, group) in &mut memory.groups {
            index_group(&mut memory.group_index, *key, group, Index::add);
            let users = &mut memory.users;
            group.members.retain(|member| {
                users.get_mut(member).is_some_and(|user| user.groups.insert(*key))
            });
        }
        memory
    }

    pub(super) fn users(&self) -> &BTreeMap<Key, User> {
        &self.users
    }

    pub(super) fn groups(&self) -> &BTreeMap<Key, Group> {
        &self.groups
    }

    pub(super) fn user_key(&self, id: &str) -> Option<Key> {
        self.user_index.one(Column::Id, id)
    }

    pub(super) fn group_key(&self, id: &str) -> Option<Key> {
        self.group_index.one(Column::Id, id)
    }

    /// The group of that display name.
    pub(super) fn group_named(&self, display_name: &str) -> Option<&Group> {
        let folded = Column::DisplayName.fold(display_name);
        self.groups.get(&self.group_index.one(Column::DisplayName, &folded)?)
    }

    /// The users that fulfil every term, oldest first.
    pub(super) fn users_where(&self, terms: &[Term]) -> Vec<Key> {
        self.select(
            terms,
            |term, key| self.user_index.find(term.column, &term.value).binary_search(&key).is_ok(),
            |term| self.user_index.find(term.column, &term.value).to_vec(),
        )
    }

    /// The groups that fulfil every term, oldest first.
    pub(super) fn groups_where(&self, terms: &[Term]) -> Vec<Key> {
        self.select(
            terms,
            |term, key| match self.member(term) {
                Some(member) => member.is_some_and(|user| user.groups.contains(&key)),
                None => self.group_index.find(term.column, &term.value).binary_search(&key).is_ok(),
            },
            |term| match self.member(term) {
                Some(member) => {
                    member.map(|user| user.groups.iter().copied().collect()).unwrap_or_default()
                }
                None => self.group_index.find(term.column, &term.value).to_vec(),
            },
        )
    }

    fn select(
        &self,
        terms: &[Term],
        fulfils: impl Fn(&Term, Key) -> bool,
        candidates: impl Fn(&Term) -> Vec<Key>,
    ) -> Vec<Key> {
        let Some((first, others)) = terms.split_first() else { return Vec::new() };
        let mut keys = candidates(first);
        keys.retain(|key| others.iter().all(|term| fulfils(term, *key)));
        keys
    }

    /// `None` when the term is not about members, else the user it names, if there is one.
    fn member(&self, term: &Term) -> Option<Option<&User>> {
        (term.column == Column::Member)
            .then(|| self.user_key(&term.value).and_then(|key| self.users.get(&key)))
    }

    /// Creates a user; another one with the same user name refuses it.
    pub(super) fn create_user(
        &mut self,
        id: String,
        attributes: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Key, Refusal> {
        self.free_user_name(&attributes, None)?;
        let key = self.next_key();
        let user = User { id, attributes, groups: BTreeSet::new(), meta: Meta::at(now) };
        index_user(&mut self.user_index, key, &user, Index::add);
        self.users.insert(key, user);
        Ok(key)
    }

    /// Gives a user other attributes.
    pub(super) fn update_user(
        &mut self,
        key: Key,
        attributes: Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.free_user_name(&attributes, Some(key))?;
        let user = self.users.get_mut(&key).ok_or(Refusal::NotFound)?;
        if user.attributes == attributes {
            return Ok(());
        }
        index_user(&mut self.user_index, key, user, Index::remove);
        user.attributes = attributes;
        user.meta.touch(now);
        index_user(&mut self.user_index, key, user, Index::add);
        Ok(())
    }

    /// Deletes a user, and its memberships with it.
    pub(super) fn delete_user(&mut self, key: Key, now: Timestamp) -> Result<(), Refusal> {
        let user = self.users.remove(&key).ok_or(Refusal::NotFound)?;
        index_user(&mut self.user_index, key, &user, Index::remove);
        for group in &user.groups {
            if let Some(group) = self.groups.get_mut(group) {
                group.members.remove(&key);
                group.meta.touch(now);
            }
        }
        Ok(())
    }

    fn free_user_name(
        &self,
        attributes: &Map<String, Value>,
        own: Option<Key>,
    ) -> Result<(), Refusal> {
        let name = text(attributes, "userName").ok_or(Refusal::InvalidValue("userName"))?;
        let folded = Column::UserName.fold(name);
        match self.user_index.one(Column::UserName, &folded) {
            Some(holder) if Some(holder) != own => Err(Refusal::Uniqueness("userName")),
            Some(_) | None => Ok(()),
        }
    }

    /// Creates a group without members; another one with the same display name refuses it.
    pub(super) fn create_group(
        &mut self,
        id: String,
        display_name: String,
        now: Timestamp,
    ) -> Result<Key, Refusal> {
        self.free_display_name(&display_name, None)?;
        let key = self.next_key();
        let group = Group {
            id,
            display_name,
            external_id: None,
            members: BTreeSet::new(),
            meta: Meta::at(now),
        };
        index_group(&mut self.group_index, key, &group, Index::add);
        self.groups.insert(key, group);
        Ok(key)
    }

    /// Gives a group another display name or external id.
    pub(super) fn rename_group(
        &mut self,
        key: Key,
        display_name: Option<String>,
        external_id: Option<Option<String>>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(name) = &display_name {
            self.free_display_name(name, Some(key))?;
        }
        let group = self.groups.get_mut(&key).ok_or(Refusal::NotFound)?;
        let display_name = display_name.unwrap_or_else(|| group.display_name.clone());
        let external_id = external_id.unwrap_or_else(|| group.external_id.clone());
        if group.display_name == display_name && group.external_id == external_id {
            return Ok(());
        }
        index_group(&mut self.group_index, key, group, Index::remove);
        group.display_name = display_name;
        group.external_id = external_id;
        group.meta.touch(now);
        index_group(&mut self.group_index, key, group, Index::add);
        Ok(())
    }

    /// Puts users into a group and takes users out of it; costs what changes, not what is there.
    pub(super) fn change_members(
        &mut self,
        key: Key,
        changes: &BTreeMap<Key, bool>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let group = self.groups.get_mut(&key).ok_or(Refusal::NotFound)?;
        let mut changed = false;
        for (member, present) in changes {
            let Some(user) = self.users.get_mut(member) else { continue };
            changed |= if *present {
                user.groups.insert(key);
                group.members.insert(*member)
            } else {
                user.groups.remove(&key);
                group.members.remove(member)
            };
        }
        if changed {
            group.meta.touch(now);
        }
        Ok(())
    }

    /// Deletes a group, and the memberships in it.
    pub(super) fn delete_group(&mut self, key: Key) -> Result<(), Refusal> {
        let group = self.groups.remove(&key).ok_or(Refusal::NotFound)?;
        index_group(&mut self.group_index, key, &group, Index::remove);
        for member in &group.members {
            if let Some(user) = self.users.get_mut(member) {
                user.groups.remove(&key);
            }
        }
        Ok(())
    }

    pub(super) fn free_display_name(&self, name: &str, own: Option<Key>) -> Result<(), Refusal> {
        let folded = Column::DisplayName.fold(name);
        match self.group_index.one(Column::DisplayName, &folded) {
            Some(holder) if Some(holder) != own => Err(Refusal::Uniqueness("displayName")),
            Some(_) | None => Ok(()),
        }
    }

    fn next_key(&mut self) -> Key {
        self.next += 1;
        self.next
    }
}

fn index_user(index: &mut Index, key: Key, user: &User, put: fn(&mut Index, Key, Column, &str)) {
    put(index, key, Column::Id, &user.id);
    let attributes = &user.attributes;
    for (column, value) in [
        (Column::UserName, text(attributes, "userName")),
        (Column::ExternalId, text(attributes, "externalId")),
        (Column::EmployeeNumber, employee_number(attributes)),
    ] {
        if let Some(value) = value {
            put(index, key, column, value);
        }
    }
    let emails = attributes.get("emails").and_then(Value::as_array);
    for email in emails.into_iter().flatten().filter_map(|email| email["value"].as_str()) {
        put(index, key, Column::Email, email);
    }
}

fn index_group(index: &mut Index, key: Key, group: &Group, put: fn(&mut Index, Key, Column, &str)) {
    put(index, key, Column::Id, &group.id);
    put(index, key, Column::DisplayName, &group.display_name);
    if let Some(external_id) = &group.external_id {
        put(index, key, Column::ExternalId, external_id);
    }
}
