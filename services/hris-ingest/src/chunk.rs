//! Some hundred workers of a run: read, compared, written.

use std::collections::BTreeMap;

use clock::Clock;
use domain::{Date, EngagementId, PersonId, RunId};
use proto::hris::v1 as wire;
use proto::prost::Message as _;
use store::{Error, Tx};
use uuid::Uuid;

use crate::facts::{self, Announcement, Change, Contract, Listing, Timeline, Update};
use crate::mapping::Source;
use crate::person::{self, Person, table::Announced};
use crate::reader::{Reject, Row};
use crate::roster::{self, Worker};
use crate::run::{self, Cursor, Run, Step, Tally};

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) run: RunId,
    pub(crate) source: &'a str,
    pub(crate) snapshot_date: Date,
    /// Whether the file's silence about a worker means that they have left.
    pub(crate) proves_absence: bool,
}

/// Workers that are next to each other in the walk.
#[derive(Debug)]
pub(crate) struct Chunk {
    workers: Vec<Compared>,
    pub(crate) next: Cursor,
}

/// One worker, what the file says of them and what is known.
#[derive(Debug)]
struct Compared {
    worker_id: String,
    rows: Vec<Row>,
    contract: Contract,
    person: Option<Person>,
}

/// Whether what is read will be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Preview,
    Write,
}

/// Says what a chunk would come to, and changes nothing.
pub(crate) async fn preview(
    tx: &mut Tx,
    clock: &Clock,
    scope: Scope<'_>,
    cursor: &Cursor,
    limit: u16,
) -> Result<(Tally, Cursor), Error> {
    let chunk = read(tx, scope, cursor, limit, Purpose::Preview).await?;
    let mut tally = Tally::default();
    for worker in chunk.workers.iter().filter(|worker| worker.is_anybody()) {
        tally.count(worker.compare(scope, clock).map(|update| update.change));
    }
    Ok((tally, chunk.next))
}

/// Compares and writes the next chunk of a run that the caller has locked.
pub(crate) async fn apply(
    tx: &mut Tx,
    clock: &Clock,
    run: &Run,
    source: &Source,
    limit: u16,
) -> Result<Step, Error> {
    let scope = Scope {
        run: run.id,
        source: &run.source,
        snapshot_date: run.snapshot_date,
        proves_absence: run.content.proves_absence,
    };
    let chunk = read(tx, scope, &run.cursor, limit, Purpose::Write).await?;
    let tally = Tally::default();
    let mut step = Step { next: chunk.next, tally, rejected: 0, rejects: Vec::new() };
    let (mut people, mut workers) = (Vec::new(), Vec::new());
    for worker in chunk.workers.into_iter().filter(Compared::is_anybody) {
        let Some(update) = worker.compare(scope, clock) else {
            step.tally.count(None);
            continue;
        };
        let (id, version) = match &worker.person {
            Some(person) => (person.id, tx.next_version(person.version)),
            None => (PersonId(tx.new_id()), tx.next_version(domain::Version::default())),
        };
        let person = Person { id, version, timeline: update.timeline };
        match announce(tx, source, &person, update.change) {
            Ok(event) => {
                tx.publish(&event)?;
                step.tally.count(Some(update.change));
                workers.push(Worker {
                    last_day: roster::last_day(&person.timeline, scope.source, &worker.worker_id),
                    worker_id: worker.worker_id,
                    person: id,
                });
                people.push(Announced { person, event: event.encode_to_vec() });
            }
            Err(facts::Error::TooLarge { .. }) => worker.reject(&mut step),
        }
    }
    person::table::upsert(tx, &people).await?;
    roster::table::upsert(tx, scope.source, &workers).await?;
    run::table::advance(tx, run.id, &step).await?;
    Ok(step)
}

fn announce(
    tx: &Tx,
    source: &Source,
    person: &Person,
    change: Change,
) -> Result<wire::PersonUpdated, facts::Error> {
    let announcement = Announcement {
        person: person.id,
        version: person.version,
        change,
        lane: facts::lane(&person.timeline, tx.now(), source.zone()),
        zone: source.zone_name(),
        recorded_at: tx.now(),
        timeline: &person.timeline,
    };
    announcement.event(source.attributes())
}

impl Compared {
    /// Whether the worker is known or listed; else every row of them was rejected.
    fn is_anybody(&self) -> bool {
        self.person.is_some() || !self.rows.is_empty()
    }

    fn compare(&self, scope: Scope<'_>, clock: &Clock) -> Option<Update> {
        let nothing = Timeline::default();
        let listing = Listing {
            source: scope.source,
            worker_id: &self.worker_id,
            snapshot_date: scope.snapshot_date,
            contract: self.contract,
            rows: &self.rows,
        };
        let known = self.person.as_ref().map_or(&nothing, |person| &person.timeline);
        facts::compare(known, &listing, || EngagementId(clock.new_id()))
    }

    fn reject(self, step: &mut Step) {
        step.rejected += u64::try_from(self.rows.len()).unwrap_or_default();
        step.rejects.push(Reject {
            line: self.rows.first().map_or(1, |row| row.line),
            column: String::new(),
            reason: "the person has more history and attributes than one event can hold".to_owned(),
            worker_id: None,
        });
    }
}

async fn read(
    tx: &mut Tx,
    scope: Scope<'_>,
    cursor: &Cursor,
    limit: u16,
    purpose: Purpose,
) -> Result<Chunk, Error> {
    let (mut workers, next) = match cursor {
        Cursor::Listed(after) => listed(tx, scope, after, limit).await?,
        Cursor::Absent(after) => absent(tx, scope, after, limit).await?,
        Cursor::End => (Vec::new(), Cursor::End),
    };
    let ids: Vec<&str> = workers.iter().map(|worker| worker.worker_id.as_str()).collect();
    let people_of = roster::table::people_of(tx, scope.source, &ids).await?;
    let people: Vec<Uuid> = people_of.values().map(|person| person.0).collect();
    match purpose {
        Purpose::Preview => {}
        Purpose::Write => person::table::lock(tx, &people).await?,
    }
    let people = person::table::list(tx, &people).await?;
    let mut people: BTreeMap<_, _> = people.into_iter().map(|person| (person.id, person)).collect();
    for worker in &mut workers {
        worker.person = people_of.get(&worker.worker_id).and_then(|id| people.remove(id));
    }
    Ok(Chunk { workers, next })
}

async fn listed(
    tx: &mut Tx,
    scope: Scope<'_>,
    after: &str,
    limit: u16,
) -> Result<(Vec<Compared>, Cursor), Error> {
    let mut workers = Vec::<Compared>::new();
    for (worker_id, row) in roster::table::listed_after(tx, scope.run, after, limit).await? {
        if workers.last().is_none_or(|last| last.worker_id != worker_id) {
            let contract = if scope.proves_absence { Contract::Full } else { Contract::Partial };
            workers.push(Compared { worker_id, rows: Vec::new(), contract, person: None });
        }
        let Some(worker) = workers.last_mut() else { continue };
        match row {
            Some(row) => worker.rows.push(row),
            // Not all that the file says of the worker is known.
            None => worker.contract = Contract::Partial,
        }
    }
    let next = match workers.last() {
        Some(last) if workers.len() >= usize::from(limit) => Cursor::Listed(last.worker_id.clone()),
        Some(_) | None if scope.proves_absence => Cursor::Absent(String::new()),
        Some(_) | None => Cursor::End,
    };
    Ok((workers, next))
}

async fn absent(
    tx: &mut Tx,
    scope: Scope<'_>,
    after: &str,
    limit: u16,
) -> Result<(Vec<Compared>, Cursor), Error> {
    let source = (scope.run, scope.source);
    let ids = roster::table::absent_after(tx, source, scope.snapshot_date, after, limit).await?;
    let next = match ids.last() {
        Some(last) if ids.len() >= usize::from(limit) => Cursor::Absent(last.clone()),
        Some(_) | None => Cursor::End,
    };
    let contract = Contract::Full;
    let worker = |worker_id| Compared { worker_id, rows: Vec::new(), contract, person: None };
    Ok((ids.into_iter().map(worker).collect(), next))
}
