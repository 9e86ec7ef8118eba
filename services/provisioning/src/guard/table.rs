//! SQL that counts administrators.

use std::collections::BTreeMap;

use domain::PersonId;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Losing, Unasked};

/// Returns what these people were found to hold in an application without anybody having asked for it.
pub(crate) async fn unasked(
    tx: &mut Tx,
    application: &str,
    losing: &Losing,
) -> Result<Vec<Unasked>, Error> {
    let people: Vec<Uuid> = losing.keys().map(|person| person.0).collect();
    let rows: Vec<(Uuid, String, Option<SqlTimestamp>)> = sqlx::query_as(
        "SELECT person_id, item, closed_at FROM drifts
          WHERE application = $1 AND person_id = ANY($2) AND kind = 'unmanaged_grant'",
    )
    .bind(application)
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for administrators whom nobody had named"))?;
    let read = |(person, entitlement, until): (Uuid, String, Option<SqlTimestamp>)| Unasked {
        person: PersonId(person),
        entitlement,
        until: until.map(SqlTimestamp::to_jiff),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Returns how many others hold what these people would lose, in accounts that can be used and of which it is
/// not about to be taken.
///
/// Whoever asks for the same application meanwhile waits until this transaction ends: of two who would each
/// leave the other as the last one, the second sees what the first is about to take.
pub(crate) async fn others(
    tx: &mut Tx,
    application: &str,
    losing: &Losing,
) -> Result<BTreeMap<String, i64>, Error> {
    let now = tx.now();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended('last administrator of ' || $1, 0))",
    )
    .bind(application)
    .execute(tx.connection())
    .await
    .map_err(Error::during("lock the administrators of an application"))?;
    let people: Vec<Uuid> = losing.keys().map(|person| person.0).collect();
    let entitlements: Vec<&str> = losing
        .values()
        .flatten()
        .map(String::as_str)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT e.entitlement, count(a.person_id)
           FROM UNNEST($2::text[]) AS e (entitlement)
           LEFT JOIN accounts a
             ON a.application = $1 AND a.state = 'active' AND a.entitlements ? e.entitlement
            AND a.person_id <> ALL($3)
            AND NOT EXISTS
                (SELECT FROM branches b JOIN actions c USING (person_id, application)
                  WHERE b.person_id = a.person_id AND b.application = a.application
                    AND b.lease IS NOT NULL AND b.due_at > $4 AND c.state = 'open'
                    AND (c.kind = 'disable'
                         OR (c.kind = 'revoke' AND c.entitlement = e.entitlement)))
          GROUP BY e.entitlement",
    )
    .bind(application)
    .bind(entitlements)
    .bind(people)
    .bind(now.to_sqlx())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("count the administrators of an application"))?;
    Ok(rows.into_iter().collect())
}
