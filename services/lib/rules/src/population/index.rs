use std::collections::{BTreeMap, HashMap};

use domain::{Attributes, Value};

use super::model::Model;
use crate::condition::Condition;
use crate::formula::{Atom, Formula, Node};

/// Finds the policies that may grant something to one person, without asking all of them.
///
/// Of each condition that is a conjunction, one question about single values is taken as its key:
/// who has none of these values is not asked the rest.
#[derive(Debug, Clone, Default)]
pub struct Index {
    keyed: BTreeMap<String, Keys>,
    /// Policies without a key.
    others: Vec<usize>,
}

/// The policies behind the values of one attribute.
#[derive(Debug, Clone, Default)]
struct Keys {
    values: HashMap<Value, Vec<usize>>,
    members: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Makes the index of a model's policies.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        // An attribute of many values tells people apart better than one of few.
        let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
        for atom in &model.atoms {
            match atom {
                Atom::OneOf { attribute, .. } | Atom::Member { attribute, .. } => {
                    *spread.entry(attribute).or_default() += 1;
                }
                Atom::Known { .. }
                | Atom::AtLeast { .. }
                | Atom::StartsWith { .. }
                | Atom::EndsWith { .. }
                | Atom::Contains { .. }
                | Atom::Opaque(_) => {}
            }
        }
        let mut index = Self::default();
        for (policy, granting) in model.policies.iter().enumerate() {
            index.add(policy, &granting.condition, &spread);
        }
        index
    }

    fn add(&mut self, policy: usize, condition: &Condition, spread: &BTreeMap<&str, usize>) {
        let best = keys(condition.formula()).into_iter().max_by_key(|key| {
            let values = key.values.len() + key.members.len();
            let spread = spread.get(key.attribute).copied().unwrap_or_default();
            (spread / values.max(1), std::cmp::Reverse(values))
        });
        let Some(key) = best else {
            self.others.push(policy);
            return;
        };
        let keys = self.keyed.entry(key.attribute.to_owned()).or_default();
        for value in key.values {
            keys.values.entry(value.clone()).or_default().push(policy);
        }
        for member in key.members {
            keys.members.entry(member.to_owned()).or_default().push(policy);
        }
    }

    /// Returns the policies that have to be asked about a person, in order.
    #[must_use]
    pub fn candidates(&self, attributes: &Attributes) -> Vec<usize> {
        let mut found = self.others.clone();
        for (attribute, keys) in &self.keyed {
            let Some(value) = attributes.get(attribute) else { continue };
            found.extend(keys.values.get(value).into_iter().flatten());
            if let Value::List(items) = value {
                for item in items {
                    found.extend(keys.members.get(item).into_iter().flatten());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the policies whose condition holds for a person, in order.
    #[must_use]
    pub fn policies(&self, model: &Model, attributes: &Attributes) -> Vec<usize> {
        let holds = |policy: &usize| {
            let policy = model.policies.get(*policy);
            policy.is_some_and(|policy| policy.condition.holds(attributes) == Some(true))
        };
        self.candidates(attributes).into_iter().filter(holds).collect()
    }

    /// Returns the entitlements that a person is granted, by place in the model, in order.
    #[must_use]
    pub fn entitlements(&self, model: &Model, attributes: &Attributes) -> Vec<usize> {
        let policies = self.policies(model, attributes).into_iter();
        let granted = policies.filter_map(|policy| Some(&model.policies.get(policy)?.grants));
        let mut found: Vec<usize> = granted.flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Values of an attribute of which a person must have one for a condition to hold.
struct Key<'a> {
    attribute: &'a str,
    values: Vec<&'a Value>,
    members: Vec<&'a str>,
}

fn keys(formula: &Formula) -> Vec<Key<'_>> {
    match &formula.node {
        Node::All(parts) => parts.iter().flat_map(keys).collect(),
        Node::Any(parts) => {
            // Alternatives are a key when all ask of one attribute.
            let mut merged: Option<Key<'_>> = None;
            for part in parts {
                let Some(key) = single(part) else { return Vec::new() };
                match &mut merged {
                    None => merged = Some(key),
                    Some(known) if known.attribute == key.attribute => {
                        known.values.extend(key.values);
                        known.members.extend(key.members);
                    }
                    Some(_) => return Vec::new(),
                }
            }
            merged.into_iter().collect()
        }
        Node::Atom(_) => single(formula).into_iter().collect(),
        Node::Constant(_) | Node::Not(_) => Vec::new(),
    }
}

fn single(formula: &Formula) -> Option<Key<'_>> {
    match &formula.node {
        Node::Atom(Atom::OneOf { attribute, values }) => {
            Some(Key { attribute, values: values.iter().collect(), members: Vec::new() })
        }
        Node::Atom(Atom::Member { attribute, value }) => {
            Some(Key { attribute, values: Vec::new(), members: vec![value] })
        }
        Node::Constant(_) | Node::Atom(_) | Node::Not(_) | Node::All(_) | Node::Any(_) => None,
    }
}
