//! SQL for the `logins` table.

use std::collections::BTreeSet;

use domain::PersonId;
use store::{Error, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Candidate, HandedOver};

/// Returns the highest number that was given out, by application and base.
pub(crate) async fn highest(
    tx: &mut Tx,
    families: &BTreeSet<(String, String)>,
) -> Result<Vec<((String, String), i32)>, Error> {
    let (applications, bases): (Vec<&str>, Vec<&str>) =
        families.iter().map(|(application, base)| (application.as_str(), base.as_str())).unzip();
    let rows: Vec<(String, String, i32)> = sqlx::query_as(
        "SELECT t.application, t.base, highest.suffix
           FROM UNNEST($1::text[], $2::text[]) AS t (application, base)
          CROSS JOIN LATERAL
                (SELECT l.suffix FROM logins l
                  WHERE l.application = t.application AND l.base = t.base
                  ORDER BY l.suffix DESC LIMIT 1) AS highest",
    )
    .bind(applications)
    .bind(bases)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for logins"))?;
    Ok(rows.into_iter().map(|(application, base, suffix)| ((application, base), suffix)).collect())
}

/// Reserves logins and returns those that were free, by application and folded login.
pub(crate) async fn insert(
    tx: &mut Tx,
    candidates: &[Candidate],
) -> Result<BTreeSet<(String, String)>, Error> {
    if candidates.is_empty() {
        return Ok(BTreeSet::new());
    }
    let text = |f: fn(&Candidate) -> &str| candidates.iter().map(f).collect::<Vec<_>>();
    let people: Vec<Uuid> = candidates.iter().map(|candidate| candidate.person.0).collect();
    let suffixes: Vec<i32> = candidates.iter().map(|candidate| candidate.suffix).collect();
    let now = tx.now();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "INSERT INTO logins (application, folded, login, base, suffix, person_id, reserved_at)
         SELECT application, folded, login, base, suffix, person_id, $7
           FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::uuid[])
             AS t (application, folded, login, base, suffix, person_id)
          WHERE NOT EXISTS (SELECT FROM observed_accounts o
                             WHERE o.application = t.application AND lower(o.login) = t.folded
                               AND o.person_id IS NOT NULL AND o.person_id <> t.person_id)
          ORDER BY application, folded
         ON CONFLICT (application, folded) DO NOTHING
         RETURNING application, folded",
    )
    .bind(text(|candidate| &candidate.application))
    .bind(text(|candidate| &candidate.folded))
    .bind(text(|candidate| &candidate.login))
    .bind(text(|candidate| &candidate.base))
    .bind(suffixes)
    .bind(people)
    .bind(now.to_sqlx())
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("reserve logins"))?;
    Ok(rows.into_iter().collect())
}

/// Returns for whom a login is reserved, by the login in lower case.
pub(crate) async fn holder(
    tx: &mut Tx,
    application: &str,
    folded: &str,
) -> Result<Option<PersonId>, Error> {
    let row: Option<Uuid> =
        sqlx::query_scalar("SELECT person_id FROM logins WHERE application = $1 AND folded = $2")
            .bind(application)
            .bind(folded)
            .fetch_optional(tx.connection())
            .await
            .map_err(Error::during("look whose login it is"))?;
    Ok(row.map(PersonId))
}

/// Gives reserved logins to other people.
pub(crate) async fn hand_over(tx: &mut Tx, handed: &[HandedOver]) -> Result<(), Error> {
    if handed.is_empty() {
        return Ok(());
    }
    let text = |f: fn(&HandedOver) -> &str| handed.iter().map(f).collect::<Vec<_>>();
    let from: Vec<Uuid> = handed.iter().map(|one| one.from.0).collect();
    let to: Vec<Uuid> = handed.iter().map(|one| one.to.0).collect();
    sqlx::query(
        "UPDATE logins l SET person_id = t.to_person
           FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::uuid[])
             AS t (application, folded, from_person, to_person)
          WHERE l.application = t.application AND l.folded = t.folded
            AND l.person_id = t.from_person",
    )
    .bind(text(|one| &one.application))
    .bind(text(|one| &one.folded))
    .bind(from)
    .bind(to)
    .execute(tx.connection())
    .await
    .map_err(Error::during("give logins to others"))?;
    Ok(())
}
