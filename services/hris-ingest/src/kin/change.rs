//! From what a human asks for to what is written: looked at without a lock, done under all of them.

use std::collections::BTreeMap;

use domain::{PersonId, Version};
use jiff::tz::TimeZone;
use proto::hris::v1 as wire;
use store::{Store, Tx};

use super::tell::{self, Before};
use super::{Change, Error, Known, NOTE_BYTES_MAX, Outcome, REPORTS_MAX, Word, table};
use super::{decide, hash};
use crate::case::{self, Kind};
use crate::person::{self, Person};
use crate::{authority, facts, hold, roster};

/// What a change would come to, and what stands for it.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) outcome: Outcome,
    pub(crate) hash: String,
    pub(crate) reports: usize,
}

/// Says what a change would come to. Changes nothing.
///
/// # Errors
/// When it would not be made.
pub(crate) async fn preview(store: &Store, change: &Change) -> Result<Preview, Error> {
    let mut tx = store.begin().await?;
    let (preview, _reports) = look(&mut tx, change).await?;
    Ok(preview)
}

/// Makes a change that somebody has looked at.
///
/// # Errors
/// When it comes to something else than they have seen, or cannot be made; then nothing is changed.
pub(crate) async fn carry_out(store: &Store, word: &Word) -> Result<Outcome, Error> {
    let by = hold::name(&word.by).map_err(|_nameless| Error::Nameless)?;
    if word.note.len() > NOTE_BYTES_MAX {
        return Err(Error::Wordy);
    }
    let mut tx = store.begin().await?;
    lock(&mut tx, &word.change).await?;
    let (preview, reports) = look(&mut tx, &word.change).await?;
    if preview.hash != word.hash {
        return Err(Error::Moved { hash: preview.hash });
    }
    let outcome = write(&mut tx, &word.change, preview.outcome, &reports, &by).await?;
    let people = (outcome.keeps.id, outcome.other.id);
    table::record(&mut tx, word.change.as_str(), people, (&by, &word.note)).await?;
    tx.commit().await?;
    tracing::info!("person {} and {}: {}", people.0, people.1, word.change.as_str());
    Ok(outcome)
}

/// Keeps everybody else from whoever is concerned: sources first, then what tells people apart, then people.
async fn lock(tx: &mut Tx, change: &Change) -> Result<(), Error> {
    let (person, other) = change.people();
    let people: Vec<_> = [person].into_iter().chain(other).map(|person| person.0).collect();
    for source in table::sources(tx, &people).await? {
        roster::table::lock_source(tx, &source).await?;
    }
    for scope in table::scopes(tx, &people).await? {
        person::table::lock_scope(tx, &scope).await?;
    }
    Ok(person::table::lock(tx, &people).await?)
}

async fn look(tx: &mut Tx, change: &Change) -> Result<(Preview, Vec<PersonId>), Error> {
    let (id, other_id) = change.people();
    let keeps = known(tx, id).await?;
    let other = match other_id {
        Some(other) => known(tx, other).await?,
        None => Known::nobody(PersonId(tx.new_id())),
    };
    for person in [&keeps, &other] {
        let asked = case::table::asked_about(tx, person.person.id).await?;
        if let Some(case) = asked {
            return Err(Error::Asked { person: person.person.id, case });
        }
    }
    let before: [Version; 2] = [keeps.person.version, other.person.version];
    let authorities = authority::table::all(tx).await?;
    let today = TimeZone::UTC.to_datetime(tx.now()).date();
    let outcome = decide(change, keeps, other, (&authorities, today))?;
    let people = [outcome.keeps.id, outcome.other.id];
    let limit = REPORTS_MAX + 1;
    let mut reports = person::reports::of_managers(tx, &outcome.moved.workers, limit).await?;
    if reports.len() > usize::from(REPORTS_MAX) {
        return Err(Error::Reports);
    }
    reports.retain(|report| !people.contains(report));
    let hash = hash(change, before, &outcome, reports.len());
    Ok((Preview { outcome, hash, reports: reports.len() }, reports))
}

async fn known(tx: &mut Tx, id: PersonId) -> Result<Known, Error> {
    let person = person::table::list(tx, &[id.0]).await?.pop().ok_or(Error::Unknown(id))?;
    let mut facts = facts::table::of_people(tx, &[id.0]).await?;
    let facts = facts.remove(&id).unwrap_or_default();
    Ok(Known { person, facts, workers: roster::table::of_person(tx, id).await? })
}

/// Writes what a change comes to, and tells everybody concerned.
async fn write(
    tx: &mut Tx,
    change: &Change,
    mut outcome: Outcome,
    reports: &[PersonId],
    by: &str,
) -> Result<Outcome, Error> {
    let Outcome { keeps, other, moved } = &mut outcome;
    let both = [keeps.id, other.id];
    let is_new = other.version == Version::default();
    keeps.version = tx.next_version(keeps.version);
    other.version = tx.next_version(other.version);
    let concerned = aliases(tx, change, keeps).await?;
    let reporters = locked(tx, reports).await?;
    let ids = both.into_iter().chain(ids(&concerned)).chain(ids(&reporters)).collect::<Vec<_>>();
    let mut before = Before::read(tx, &ids).await?;
    before.join(both);

    if is_new {
        person::table::insert(tx, other).await?;
    }
    // Before anything is told: whom somebody reports to is found by the worker.
    table::give(tx, moved, change).await?;
    let of_other = if is_new { facts::Change::Joined } else { facts::Change::Changed };
    let mut people = vec![(keeps.clone(), facts::Change::Changed), (other.clone(), of_other)];
    people.extend(concerned.into_iter().chain(reporters).map(|mut person| {
        person.version = tx.next_version(person.version);
        (person, facts::Change::Changed)
    }));
    tell::tell(tx, people, &before).await?;
    match change {
        Change::Merge { retired, .. } => withdraw_conflicts(tx, *retired).await?,
        Change::Split { .. } => {}
    }
    publish(tx, change, &outcome, by)?;
    Ok(outcome)
}

/// Returns people, locked.
async fn locked(tx: &mut Tx, people: &[PersonId]) -> Result<Vec<Person>, Error> {
    let ids: Vec<_> = people.iter().map(|person| person.0).collect();
    person::table::lock(tx, &ids).await?;
    Ok(person::table::list(tx, &ids).await?)
}

fn ids(people: &[Person]) -> impl Iterator<Item = PersonId> {
    people.iter().map(|person| person.id)
}

/// Ids that stood for somebody who is merged away, and stand for the survivor now.
async fn aliases(tx: &mut Tx, change: &Change, survivor: &Person) -> Result<Vec<Person>, Error> {
    let Change::Merge { retired, .. } = change else { return Ok(Vec::new()) };
    let others: Vec<PersonId> =
        survivor.kin.merged.iter().filter(|one| *one != retired).copied().collect();
    let mut people = locked(tx, &others).await?;
    people.retain(|person| person.kin.merged_into == Some(*retired));
    for person in &mut people {
        person.kin.merged_into = Some(survivor.id);
    }
    Ok(people)
}

/// Closes what is asked about the values of somebody who has none any more.
async fn withdraw_conflicts(tx: &mut Tx, retired: PersonId) -> Result<(), Error> {
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    for (source, key) in case::table::conflicts(tx, retired).await? {
        keys.entry(source).or_default().push(key);
    }
    for (source, keys) in keys {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        case::withdraw(tx, &source, &[Kind::Conflict], &keys).await?;
    }
    Ok(())
}

fn publish(tx: &mut Tx, change: &Change, outcome: &Outcome, by: &str) -> Result<(), Error> {
    let Outcome { keeps, other, moved } = outcome;
    let engagement_ids = moved.engagements.iter().map(ToString::to_string).collect();
    let (person, other_person) = (keeps.id.to_string(), other.id.to_string());
    let (version, other_version) = (Some(keeps.version.into()), Some(other.version.into()));
    let (decided_by, at) = (by.to_owned(), Some(tx.now().into()));
    Ok(match change {
        Change::Merge { .. } => tx.publish(&wire::PersonsMerged {
            survivor_person_id: person,
            retired_person_id: other_person,
            version,
            retired_version: other_version,
            engagement_ids,
            decided_by,
            merged_at: at,
        }),
        Change::Split { .. } => tx.publish(&wire::PersonSplit {
            person_id: person,
            split_person_id: other_person,
            version,
            split_version: other_version,
            engagement_ids,
            decided_by,
            split_at: at,
        }),
    }?)
}
