//! Everybody at once: typed columns of what is known of people, and policies asked of all of them.
//!
//! A [`Population`] holds what is known, a [`Model`] the policies, [`Matches`] for whom each policy
//! grants. A [`WhatIf`] says who would gain or lose what; an [`Index`] finds one person's policies.
//!
//! Invariants:
//! - what is said of everybody is what [`crate::Condition::holds`] says of each;
//! - the same people and policies in the same order give the same answers in the same order.

mod answers;
mod bits;
mod column;
mod index;
mod matches;
mod model;
mod what_if;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Attributes, PersonId, Value};

use crate::document::AttributeSchema;
use column::Column;

pub use bits::Bits;
pub use index::Index;
pub use matches::Matches;
pub use model::{Entitlement, Model};
pub use what_if::{Change, Edit, WhatIf, compare};

/// What is known of many people, as it was after one change of a sequence.
#[derive(Debug)]
pub struct Population {
    sequence: u64,
    people: Vec<PersonId>,
    places: BTreeMap<PersonId, usize>,
    everybody: Bits,
    columns: BTreeMap<String, Column>,
}

impl Population {
    /// Makes a population of people with their attributes, as known up to a change.
    ///
    /// Attributes that the schema does not declare are left out. Of somebody named twice, the last is
    /// taken.
    pub fn new<'a>(
        schema: &AttributeSchema,
        sequence: u64,
        people: impl IntoIterator<Item = (PersonId, &'a Attributes)>,
    ) -> Self {
        let columns = schema.attributes.iter();
        let columns = columns.map(|(name, known)| (name.clone(), Column::new(known.clone(), 0)));
        let mut population = Self {
            sequence,
            people: Vec::new(),
            places: BTreeMap::new(),
            everybody: Bits::none(0),
            columns: columns.collect(),
        };
        for (person, attributes) in people {
            population.replace(person, Some(attributes), sequence);
        }
        population
    }

    /// Sets what is known of one person, or drops them, with the change that says so.
    ///
    /// A change that is older than the population is for the caller to leave out.
    pub fn replace(&mut self, person: PersonId, attributes: Option<&Attributes>, sequence: u64) {
        let next = self.people.len();
        let place = match (self.places.get(&person), attributes) {
            (Some(place), _) => *place,
            (None, None) => {
                self.sequence = sequence;
                return;
            }
            (None, Some(_)) => {
                self.people.push(person);
                self.places.insert(person, next);
                next
            }
        };
        self.everybody.set(place, attributes.is_some());
        for (name, column) in &mut self.columns {
            column.set(place, attributes.and_then(|attributes| attributes.get(name)));
        }
        self.sequence = sequence;
    }

    /// Returns the last change that is in it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns all of its people.
    #[must_use]
    pub fn everybody(&self) -> &Bits {
        &self.everybody
    }

    /// Returns the place of a person in the sets, dropped people included.
    #[must_use]
    pub fn place(&self, person: PersonId) -> Option<usize> {
        self.places.get(&person).copied()
    }

    /// Returns the person in a place.
    #[must_use]
    pub fn person(&self, place: usize) -> Option<PersonId> {
        self.people.get(place).copied()
    }

    /// Returns the people of a set, in the order of their places.
    pub fn people<'a>(&'a self, set: &'a Bits) -> impl Iterator<Item = PersonId> + 'a {
        set.places().filter_map(|place| self.person(place))
    }

    /// Returns a person's value of an attribute, if it is known.
    #[must_use]
    pub fn value(&self, place: usize, attribute: &str) -> Option<&Value> {
        self.columns.get(attribute)?.value(place)
    }

    /// Returns some of a person's attributes, those that are known.
    #[must_use]
    pub fn attributes(&self, place: usize, names: &BTreeSet<String>) -> Attributes {
        let known = names.iter();
        known.filter_map(|name| Some((name.clone(), self.value(place, name)?.clone()))).collect()
    }

    fn places(&self) -> usize {
        self.people.len()
    }

    fn column(&self, attribute: &str) -> Option<&Column> {
        self.columns.get(attribute)
    }
}

#[cfg(test)]
mod tests;
