//! People by id: profiles in force, and grants as numbers.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, PersonId, Value};
use rules::Condition;

use crate::person::table::changes::Changed;

/// Everybody, with what policies see of them.
#[derive(Debug, Default)]
pub(crate) struct People {
    rows: BTreeMap<PersonId, Row>,
    entitlements: Names<(String, String)>,
    policies: Names<String>,
}

#[derive(Debug)]
struct Row {
    changed_in: i64,
    /// One for each engagement that runs.
    profiles: Vec<Attributes>,
    /// Entitlements with the policies that grant them, as numbers, in order.
    held: Vec<(u32, u32)>,
}

/// Names by number, and numbers by name.
#[derive(Debug)]
struct Names<T> {
    numbers: BTreeMap<T, u32>,
    names: Vec<T>,
}

/// Whom a condition fits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Those employed.
    pub(crate) people: u64,
    pub(crate) matched: Vec<PersonId>,
    /// Of whom something is unknown that the condition rests on.
    pub(crate) unknown: u64,
}

/// Which values an attribute has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// People of whom it is unknown.
    pub(crate) unknown: u64,
    /// How many people have each.
    pub(crate) people: BTreeMap<Value, u64>,
}

/// How far a policy gives what people hold anyway.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// By value of an attribute; `None` is unknown.
    pub(crate) groups: BTreeMap<Option<Value>, Count>,
    /// People by entitlement that they would gain.
    pub(crate) gains: BTreeMap<(String, String), u64>,
}

/// People of one group.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) matched: u64,
    /// Those of them who hold everything for another reason.
    pub(crate) agreeing: u64,
    pub(crate) unknown: u64,
}

impl People {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the transaction that wrote a person as they are here.
    pub(crate) fn changed_in(&self, person: PersonId) -> Option<i64> {
        self.rows.get(&person).map(|row| row.changed_in)
    }

    /// Takes a person over.
    pub(crate) fn replace<'a>(
        &mut self,
        changed: &Changed,
        profiles: impl IntoIterator<Item = &'a Attributes>,
    ) {
        let mut held = Vec::new();
        for grant in changed.access.iter().flat_map(|access| &access.grants) {
            let name = (grant.application.clone(), grant.entitlement.clone());
            let entitlement = self.entitlements.number(name);
            for reason in &grant.reasons {
                held.push((entitlement, self.policies.number(reason.policy.clone())));
            }
        }
        held.sort_unstable();
        held.dedup();
        let row = Row {
            changed_in: changed.changed_in,
            profiles: profiles.into_iter().cloned().collect(),
            held,
        };
        self.rows.insert(changed.key.0, row);
    }

    /// Returns whom a condition fits.
    pub(crate) fn matching(&self, condition: &Condition) -> Matched {
        let mut found = Matched::default();
        for (person, row) in self.employed() {
            found.people += 1;
            match row.holds(|profile| condition.holds(profile)) {
                Some(true) => found.matched.push(person),
                Some(false) => {}
                None => found.unknown += 1,
            }
        }
        found
    }

    /// Returns which values an attribute has; a list counts by its elements.
    pub(crate) fn values(&self, attribute: &str) -> Values {
        let mut values = Values::default();
        for (_person, row) in self.employed() {
            let mut own = BTreeSet::new();
            for value in row.profiles.iter().filter_map(|profile| profile.get(attribute)) {
                match value {
                    Value::List(items) => own.extend(items.iter().cloned().map(Value::Text)),
                    Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::Date(_) => {
                        own.insert(value.clone());
                    }
                }
            }
            if row.profiles.iter().all(|profile| !profile.contains_key(attribute)) {
                values.unknown += 1;
            }
            for value in own {
                *values.people.entry(value).or_default() += 1;
            }
        }
        values
    }

    /// Returns how far a policy that holds for these profiles gives what people hold for other reasons.
    pub(crate) fn agreement(
        &self,
        policy: &str,
        holds: impl Fn(&Attributes) -> Option<bool>,
        granted: &BTreeSet<(&str, &str)>,
        by: &str,
    ) -> Agreement {
        let itself = self.policies.known(&policy.to_owned());
        let wanted: Vec<((String, String), Option<u32>)> = granted
            .iter()
            .map(|(application, entitlement)| {
                let name = ((*application).to_owned(), (*entitlement).to_owned());
                let number = self.entitlements.known(&name);
                (name, number)
            })
            .collect();
        let mut agreement = Agreement::default();
        for (_person, row) in self.employed() {
            let holds = row.holds(&holds);
            if holds == Some(false) {
                continue;
            }
            let group = row.profiles.iter().find_map(|profile| profile.get(by)).cloned();
            let count = agreement.groups.entry(group).or_default();
            if holds.is_none() {
                count.unknown += 1;
                continue;
            }
            count.matched += 1;
            let mut agrees = true;
            for (name, number) in &wanted {
                if !number.is_some_and(|number| row.holds_without(number, itself)) {
                    agrees = false;
                    *agreement.gains.entry(name.clone()).or_default() += 1;
                }
            }
            count.agreeing += u64::from(agrees);
        }
        agreement
    }

    fn employed(&self) -> impl Iterator<Item = (PersonId, &Row)> {
        let rows = self.rows.iter().filter(|(_person, row)| !row.profiles.is_empty());
        rows.map(|(person, row)| (*person, row))
    }
}

impl Row {
    /// Whether a condition holds for one of the engagements.
    fn holds(&self, holds: impl Fn(&Attributes) -> Option<bool>) -> Option<bool> {
        let mut answer = Some(false);
        for profile in &self.profiles {
            match holds(profile) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => answer = None,
            }
        }
        answer
    }

    /// Whether an entitlement is held for another reason than a policy.
    fn holds_without(&self, entitlement: u32, policy: Option<u32>) -> bool {
        let start = self.held.partition_point(|(held, _policy)| *held < entitlement);
        let reasons = self.held.iter().skip(start);
        reasons
            .take_while(|(held, _policy)| *held == entitlement)
            .any(|(_held, reason)| Some(*reason) != policy)
    }
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), names: Vec::new() }
    }
}

impl<T: Ord + Clone> Names<T> {
    fn number(&mut self, name: T) -> u32 {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    fn known(&self, name: &T) -> Option<u32> {
        self.numbers.get(name).copied()
    }
}

#[cfg(test)]
mod tests;
