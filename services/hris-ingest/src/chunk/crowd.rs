//! The people of a chunk: who each worker is, and what becomes of their timelines. Pure but for finding
//! them.

mod missing;
mod who;

use std::collections::{BTreeMap, BTreeSet};

use clock::Clock;
use domain::{Date, EngagementId, PersonId, Timestamp};
use store::{Error, Tx};

use super::Scope;
use super::decide::Decided;
use super::doubt::Refusal;
use super::lineup::{self, Lineup};
use crate::facts::table::Record;
use crate::facts::{
    self, Authorities, Change, Claim, Conflict, Contract, Engagement, Fact, Known, Listing,
    Timeline, Update,
};
use crate::matching::{Candidate, table::Said};
use crate::person::Person;
use crate::reader::{Reject, Row};
use crate::roster::{self, Worker};
use who::Who;

/// One worker and what the file says of them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) worker_id: String,
    pub(super) rows: Vec<Row>,
    pub(super) contract: Contract,
    /// Who it is, if a human has said so.
    pub(super) decided: Option<Decided>,
    /// Whether the worker leaves by what is said beside the rows.
    pub(super) leaves: bool,
}

/// When something is said, and the day for which.
pub(super) type Moment = (Timestamp, Date);

/// Everybody whom the workers of a chunk may be.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) by_worker: BTreeMap<String, PersonId>,
    /// Further people whom a worker may be.
    pub(super) suspects: BTreeSet<PersonId>,
    pub(super) lineup: Lineup,
    /// Workers who were taken for somebody by what is said of them alone.
    pub(super) matched: Vec<(String, Candidate)>,
    by_identity: BTreeMap<String, PersonId>,
    identities: BTreeMap<PersonId, BTreeSet<String>>,
    newly_named: Vec<(String, PersonId)>,
    weights: Weights,
    drafts: BTreeMap<PersonId, Draft>,
}

/// How what several sources say of one person is weighed.
#[derive(Debug, Default)]
pub(super) struct Weights {
    pub(super) authorities: Authorities,
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

impl Listed {
    /// A worker of whom nothing is said yet.
    pub(super) const fn new(worker_id: String, contract: Contract) -> Self {
        Self { worker_id, rows: Vec::new(), contract, decided: None, leaves: false }
    }
}

impl Crowd {
    /// Finds whom workers may be who are known by neither key nor decision.
    pub(super) async fn suspect(
        &mut self,
        tx: &mut Tx,
        scope: Scope<'_>,
        workers: &[Listed],
    ) -> Result<(), Error> {
        let decided = workers.iter().filter_map(|worker| match worker.decided? {
            Decided::Is(person) => Some(person),
            Decided::Nobody | Decided::MayReturn | Decided::HasLeft => None,
        });
        self.suspects.extend(decided);
        let Some(matching) = scope.matching else { return Ok(()) };
        let unknown =
            workers.iter().filter(|worker| !self.by_worker.contains_key(&worker.worker_id));
        let stated: Vec<_> = unknown.map(|worker| lineup::stated(&worker.rows)).collect();
        self.lineup = Lineup::find(tx, matching, &stated).await?;
        let Some(rules) = &matching.rules else { return Ok(()) };
        for stated in &stated {
            let candidates = self.lineup.candidates(rules, stated).into_iter();
            let plausible = candidates.filter(|one| rules.is_plausible(&one.score));
            self.suspects.extend(plausible.map(|one| one.person));
        }
        Ok(())
    }

    /// Whether somebody was known before the chunk.
    pub(super) fn is_known(&self, person: PersonId) -> bool {
        self.drafts.get(&person).is_some_and(Draft::is_known)
    }

    /// Adds what names a person for ever.
    pub(super) fn name(&mut self, identity: String, person: PersonId) {
        self.by_identity.insert(identity.clone(), person);
        self.identities.entry(person).or_default().insert(identity);
    }

    /// Everybody who may be meant.
    pub(super) fn ids(&self) -> impl Iterator<Item = PersonId> {
        let named = self.by_worker.values().chain(self.by_identity.values());
        let ids: BTreeSet<PersonId> = named.chain(&self.suspects).copied().collect();
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
    /// # Errors
    /// When the rows contradict each other, or a human has to say who it is or whether they may return;
    /// then nothing is taken.
    pub(super) fn take(
        &mut self,
        scope: Scope<'_>,
        clock: &Clock,
        worker: Listed,
    ) -> Result<bool, Refusal> {
        let holder = self.by_worker.get(&worker.worker_id).copied();
        if worker.rows.is_empty() && holder.is_none() {
            return Ok(true);
        }
        self.check_missing(scope, &worker)?;
        let features = lineup::stated(&worker.rows);
        let Who { person: id, identity, matched } = self.who(scope, clock, &worker, &features)?;
        if scope.authority.role.is_supplement()
            && !self.drafts.get(&id).is_some_and(Draft::is_employed)
        {
            return Err(nobodys(scope, &worker));
        }
        let draft =
            self.drafts.entry(id).or_insert_with(|| Draft::new(Person::nobody(id), Vec::new()));
        let knows_newer = draft.knows_newer(scope, &worker.worker_id);
        let update = if knows_newer { None } else { draft.compare(scope, clock, &worker) };
        let returns = update.as_ref().is_some_and(|update| update.change == Change::Rehired);
        if returns && worker.decided.is_none() && self.lineup.is_unrehirable(id) {
            return Err(self.unrehirable(scope, &worker, id));
        }
        if let Some(identity) = identity
            && !self.by_identity.contains_key(&identity)
        {
            self.newly_named.push((identity.clone(), id));
            self.name(identity, id);
        }
        if holder.is_some_and(|holder| holder != id) {
            self.dispossess(scope, clock.now(), &worker.worker_id);
        }
        self.by_worker.insert(worker.worker_id.clone(), id);
        if let Some(draft) = self.drafts.get_mut(&id) {
            draft.take(&worker, update);
            draft.weigh(&self.weights);
        }
        if knows_newer {
            return Ok(false);
        }
        if let Some(matching) = scope.matching.filter(|_matching| !worker.rows.is_empty()) {
            let unrehirable = worker.rows.iter().any(|row| row.unrehirable);
            let said = Said { worker_id: worker.worker_id.clone(), features, unrehirable };
            self.lineup.add(matching.rules.as_ref(), id, said);
        }
        self.matched.extend(matched.map(|candidate| (worker.worker_id, candidate)));
        Ok(true)
    }

    /// Ends what somebody has under a worker id that is another person's from the day on: the source says
    /// no more of it, as of somebody whom a full file leaves out.
    fn dispossess(&mut self, scope: Scope<'_>, now: Timestamp, worker_id: &str) {
        let day = scope.snapshot_date;
        let day_before = day.yesterday().unwrap_or(Date::MIN);
        self.each(scope.source, worker_id, (now, day), |engagement| {
            let end = Claim::End {
                last_working_day: Some(day_before),
                termination_date: engagement.termination_date,
                absent_since: Some(day),
            };
            ((!engagement.over_before(day)).then_some(end), None)
        });
        if let Some(draft) = self.draft_of_mut(worker_id) {
            draft.taken = true;
            draft.workers.retain(|worker| worker != worker_id);
        }
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
}

/// Who employs nobody cannot say that there is somebody.
fn nobodys(scope: Scope<'_>, worker: &Listed) -> Refusal {
    let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
    Refusal::Reject(Reject {
        line: worker.rows.first().map_or(1, |row| row.line),
        column: column.to_owned(),
        reason: "names nobody whom an employer has named so far".to_owned(),
        worker_id: None,
    })
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

    /// Compares what is known of them with what is said of one of their workers.
    fn compare(&mut self, scope: Scope<'_>, clock: &Clock, worker: &Listed) -> Option<Update> {
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
        let known = Known {
            timeline: std::mem::take(&mut self.person.timeline),
            facts: std::mem::take(&mut self.facts),
        };
        let update = facts::compare(&known, &listing, || EngagementId(clock.new_id()));
        Known { timeline: self.person.timeline, facts: self.facts } = known;
        update
    }

    /// Takes a worker over, and what is said of them anew.
    fn take(&mut self, worker: &Listed, update: Option<Update>) {
        self.taken = true;
        if self.rows == 0 {
            self.line = worker.rows.first().map_or(1, |row| row.line);
        }
        self.rows += worker.rows.len();
        if let Some(update) = update {
            self.person.timeline = update.timeline;
            self.facts.extend(update.facts);
            self.workers.push(worker.worker_id.clone());
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
    fn weigh(&mut self, Weights { authorities, today }: &Weights) {
        let (known, told) = (&self.person.timeline, &self.told_before);
        let composed = facts::compose(known, authorities, told, *today);
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
