//! SQL for `observed_accounts`, `observed_holdings` and `observed_keys`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, PersonId, ReadingId};
use sqlx::types::Json;
use store::{Error, Tx};
use uuid::Uuid;

use super::{Key, Seen};
use crate::connectors::{Holding, ObservedAccount, SeenAccount};

/// Keeps a page of accounts.
pub(crate) async fn put_accounts(
    tx: &mut Tx,
    application: &str,
    reading: ReadingId,
    accounts: &[SeenAccount],
) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let text = |f: fn(&ObservedAccount) -> &str| {
        accounts.iter().map(|seen| f(&seen.account)).collect::<Vec<_>>()
    };
    let attributes: Vec<Json<&Attributes>> =
        accounts.iter().map(|seen| Json(&seen.account.attributes)).collect();
    let carries: Vec<Option<Uuid>> =
        accounts.iter().map(|seen| seen.person.map(|person| person.0)).collect();
    sqlx::query(
        "INSERT INTO observed_accounts (application, account_id, reading, login, state, attributes,
                                        carries)
         SELECT DISTINCT ON (account_id) $1, account_id, $2, login, state, attributes, carries
           FROM UNNEST($3::text[], $4::text[], $5::text[], $6::jsonb[], $7::uuid[])
             AS t (account_id, login, state, attributes, carries)
          ORDER BY account_id
         ON CONFLICT (application, account_id) DO UPDATE
            SET reading = excluded.reading, login = excluded.login, state = excluded.state,
                attributes = excluded.attributes, carries = excluded.carries",
    )
    .bind(application)
    .bind(reading.0)
    .bind(text(|account| &account.account_id))
    .bind(text(|account| &account.login))
    .bind(text(|account| account.state.as_str()))
    .bind(attributes)
    .bind(carries)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep what was read of accounts"))?;
    Ok(())
}

/// Keeps a page of holdings. What is held directly counts before what is held through a group.
pub(crate) async fn put_holdings(
    tx: &mut Tx,
    application: &str,
    reading: ReadingId,
    holdings: &[Holding],
) -> Result<(), Error> {
    if holdings.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = holdings.iter().map(|held| held.account_id.as_str()).collect();
    let entitlements: Vec<&str> = holdings.iter().map(|held| held.entitlement.as_str()).collect();
    let through: Vec<&str> =
        holdings.iter().map(|held| held.through.as_deref().unwrap_or_default()).collect();
    sqlx::query(
        "INSERT INTO observed_holdings AS h (application, account_id, entitlement, through, reading)
         SELECT DISTINCT ON (account_id, entitlement) $1, account_id, entitlement, through, $2
           FROM UNNEST($3::text[], $4::text[], $5::text[]) AS t (account_id, entitlement, through)
          ORDER BY account_id, entitlement, through
         ON CONFLICT (application, account_id, entitlement) DO UPDATE
            SET reading = excluded.reading,
                through = CASE WHEN h.reading = excluded.reading
                               THEN LEAST(h.through, excluded.through)
                               ELSE excluded.through END",
    )
    .bind(application)
    .bind(reading.0)
    .bind(accounts)
    .bind(entitlements)
    .bind(through)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep what was read of groups"))?;
    Ok(())
}

/// Forgets what earlier readings showed of an application.
pub(crate) async fn forget_earlier(
    tx: &mut Tx,
    application: &str,
    reading: ReadingId,
) -> Result<(), Error> {
    for statement in [
        "DELETE FROM observed_accounts WHERE application = $1 AND reading <> $2",
        "DELETE FROM observed_holdings WHERE application = $1 AND reading <> $2",
    ] {
        sqlx::query(statement)
            .bind(application)
            .bind(reading.0)
            .execute(tx.connection())
            .await
            .map_err(Error::during("forget what was read before"))?;
    }
    Ok(())
}

/// Says of each account whose it is: whose account is known by its id, else whose id it carries. An id that
/// was merged stands for the survivor; one that stands in for nobody gives way to anybody.
pub(crate) async fn correlate(tx: &mut Tx, application: &str) -> Result<(), Error> {
    sqlx::query(
        "WITH linked AS
              (SELECT a.account_id, min(a.person_id::text)::uuid AS person_id, count(*) AS people
                 FROM accounts a
                WHERE a.application = $1 AND a.account_id IS NOT NULL
                  AND substring(a.person_id::text, 15, 1) <> '5'
                GROUP BY a.account_id),
              stood_in AS
              (SELECT a.account_id, a.person_id FROM accounts a
                WHERE a.application = $1 AND a.account_id IS NOT NULL
                  AND substring(a.person_id::text, 15, 1) = '5')
         UPDATE observed_accounts o
            SET person_id = CASE
                    WHEN l.people > 1 THEN NULL
                    WHEN l.people = 1 THEN l.person_id
                    ELSE coalesce((p.kin ->> 'merged_into')::uuid, p.person_id, s.person_id) END
           FROM observed_accounts seen
           LEFT JOIN linked l ON l.account_id = seen.account_id
           LEFT JOIN people p ON p.person_id = seen.carries
                             AND (p.desired_epoch, p.desired_counter) <> (0, 0)
           LEFT JOIN stood_in s ON s.account_id = seen.account_id
          WHERE seen.application = $1 AND o.application = $1 AND o.account_id = seen.account_id",
    )
    .bind(application)
    .execute(tx.connection())
    .await
    .map_err(Error::during("say whose accounts are"))?;
    Ok(())
}

/// Keeps by what the accounts of nobody may be recognised: the id they carry, and these attributes.
pub(crate) async fn key(tx: &mut Tx, application: &str, keys: &[String]) -> Result<(), Error> {
    sqlx::query("DELETE FROM observed_keys WHERE application = $1")
        .bind(application)
        .execute(tx.connection())
        .await
        .map_err(Error::during("forget by what accounts were recognised"))?;
    sqlx::query(
        "INSERT INTO observed_keys (application, key, account_id)
         SELECT o.application, k.name || '=' || lower(btrim(k.value)), o.account_id
           FROM observed_accounts o
          CROSS JOIN LATERAL
                (SELECT '' AS name, o.carries::text AS value
                  UNION ALL
                 SELECT name, CASE name WHEN $3 THEN o.login
                                        ELSE o.attributes -> name ->> 'text' END
                   FROM UNNEST($2::text[]) AS wanted (name)) AS k
          WHERE o.application = $1 AND o.person_id IS NULL AND btrim(k.value) <> ''
         ON CONFLICT DO NOTHING",
    )
    .bind(application)
    .bind(keys)
    .bind(rules::USER_NAME)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep by what accounts are recognised"))?;
    Ok(())
}

/// Returns the accounts of nobody that any of these keys recognises.
pub(crate) async fn recognised(
    tx: &mut Tx,
    application: &str,
    keys: &BTreeSet<Key>,
) -> Result<BTreeMap<Key, Vec<String>>, Error> {
    let keys: Vec<&str> = keys.iter().map(Key::as_str).collect();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT key, account_id FROM observed_keys
          WHERE application = $1 AND key = ANY($2) ORDER BY key, account_id",
    )
    .bind(application)
    .bind(keys)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for accounts that are there already"))?;
    let mut found: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for (key, account) in rows {
        found.entry(Key(key)).or_default().push(account);
    }
    Ok(found)
}

/// Gives accounts of nobody to people.
pub(crate) async fn adopt(
    tx: &mut Tx,
    application: &str,
    adopted: &BTreeMap<String, PersonId>,
) -> Result<(), Error> {
    if adopted.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = adopted.keys().map(String::as_str).collect();
    let people: Vec<Uuid> = adopted.values().map(|person| person.0).collect();
    sqlx::query(
        "WITH adopted AS
              (SELECT account_id, person_id FROM UNNEST($2::text[], $3::uuid[])
                   AS t (account_id, person_id)),
              forgotten AS
              (DELETE FROM observed_keys k USING adopted
                WHERE k.application = $1 AND k.account_id = adopted.account_id)
         UPDATE observed_accounts o SET person_id = adopted.person_id
           FROM adopted
          WHERE o.application = $1 AND o.account_id = adopted.account_id",
    )
    .bind(application)
    .bind(accounts)
    .bind(people)
    .execute(tx.connection())
    .await
    .map_err(Error::during("give accounts to people"))?;
    Ok(())
}

/// Returns the people of an application, in the order of their ids: those who have an account as far as is
/// known, those of whom one was seen, and those of whom something was found before.
pub(crate) async fn people_after(
    tx: &mut Tx,
    application: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT person_id FROM
              (SELECT person_id FROM
                    (SELECT person_id FROM accounts
                      WHERE application = $1 AND account_id IS NOT NULL AND person_id > $2
                      ORDER BY person_id LIMIT $3) AS known
                UNION
               SELECT person_id FROM
                    (SELECT person_id FROM observed_accounts
                      WHERE application = $1 AND person_id > $2
                      ORDER BY person_id LIMIT $3) AS seen
                UNION
               SELECT person_id FROM
                    (SELECT person_id FROM drifts
                      WHERE application = $1 AND person_id > $2 AND state <> 'closed'
                      ORDER BY person_id LIMIT $3) AS differing) AS all_of_them
          ORDER BY person_id LIMIT $3",
    )
    .bind(application)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for people to compare"))
}

#[derive(sqlx::FromRow)]
struct Row {
    reading: Uuid,
    account_id: String,
    login: String,
    state: String,
    attributes: Json<Attributes>,
    carries: Option<Uuid>,
    person_id: Option<Uuid>,
    entitlements: Vec<String>,
    through: Vec<String>,
}

impl Row {
    fn read(self) -> (Option<PersonId>, Seen) {
        let through = self.through.into_iter().map(|name| Some(name).filter(|n| !n.is_empty()));
        let seen = Seen {
            reading: ReadingId(self.reading),
            account: ObservedAccount {
                account_id: self.account_id,
                login: self.login,
                state: AccountState::from_name(&self.state).unwrap_or(AccountState::None),
                attributes: self.attributes.0,
            },
            carries: self.carries.map(PersonId),
            holdings: self.entitlements.into_iter().zip(through).collect(),
        };
        (self.person_id.map(PersonId), seen)
    }
}

macro_rules! select_seen {
    ($rest:literal) => {
        concat!(
            "SELECT o.reading, o.account_id, o.login, o.state, o.attributes, o.carries,
                    o.person_id, coalesce(h.entitlements, '{}') AS entitlements,
                    coalesce(h.through, '{}') AS through
               FROM observed_accounts o
               LEFT JOIN LATERAL
                    (SELECT array_agg(entitlement) AS entitlements, array_agg(through) AS through
                       FROM observed_holdings h
                      WHERE h.application = o.application AND h.account_id = o.account_id) h
                 ON true ",
            $rest
        )
    };
}

/// Returns the accounts that were seen of people.
pub(crate) async fn of(
    tx: &mut Tx,
    application: &str,
    people: &[Uuid],
) -> Result<BTreeMap<PersonId, Vec<Seen>>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_seen!(
        "WHERE o.application = $1 AND o.person_id = ANY($2) ORDER BY o.account_id"
    ))
    .bind(application)
    .bind(people)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read what was seen of people"))?;
    let mut found: BTreeMap<PersonId, Vec<Seen>> = BTreeMap::new();
    for (person, seen) in rows.into_iter().map(Row::read) {
        if let Some(person) = person {
            found.entry(person).or_default().push(seen);
        }
    }
    Ok(found)
}

/// Returns accounts by their ids.
pub(crate) async fn accounts(
    tx: &mut Tx,
    application: &str,
    ids: &[&str],
) -> Result<BTreeMap<String, Seen>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_seen!("WHERE o.application = $1 AND o.account_id = ANY($2)"))
            .bind(application)
            .bind(ids)
            .fetch_all(tx.connection())
            .await
            .map_err(Error::during("read what was seen of accounts"))?;
    let seen = rows.into_iter().map(|row| row.read().1);
    Ok(seen.map(|seen| (seen.account.account_id.clone(), seen)).collect())
}

/// An account that is nobody's, or several people's.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Stranger {
    pub(crate) account_id: String,
    pub(crate) login: String,
    /// Those who are known to have it; nobody's: none.
    pub(crate) people: Vec<Uuid>,
}

/// Returns accounts of an application that several people have, and if `orphaned` those that are nobody's
/// and can be used: as many as `limit` of those that a reading has not come to yet.
pub(crate) async fn strangers(
    tx: &mut Tx,
    application: &str,
    reading: ReadingId,
    orphaned: bool,
    limit: i64,
) -> Result<Vec<Stranger>, Error> {
    sqlx::query_as(
        "SELECT o.account_id, o.login, array_remove(array_agg(a.person_id), NULL) AS people
           FROM observed_accounts o
           LEFT JOIN accounts a ON a.application = o.application AND a.account_id = o.account_id
          WHERE o.application = $1 AND o.person_id IS NULL
            AND NOT EXISTS (SELECT FROM drifts d
                             WHERE d.application = o.application AND d.account_id = o.account_id
                               AND d.kind IN ('orphaned_account', 'several_people')
                               AND d.state <> 'closed' AND d.seen_by = $2)
          GROUP BY o.account_id, o.login, o.state
         HAVING count(a.person_id) > 1 OR ($3 AND count(a.person_id) = 0 AND o.state = 'active')
          ORDER BY o.account_id LIMIT $4",
    )
    .bind(application)
    .bind(reading.0)
    .bind(orphaned)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for accounts that are nobody's"))
}

/// How many accounts and holdings a reading showed.
pub(crate) async fn count(tx: &mut Tx, application: &str) -> Result<(i64, i64), Error> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM observed_accounts WHERE application = $1),
                (SELECT count(*) FROM observed_holdings WHERE application = $1)",
    )
    .bind(application)
    .fetch_one(tx.connection())
    .await
    .map_err(Error::during("count what was read"))
}

/// Returns the attributes of which anybody in an application was seen to have a value.
pub(crate) async fn listed(tx: &mut Tx, application: &str) -> Result<BTreeSet<String>, Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT jsonb_object_keys(attributes) FROM observed_accounts
          WHERE application = $1",
    )
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for attributes that were read"))?;
    Ok(names.into_iter().collect())
}

/// Returns how many people's desired access in an application names this value of an attribute.
pub(crate) async fn sharers(
    tx: &mut Tx,
    application: &str,
    wanted: &BTreeMap<String, BTreeSet<String>>,
) -> Result<BTreeMap<(String, String), i64>, Error> {
    let mut counts = BTreeMap::new();
    for (attribute, values) in wanted {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT lower(btrim(access #>> ARRAY[$1, 'attributes', $2, 'text'])) AS value, count(*)
               FROM access
              WHERE lower(btrim(access #>> ARRAY[$1, 'attributes', $2, 'text'])) = ANY($3)
              GROUP BY value",
        )
        .bind(application)
        .bind(attribute)
        .bind(values)
        .fetch_all(tx.connection())
        .await
        .map_err(Error::during("look who else is recognised by the same"))?;
        counts.extend(rows.into_iter().map(|(value, count)| ((attribute.clone(), value), count)));
    }
    Ok(counts)
}
