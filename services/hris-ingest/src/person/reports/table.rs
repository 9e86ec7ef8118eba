//! SQL for `reports`.

use std::collections::BTreeSet;

use domain::{Date, PersonId};
use jiff_sqlx::ToSqlx as _;
use store::{Error, Tx};
use uuid::Uuid;

use crate::person::Report;

/// Writes whom people report to, in place of what was written of them before.
pub(crate) async fn replace(
    tx: &mut Tx,
    people: &[PersonId],
    reports: &[Report],
) -> Result<(), Error> {
    if people.is_empty() {
        return Ok(());
    }
    let people: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    sqlx::query("DELETE FROM reports WHERE person_id = ANY ($1)")
        .bind(people)
        .execute(tx.connection())
        .await
        .map_err(Error::during("forget whom people reported to"))?;
    let people: Vec<Uuid> = reports.iter().map(|report| report.person.0).collect();
    let sources: Vec<&str> = reports.iter().map(|report| report.source.as_str()).collect();
    let managers: Vec<&str> = reports.iter().map(|report| report.manager.as_str()).collect();
    let known: Vec<Option<Uuid>> =
        reports.iter().map(|report| report.manager_person.map(|person| person.0)).collect();
    sqlx::query(
        "INSERT INTO reports (person_id, source, manager, manager_person_id)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[])
                    AS r (person_id, source, manager, manager_person_id)",
    )
    .bind(people)
    .bind(sources)
    .bind(managers)
    .bind(known)
    .execute(tx.connection())
    .await
    .map(|_done| ())
    .map_err(Error::during("write whom people report to"))
}

/// Returns those who come next of the people who were told without a manager who is known now.
pub(crate) async fn newly_known(
    tx: &mut Tx,
    source: &str,
    after: Uuid,
    limit: u16,
) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT r.person_id
           FROM reports r
           JOIN workers w ON w.source = r.source AND w.worker_id = r.manager
          WHERE r.source = $1 AND r.manager_person_id IS NULL AND w.person_id <> r.person_id
            AND r.person_id > $2
          ORDER BY r.person_id LIMIT $3",
    )
    .bind(source)
    .bind(after)
    .bind(i64::from(limit))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find people whose manager became known"))
}

/// Counts the people present in a source on a day of whom a manager is nobody known.
pub(crate) async fn count_unknown(tx: &mut Tx, source: &str, day: Date) -> Result<u64, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT r.person_id)
           FROM reports r
           JOIN workers w ON w.source = r.source AND w.person_id = r.person_id
          WHERE r.source = $1 AND r.manager_person_id IS NULL
            AND (w.last_day IS NULL OR w.last_day >= $2)",
    )
    .bind(source)
    .bind(day.to_sqlx())
    .persistent(false)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count people without a known manager"))?;
    Ok(count.unsigned_abs())
}

/// Those who report to any of some workers, by the words of the same source.
pub(crate) async fn of_managers(
    tx: &mut Tx,
    workers: &BTreeSet<(String, String)>,
    limit: u16,
) -> Result<Vec<PersonId>, Error> {
    let (sources, ids): (Vec<&str>, Vec<&str>) =
        workers.iter().map(|(source, id)| (source.as_str(), id.as_str())).unzip();
    let people: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT r.person_id
           FROM reports r
           JOIN UNNEST($1::text[], $2::text[]) AS w (source, worker_id)
             ON r.source = w.source AND r.manager = w.worker_id COLLATE \"C\"
          ORDER BY r.person_id LIMIT $3",
    )
    .bind(sources)
    .bind(ids)
    .bind(i64::from(limit))
    .persistent(false)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("find who reports to workers"))?;
    Ok(people.into_iter().map(PersonId).collect())
}
