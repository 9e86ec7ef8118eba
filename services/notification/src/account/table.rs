//! SQL for the `accounts` table.

use std::collections::BTreeMap;

use domain::{AccountState, PersonId, Version};
use store::{Error, SqlTimestamp, ToSqlx as _, Tx};
use uuid::Uuid;

use super::Account;

/// A person's accounts by application.
pub(crate) type Accounts = BTreeMap<PersonId, BTreeMap<String, Account>>;

/// Returns every account of these people.
pub(crate) async fn of(tx: &mut Tx, people: &[PersonId]) -> Result<Accounts, Error> {
    type Row = (Uuid, String, i64, i64, String, String, SqlTimestamp);
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT person_id, application, version_epoch, version_counter, login, state, observed_at
           FROM accounts WHERE person_id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(tx.connection())
    .await
    .map_err(Error::during("read accounts"))?;
    let mut accounts = Accounts::new();
    for (person, application, epoch, counter, login, state, observed_at) in rows {
        let account = Account {
            person: PersonId(person),
            application: application.clone(),
            version: Version { epoch, counter },
            login,
            state: AccountState::from_name(&state).unwrap_or(AccountState::None),
            observed_at: observed_at.to_jiff(),
        };
        accounts.entry(account.person).or_default().insert(application, account);
    }
    Ok(accounts)
}

/// Writes accounts of people who are locked.
pub(crate) async fn write(tx: &mut Tx, accounts: &[&Account]) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let people: Vec<Uuid> = accounts.iter().map(|account| account.person.0).collect();
    let text = |f: fn(&Account) -> &str| accounts.iter().map(|one| f(one)).collect::<Vec<_>>();
    let epochs: Vec<i64> = accounts.iter().map(|account| account.version.epoch).collect();
    let counters: Vec<i64> = accounts.iter().map(|account| account.version.counter).collect();
    let observed: Vec<SqlTimestamp> =
        accounts.iter().map(|account| account.observed_at.to_sqlx()).collect();
    sqlx::query(
        "INSERT INTO accounts (person_id, application, version_epoch, version_counter, login,
                               state, observed_at)
         SELECT person_id, application, version_epoch, version_counter, login, state, observed_at
           FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
                       $7::timestamptz[])
             AS t (person_id, application, version_epoch, version_counter, login, state,
                   observed_at)
          ORDER BY person_id, application
         ON CONFLICT (person_id, application) DO UPDATE
            SET version_epoch = excluded.version_epoch,
                version_counter = excluded.version_counter, login = excluded.login,
                state = excluded.state, observed_at = excluded.observed_at",
    )
    .bind(people)
    .bind(text(|account| &account.application))
    .bind(epochs)
    .bind(counters)
    .bind(text(|account| &account.login))
    .bind(text(|account| account.state.as_str()))
    .bind(observed)
    .execute(tx.connection())
    .await
    .map_err(Error::during("write accounts"))?;
    Ok(())
}
