//! SQL for `kin_changes`, and for what changes hands between people.

use std::collections::BTreeSet;

use domain::PersonId;
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Change, Moved, Part, WorkerKey};
/// The sources that know people, in their order.
pub(super) async fn sources(tx: &mut Tx, people: &[Uuid]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT source FROM workers WHERE person_id = ANY ($1) ORDER BY source",
    )
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find the sources of people"))
}

/// The scopes within which people are told apart, in their order.
pub(super) async fn scopes(tx: &mut Tx, people: &[Uuid]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT scope FROM identities WHERE person_id = ANY ($1)
          UNION
         SELECT m.scope
           FROM workers w JOIN worker_marks m ON m.source = w.source AND m.worker_id = w.worker_id
          WHERE w.person_id = ANY ($1)
          ORDER BY scope",
    )
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find what tells people apart"))
}

/// Gives one person what was another's: workers, facts, and numbers for ever.
pub(super) async fn give(tx: &mut Tx, moved: &Moved, change: &Change) -> Result<(), Error> {
    let Moved { from, to, workers, engagements, offset } = moved;
    let engagements: Vec<Uuid> = engagements.iter().map(|engagement| engagement.0).collect();
    // What was merged remembers whose it was; what is given back, or somebody new's, is theirs alone.
    let remembers = match change {
        Change::Merge { .. } => true,
        Change::Split { .. } => false,
    };
    sqlx::query(
        "UPDATE facts SET person_id = $2, number = number + $4
          WHERE person_id = $1 AND engagement_id = ANY ($3)",
    )
    .bind(from.0)
    .bind(to.0)
    .bind(engagements)
    .bind(offset)
    .execute(tx.connection())
    .await
    .map_err(Error::during("give a person the facts of another"))?;
    let (sources, ids) = columns(workers);
    sqlx::query(
        "UPDATE workers w
            SET person_id = $2,
                merged_from = CASE WHEN $5 THEN COALESCE(w.merged_from, $1) END
           FROM UNNEST($3::text[], $4::text[]) AS g (source, worker_id)
          WHERE w.person_id = $1 AND w.source = g.source
            AND w.worker_id = g.worker_id COLLATE \"C\"",
    )
    .bind(from.0)
    .bind(to.0)
    .bind(sources)
    .bind(ids)
    .bind(remembers)
    .execute(tx.connection())
    .await
    .map_err(Error::during("give a person the workers of another"))?;
    let numbers = match change {
        Change::Merge { .. } => {
            "UPDATE identities SET person_id = $2, merged_from = COALESCE(merged_from, $1)
              WHERE person_id = $1"
        }
        Change::Split { part: Part::Merged(_), .. } => {
            "UPDATE identities SET person_id = $2, merged_from = NULL
              WHERE person_id = $1 AND merged_from = $2"
        }
        // Whose a number is that one human has is not known: the source says it with the next row.
        Change::Split { part: Part::Workers(_), .. } => return share(tx, [*from, *to]).await,
    };
    sqlx::query(numbers)
        .bind(from.0)
        .bind(to.0)
        .execute(tx.connection())
        .await
        .map_err(Error::during("give a person the numbers of another"))?;
    share(tx, [*from, *to]).await
}

/// Marks the workers of people of whom a source knows several.
async fn share(tx: &mut Tx, people: [PersonId; 2]) -> Result<(), Error> {
    sqlx::query(
        "UPDATE workers w SET shared = s.several
           FROM (SELECT source, person_id, count(*) > 1 AS several FROM workers
                  WHERE person_id = ANY ($1) GROUP BY source, person_id) s
          WHERE w.source = s.source AND w.person_id = s.person_id AND w.shared <> s.several",
    )
    .bind(people.map(|person| person.0).as_slice())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("mark people of several workers"))
}

/// Keeps who decided what, and why.
pub(super) async fn record(
    tx: &mut Tx,
    kind: &str,
    (person, other): (PersonId, PersonId),
    (by, note): (&str, &str),
) -> Result<(), Error> {
    let (id, now) = (tx.new_id(), tx.now());
    sqlx::query(
        "INSERT INTO kin_changes (id, kind, person_id, other_id, decided_by, note, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(kind)
    .bind(person.0)
    .bind(other.0)
    .bind(by)
    .bind(note)
    .bind(now.to_sqlx())
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("keep who decided about people"))
}

fn columns(workers: &BTreeSet<WorkerKey>) -> (Vec<&str>, Vec<&str>) {
    workers.iter().map(|(source, worker_id)| (source.as_str(), worker_id.as_str())).unzip()
}
