//! SQL for the `accounts` table, and for `dependencies`: which accounts take values from which.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, PersonId, Version};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::{Account, Dependency};
use crate::dossier::Key;

#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    application: String,
    account_id: Option<String>,
    login: String,
    state: String,
    attributes: Json<Attributes>,
    entitlements: Json<BTreeSet<String>>,
    linked_person_id: Option<Uuid>,
    version_epoch: i64,
    version_counter: i64,
    observed_at: SqlTimestamp,
}

impl Row {
    fn read(self) -> (Key, Account) {
        let account = Account {
            account_id: self.account_id,
            login: self.login,
            state: AccountState::from_name(&self.state).unwrap_or(AccountState::None),
            attributes: self.attributes.0,
            entitlements: self.entitlements.0,
            linked: self.linked_person_id.map(PersonId),
            version: Version { epoch: self.version_epoch, counter: self.version_counter },
            observed_at: self.observed_at.to_jiff(),
        };
        ((PersonId(self.person_id), self.application), account)
    }
}

/// Returns the accounts of people, in one application or in all.
pub(crate) async fn of(
    tx: &mut Tx,
    people: &[Uuid],
    application: Option<&str>,
) -> Result<BTreeMap<Key, Account>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, application, account_id, login, state, attributes, entitlements,
                linked_person_id, version_epoch, version_counter, observed_at
           FROM accounts
          WHERE person_id = ANY($1) AND ($2::text IS NULL OR application = $2)",
    )
    .bind(people)
    .bind(application)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read accounts"))?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Returns the accounts of these people in these applications; where they have none, the one that carries
/// their id in other hands.
pub(crate) async fn at(tx: &mut Tx, keys: &BTreeSet<Key>) -> Result<BTreeMap<Key, Account>, Error> {
    let (people, applications) = columns(keys);
    let rows: Vec<Row> = sqlx::query_as(
        "WITH t AS
              (SELECT person_id, application
                 FROM UNNEST($1::uuid[], $2::text[]) AS t (person_id, application))
         SELECT person_id, application, account_id, login, state, attributes, entitlements,
                linked_person_id, version_epoch, version_counter, observed_at
           FROM t JOIN accounts USING (person_id, application)
          UNION ALL
         SELECT t.person_id, t.application, a.account_id, a.login, a.state, a.attributes,
                a.entitlements, a.linked_person_id, a.version_epoch, a.version_counter,
                a.observed_at
           FROM t JOIN accounts a ON a.linked_person_id = t.person_id
                                 AND a.application = t.application",
    )
    .bind(people)
    .bind(applications)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read accounts that are referred to"))?;
    let mut accounts: BTreeMap<Key, Account> = BTreeMap::new();
    for (key, account) in rows.into_iter().map(Row::read) {
        if account.exists() || !accounts.contains_key(&key) {
            accounts.insert(key, account);
        }
    }
    Ok(accounts)
}

/// An account as it is kept.
pub(crate) struct Kept<'a> {
    pub(crate) key: &'a Key,
    pub(crate) account: &'a Account,
    /// It supplies something else than before to accounts that refer to it.
    pub(crate) supplies: bool,
}

/// Keeps accounts as they were read, and returns the people whose accounts refer to those that
/// supply something else than before.
pub(crate) async fn put(tx: &mut Tx, kept: &[Kept<'_>]) -> Result<BTreeSet<Uuid>, Error> {
    if kept.is_empty() {
        return Ok(BTreeSet::new());
    }
    let column = |f: fn(&Account) -> i64| kept.iter().map(|one| f(one.account)).collect::<Vec<_>>();
    let text = |f: fn(&Account) -> &str| kept.iter().map(|one| f(one.account)).collect::<Vec<_>>();
    let (people, applications) = columns(kept.iter().map(|one| one.key));
    let ids: Vec<Option<&str>> = kept.iter().map(|one| one.account.account_id.as_deref()).collect();
    let attributes: Vec<Json<&Attributes>> =
        kept.iter().map(|one| Json(&one.account.attributes)).collect();
    let entitlements: Vec<Json<&BTreeSet<String>>> =
        kept.iter().map(|one| Json(&one.account.entitlements)).collect();
    let observed: Vec<SqlTimestamp> =
        kept.iter().map(|one| one.account.observed_at.to_sqlx()).collect();
    let supplies: Vec<bool> = kept.iter().map(|one| one.supplies).collect();
    let linked: Vec<Option<Uuid>> =
        kept.iter().map(|one| one.account.linked.map(|person| person.0)).collect();
    // In one statement, so that what nobody refers to costs nobody a round trip.
    let dependants: Vec<Uuid> = sqlx::query_scalar(
        "WITH kept AS
              (SELECT person_id, application, account_id, login, state, attributes, entitlements,
                      version_epoch, version_counter, observed_at, supplies, linked_person_id
                 FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                             $7::jsonb[], $8::bigint[], $9::bigint[], $10::timestamptz[],
                             $11::boolean[], $12::uuid[])
                   AS t (person_id, application, account_id, login, state, attributes,
                         entitlements, version_epoch, version_counter, observed_at, supplies,
                         linked_person_id)),
              written AS
              (INSERT INTO accounts (person_id, application, account_id, login, state, attributes,
                                     entitlements, linked_person_id, version_epoch,
                                     version_counter, observed_at)
               SELECT person_id, application, account_id, login, state, attributes, entitlements,
                      linked_person_id, version_epoch, version_counter, observed_at
                 FROM kept
               ON CONFLICT (person_id, application) DO UPDATE
                  SET account_id = excluded.account_id, login = excluded.login,
                      state = excluded.state, attributes = excluded.attributes,
                      entitlements = excluded.entitlements,
                      linked_person_id = excluded.linked_person_id,
                      version_epoch = excluded.version_epoch,
                      version_counter = excluded.version_counter,
                      observed_at = excluded.observed_at)
         SELECT DISTINCT d.person_id
           FROM kept k
           JOIN dependencies d ON d.on_person = ANY(ARRAY[k.person_id, k.linked_person_id])
                              AND d.on_application = k.application
          WHERE k.supplies",
    )
    .bind(people)
    .bind(applications)
    .bind(ids)
    .bind(text(|account| &account.login))
    .bind(text(|account| account.state.as_str()))
    .bind(attributes)
    .bind(entitlements)
    .bind(column(|account| account.version.epoch))
    .bind(column(|account| account.version.counter))
    .bind(observed)
    .bind(supplies)
    .bind(linked)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("keep accounts"))?;
    Ok(dependants.into_iter().collect())
}

/// Returns the people whose accounts refer to any of these.
pub(crate) async fn dependants(tx: &mut Tx, keys: &BTreeSet<Key>) -> Result<Vec<Uuid>, Error> {
    let (people, applications) = columns(keys);
    sqlx::query_scalar(
        "SELECT DISTINCT d.person_id
           FROM UNNEST($1::uuid[], $2::text[]) AS t (person_id, application)
           JOIN dependencies d ON d.on_person = t.person_id AND d.on_application = t.application",
    )
    .bind(people)
    .bind(applications)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for accounts that refer to others"))
}

/// Keeps what the accounts of people depend on, in the place of what was kept before.
pub(crate) async fn depend(
    tx: &mut Tx,
    people: &[Uuid],
    dependencies: &BTreeSet<Dependency>,
) -> Result<(), Error> {
    let (of_people, of_applications) = columns(dependencies.iter().map(|one| &one.of));
    let (on_people, on_applications) = columns(dependencies.iter().map(|one| &one.on));
    // What goes and what comes are never the same row, so one statement can do both.
    sqlx::query(
        "WITH wanted AS
              (SELECT person_id, application, on_person, on_application
                 FROM UNNEST($2::uuid[], $3::text[], $4::uuid[], $5::text[])
                   AS t (person_id, application, on_person, on_application)),
              gone AS
              (DELETE FROM dependencies d
                WHERE d.person_id = ANY($1)
                  AND NOT EXISTS (SELECT FROM wanted w
                                   WHERE w.on_person = d.on_person
                                     AND w.on_application = d.on_application
                                     AND w.person_id = d.person_id
                                     AND w.application = d.application))
         INSERT INTO dependencies (on_person, on_application, person_id, application)
         SELECT on_person, on_application, person_id, application FROM wanted
          ORDER BY on_person, on_application, person_id, application
         ON CONFLICT DO NOTHING",
    )
    .bind(people)
    .bind(of_people)
    .bind(of_applications)
    .bind(on_people)
    .bind(on_applications)
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep what accounts depend on"))?;
    Ok(())
}

/// Returns people with accounts that were not told in the transaction's epoch, in the order of their
/// ids.
pub(crate) async fn untold(tx: &mut Tx, after: Uuid, limit: u16) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT person_id FROM accounts
          WHERE person_id > $1 AND version_epoch < $2 ORDER BY person_id LIMIT $3",
    )
    .bind(after)
    .bind(tx.epoch())
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("look for accounts to tell again"))
}

fn columns<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<Uuid>, Vec<&'a str>) {
    keys.into_iter().map(|(person, application)| (person.0, application.as_str())).unzip()
}
