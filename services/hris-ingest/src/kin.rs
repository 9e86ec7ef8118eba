//! Two ids of one human, and one id of two: what a human's word about it comes to.
//!
//! What sources say belongs to their workers, and workers to people. A merge gives the workers of one person to
//! another, with every fact of their engagements; a split gives some of them back, or to somebody new. Both are
//! told as state: an id that was merged says into whom, and the person says which ids stand for them.

mod change;
mod table;
mod tell;

use std::collections::{BTreeMap, BTreeSet};

use domain::{CaseId, Date, EngagementId, Kin, PersonId, Version};
use sha2::{Digest as _, Sha256};

use crate::facts::{self, Authorities, Fact, Timeline};
use crate::person::Person;

pub(crate) use change::{carry_out, preview};

/// Bytes of a reason, at most.
const NOTE_BYTES_MAX: usize = 2_000;
/// People who are told of another manager at once, at most.
const REPORTS_MAX: u16 = 1_000;

/// A worker: source and worker id.
pub(crate) type WorkerKey = (String, String);

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Both are one human, who is the survivor.
    Merge { survivor: PersonId, retired: PersonId },
    /// A part of one person is another.
    Split { person: PersonId, part: Part },
}

/// Which part of a person is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// What was merged into them under an id.
    Merged(PersonId),
    /// Workers who are somebody new.
    Workers(BTreeSet<WorkerKey>),
}

/// Who decides something they have looked at.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) change: Change,
    pub(crate) hash: String,
    pub(crate) by: String,
    pub(crate) note: String,
}

/// Why a change is not made. Then nobody was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no person {0} is known")]
    Unknown(PersonId),
    #[error("both are person {0}")]
    Same(PersonId),
    #[error("person {person} stands for {into}: name that one")]
    Merged { person: PersonId, into: PersonId },
    #[error("person {merged} was not merged into {person}")]
    NotMerged { person: PersonId, merged: PersonId },
    #[error(
        "a worker of {source_name} is named who is not person {person}: `tenure person show` has theirs"
    )]
    NotTheirs { person: PersonId, source_name: String },
    #[error("name at least one worker with --worker: whoever has none is nobody")]
    Nothing,
    #[error("nothing of {merged} is left with person {person}: its workers were split off before")]
    NoneLeft { person: PersonId, merged: PersonId },
    #[error("person {0} would have no worker left: whoever has none is nobody")]
    Everything(PersonId),
    #[error(
        "case {case} asks about person {person}: decide it first, as `tenure case show {case}` says"
    )]
    Asked { person: PersonId, case: CaseId },
    #[error("more than {REPORTS_MAX} people report to them, which is more than are told at once")]
    Reports,
    #[error("what it comes to has changed since it was looked at: look again; it is {hash} now")]
    Moved { hash: String },
    #[error("who are you? A name must be stated, and no long one")]
    Nameless,
    #[error("the note is longer than {NOTE_BYTES_MAX} bytes")]
    Wordy,
    #[error(transparent)]
    TooLarge(#[from] facts::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Everything known of one person.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) person: Person,
    pub(crate) facts: Vec<Fact>,
    /// Their workers, and whose each was before people were merged.
    pub(crate) workers: BTreeMap<WorkerKey, Option<PersonId>>,
}

/// What a change comes to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Who keeps the id.
    pub(crate) keeps: Person,
    /// The other: merged away, given back, or new.
    pub(crate) other: Person,
    pub(crate) moved: Moved,
}

/// What changes hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) from: PersonId,
    pub(crate) to: PersonId,
    pub(crate) workers: BTreeSet<WorkerKey>,
    pub(crate) engagements: Vec<EngagementId>,
    /// What is added to the numbers of the facts.
    pub(crate) offset: i64,
}

impl Change {
    /// Who keeps the id, and the other one who is known.
    pub(crate) fn people(&self) -> (PersonId, Option<PersonId>) {
        match self {
            Self::Merge { survivor, retired } => (*survivor, Some(*retired)),
            Self::Split { person, part: Part::Merged(merged) } => (*person, Some(*merged)),
            Self::Split { person, part: Part::Workers(_) } => (*person, None),
        }
    }

    /// The change's name in SQL.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
        }
    }
}

impl Known {
    /// Somebody of whom nothing is known.
    pub(crate) fn nobody(id: PersonId) -> Self {
        Self { person: Person::nobody(id), facts: Vec::new(), workers: BTreeMap::new() }
    }

    fn is_themselves(&self) -> Result<(), Error> {
        match self.person.kin.merged_into {
            Some(into) => Err(Error::Merged { person: self.person.id, into }),
            None => Ok(()),
        }
    }

    /// The engagements of some of the person's workers.
    fn engagements(&self, workers: &BTreeSet<WorkerKey>) -> Vec<EngagementId> {
        let engagements = self.person.timeline.engagements.iter();
        let theirs = engagements
            .filter(|one| workers.contains(&(one.source.clone(), one.worker_id.clone())));
        theirs.map(|one| one.id).collect()
    }
}

/// Says what a change comes to for who keeps the id, and for the other one.
///
/// # Errors
/// When it makes no sense of what is known.
pub(crate) fn decide(
    change: &Change,
    keeps: Known,
    other: Known,
    (authorities, today): (&Authorities, Date),
) -> Result<Outcome, Error> {
    keeps.is_themselves()?;
    let told = all_told(&keeps.person, &other.person);
    let (id, other_id) = (keeps.person.id, other.person.id);
    let workers = match change {
        Change::Merge { .. } => {
            if id == other_id {
                return Err(Error::Same(id));
            }
            other.is_themselves()?;
            other.workers.keys().cloned().collect()
        }
        Change::Split { part, .. } => parted(&keeps, part)?,
    };
    let (mut keeps, mut other) = (keeps, other);
    let moved = match change {
        Change::Merge { .. } => {
            let engagements = other.person.timeline.engagements.iter().map(|one| one.id).collect();
            give(&mut other, &mut keeps, workers, engagements)
        }
        Change::Split { .. } => {
            let engagements = keeps.engagements(&workers);
            give(&mut keeps, &mut other, workers, engagements)
        }
    };
    match change {
        Change::Merge { .. } => merge(&mut keeps.person.kin, (id, other_id), &mut other.person.kin),
        Change::Split { .. } => split(&mut keeps.person.kin, (id, other_id), &mut other.person.kin),
    }
    for known in [&mut keeps, &mut other] {
        let composed = facts::compose(&known.person.timeline, authorities, &told, today);
        known.person.composed = composed.map(|composed| composed.timeline);
    }
    Ok(Outcome { keeps: keeps.person, other: other.person, moved })
}

/// The workers that are another's, of a person who keeps some.
fn parted(person: &Known, part: &Part) -> Result<BTreeSet<WorkerKey>, Error> {
    let id = person.person.id;
    let workers: BTreeSet<WorkerKey> = match part {
        Part::Merged(merged) => {
            if !person.person.kin.merged.contains(merged) {
                return Err(Error::NotMerged { person: id, merged: *merged });
            }
            let theirs = person.workers.iter().filter(|(_, from)| **from == Some(*merged));
            theirs.map(|(worker, _)| worker.clone()).collect()
        }
        Part::Workers(workers) => {
            let others = workers.iter().find(|worker| !person.workers.contains_key(*worker));
            if let Some((source_name, _worker_id)) = others.cloned() {
                return Err(Error::NotTheirs { person: id, source_name });
            }
            workers.clone()
        }
    };
    match part {
        Part::Merged(merged) if workers.is_empty() => {
            return Err(Error::NoneLeft { person: id, merged: *merged });
        }
        Part::Workers(_) if workers.is_empty() => return Err(Error::Nothing),
        Part::Merged(_) | Part::Workers(_) => {}
    }
    if workers.len() == person.workers.len() {
        return Err(Error::Everything(id));
    }
    Ok(workers)
}

/// Gives workers of one person to another, with what is known of these engagements.
fn give(
    from: &mut Known,
    to: &mut Known,
    workers: BTreeSet<WorkerKey>,
    engagements: Vec<EngagementId>,
) -> Moved {
    let offset = facts::next_number(&to.facts);
    let facts = std::mem::take(&mut from.facts);
    let (given, kept): (Vec<Fact>, Vec<Fact>) =
        facts.into_iter().partition(|fact| engagements.contains(&fact.engagement));
    from.facts = kept;
    to.facts.extend(given.into_iter().map(|fact| Fact { number: fact.number + offset, ..fact }));
    for worker in &workers {
        from.workers.remove(worker);
        to.workers.insert(worker.clone(), None);
    }
    for known in [&mut *from, &mut *to] {
        known.person.timeline = facts::fold(&known.facts);
    }
    Moved { from: from.person.id, to: to.person.id, workers, engagements, offset }
}

fn merge(survivor: &mut Kin, (id, retired_id): (PersonId, PersonId), retired: &mut Kin) {
    survivor.merged.insert(retired_id);
    survivor.merged.append(&mut retired.merged);
    survivor.split.append(&mut retired.split);
    survivor.split.retain(|other| *other != id && !survivor.merged.contains(other));
    *retired = Kin { merged_into: Some(id), ..Kin::default() };
}

fn split(person: &mut Kin, (id, other_id): (PersonId, PersonId), other: &mut Kin) {
    person.merged.remove(&other_id);
    person.split.insert(other_id);
    *other = Kin { split: [id].into(), ..Kin::default() };
}

/// What was told of both: a value about which sources do not agree stays as it was told last.
fn all_told(one: &Person, other: &Person) -> Timeline {
    let engagements = one.told().engagements.iter().chain(&other.told().engagements);
    Timeline::of(engagements.cloned().collect())
}

/// Stands for what a change would come to, and for what it rests on.
pub(crate) fn hash(
    change: &Change,
    before: [Version; 2],
    outcome: &Outcome,
    reports: usize,
) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(part.as_bytes());
        hash.update([0]);
    };
    add(change.as_str());
    let (keeps, other) = change.people();
    add(&keeps.to_string());
    add(&other.map(|other| other.to_string()).unwrap_or_default());
    before.iter().for_each(|version| add(&format!("{}.{}", version.epoch, version.counter)));
    for (source, worker_id) in &outcome.moved.workers {
        add(source);
        add(worker_id);
    }
    outcome.moved.engagements.iter().for_each(|engagement| add(&engagement.to_string()));
    add(&reports.to_string());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
