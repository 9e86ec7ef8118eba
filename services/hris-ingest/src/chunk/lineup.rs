//! Who the workers of a chunk may be by what is said of them: people who are known, and those whom the
//! chunk itself has made. Pure but for its loading.

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use store::{Error, Tx};
use uuid::Uuid;

use crate::mapping::Matching;
use crate::matching::{
    self, Candidate, Features, Rules,
    table::{Having, Said},
};
use crate::reader::Row;

/// Everybody who may be meant, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Lineup {
    known: BTreeMap<PersonId, Features>,
    by_mark: BTreeMap<Uuid, BTreeSet<PersonId>>,
    /// Marks that too many have to tell anybody apart.
    common: BTreeSet<Uuid>,
    unrehirable: BTreeSet<PersonId>,
    /// What was said of the workers that were taken.
    pub(super) said: Vec<Said>,
}

impl Lineup {
    /// Finds whoever somebody may be of whom this is stated; nobody without rules.
    pub(super) async fn find(
        tx: &mut Tx,
        matching: &Matching,
        stated: &[Features],
    ) -> Result<Self, Error> {
        let Some(rules) = &matching.rules else { return Ok(Self::default()) };
        let marks: BTreeSet<Uuid> =
            stated.iter().flat_map(|features| rules.finding(features)).collect();
        let marks: Vec<Uuid> = marks.into_iter().collect();
        let Having { by_mark, common } =
            matching::table::having(tx, &matching.scope, &marks).await?;
        let found: BTreeSet<Uuid> = by_mark.values().flatten().map(|person| person.0).collect();
        let found: Vec<Uuid> = found.into_iter().collect();
        let known = matching::table::of_people(tx, &matching.scope, &found).await?;
        Ok(Self { known, by_mark, common, ..Self::default() })
    }

    /// Adds what is known of further people, and who of all is not to be hired again.
    pub(super) async fn know(
        &mut self,
        tx: &mut Tx,
        matching: Option<&Matching>,
        people: &[Uuid],
    ) -> Result<(), Error> {
        if let Some(matching) = matching.filter(|matching| matching.rules.is_some()) {
            self.known.extend(matching::table::of_people(tx, &matching.scope, people).await?);
        }
        self.unrehirable = matching::table::unrehirable(tx, people).await?;
        Ok(())
    }

    /// Everybody whom what is stated may mean, with how much speaks for it.
    pub(super) fn candidates(&self, rules: &Rules, stated: &Features) -> Vec<Candidate> {
        let found: BTreeSet<PersonId> = rules
            .finding(stated)
            .filter_map(|mark| self.by_mark.get(&mark))
            .flatten()
            .copied()
            .collect();
        let candidate = |person: PersonId| {
            let score = rules.score(stated, self.known.get(&person)?);
            Some(Candidate { person, score })
        };
        found.into_iter().filter_map(candidate).collect()
    }

    /// What is known of a person.
    pub(super) fn known(&self, person: PersonId) -> Option<&Features> {
        self.known.get(&person)
    }

    /// Whether somebody is not to be hired again.
    pub(super) fn is_unrehirable(&self, person: PersonId) -> bool {
        self.unrehirable.contains(&person)
    }

    /// Takes note of what is said of a worker who was taken as a person.
    pub(super) fn add(&mut self, rules: Option<&Rules>, person: PersonId, said: Said) {
        if let Some(rules) = rules {
            for mark in rules.finding(&said.features).filter(|mark| !self.common.contains(mark)) {
                self.by_mark.entry(mark).or_default().insert(person);
            }
            matching::join(self.known.entry(person).or_default(), &said.features);
        }
        self.said.push(said);
    }
}

/// What rows say of their worker.
pub(super) fn stated(rows: &[Row]) -> Features {
    let mut features = Features::new();
    rows.iter().for_each(|row| matching::join(&mut features, &row.features));
    features
}
