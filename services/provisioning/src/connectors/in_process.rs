//! An application in memory: the outcomes of a real one without its cost, for measurements.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{AccountState, PersonId};

use tokio::sync::mpsc::Sender;

use super::reading::send;
use super::{
    AccountChange, Completeness, Holding, MembershipChange, ObservedAccount, Outcome, Page,
    SeenAccount, Unread, code,
};

/// An application that lives as long as the connector.
#[derive(Debug, Default)]
pub struct InProcess {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    accounts: BTreeMap<PersonId, ObservedAccount>,
    logins: BTreeMap<String, PersonId>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl InProcess {
    pub(super) fn ensure_accounts(
        &self,
        changes: &[AccountChange],
    ) -> Vec<Outcome<ObservedAccount>> {
        let mut memory = self.lock();
        changes.iter().map(|change| memory.ensure_account(change)).collect()
    }

    pub(super) fn change_memberships(&self, changes: &[MembershipChange]) -> Vec<Outcome<()>> {
        let mut memory = self.lock();
        changes.iter().map(|change| memory.change_membership(change)).collect()
    }

    pub(super) async fn read(&self, pages: &Sender<Page>) -> Result<Completeness, Unread> {
        let (accounts, holdings) = self.lock().all();
        send(pages, Page::Accounts(accounts)).await?;
        send(pages, Page::Holdings(holdings)).await?;
        Ok(Completeness::Whole)
    }

    /// Every step leaves the memory whole, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn ensure_account(&mut self, change: &AccountChange) -> Outcome<ObservedAccount> {
        match change.state {
            AccountState::Active | AccountState::Suspended => {}
            AccountState::None | AccountState::Deleted => {
                return Outcome::Failed {
                    code: code::STATE_UNSUPPORTED,
                    reason: format!("an account cannot be made {}", change.state),
                };
            }
        }
        let found = self.accounts.get(&change.person);
        if found.is_none() && !change.create {
            return Outcome::Gone;
        }
        if self.logins.get(&change.login).is_some_and(|holder| *holder != change.person) {
            return Outcome::LoginTaken;
        }
        let mut wanted = found.cloned().unwrap_or_else(|| ObservedAccount {
            account_id: change.person.to_string(),
            login: change.login.clone(),
            state: change.state,
            attributes: BTreeMap::new(),
        });
        wanted.login.clone_from(&change.login);
        wanted.state = change.state;
        wanted.attributes.extend(change.attributes.clone());
        if found == Some(&wanted) {
            return Outcome::Already(wanted);
        }
        if let Some(before) = self.accounts.insert(change.person, wanted.clone()) {
            self.logins.remove(&before.login);
        }
        self.logins.insert(wanted.login.clone(), change.person);
        Outcome::Done(wanted)
    }

    fn all(&self) -> (Vec<SeenAccount>, Vec<Holding>) {
        let seen = |(person, account): (&PersonId, &ObservedAccount)| SeenAccount {
            account: account.clone(),
            person: Some(*person),
        };
        let held = |(group, members): (&String, &BTreeSet<String>)| {
            let held = |account: &String| Holding {
                account_id: account.clone(),
                entitlement: group.clone(),
                through: None,
            };
            members.iter().map(held).collect::<Vec<_>>()
        };
        (self.accounts.iter().map(seen).collect(), self.groups.iter().flat_map(held).collect())
    }

    fn change_membership(&mut self, change: &MembershipChange) -> Outcome<()> {
        let changed = if change.held {
            let members = self.groups.entry(change.entitlement.clone()).or_default();
            members.insert(change.account_id.clone())
        } else {
            let members = self.groups.get_mut(&change.entitlement);
            members.is_some_and(|members| members.remove(&change.account_id))
        };
        if changed { Outcome::Done(()) } else { Outcome::Already(()) }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Lane, Value};
    use uuid::Uuid;

    use super::*;

    fn account_of(person: u128, login: &str) -> AccountChange {
        AccountChange {
            person: PersonId(Uuid::from_u128(person)),
            lane: Lane::Regular,
            account_id: None,
            login: login.to_owned(),
            state: AccountState::Active,
            attributes: BTreeMap::from([("title".to_owned(), Value::Text("Clerk".to_owned()))]),
            create: true,
        }
    }

    fn ensure(application: &InProcess, change: &AccountChange) -> Outcome<ObservedAccount> {
        application.ensure_accounts(std::slice::from_ref(change)).remove(0)
    }

    #[test]
    fn an_account_is_made_once_and_then_left_alone() {
        let application = InProcess::default();
        let ada = account_of(1, "ada");

        assert!(matches!(ensure(&application, &ada), Outcome::Done(_)));
        assert!(matches!(ensure(&application, &ada), Outcome::Already(_)));
    }

    #[test]
    fn a_login_belongs_to_one_person_until_it_is_given_up() {
        let application = InProcess::default();
        ensure(&application, &account_of(1, "ada"));

        assert_eq!(ensure(&application, &account_of(2, "ada")), Outcome::LoginTaken);
        ensure(&application, &account_of(1, "ada.lovelace"));
        assert!(matches!(ensure(&application, &account_of(2, "ada")), Outcome::Done(_)));
    }

    #[test]
    fn an_account_that_is_gone_is_made_only_when_asked() {
        let change = AccountChange { create: false, ..account_of(1, "ada") };

        assert_eq!(ensure(&InProcess::default(), &change), Outcome::Gone);
    }

    #[test]
    fn a_membership_is_changed_once() {
        let application = InProcess::default();
        let change = |held| MembershipChange {
            person: PersonId(Uuid::from_u128(1)),
            lane: Lane::Regular,
            account_id: "1".to_owned(),
            entitlement: "police".to_owned(),
            held,
        };

        let outcomes = application.change_memberships(&[
            change(true),
            change(true),
            change(false),
            change(false),
        ]);

        use Outcome::{Already, Done};
        assert_eq!(outcomes, [Done(()), Already(()), Done(()), Already(())]);
    }
}
