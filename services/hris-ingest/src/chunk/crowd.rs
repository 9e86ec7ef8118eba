//! The people of a chunk: who each worker is, and what becomes of their timelines. Pure.

use std::collections::{BTreeMap, BTreeSet};

use clock::Clock;
use domain::{Date, EngagementId, PersonId, Version};

use super::Scope;
use crate::facts::{self, Change, Contract, Fact, Known, Listing, Timeline};
use crate::person::Person;
use crate::reader::{Reject, Row};

/// One worker and what the file says of them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) worker_id: String,
    pub(super) rows: Vec<Row>,
    pub(super) contract: Contract,
}

/// Everybody whom the workers of a chunk may be.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) by_worker: BTreeMap<String, PersonId>,
    by_identity: BTreeMap<String, PersonId>,
    identities: BTreeMap<PersonId, String>,
    newly_named: Vec<(String, PersonId)>,
    drafts: BTreeMap<PersonId, Draft>,
}

/// One person as they are after the workers that were taken so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) person: Person,
    before: Timeline,
    /// What is known of them, and from `recorded` on what this chunk says.
    facts: Vec<Fact>,
    recorded: usize,
    /// Those of the person's workers whom the chunk has news of.
    pub(super) workers: Vec<String>,
    /// Rows about the person.
    pub(super) rows: usize,
    /// The line of the first of them.
    pub(super) line: u64,
    taken: bool,
}

impl Crowd {
    /// Adds what names a person for ever.
    pub(super) fn name(&mut self, identity: String, person: PersonId) {
        self.by_identity.insert(identity.clone(), person);
        self.identities.insert(person, identity);
    }

    /// Everybody who may be meant.
    pub(super) fn ids(&self) -> impl Iterator<Item = PersonId> {
        let ids: BTreeSet<PersonId> =
            self.by_worker.values().chain(self.by_identity.values()).copied().collect();
        ids.into_iter()
    }

    /// Adds what is known of people.
    pub(super) fn know(&mut self, people: Vec<Person>, mut facts: BTreeMap<PersonId, Vec<Fact>>) {
        self.drafts.extend(people.into_iter().map(|person| {
            let facts = facts.remove(&person.id).unwrap_or_default();
            (person.id, Draft::new(person, facts))
        }));
    }

    /// The people whose workers were taken, in the order of their ids.
    pub(super) fn taken(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values().filter(|draft| draft.taken)
    }

    /// What names people for ever since this chunk, of those who were known or are `written`.
    pub(super) fn named(&self, written: impl Fn(&PersonId) -> bool) -> Vec<(&str, PersonId)> {
        self.newly_named
            .iter()
            .filter(|(_, person)| {
                let known = self.drafts.get(person).is_some_and(Draft::is_known);
                known || written(person)
            })
            .map(|(identity, person)| (identity.as_str(), *person))
            .collect()
    }

    /// Takes one worker over; a worker of whom every row was rejected before and who is not known is
    /// nobody.
    ///
    /// A worker is the person of that key, else the person of that identity, else somebody new.
    ///
    /// # Errors
    /// When key and identity do not name the same person.
    pub(super) fn take(
        &mut self,
        scope: Scope<'_>,
        clock: &Clock,
        worker: Listed,
    ) -> Result<(), Reject> {
        if worker.rows.is_empty() && !self.by_worker.contains_key(&worker.worker_id) {
            return Ok(());
        }
        let line = worker.rows.first().map_or(1, |row| row.line);
        let (id, identity) = self.who(clock, &worker).map_err(|reason| Reject {
            line,
            column: scope.identity.map(|identity| identity.column.to_owned()).unwrap_or_default(),
            reason: reason.to_owned(),
            worker_id: None,
        })?;
        if let Some(identity) = identity
            && !self.by_identity.contains_key(&identity)
        {
            self.newly_named.push((identity.clone(), id));
            self.name(identity, id);
        }
        self.by_worker.insert(worker.worker_id.clone(), id);
        let nobody = || Person { id, version: Version::default(), timeline: Timeline::default() };
        let draft = self.drafts.entry(id).or_insert_with(|| Draft::new(nobody(), Vec::new()));
        draft.taken = true;
        if draft.rows == 0 {
            draft.line = line;
        }
        draft.rows += worker.rows.len();
        let listing = Listing {
            source: scope.source,
            worker_id: &worker.worker_id,
            snapshot_date: scope.snapshot_date,
            sequence: facts::sequence_of_day(scope.snapshot_date),
            recorded_at: clock.now(),
            contract: worker.contract,
            quiet: scope.quiet,
            rows: &worker.rows,
        };
        let new_id = || EngagementId(clock.new_id());
        let known = Known {
            timeline: std::mem::take(&mut draft.person.timeline),
            facts: std::mem::take(&mut draft.facts),
        };
        let update = facts::compare(&known, &listing, new_id);
        Known { timeline: draft.person.timeline, facts: draft.facts } = known;
        if let Some(update) = update {
            draft.person.timeline = update.timeline;
            draft.facts.extend(update.facts);
            draft.workers.push(worker.worker_id);
        }
        Ok(())
    }

    /// Who a worker is, and what names them for ever if their rows say it.
    fn who(
        &self,
        clock: &Clock,
        worker: &Listed,
    ) -> Result<(PersonId, Option<String>), &'static str> {
        let stated: BTreeSet<&str> =
            worker.rows.iter().filter_map(|row| row.identity.as_deref()).collect();
        if stated.len() > 1 {
            return Err("differs between the rows of one worker");
        }
        let identity = stated.first().copied();
        let by_worker = self.by_worker.get(&worker.worker_id).copied();
        let by_identity = identity.and_then(|identity| self.by_identity.get(identity)).copied();
        let id = match (by_worker, by_identity) {
            (Some(one), Some(other)) if one != other => {
                return Err("is another person's: who holds this worker id has another one");
            }
            (Some(id), None) if identity.is_some() && self.identities.contains_key(&id) => {
                return Err("is not the one that this worker id had before: was the id given to \
                            somebody else, or is one of them wrong?");
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => PersonId(clock.new_id()),
        };
        Ok((id, identity.map(str::to_owned)))
    }
}

impl Draft {
    fn new(person: Person, facts: Vec<Fact>) -> Self {
        let (before, recorded) = (person.timeline.clone(), facts.len());
        let workers = Vec::new();
        Self { person, before, facts, recorded, workers, rows: 0, line: 1, taken: false }
    }

    /// What this chunk says of them that was not known.
    pub(super) fn new_facts(&self) -> &[Fact] {
        &self.facts[self.recorded..]
    }

    /// What was known of the person.
    pub(super) const fn before(&self) -> &Timeline {
        &self.before
    }

    fn is_known(&self) -> bool {
        !self.before.engagements.is_empty()
    }

    /// What kind of news there is of the person.
    pub(super) fn change(&self, snapshot_date: Date) -> Option<Change> {
        facts::change(&self.before, &self.person.timeline, snapshot_date)
    }
}
