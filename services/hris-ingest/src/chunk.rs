//! Some hundred workers of a run: read, compared, written.

mod conflict;
mod crowd;
mod decide;
mod doubt;
mod lineup;
mod look;
mod managers;
mod push;
mod read;
mod remember;
mod tell;
mod weigh;

use std::collections::{BTreeMap, BTreeSet};

use clock::Clock;
use domain::{Date, RunId, Timestamp};
use proto::prost::Message as _;
use store::{Error, Tx};
use uuid::Uuid;

use crate::authority;
use crate::case;
use crate::facts::{self, Change, Contract};
use crate::listed;
use crate::mapping::{Authority, Matching, Source};
use crate::person::{self, table::Announced};
use crate::reader::{Marks, Reject};
use crate::roster;
use crate::run::{self, Cursor, Run, Step};
use crowd::{Crowd, Draft, Listed};
use doubt::Refusal;
use read::{meet, read};

pub(crate) use decide::decide;
pub(crate) use look::look;
pub(crate) use push::{End, Outcome, Said, Taken, take};

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) run: RunId,
    pub(crate) source: &'a str,
    /// What names a human for ever, if the source has such a thing.
    pub(crate) identity: Option<IdentityScope<'a>>,
    /// How its workers are told apart otherwise.
    pub(crate) matching: Option<&'a Matching>,
    pub(crate) snapshot_date: Date,
    /// When the file began to be read; what was pushed later is newer than it. None without a file.
    pub(crate) read_at: Option<Timestamp>,
    /// Whether nobody is told of what begins with the file.
    pub(crate) quiet: bool,
    /// What the source's word is worth beside that of others.
    pub(crate) authority: &'a Authority,
    /// What the file's silence about a worker means.
    pub(crate) silence: Silence,
    /// The attribute by which people are counted in groups.
    pub(crate) group_by: Option<&'a str>,
    /// The groups whose people are written; all without it.
    pub(crate) released: Option<&'a [String]>,
}

/// What a file's silence about a worker means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing: the file is partial, or there is none.
    Nothing,
    /// That somebody has to say: the file is full, and has a row that could be anybody's.
    Asked,
    /// That they have left.
    Left,
}

impl Silence {
    /// What the silence of a run's file means.
    pub(crate) fn of(run: &Run) -> Self {
        match (run.contract, run.content.proves_absence) {
            (_, true) => Self::Left,
            (Contract::Full, false) => Self::Asked,
            (Contract::Partial, false) => Self::Nothing,
        }
    }
}

/// Where what names a human stands, and how far it is valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdentityScope<'a> {
    pub(crate) scope: &'a str,
    pub(crate) column: &'a str,
}

/// Workers that are next to each other in the walk, and the people they are.
#[derive(Debug)]
struct Chunk {
    workers: Vec<Listed>,
    crowd: Crowd,
    next: Cursor,
}

/// Whether what is read will be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Look,
    Write,
}

impl<'a> Scope<'a> {
    /// What a run, or one that is to be, compares.
    pub(crate) fn new(run: RunId, source: &'a Source, snapshot_date: Date) -> Self {
        let identity = source.identity.as_ref().map(|identity| IdentityScope {
            scope: &identity.scope,
            column: source.column_of(identity.field),
        });
        Self {
            run,
            source: source.name(),
            identity,
            matching: source.matching.as_ref(),
            snapshot_date,
            read_at: None,
            quiet: false,
            authority: &source.authority,
            silence: Silence::Nothing,
            group_by: source.limits.group_by.as_deref(),
            released: None,
        }
    }
}

impl Scope<'_> {
    /// Within what people are told apart: sources of one such scope go one after the other.
    fn people_scope(&self) -> Option<&str> {
        let identity = self.identity.map(|identity| identity.scope);
        identity.or(self.matching.map(|matching| matching.scope.as_str()))
    }

    /// Whether what the run says of a person is let through.
    fn releases(&self, draft: &Draft) -> bool {
        self.released.is_none_or(|groups| groups.contains(&look::group(*self, draft)))
    }
}

/// Compares and writes the next chunk of a run that the caller has locked.
pub(crate) async fn apply(
    tx: &mut Tx,
    clock: &Clock,
    run: &Run,
    source: &Source,
    limit: u16,
) -> Result<Step, Error> {
    roster::table::lock_source(tx, source.name()).await?;
    let mut step = match &run.cursor {
        Cursor::Managers(after) => managers::tell(tx, source, after, limit).await?,
        Cursor::Listed(_) | Cursor::Absent(_) | Cursor::Look | Cursor::End => {
            let scope = Scope {
                read_at: Some(run.started_at),
                quiet: run.quiet,
                silence: Silence::of(run),
                released: run.released.as_deref(),
                ..Scope::new(run.id, source, run.snapshot_date)
            };
            write(tx, clock, scope, &run.cursor, source, limit).await?
        }
    };
    if matches!(run.cursor, Cursor::Absent(_)) && !matches!(step.next, Cursor::Absent(_)) {
        case::withdraw_seen(tx, run).await?;
        if run.content.proves_absence {
            case::withdraw_unlisted(tx, run).await?;
        }
    }
    if run.content.unchanged == 0 {
        step.counted_twice = 0;
    }
    if run.held_at.is_some() {
        // Counted when the run was held; a part that is released walks through everybody.
        step.tally.unchanged = 0;
    }
    if run.released.is_some() && step.next == Cursor::End {
        step.next = Cursor::Look;
    }
    run::table::advance(tx, run.id, &step).await?;
    Ok(step)
}

async fn write(
    tx: &mut Tx,
    clock: &Clock,
    scope: Scope<'_>,
    cursor: &Cursor,
    source: &Source,
    limit: u16,
) -> Result<Step, Error> {
    authority::table::keep(tx, source.name(), source.authority()).await?;
    let Chunk { workers, mut crowd, next } = read(tx, scope, cursor, limit, Purpose::Write).await?;
    let next = match next {
        Cursor::End if source.manager.is_some() => Cursor::Managers(String::new()),
        Cursor::Listed(_)
        | Cursor::Absent(_)
        | Cursor::Managers(_)
        | Cursor::Look
        | Cursor::End => next,
    };
    let mut step = Step { next, ..Step::default() };
    let mut listed = BTreeMap::new();
    let (mut taken, mut doubtful, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    for worker in workers {
        let (worker_id, rows) = (worker.worker_id.clone(), worker.rows.len());
        let marks: Vec<Marks> = worker.rows.iter().filter_map(|row| row.marks).collect();
        let contract = worker.contract;
        let took = crowd.take(scope, clock, worker);
        // Where every row was rejected, what was asked of the worker is asked still.
        if matches!(took, Ok(true)) && (rows > 0 || contract == Contract::Full) {
            taken.push(worker_id.clone());
        }
        match took {
            // What the rows say is not what is known: the next file is read of the worker again.
            Ok(false) => drop(listed.insert(worker_id, Some(Vec::new()))),
            Ok(true) if rows > 0 => drop(listed.insert(worker_id, Some(marks))),
            Ok(true) if contract == Contract::Full => drop(listed.insert(worker_id, None)),
            // Every row was rejected: the file says nothing of the worker.
            Ok(true) => {}
            Err(Refusal::Reject(reject)) => step.reject(rows, reject),
            Err(Refusal::Doubt(doubt)) => {
                doubtful.push(rows);
                doubts.push(*doubt);
            }
        }
    }
    let asked = doubt::ask(tx, scope.source, &doubts).await?;
    // Who is missing has no row that could be rejected.
    let rejected = doubtful.into_iter().zip(asked).filter(|(rows, _reject)| *rows > 0);
    rejected.for_each(|(rows, reject)| step.reject(rows, reject));
    doubt::settle(tx, scope.source, &taken).await?;
    let releases = |draft: &Draft, _change| scope.releases(draft);
    let told = tell_all(tx, scope, source, &crowd, listed, releases).await?;
    step.counted_twice = told.counted_twice;
    for fate in told.fates {
        match fate.end {
            Told::Nothing | Told::Noted => step.tally.count(None),
            Told::Kept => {}
            Told::News(change) => step.tally.count(Some(change)),
            Told::TooLarge => step.reject(fate.draft.rows, too_large(fate.draft)),
        }
    }
    Ok(step)
}

/// The rows by which workers were listed: of one who was pushed none, and one who is missing has nothing.
type ListedRows = BTreeMap<String, Option<Vec<Marks>>>;

/// What became of a crowd.
#[derive(Debug)]
struct Fates<'a> {
    fates: Vec<Fate<'a>>,
    /// Workers whom the run passed over, and who are people of the crowd.
    counted_twice: u64,
}

/// What became of one person of a crowd.
#[derive(Debug)]
struct Fate<'a> {
    draft: &'a Draft,
    end: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// There was no news.
    Nothing,
    /// Something was said that changes nothing: other sources count.
    Noted,
    /// There was news, and it was not let through.
    Kept,
    News(Change),
    TooLarge,
}

/// Tells of everybody in a crowd of whom there is news that is let through, and writes it.
async fn tell_all<'a>(
    tx: &mut Tx,
    scope: Scope<'_>,
    source: &Source,
    crowd: &'a Crowd,
    mut listed: ListedRows,
    passes: impl Fn(&Draft, Change) -> bool,
) -> Result<Fates<'a>, Error> {
    let managers = managers::known(tx, scope.source, crowd).await?;
    let (mut people, mut workers, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fates, mut kept) = (Vec::new(), BTreeSet::new());
    let mut noted = Vec::new();
    for draft in crowd.taken() {
        let news = draft.change(scope.snapshot_date);
        let change = match news {
            None if draft.new_facts().is_empty() => {
                fates.push(Fate { draft, end: Told::Nothing });
                continue;
            }
            Some(_) | None if !passes(draft, news.unwrap_or(Change::Changed)) => {
                draft.workers.iter().for_each(|worker_id| drop(listed.remove(worker_id)));
                kept.insert(draft.person.id);
                fates.push(Fate { draft, end: Told::Kept });
                continue;
            }
            None => {
                fates.push(Fate { draft, end: Told::Noted });
                workers.extend(draft.as_workers(scope.source));
                facts.extend(draft.as_records(scope.source));
                noted.push(&draft.person);
                continue;
            }
            Some(change) => change,
        };
        let mut person = draft.person.clone();
        person.version = tx.next_version(person.version);
        match tell::event(tx, source, &managers, &person, change) {
            Ok(event) => {
                tx.begin_trace(person.id);
                tx.publish(&event)?;
                fates.push(Fate { draft, end: Told::News(change) });
                workers.extend(draft.as_workers(scope.source));
                facts.extend(draft.as_records(scope.source));
                people.push(Announced { person, event: event.encode_to_vec() });
            }
            Err(facts::Error::TooLarge { .. }) => {
                draft.workers.iter().for_each(|worker_id| drop(listed.remove(worker_id)));
                fates.push(Fate { draft, end: Told::TooLarge });
            }
        }
    }
    tell::write(tx, &people, &managers).await?;
    person::table::note(tx, &noted).await?;
    facts::table::record(tx, &facts).await?;
    let written = fates.iter().filter(|fate| matches!(fate.end, Told::News(_) | Told::Noted));
    conflict::ask(tx, written.map(|fate| fate.draft)).await?;
    roster::table::upsert(tx, scope.source, &workers).await?;
    let shared: Vec<Uuid> = people
        .iter()
        .filter(|one| one.person.has_several_workers(scope.source))
        .map(|one| one.person.id.0)
        .collect();
    let counted_twice = roster::table::share(tx, (scope.run, scope.source), &shared).await?;
    keep_listed(tx, scope.source, crowd, listed).await?;
    remember::remember(tx, scope, crowd, &people, &kept).await?;
    Ok(Fates { fates, counted_twice })
}

/// Keeps by which rows workers were listed; of those who are missing nothing.
async fn keep_listed(
    tx: &mut Tx,
    source: &str,
    crowd: &Crowd,
    mut listed: ListedRows,
) -> Result<(), Error> {
    listed.retain(|worker_id, _marks| crowd.by_worker.contains_key(worker_id));
    let missing = listed.iter().filter(|(_, marks)| marks.is_none());
    let missing: Vec<&str> = missing.map(|(worker_id, _)| worker_id.as_str()).collect();
    listed::table::forget(tx, source, &missing).await?;
    let present = listed
        .iter()
        .filter_map(|(worker_id, marks)| Some((worker_id.as_str(), marks.as_deref()?)))
        .collect();
    listed::table::replace(tx, source, &present).await
}

fn too_large(draft: &Draft) -> Reject {
    Reject {
        line: draft.line,
        column: String::new(),
        reason: "the person has more history and attributes than one event can hold".to_owned(),
        worker_id: None,
    }
}

impl Step {
    fn reject(&mut self, rows: usize, reject: Reject) {
        self.rejected += u64::try_from(rows).unwrap_or_default();
        self.rejects.push(reject);
    }
}
