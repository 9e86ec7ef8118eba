//! Workers whom a source pushes: compared and written in the transaction of the door they came by.

use std::collections::{BTreeMap, BTreeSet};

use clock::Clock;
use domain::{Date, EngagementId, PersonId, RunId, Timestamp};
use store::{Error, Tx};

use super::crowd::{Crowd, Draft, Listed, Moment};
use super::doubt::{self, Refusal};
use super::{Purpose, Scope, Told, managers, meet, tell_all, too_large};
use crate::authority;
use crate::facts::{Change, Contract};
use crate::mapping::Source;
use crate::push::{self, LEAVERS_WINDOW, Leavers, table::Pushed};
use crate::reader::{Reject, Row};
use crate::roster;

/// People told once more after a push, because their manager became known by it. Further ones follow
/// with the next.
const MANAGERS_AT_ONCE: u16 = 1_000;

/// What a source says of one engagement of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) worker_id: String,
    /// Absent: what was said before stays.
    pub(crate) row: Option<Row>,
    /// Tells old from new; absent: what arrives later is newer.
    pub(crate) sequence: Option<i64>,
    pub(crate) end: End,
}

/// What becomes of the end that a door gives the worker's engagements, beside the dates of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The dates count alone.
    AsStated,
    /// They end at this instant, which is on this day, at the latest.
    At(Timestamp, Date),
    /// Those go on that were ended at this instant and last until the present day.
    Withdrawn(Timestamp),
}

/// What became of something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is known from now on.
    Taken(Taken),
    /// It was known.
    Unchanged(Taken),
    /// Something newer was said before.
    Late,
    /// It was not taken over.
    Rejected(Reject),
    /// It was not taken over: a human must say who it is.
    Waits(Reject),
    /// It was not taken over because too many would leave by it.
    Held(String),
}

/// Whom something was said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) person: PersonId,
    pub(crate) engagement: EngagementId,
}

/// Takes over what a source says on a day; one outcome each, in the same order. The caller has locked
/// the source, and what is rejected changes nothing.
pub(crate) async fn take(
    tx: &mut Tx,
    clock: &Clock,
    source: &Source,
    day: Date,
    said: Vec<Said>,
) -> Result<Vec<Outcome>, Error> {
    authority::table::keep(tx, source.name(), source.authority()).await?;
    let scope = Scope::new(RunId(tx.new_id()), source, day);
    let ids: BTreeSet<&str> = said.iter().map(|said| said.worker_id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let last = push::table::sequences(tx, source.name(), &ids).await?;
    let Heard { workers, mut refused } = listed(&said, &last);
    let mut crowd = meet(tx, scope, &workers, Purpose::Write).await?;
    let (mut taken, mut refusals, mut doubtful, mut doubts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for worker in workers {
        let worker_id = worker.worker_id.clone();
        match crowd.take(scope, clock, worker) {
            Ok(true) => taken.push(worker_id),
            Ok(false) => {}
            Err(Refusal::Reject(reject)) => refusals.push((worker_id, Outcome::Rejected(reject))),
            Err(Refusal::Doubt(doubt)) => {
                doubtful.push(worker_id);
                doubts.push(*doubt);
            }
        }
    }
    let asked = doubt::ask(tx, source.name(), &doubts).await?;
    doubt::settle(tx, source.name(), &taken).await?;
    refusals.extend(doubtful.into_iter().zip(asked.into_iter().map(Outcome::Waits)));
    for (worker_id, refusal) in refusals {
        for (place, _said) in
            said.iter().enumerate().filter(|(_, said)| said.worker_id == worker_id)
        {
            refused.entry(place).or_insert_with(|| refusal.clone());
        }
    }
    for (place, said) in said.iter().enumerate() {
        if !refused.contains_key(&place) {
            end(&mut crowd, source.name(), (clock.now(), day), said);
        }
    }
    let leavers = leavers(tx, scope, source, &crowd).await?;
    let passes = |draft: &Draft, change| !leaves(draft, change) || leavers.pass();
    // What a file repeats of them is not what is known of them.
    let pushed = said.iter().enumerate().filter(|(place, _)| !refused.contains_key(place));
    let pushed = pushed.map(|(_, said)| (said.worker_id.clone(), Some(Vec::new()))).collect();
    let fates = tell_all(tx, scope, source, &crowd, pushed, passes).await?.fates;
    let fates: BTreeMap<PersonId, (Told, &Draft)> =
        fates.into_iter().map(|fate| (fate.draft.person.id, (fate.end, fate.draft))).collect();

    let outcomes: Vec<Outcome> = said
        .iter()
        .enumerate()
        .map(|(place, said)| match refused.remove(&place) {
            Some(outcome) => outcome,
            None => outcome(scope, said, &crowd, &fates, leavers),
        })
        .collect();
    record(tx, source, day, &said, &outcomes).await?;
    count_leavers(tx, source, &fates).await?;
    if source.manager.is_some() {
        managers::tell(tx, source, "", MANAGERS_AT_ONCE).await?;
    }
    Ok(outcomes)
}

/// Workers with what is said of them, and what is not listened to.
struct Heard {
    workers: Vec<Listed>,
    refused: BTreeMap<usize, Outcome>,
}

fn listed(said: &[Said], last: &BTreeMap<String, i64>) -> Heard {
    let mut workers = BTreeMap::<&str, Listed>::new();
    let mut refused = BTreeMap::new();
    for (place, one) in said.iter().enumerate() {
        let worker_id = one.worker_id.as_str();
        if let (Some(sequence), Some(last)) = (one.sequence, last.get(worker_id))
            && sequence <= *last
        {
            refused.insert(place, Outcome::Late);
            continue;
        }
        let worker = workers
            .entry(worker_id)
            .or_insert_with(|| Listed::new(worker_id.to_owned(), Contract::Partial));
        worker.leaves |= matches!(one.end, End::At(..));
        let Some(row) = &one.row else { continue };
        if worker.rows.iter().any(|known| known.engagement_key == row.engagement_key) {
            let reason = "is the same engagement of the same worker as one before it".to_owned();
            let reject = Reject { line: row.line, column: String::new(), reason, worker_id: None };
            refused.insert(place, Outcome::Rejected(reject));
            continue;
        }
        worker.rows.push(row.clone());
    }
    Heard { workers: workers.into_values().collect(), refused }
}

fn end(crowd: &mut Crowd, source: &str, now: Moment, said: &Said) {
    match said.end {
        End::AsStated => {}
        End::At(at, day) => crowd.end(source, &said.worker_id, (at, day), now),
        End::Withdrawn(at) => crowd.lift(source, &said.worker_id, at, now),
    }
}

fn leaves(draft: &Draft, change: Change) -> bool {
    match change {
        Change::Left => true,
        Change::Joined | Change::Changed | Change::Rehired => draft.goes(),
    }
}

async fn leavers(
    tx: &mut Tx,
    scope: Scope<'_>,
    source: &Source,
    crowd: &Crowd,
) -> Result<Leavers, Error> {
    let leaving = |draft: &&Draft| {
        draft.change(scope.snapshot_date).is_some_and(|change| leaves(draft, change))
    };
    let leaving: Vec<PersonId> = crowd.taken().filter(leaving).map(|one| one.person.id).collect();
    if leaving.is_empty() {
        return Ok(Leavers::default());
    }
    let since = tx.now() - LEAVERS_WINDOW;
    let recent = push::table::count_leavers(tx, source.name(), &leaving, since).await?;
    let present = roster::table::present(tx, source.name(), scope.snapshot_date).await?;
    let leaving = u64::try_from(leaving.len()).unwrap_or(u64::MAX);
    Ok(Leavers { leaving, recent, present, percent: source.pushed_leavers_percent })
}

fn outcome(
    scope: Scope<'_>,
    said: &Said,
    crowd: &Crowd,
    fates: &BTreeMap<PersonId, (Told, &Draft)>,
    leavers: Leavers,
) -> Outcome {
    let reject = |reason: String| {
        let (line, column) = (said.row.as_ref().map_or(1, |row| row.line), String::new());
        Outcome::Rejected(Reject { line, column, reason, worker_id: None })
    };
    let worker_id = said.worker_id.as_str();
    let found = crowd.draft_of(worker_id).and_then(|draft| fates.get(&draft.person.id));
    let Some((told, draft)) = found else { return reject("is nobody".to_owned()) };
    let engagement = draft.person.timeline.engagements.iter().rfind(|engagement| {
        engagement.source == scope.source
            && engagement.worker_id == worker_id
            && said.row.as_ref().is_none_or(|row| engagement.key == row.engagement_key)
    });
    let Some(engagement) = engagement else { return reject("is nobody".to_owned()) };
    let taken = Taken { person: draft.person.id, engagement: engagement.id };
    match told {
        Told::Nothing => Outcome::Unchanged(taken),
        Told::News(_) | Told::Noted => Outcome::Taken(taken),
        Told::Kept => Outcome::Held(leavers.to_string()),
        Told::TooLarge => reject(too_large(draft).reason),
    }
}

/// Keeps what was said last of those who were taken over.
async fn record(
    tx: &mut Tx,
    source: &Source,
    day: Date,
    said: &[Said],
    outcomes: &[Outcome],
) -> Result<(), Error> {
    let mut pushed = BTreeMap::<&str, Pushed<'_>>::new();
    for (said, outcome) in said.iter().zip(outcomes) {
        match outcome {
            Outcome::Late | Outcome::Rejected(_) | Outcome::Waits(_) | Outcome::Held(_) => continue,
            Outcome::Taken(_) | Outcome::Unchanged(_) => {}
        }
        let worker_id = said.worker_id.as_str();
        let one = pushed.entry(worker_id).or_insert(Pushed { worker_id, sequence: None });
        one.sequence = one.sequence.max(said.sequence);
    }
    let pushed: Vec<Pushed<'_>> = pushed.into_values().collect();
    push::table::record(tx, source.name(), day, &pushed).await
}

async fn count_leavers(
    tx: &mut Tx,
    source: &Source,
    fates: &BTreeMap<PersonId, (Told, &Draft)>,
) -> Result<(), Error> {
    let (mut left, mut stayed) = (Vec::new(), Vec::new());
    for (person, (told, draft)) in fates {
        match told {
            Told::News(change) if leaves(draft, *change) => left.push(person.0),
            Told::News(_) => stayed.push(person.0),
            Told::Noted | Told::Nothing | Told::Kept | Told::TooLarge => {}
        }
    }
    let since = tx.now() - LEAVERS_WINDOW;
    push::table::forget_leavers(tx, source.name(), &stayed, since).await?;
    push::table::add_leavers(tx, source.name(), &left).await
}
