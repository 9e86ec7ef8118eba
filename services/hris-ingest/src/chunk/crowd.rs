//! The people of a chunk: who each worker is, and what becomes of their timelines. Pure.

use std::collections::{BTreeMap, BTreeSet};

use clock::Clock;
use domain::{Date, EngagementId, PersonId, Timestamp, Version};

use super::Scope;
use super::doubt::{Doubt, Refusal};
use crate::case::{Compared, Evidence, Kind, Question, Side, Verdict};
use crate::facts::table::Record;
use crate::facts::{
    self, Authorities, Change, Claim, Conflict, Contract, Engagement, Fact, Known, Listing,
    Timeline, Told,
};
use crate::person::Person;
use crate::reader::{Reject, Row};
use crate::roster::{self, Worker};

/// One worker and what the file says of them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) worker_id: String,
    pub(super) rows: Vec<Row>,
    pub(super) contract: Contract,
}

/// When something is said, and the day for which.
pub(super) type Moment = (Timestamp, Date);

/// Everybody whom the workers of a chunk may be.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) by_worker: BTreeMap<String, PersonId>,
    by_identity: BTreeMap<String, PersonId>,
    identities: BTreeMap<PersonId, String>,
    newly_named: Vec<(String, PersonId)>,
    weights: Weights,
    drafts: BTreeMap<PersonId, Draft>,
}

/// How what several sources say of one person is weighed.
#[derive(Debug, Default)]
pub(super) struct Weights {
    pub(super) authorities: Authorities,
    /// By person and attribute: the source that somebody decided for.
    pub(super) preferred: BTreeMap<PersonId, BTreeMap<String, String>>,
    pub(super) today: Date,
}

/// One person as they are after the workers that were taken so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) person: Person,
    before: Timeline,
    told_before: Timeline,
    conflicts: BTreeMap<String, Conflict>,
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
    /// Whether an engagement was ended at once.
    ended: bool,
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

    /// Adds how what is said of people is weighed.
    pub(super) fn weigh(&mut self, weights: Weights) {
        self.weights = weights;
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

    /// Takes one worker over; says whether what the rows say is what is known of them then. It is not of a
    /// worker of whom the source said something newer. One of whom every row was rejected before and who
    /// is not known is nobody.
    ///
    /// A worker is the person of that key, else the person of that identity, else somebody new.
    ///
    /// # Errors
    /// When key and identity do not name the same person: a human has to say who it is.
    pub(super) fn take(
        &mut self,
        scope: Scope<'_>,
        clock: &Clock,
        worker: Listed,
    ) -> Result<bool, Refusal> {
        if worker.rows.is_empty() && !self.by_worker.contains_key(&worker.worker_id) {
            return Ok(true);
        }
        let line = worker.rows.first().map_or(1, |row| row.line);
        let (id, identity) = self.who(scope, clock, &worker)?;
        if scope.authority.role.is_supplement()
            && !self.drafts.get(&id).is_some_and(Draft::is_employed)
        {
            let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
            return Err(Refusal::Reject(Reject {
                line,
                column: column.to_owned(),
                reason: "names nobody whom an employer has named so far".to_owned(),
                worker_id: None,
            }));
        }
        if let Some(identity) = identity
            && !self.by_identity.contains_key(&identity)
        {
            self.newly_named.push((identity.clone(), id));
            self.name(identity, id);
        }
        self.by_worker.insert(worker.worker_id.clone(), id);
        let nobody = || Person {
            id,
            version: Version::default(),
            timeline: Timeline::default(),
            composed: None,
        };
        let draft = self.drafts.entry(id).or_insert_with(|| Draft::new(nobody(), Vec::new()));
        draft.taken = true;
        if draft.rows == 0 {
            draft.line = line;
        }
        draft.rows += worker.rows.len();
        if draft.knows_newer(scope, &worker.worker_id) {
            return Ok(false);
        }
        let listing = Listing {
            source: scope.source,
            worker_id: &worker.worker_id,
            snapshot_date: scope.snapshot_date,
            sequence: facts::sequence_of_day(scope.snapshot_date),
            recorded_at: clock.now(),
            contract: worker.contract,
            quiet: scope.quiet,
            supplement: scope.authority.role.is_supplement(),
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
            draft.weigh(&self.weights);
            draft.workers.push(worker.worker_id);
        }
        Ok(true)
    }

    /// Says who a worker is who was taken over.
    pub(super) fn draft_of(&self, worker_id: &str) -> Option<&Draft> {
        self.drafts.get(self.by_worker.get(worker_id)?)
    }

    /// Ends the engagements of a worker at an instant, which is on a day, those that are not over by
    /// then. Listed again on a later day, another one begins, as after an absence from a full file.
    pub(super) fn end(&mut self, source: &str, worker_id: &str, (at, day): Moment, said: Moment) {
        self.each(source, worker_id, said, |engagement| {
            let goes_on = !engagement.over_before(day);
            let end = goes_on.then(|| Claim::End {
                last_working_day: Some(
                    engagement.last_working_day.map_or(day, |last| last.min(day)),
                ),
                termination_date: engagement.termination_date,
                absent_since: Some(day),
            });
            let at = (goes_on && engagement.ends_at.is_none()).then_some(Claim::EndsAt(Some(at)));
            (end, at)
        });
        if let Some(draft) = self.draft_of_mut(worker_id) {
            draft.ended = true;
        }
    }

    /// Withdraws the end that a worker's engagements had at an instant, those that go on.
    pub(super) fn lift(&mut self, source: &str, worker_id: &str, at: Timestamp, moment: Moment) {
        self.each(source, worker_id, moment, |engagement| {
            let lifted = !engagement.over_before(moment.1) && engagement.ends_at == Some(at);
            (None, lifted.then_some(Claim::EndsAt(None)))
        });
    }

    /// Says something of the dates of each engagement of a worker, and of the instant at which it ends.
    fn each(
        &mut self,
        source: &str,
        worker_id: &str,
        (now, day): Moment,
        say: impl Fn(&Engagement) -> (Option<Claim>, Option<Claim>),
    ) {
        let Self { by_worker, drafts, weights, .. } = self;
        let draft = by_worker.get(worker_id).and_then(|id| drafts.get_mut(id));
        let Some(draft) = draft else { return };
        let engagements = draft.person.timeline.engagements.iter();
        let of_worker =
            engagements.filter(|one| one.source == source && one.worker_id == worker_id);
        let said = of_worker.flat_map(|engagement| {
            let (dates, instant) = say(engagement);
            let fact = |sequence, claim| Fact {
                engagement: engagement.id,
                sequence,
                recorded_at: now,
                number: 0,
                claims: vec![claim],
            };
            let dates = dates.map(|claim| fact(facts::sequence_of_day(day), claim));
            // As what an operator says of it.
            let instant = instant.map(|claim| fact(facts::sequence_at(now), claim));
            dates.into_iter().chain(instant).collect::<Vec<_>>()
        });
        let numbers = facts::next_number(&draft.facts)..;
        let said: Vec<Fact> =
            said.zip(numbers).map(|(fact, number)| Fact { number, ..fact }).collect();
        if !said.is_empty() {
            draft.facts.extend(said);
            draft.person.timeline = facts::fold(&draft.facts);
            draft.weigh(weights);
        }
        if !draft.workers.iter().any(|known| known == worker_id) {
            draft.workers.push(worker_id.to_owned());
        }
    }

    fn draft_of_mut(&mut self, worker_id: &str) -> Option<&mut Draft> {
        self.drafts.get_mut(self.by_worker.get(worker_id)?)
    }

    /// Who a worker is, and what names them for ever if their rows say it.
    fn who(
        &self,
        scope: Scope<'_>,
        clock: &Clock,
        worker: &Listed,
    ) -> Result<(PersonId, Option<String>), Refusal> {
        let stated: BTreeSet<&str> =
            worker.rows.iter().filter_map(|row| row.identity.as_deref()).collect();
        let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
        if stated.len() > 1 {
            return Err(Refusal::Reject(Reject {
                line: worker.rows.first().map_or(1, |row| row.line),
                column: column.to_owned(),
                reason: "differs between the rows of one worker".to_owned(),
                worker_id: None,
            }));
        }
        let identity = stated.first().copied();
        let by_worker = self.by_worker.get(&worker.worker_id).copied();
        let by_identity = identity.and_then(|identity| self.by_identity.get(identity)).copied();
        let id = match (by_worker, by_identity, identity) {
            (Some(holder), Some(other), Some(identity)) if holder != other => {
                let reason = "is another person's: who holds this worker id has another one";
                return Err(self.recycled(scope, worker, identity, &[holder, other], reason));
            }
            (Some(holder), None, Some(identity)) if self.identities.contains_key(&holder) => {
                let reason = "is not the one that this worker id had before: was the id given to \
                              somebody else, or is one of them wrong?";
                return Err(self.recycled(scope, worker, identity, &[holder], reason));
            }
            (Some(id), _, _) | (None, Some(id), _) => id,
            (None, None, _) => PersonId(clock.new_id()),
        };
        Ok((id, identity.map(str::to_owned)))
    }

    /// Asks about a worker id whose number is not that of the person who holds the id.
    fn recycled(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        identity: &str,
        people: &[PersonId],
        reason: &'static str,
    ) -> Refusal {
        let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
        let side = |person: &PersonId| {
            let known = self.identities.get(person).cloned();
            let agrees = known.as_deref() == Some(identity);
            let name = column.to_owned();
            let verdict = if agrees { Verdict::Agrees } else { Verdict::Differs };
            let number = Compared { name, verdict, stated: Some(identity.to_owned()), known };
            Side { person: Some(*person), points: None, attributes: vec![number] }
        };
        let engagements = people.iter().filter_map(|person| self.drafts.get(person));
        let engagements = engagements
            .flat_map(|draft| &draft.before.engagements)
            .filter(|one| one.source == scope.source && one.worker_id == worker.worker_id)
            .map(|one| one.id)
            .collect();
        Refusal::Doubt(Box::new(Doubt {
            question: Question {
                kind: Kind::RecycledWorkerId,
                source: scope.source.to_owned(),
                key: worker.worker_id.clone(),
                people: people.to_vec(),
                engagements,
                evidence: Evidence { sides: people.iter().map(side).collect() },
            },
            line: worker.rows.first().map_or(1, |row| row.line),
            column: column.to_owned(),
            reason,
        }))
    }
}

impl Draft {
    fn new(person: Person, facts: Vec<Fact>) -> Self {
        let (before, recorded) = (person.timeline.clone(), facts.len());
        let told_before = person.told().clone();
        Self {
            person,
            before,
            told_before,
            conflicts: BTreeMap::new(),
            facts,
            recorded,
            workers: Vec::new(),
            rows: 0,
            line: 1,
            taken: false,
            ended: false,
        }
    }

    /// Whether the source said something of a worker for the day of a file after the file was read.
    fn knows_newer(&self, scope: Scope<'_>, worker_id: &str) -> bool {
        let Some(read_at) = scope.read_at else { return false };
        let sequence = facts::sequence_of_day(scope.snapshot_date);
        let mut newer =
            self.facts.iter().filter(|one| one.sequence == sequence && one.recorded_at > read_at);
        let of_worker = |fact: &Fact| {
            self.person.timeline.engagements.iter().any(|one| {
                one.id == fact.engagement
                    && one.source == scope.source
                    && one.worker_id == worker_id
            })
        };
        newer.any(of_worker)
    }

    /// What this chunk says of them that was not known.
    pub(super) fn new_facts(&self) -> &[Fact] {
        &self.facts[self.recorded..]
    }

    /// The same, to be recorded as said by the source.
    pub(super) fn as_records<'a>(&'a self, source: &'a str) -> impl Iterator<Item = Record<'a>> {
        let person = self.person.id;
        self.new_facts().iter().map(move |fact| Record { person, source, fact })
    }

    /// The person's workers whom the chunk has news of.
    pub(super) fn as_workers(&self, source: &str) -> impl Iterator<Item = Worker> {
        self.workers.iter().map(move |worker_id| Worker {
            worker_id: worker_id.clone(),
            person: self.person.id,
            last_day: roster::last_day(&self.person.timeline, source, worker_id),
        })
    }

    /// What was known of the person.
    pub(super) const fn before(&self) -> &Timeline {
        &self.before
    }

    /// Makes of what is known what is told.
    fn weigh(&mut self, weights: &Weights) {
        let nothing = BTreeMap::new();
        let preferred = weights.preferred.get(&self.person.id).unwrap_or(&nothing);
        let told = Told { timeline: &self.told_before, preferred };
        let Weights { authorities, today, .. } = weights;
        let composed = facts::compose(&self.person.timeline, authorities, told, *today);
        (self.person.composed, self.conflicts) = match composed {
            Some(composed) => (Some(composed.timeline), composed.conflicts),
            None => (None, BTreeMap::new()),
        };
    }

    /// Attributes about which the person's sources do not agree.
    pub(super) const fn conflicts(&self) -> &BTreeMap<String, Conflict> {
        &self.conflicts
    }

    fn is_known(&self) -> bool {
        !self.before.engagements.is_empty()
    }

    fn is_employed(&self) -> bool {
        self.person.timeline.employments().next().is_some()
    }

    /// What kind of news there is of the person.
    pub(super) fn change(&self, snapshot_date: Date) -> Option<Change> {
        let change = facts::change(&self.told_before, self.person.told(), snapshot_date)?;
        let left = change == Change::Changed && self.ended && self.is_over(snapshot_date);
        Some(if left { Change::Left } else { change })
    }

    fn is_over(&self, day: Date) -> bool {
        let over = |one: &Engagement| one.ends_at.is_some() || one.over_before(day);
        self.person.timeline.employments().all(over)
    }

    /// Whether the person goes, on whatever day: was without an end and is not so any more.
    pub(super) fn goes(&self) -> bool {
        let stays = |timeline: &Timeline| {
            let mut employments = timeline.employments();
            employments.any(|one| one.last_working_day.is_none() && one.ends_at.is_none())
        };
        stays(&self.before) && !stays(&self.person.timeline)
    }
}
