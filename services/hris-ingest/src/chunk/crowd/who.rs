//! Who a worker is: by what was decided, by key, by number, by what is said of them, else somebody new.

use std::collections::BTreeSet;

use clock::Clock;
use domain::{Date, EngagementId, PersonId};

use super::{Crowd, Listed};
use crate::case::{Compared, Evidence, Kind, Question, Side, Verdict, Waiting};
use crate::chunk::Scope;
use crate::chunk::decide::Decided;
use crate::chunk::doubt::{Doubt, Refusal};
use crate::mapping::Matching;
use crate::matching::{Candidate, Features, Finding, Rules};
use crate::reader::Reject;

/// Who a worker is.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) person: PersonId,
    /// What names the person for ever, if the rows say it.
    pub(super) identity: Option<String>,
    /// What spoke for the person, if nothing else did.
    pub(super) matched: Option<Candidate>,
}

/// What is asked, and why.
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) people: Vec<PersonId>,
    pub(super) sides: Vec<Side>,
    pub(super) column: String,
    pub(super) reason: &'static str,
}

impl Crowd {
    /// Says who a worker is of whom this is stated.
    ///
    /// # Errors
    /// When their rows contradict each other, or a human has to say.
    pub(super) fn who(
        &self,
        scope: Scope<'_>,
        clock: &Clock,
        worker: &Listed,
        stated: &Features,
    ) -> Result<Who, Refusal> {
        let identity = self.identity(scope, worker)?;
        let holder = self.by_worker.get(&worker.worker_id).copied();
        let named = identity.and_then(|identity| self.by_identity.get(identity)).copied();
        let mut matched = None;
        let person = match worker.decided {
            Some(Decided::Is(person)) => self.agreed(scope, worker, person, identity)?,
            Some(Decided::Nobody) => match named {
                None => PersonId(clock.new_id()),
                Some(_) => return Err(self.contradicted(scope, worker)),
            },
            Some(Decided::MayReturn | Decided::HasLeft) | None => match (holder, named, identity) {
                (Some(holder), Some(other), Some(identity)) if holder != other => {
                    let reason = "is another person's: who holds this worker id has another one";
                    return Err(self.renumbered(scope, worker, identity, &[holder, other], reason));
                }
                (Some(holder), None, Some(identity)) if self.identities.contains_key(&holder) => {
                    let reason = "is not the one that this worker id had before: was the id given \
                                  to somebody else, or is one of them wrong?";
                    return Err(self.renumbered(scope, worker, identity, &[holder], reason));
                }
                (Some(holder), None, _) => self.holding(scope, worker, stated, holder)?,
                (Some(id), Some(_), _) | (None, Some(id), _) => id,
                (None, None, _) => match self.find(scope, stated, identity) {
                    Finding::Nobody => PersonId(clock.new_id()),
                    Finding::Certain(candidate) => {
                        let person = candidate.person;
                        matched = Some(candidate);
                        person
                    }
                    Finding::Doubtful(candidates) => {
                        return Err(self.uncertain(scope, worker, &candidates));
                    }
                },
            },
        };
        Ok(Who { person, identity: identity.map(str::to_owned), matched })
    }

    /// What the rows say names the worker for ever.
    fn identity<'w>(
        &self,
        scope: Scope<'_>,
        worker: &'w Listed,
    ) -> Result<Option<&'w str>, Refusal> {
        let stated: BTreeSet<&str> =
            worker.rows.iter().filter_map(|row| row.identity.as_deref()).collect();
        if stated.len() > 1 {
            let reason = "differs between the rows of one worker";
            return Err(reject(scope, worker, reason));
        }
        Ok(stated.first().copied())
    }

    /// The person who was decided upon, unless their number contradicts it.
    fn agreed(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        person: PersonId,
        identity: Option<&str>,
    ) -> Result<PersonId, Refusal> {
        let Some(identity) = identity else { return Ok(person) };
        let named = self.by_identity.get(identity);
        let numbers = self.identities.get(&person);
        let agrees = named.is_none_or(|named| *named == person)
            && numbers.is_none_or(|numbers| numbers.contains(identity));
        if agrees { Ok(person) } else { Err(self.contradicted(scope, worker)) }
    }

    fn contradicted(&self, scope: Scope<'_>, worker: &Listed) -> Refusal {
        let reason = "names somebody else for ever than was decided: correct it in the source";
        reject(scope, worker, reason)
    }

    /// The person who has the worker id, unless what is said of them is of another human.
    ///
    /// Whoever leaves by what is said leaves: nobody waits for an answer with that.
    fn holding(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        stated: &Features,
        holder: PersonId,
    ) -> Result<PersonId, Refusal> {
        let over = |last: Date| last <= scope.snapshot_date;
        let leaves =
            worker.leaves || worker.rows.iter().all(|row| row.last_working_day.is_some_and(over));
        let known = self.lineup.known(holder);
        let (Some(rules), Some(known), false) = (rules(scope), known, leaves) else {
            return Ok(holder);
        };
        let score = rules.score(stated, known);
        if !rules.contradicts(&score) {
            return Ok(holder);
        }
        let candidate = Candidate { person: holder, score };
        Err(self.ask(
            scope,
            worker,
            Asked {
                kind: Kind::RecycledWorkerId,
                people: vec![holder],
                sides: vec![self.side(worker, &candidate)],
                column: String::new(),
                reason: "speaks of another human than the one who had this worker id",
            },
        ))
    }

    /// Who it is by what is said: nobody of another number, which is for ever.
    fn find(&self, scope: Scope<'_>, stated: &Features, identity: Option<&str>) -> Finding {
        let Some(rules) = rules(scope) else { return Finding::Nobody };
        let mut candidates = self.lineup.candidates(rules, stated);
        if identity.is_some() {
            candidates.retain(|one| !self.identities.contains_key(&one.person));
        }
        rules.find(candidates)
    }

    fn uncertain(&self, scope: Scope<'_>, worker: &Listed, candidates: &[Candidate]) -> Refusal {
        self.ask(
            scope,
            worker,
            Asked {
                kind: Kind::UncertainMatch,
                people: candidates.iter().map(|one| one.person).collect(),
                sides: candidates.iter().map(|one| self.side(worker, one)).collect(),
                column: String::new(),
                reason: "may be somebody who is known, and waits",
            },
        )
    }

    /// Asks about a worker id whose number is not that of the person who holds the id.
    fn renumbered(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        identity: &str,
        people: &[PersonId],
        reason: &'static str,
    ) -> Refusal {
        let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
        let side = |person: &PersonId| {
            let numbers = self.identities.get(person);
            let agrees = numbers.is_some_and(|numbers| numbers.contains(identity));
            let known = numbers.map(|numbers| Vec::from_iter(numbers.iter().cloned()).join(", "));
            let name = column.to_owned();
            let verdict = if agrees { Verdict::Agrees } else { Verdict::Differs };
            let number = Compared { name, verdict, stated: Some(identity.to_owned()), known };
            Side { person: Some(*person), points: None, attributes: vec![number] }
        };
        let sides = people.iter().map(side).collect();
        let (kind, people) = (Kind::RecycledWorkerId, people.to_vec());
        let column = column.to_owned();
        self.ask(scope, worker, Asked { kind, people, sides, column, reason })
    }

    /// Asks about somebody who comes back and is marked as not to be hired again.
    pub(super) fn unrehirable(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        person: PersonId,
    ) -> Refusal {
        let before = self.drafts.get(&person).map(|draft| &draft.before);
        let left = before.into_iter().flat_map(|timeline| &timeline.engagements);
        let left = left.filter_map(|engagement| engagement.last_working_day).max();
        let start = worker.rows.iter().filter_map(|row| row.start_date).min();
        let days = Compared {
            name: "start, and last day before".to_owned(),
            verdict: Verdict::Unknown,
            stated: start.map(|start| start.to_string()),
            known: left.map(|left| left.to_string()),
        };
        self.ask(
            scope,
            worker,
            Asked {
                kind: Kind::NotRehirable,
                people: vec![person],
                sides: vec![Side { person: Some(person), points: None, attributes: vec![days] }],
                column: String::new(),
                reason: "comes back and is marked as not to be hired again",
            },
        )
    }

    pub(super) fn ask(&self, scope: Scope<'_>, worker: &Listed, asked: Asked) -> Refusal {
        let Asked { kind, people, sides, column, reason } = asked;
        let question = Question {
            kind,
            source: scope.source.to_owned(),
            key: worker.worker_id.clone(),
            engagements: self.engagements(scope, worker, &people),
            people,
            evidence: Evidence { sides },
            waiting: Some(Waiting {
                worker_id: worker.worker_id.clone(),
                rows: worker.rows.clone(),
                run: scope.run,
                pushed: scope.read_at.is_none(),
                snapshot_date: scope.snapshot_date,
                quiet: scope.quiet,
            }),
        };
        let line = worker.rows.first().map_or(1, |row| row.line);
        Refusal::Doubt(Box::new(Doubt { question, line, column, reason }))
    }

    /// The engagements that people have under the worker's id.
    fn engagements(
        &self,
        scope: Scope<'_>,
        worker: &Listed,
        people: &[PersonId],
    ) -> Vec<EngagementId> {
        let drafts = people.iter().filter_map(|person| self.drafts.get(person));
        drafts
            .flat_map(|draft| &draft.before.engagements)
            .filter(|one| one.source == scope.source && one.worker_id == worker.worker_id)
            .map(|one| one.id)
            .collect()
    }

    /// What speaks for and against a person, with the values of what is published.
    fn side(&self, worker: &Listed, candidate: &Candidate) -> Side {
        let draft = self.drafts.get(&candidate.person);
        let stated = |name: &str| {
            let mut rows = worker.rows.iter();
            rows.find_map(|row| row.attributes.get(name).map(ToString::to_string))
        };
        let known = |name: &str| {
            let mut engagements = draft?.person.timeline.engagements.iter().rev();
            engagements.find_map(|engagement| {
                engagement.slices.last()?.attributes.get(name).map(ToString::to_string)
            })
        };
        let attributes = candidate.score.verdicts.iter().map(|(name, verdict)| Compared {
            name: name.clone(),
            verdict: *verdict,
            stated: stated(name),
            known: known(name),
        });
        Side {
            person: Some(candidate.person),
            points: Some(candidate.score.points),
            attributes: attributes.collect(),
        }
    }
}

/// What cannot be right, whoever it is.
fn reject(scope: Scope<'_>, worker: &Listed, reason: &str) -> Refusal {
    let column = scope.identity.map(|identity| identity.column).unwrap_or_default();
    Refusal::Reject(Reject {
        line: worker.rows.first().map_or(1, |row| row.line),
        column: column.to_owned(),
        reason: reason.to_owned(),
        worker_id: None,
    })
}

fn rules<'s>(scope: Scope<'s>) -> Option<&'s Rules> {
    scope.matching.and_then(|matching: &'s Matching| matching.rules.as_ref())
}
