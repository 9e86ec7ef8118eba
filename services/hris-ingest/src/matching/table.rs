//! SQL for `worker_marks` and `unrehirable_workers`.

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use store::{Error, Tx};
use uuid::Uuid;

use super::Features;

/// Workers whom one mark finds at most: what more of them share tells nobody apart.
const FOUND_MAX: usize = 200;

/// What is said of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) worker_id: String,
    pub(crate) features: Features,
    /// Whether the worker is marked as not to be hired again.
    pub(crate) unrehirable: bool,
}

/// Who has some marks.
#[derive(Debug, Default)]
pub(crate) struct Having {
    pub(crate) by_mark: BTreeMap<Uuid, BTreeSet<PersonId>>,
    /// The marks that too many have; nobody is found by them.
    pub(crate) common: BTreeSet<Uuid>,
}

/// Returns who has some of these marks within a scope.
pub(crate) async fn having(tx: &mut Tx, scope: &str, marks: &[Uuid]) -> Result<Having, Error> {
    if marks.is_empty() {
        return Ok(Having::default());
    }
    let limit = i64::try_from(FOUND_MAX + 1).unwrap_or(i64::MAX);
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT m.mark, w.person_id
           FROM UNNEST($2::uuid[]) AS m (mark)
          CROSS JOIN LATERAL (SELECT source, worker_id FROM worker_marks
                               WHERE scope = $1 AND mark = m.mark LIMIT $3) f
           JOIN workers w ON w.source = f.source AND w.worker_id = f.worker_id",
    )
    .bind(scope)
    .bind(marks)
    .bind(limit)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find people by what is said of them"))?;
    let mut workers = BTreeMap::<Uuid, usize>::new();
    let mut by_mark = BTreeMap::<Uuid, BTreeSet<PersonId>>::new();
    for (mark, person) in rows {
        *workers.entry(mark).or_default() += 1;
        by_mark.entry(mark).or_default().insert(PersonId(person));
    }
    workers.retain(|_, count| *count > FOUND_MAX);
    by_mark.retain(|mark, _| !workers.contains_key(mark));
    Ok(Having { by_mark, common: workers.into_keys().collect() })
}

/// Returns what is known of people within a scope.
pub(crate) async fn of_people(
    tx: &mut Tx,
    scope: &str,
    people: &[Uuid],
) -> Result<BTreeMap<PersonId, Features>, Error> {
    if people.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as(
        "SELECT w.person_id, f.attribute, f.mark
           FROM workers w
           JOIN worker_marks f ON f.source = w.source AND f.worker_id = w.worker_id
          WHERE w.person_id = ANY ($2) AND f.scope = $1",
    )
    .bind(scope)
    .bind(people)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read what is known of people"))?;
    let mut known = BTreeMap::<PersonId, Features>::new();
    for (person, attribute, mark) in rows {
        known.entry(PersonId(person)).or_default().entry(attribute).or_default().insert(mark);
    }
    Ok(known)
}

/// Returns those of some people of whom any worker is marked as not to be hired again.
pub(crate) async fn unrehirable(tx: &mut Tx, people: &[Uuid]) -> Result<BTreeSet<PersonId>, Error> {
    if people.is_empty() {
        return Ok(BTreeSet::new());
    }
    let people: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT w.person_id
           FROM unrehirable_workers u
           JOIN workers w ON w.source = u.source AND w.worker_id = u.worker_id
          WHERE w.person_id = ANY ($1)",
    )
    .bind(people)
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find who is not to be hired again"))?;
    Ok(people.into_iter().map(PersonId).collect())
}

/// Keeps what was said last of workers.
pub(crate) async fn keep(
    tx: &mut Tx,
    (source, scope): (&str, &str),
    said: &[Said],
) -> Result<(), Error> {
    if said.is_empty() {
        return Ok(());
    }
    let workers: Vec<&str> = said.iter().map(|one| one.worker_id.as_str()).collect();
    let mut rows = Vec::new();
    for one in said {
        for (attribute, marks) in &one.features {
            rows.extend(marks.iter().map(|mark| (one.worker_id.as_str(), attribute, *mark)));
        }
    }
    sqlx::query("DELETE FROM worker_marks WHERE source = $1 AND worker_id = ANY ($2)")
        .bind(source)
        .bind(&workers)
        .persistent(false)
        .execute(tx.connection())
        .await
        .map_err(Error::during("forget what was said of workers"))?;
    sqlx::query(
        "INSERT INTO worker_marks (source, worker_id, scope, attribute, mark)
         SELECT $1, worker_id, $2, attribute, mark
           FROM UNNEST($3::text[], $4::text[], $5::uuid[]) AS m (worker_id, attribute, mark)",
    )
    .bind(source)
    .bind(scope)
    .bind(rows.iter().map(|(worker_id, ..)| *worker_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, attribute, _)| attribute.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., mark)| *mark).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep what is said of workers"))?;
    let unrehirable: Vec<&str> =
        said.iter().filter(|one| one.unrehirable).map(|one| one.worker_id.as_str()).collect();
    sqlx::query(
        "WITH lifted AS (DELETE FROM unrehirable_workers
                          WHERE source = $1 AND worker_id = ANY ($2) AND worker_id <> ALL ($3))
         INSERT INTO unrehirable_workers (source, worker_id)
         SELECT $1, worker_id FROM UNNEST($3::text[]) AS u (worker_id)
         ON CONFLICT DO NOTHING",
    )
    .bind(source)
    .bind(&workers)
    .bind(unrehirable)
    .persistent(false)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep who is not to be hired again"))
}
