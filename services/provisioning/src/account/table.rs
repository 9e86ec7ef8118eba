//! SQL for the `accounts` table.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, Attributes, PersonId, Version};
use sqlx::types::Json;
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Account;
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
                version_epoch, version_counter, observed_at
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

/// Keeps accounts as they were read.
pub(crate) async fn put(tx: &mut Tx, read: &[(&Key, &Account)]) -> Result<(), Error> {
    if read.is_empty() {
        return Ok(());
    }
    let column = |f: fn(&Account) -> i64| read.iter().map(|(_key, a)| f(a)).collect::<Vec<_>>();
    let text = |f: fn(&Account) -> &str| read.iter().map(|(_key, a)| f(a)).collect::<Vec<_>>();
    let people: Vec<Uuid> = read.iter().map(|(key, _account)| key.0.0).collect();
    let applications: Vec<&str> = read.iter().map(|(key, _account)| key.1.as_str()).collect();
    let ids: Vec<Option<&str>> = read.iter().map(|(_key, a)| a.account_id.as_deref()).collect();
    let attributes: Vec<Json<&Attributes>> =
        read.iter().map(|(_key, a)| Json(&a.attributes)).collect();
    let entitlements: Vec<Json<&BTreeSet<String>>> =
        read.iter().map(|(_key, a)| Json(&a.entitlements)).collect();
    let observed: Vec<SqlTimestamp> =
        read.iter().map(|(_key, a)| a.observed_at.to_sqlx()).collect();
    sqlx::query(
        "INSERT INTO accounts (person_id, application, account_id, login, state, attributes,
                               entitlements, version_epoch, version_counter, observed_at)
         SELECT person_id, application, account_id, login, state, attributes, entitlements,
                version_epoch, version_counter, observed_at
           FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                       $7::jsonb[], $8::bigint[], $9::bigint[], $10::timestamptz[])
             AS t (person_id, application, account_id, login, state, attributes, entitlements,
                   version_epoch, version_counter, observed_at)
         ON CONFLICT (person_id, application) DO UPDATE
            SET account_id = excluded.account_id, login = excluded.login, state = excluded.state,
                attributes = excluded.attributes, entitlements = excluded.entitlements,
                version_epoch = excluded.version_epoch,
                version_counter = excluded.version_counter, observed_at = excluded.observed_at",
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
    .execute(tx.connection())
    .await
    .map_err(Error::during("keep accounts"))?;
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
