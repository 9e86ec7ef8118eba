//! Accounts: found before they are made, changed where they differ, and read back.

use futures::future::join_all;
use http::StatusCode;
use serde_json::Value;

use super::super::pace;
use super::super::{AccountChange, ObservedAccount, Outcome, code};
use super::Scim;
use super::fault::Fault;
use super::search::{Depth, Search};
use super::user::{self, Wanted};

/// The way one account takes ends early with an outcome.
type Step<T> = Result<T, Outcome<ObservedAccount>>;

/// What a search for a person's account came to.
enum Found {
    Ours(Value),
    /// The login belongs to an account that does not carry the person's id.
    Stranger,
    Nothing,
}

impl Scim {
    /// Makes accounts be as they shall be; answers in the same order.
    pub(crate) async fn ensure_accounts(
        &self,
        changes: &[AccountChange],
    ) -> Vec<Outcome<ObservedAccount>> {
        join_all(changes.iter().map(|change| Box::pin(self.ensure_account(change)))).await
    }

    async fn ensure_account(&self, change: &AccountChange) -> Outcome<ObservedAccount> {
        let wanted = match Wanted::try_new(change) {
            Ok(wanted) => wanted,
            Err(error) => return inexpressible(&error),
        };
        let _permit = self.permits.acquire(change.lane).await;
        let converged = pace::within(change.lane, self.converge(change, &wanted)).await;
        converged.unwrap_or_else(|outcome| outcome)
    }

    async fn converge(
        &self,
        change: &AccountChange,
        wanted: &Wanted,
    ) -> Step<Outcome<ObservedAccount>> {
        let (user, made) = match self.find_account(change).await? {
            Some(user) => (user, false),
            None if change.create => self.create(change, wanted).await?,
            None => return Err(Outcome::Gone),
        };
        if wanted.differences(&user).is_empty() {
            let account = observe(&user)?;
            return Ok(if made { Outcome::Done(account) } else { Outcome::Already(account) });
        }
        let id = user::id(&user).ok_or_else(nameless)?.to_owned();
        let doubt = self.change(&id, wanted, user).await?;
        let user = self.read_account(&id).await?;
        // Some applications fail where another account has the login, and do not say so.
        if doubt.is_some()
            && wanted.differences(&user).contains(&"userName")
            && let Found::Stranger = self.find_by_login(change, Depth::IfIgnored).await?
        {
            return Err(Outcome::LoginTaken);
        }
        kept(wanted, &user, doubt)?;
        Ok(Outcome::Done(observe(&user)?))
    }

    /// Looks where the account should be: at its id, else by the person's id.
    async fn find_account(&self, change: &AccountChange) -> Step<Option<Value>> {
        if let Some(id) = &change.account_id
            && let Some(user) = self.read_known(id).await?
        {
            let person = change.person.to_string();
            if user::external_id(&user).is_some_and(|carried| carried != person) {
                return Err(Outcome::Failed {
                    code: code::ACCOUNT_OF_ANOTHER,
                    reason: "the linked account carries the id of another person".to_owned(),
                });
            }
            return Ok(Some(user));
        }
        let mut ours = self.find_by_person(change, Depth::IfIgnored).await?;
        // No request to create follows that could contradict, so absence has to be seen in the list.
        if ours.is_none()
            && !change.create
            && let Found::Ours(user) = self.find_by_login(change, Depth::Exhaustive).await?
        {
            ours = Some(user);
        }
        match ours {
            Some(listed) => Ok(Some(self.read_whole(&listed).await?)),
            None => Ok(None),
        }
    }

    /// Creates the account and returns it as read back, and whether it was made just then.
    async fn create(&self, change: &AccountChange, wanted: &Wanted) -> Step<(Value, bool)> {
        let address = self.client.address(&["Users"]);
        match self.client.post(address, &wanted.resource()).await {
            Ok(answer) => {
                let Some(id) = answer.created_id() else {
                    let found = self.find_by_person(change, Depth::IfIgnored).await?;
                    return Ok((self.read_whole(&found.ok_or_else(nameless)?).await?, true));
                };
                Ok((self.read_account(&id).await?, true))
            }
            Err(fault) if fault.is_conflict() => {
                match self.find_anywhere(change, Depth::Exhaustive).await? {
                    Found::Ours(listed) => Ok((self.read_whole(&listed).await?, false)),
                    Found::Stranger | Found::Nothing => Err(Outcome::LoginTaken),
                }
            }
            Err(fault) if fault.is_unknown() => {
                match self.find_anywhere(change, Depth::IfIgnored).await? {
                    Found::Ours(listed) => Ok((self.read_whole(&listed).await?, true)),
                    Found::Stranger => Err(Outcome::LoginTaken),
                    Found::Nothing => Err(fault.outcome()),
                }
            }
            Err(fault) => Err(fault.outcome()),
        }
    }

    /// Looks by the person's id and by the login, each of which a server may fail to filter by.
    async fn find_anywhere(&self, change: &AccountChange, depth: Depth) -> Step<Found> {
        if let Some(user) = self.find_by_person(change, Depth::IfIgnored).await? {
            return Ok(Found::Ours(user));
        }
        self.find_by_login(change, depth).await
    }

    async fn find_by_person(&self, change: &AccountChange, depth: Depth) -> Step<Option<Value>> {
        let person = change.person.to_string();
        let search = Search { kind: "Users", attribute: "externalId", value: &person, depth };
        let carries = |user: &Value| user::external_id(user) == Some(person.as_str());
        let mut found = search.run(&self.client, carries).await.map_err(ended)?;
        let first = found.pop();
        if found.is_empty() {
            return Ok(first);
        }
        Err(Outcome::Failed {
            code: code::ACCOUNT_AMBIGUOUS,
            reason: format!("{} accounts carry the person's id", found.len() + 1),
        })
    }

    /// An account that has the login is only the person's if it also carries the person's id.
    async fn find_by_login(&self, change: &AccountChange, depth: Depth) -> Step<Found> {
        let person = change.person.to_string();
        let login = change.login.as_str();
        let search = Search { kind: "Users", attribute: "userName", value: login, depth };
        let ours = |user: &Value| user::external_id(user) == Some(person.as_str());
        let relevant = |user: &Value| user::has_login(user, login) || ours(user);
        let mut found = search.run(&self.client, relevant).await.map_err(ended)?;
        Ok(match found.iter().position(ours) {
            Some(at) => Found::Ours(found.swap_remove(at)),
            None if found.is_empty() => Found::Nothing,
            None => Found::Stranger,
        })
    }

    /// Writes what differs, in one request. A doubt about its outcome is settled by reading back.
    async fn change(&self, id: &str, wanted: &Wanted, user: Value) -> Step<Option<Fault>> {
        let address = self.client.address(&["Users", id]);
        let mut result = None;
        if self.can_patch().await {
            match self.client.patch(address.clone(), &wanted.patch(&user)).await {
                Err(fault) if fault.is_unsupported() => self.forget_patch(),
                other => result = Some(other),
            }
        }
        let result = match result {
            Some(result) => result,
            None => {
                let body = wanted.merged_into(user.clone());
                self.client.put(address, &user, &body).await
            }
        };
        match result {
            Ok(_) => Ok(None),
            Err(fault) if fault.is_unknown() => Ok(Some(fault)),
            Err(fault)
                if fault.is_conflict() && wanted.differences(&user).contains(&"userName") =>
            {
                Err(Outcome::LoginTaken)
            }
            Err(fault) => Err(fault.outcome()),
        }
    }

    /// Reads an account that may be gone; applications say so with 404, some with 400.
    async fn read_known(&self, id: &str) -> Step<Option<Value>> {
        match self.client.get(self.client.address(&["Users", id])).await {
            Ok(user) => Ok(Some(user)),
            Err(fault) => match fault.refusal() {
                Some(StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::BAD_REQUEST) => {
                    Ok(None)
                }
                _ => Err(fault.outcome()),
            },
        }
    }

    /// Lists may leave attributes out that a single resource has.
    async fn read_whole(&self, listed: &Value) -> Step<Value> {
        self.read_account(user::id(listed).ok_or_else(nameless)?).await
    }

    /// Reads an account that must be there.
    async fn read_account(&self, id: &str) -> Step<Value> {
        let user = self.read_known(id).await?;
        user.ok_or_else(|| Outcome::again("the account cannot be read back yet"))
    }
}

fn ended(fault: Fault) -> Outcome<ObservedAccount> {
    fault.outcome()
}

fn kept(wanted: &Wanted, user: &Value, doubt: Option<Fault>) -> Step<()> {
    let differences = wanted.differences(user);
    if differences.is_empty() {
        return Ok(());
    }
    if let Some(fault) = doubt {
        return Err(fault.outcome());
    }
    let code = code::NOT_AS_WRITTEN;
    let names = differences.join(", ");
    Err(Outcome::again(format!("{code}: read back, the account differs in {names}")))
}

fn observe(user: &Value) -> Step<ObservedAccount> {
    user::observed(user).ok_or_else(nameless)
}

fn nameless() -> Outcome<ObservedAccount> {
    Outcome::again("the application returns accounts without an id or a login")
}

fn inexpressible(error: &user::Error) -> Outcome<ObservedAccount> {
    let code = match error {
        user::Error::Attribute(_) => code::ATTRIBUTE_UNKNOWN,
        user::Error::State(_) => code::STATE_UNSUPPORTED,
    };
    Outcome::Failed { code, reason: error.to_string() }
}
