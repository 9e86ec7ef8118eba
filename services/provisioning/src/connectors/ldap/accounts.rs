//! Accounts: found before they are made, changed where they differ, and read back.

use std::collections::BTreeSet;

use futures::future::join_all;
use ldap3::{Scope, ldap_escape};

use super::super::pace;
use super::super::{AccountChange, ObservedAccount, Outcome, code};
use super::Ldap;
use super::entry::{self, Entry, Wanted, id_filter};
use super::fault::{Fault, rc};
use super::pool::Talk;

/// The way one account takes ends early with an outcome.
type Step<T> = Result<T, Outcome<ObservedAccount>>;

/// One account's work.
struct Work<'a> {
    ldap: &'a Ldap,
    change: &'a AccountChange,
    talk: Talk<'a>,
    /// What is observed: what the document maps, and what was asked for.
    attributes: BTreeSet<String>,
}

impl Ldap {
    /// Makes accounts be as they shall be; answers in the same order.
    pub(in super::super) async fn ensure_accounts(
        &self,
        changes: &[AccountChange],
    ) -> Vec<Outcome<ObservedAccount>> {
        join_all(changes.iter().map(|change| Box::pin(self.ensure_account(change)))).await
    }

    async fn ensure_account(&self, change: &AccountChange) -> Outcome<ObservedAccount> {
        let wanted = match Wanted::try_new(change, &self.layout) {
            Ok(wanted) => wanted,
            Err(error) => return inexpressible(&error),
        };
        let _permit = self.permits.acquire(change.lane).await;
        let asked = change.attributes.keys().cloned();
        let attributes = self.managed.iter().cloned().chain(asked).collect();
        let mut work = Work { ldap: self, change, talk: self.pool.talk(), attributes };
        let converged = pace::within(change.lane, work.converge(&wanted)).await;
        converged.unwrap_or_else(|outcome| outcome)
    }
}

impl Work<'_> {
    async fn converge(&mut self, wanted: &Wanted<'_>) -> Step<Outcome<ObservedAccount>> {
        let (entry, made) = match self.find_account().await? {
            Some(entry) => (entry, false),
            None if self.change.create => self.create(wanted).await?,
            None => return Err(Outcome::Gone),
        };
        if wanted.differences(&entry).is_empty() {
            let account = self.observe(&entry)?;
            return Ok(if made { Outcome::Done(account) } else { Outcome::Already(account) });
        }
        let id = self.id(&entry)?;
        let doubt = self.write(wanted, &entry).await?;
        let read = self.find_by_id(&id).await?;
        let read = read.ok_or_else(|| Outcome::again("the account cannot be read back yet"))?;
        kept(wanted, &read, doubt)?;
        Ok(Outcome::Done(self.observe(&read)?))
    }

    /// Looks where the account should be: at its id, else by the person's id, else by the login.
    async fn find_account(&mut self) -> Step<Option<Entry>> {
        if let Some(id) = &self.change.account_id
            && let Some(entry) = self.find_by_id(id).await?
        {
            let person = self.change.person.to_string();
            if entry.person(&self.ldap.layout).is_some_and(|carried| carried != person) {
                return Err(Outcome::Failed {
                    code: code::ACCOUNT_OF_ANOTHER,
                    reason: "the linked account carries the id of another person".to_owned(),
                });
            }
            return Ok(Some(entry));
        }
        if let Some(entry) = self.find_by_person().await? {
            return Ok(Some(entry));
        }
        let holder = self.find_by_login().await?;
        let person = self.change.person.to_string();
        match holder {
            // An account that has the login is only the person's if it also carries the person's id.
            Some(entry) if entry.person(&self.ldap.layout) == Some(&person) => Ok(Some(entry)),
            Some(_stranger) if self.change.create => Err(Outcome::LoginTaken),
            Some(_) | None => Ok(None),
        }
    }

    /// Makes the account and returns it as read back, and whether it was made just then.
    async fn create(&mut self, wanted: &Wanted<'_>) -> Step<(Entry, bool)> {
        wanted.check_complete().map_err(|error| inexpressible(&error))?;
        self.check_closing().await?;
        let made = self.talk.add(&wanted.dn(), &wanted.entry()).await;
        let found = match &made {
            Err(fault) if !fault.is_unknown() && fault.refusal() != Some(rc::ENTRY_EXISTS) => {
                return Err(fault.outcome());
            }
            Ok(()) | Err(_) => self.find_by_person().await?,
        };
        match (found, made) {
            (Some(entry), Ok(())) => Ok((entry, true)),
            (None, Ok(())) => Err(Outcome::again("the account cannot be read back yet")),
            (Some(entry), Err(fault)) => Ok((entry, fault.is_unknown())),
            (None, Err(fault)) if fault.is_unknown() => Err(fault.outcome()),
            (None, Err(_exists)) => Err(Outcome::LoginTaken),
        }
    }

    /// Nobody gets an account that could not be closed: asks once whether the server knows how.
    async fn check_closing(&mut self) -> Step<()> {
        let Ldap { layout, can_close, .. } = self.ldap;
        let talk = &mut self.talk;
        let asked = can_close.get_or_try_init(|| async move {
            let answer = talk.has(&layout.accounts_base, &layout.switch, &["0"]).await;
            match answer {
                Err(fault) if fault.refusal() == Some(rc::UNDEFINED_TYPE) => Err(Outcome::Failed {
                    code: code::DIRECTORY_SCHEMA,
                    reason: "the directory does not know the attribute that closes accounts"
                        .to_owned(),
                }),
                Err(fault) if fault.refusal() == Some(rc::NO_SUCH_OBJECT) => Err(fault.outcome()),
                // Not every server compares; what it refuses then says nothing of the attribute.
                Err(fault) if fault.refusal().is_none() => Err(fault.outcome()),
                Ok(_) | Err(_) => Ok(()),
            }
        });
        asked.await.copied()
    }

    /// Writes what differs. A doubt about its outcome is settled by reading back.
    ///
    /// An account that shall be closed is closed first, by a change of its own: nothing that the
    /// directory may refuse keeps a leaver's account open.
    async fn write(&mut self, wanted: &Wanted<'_>, entry: &Entry) -> Step<Option<Fault>> {
        let closes = !matches!(self.change.state, domain::AccountState::Active);
        let switching = wanted.switching(entry);
        let changes = wanted.changes(entry);
        let writes =
            if closes { vec![switching, changes] } else { vec![[changes, switching].concat()] };
        for changes in writes.iter().filter(|changes| !changes.is_empty()) {
            match self.talk.modify(&entry.dn, changes).await {
                Ok(()) => {}
                Err(fault) if fault.is_unknown() || fault.is_so_already() => {
                    return Ok(Some(fault));
                }
                Err(fault) if fault.refusal() == Some(rc::NO_SUCH_OBJECT) => {
                    return Err(Outcome::again("the account was moved or removed meanwhile"));
                }
                Err(fault) => return Err(fault.outcome()),
            }
        }
        Ok(None)
    }

    async fn find_by_id(&mut self, id: &str) -> Step<Option<Entry>> {
        let layout = &self.ldap.layout;
        let Some(filter) = id_filter(layout, id) else { return Ok(None) };
        let found = self.search(&filter).await?;
        Ok(found.into_iter().find(|entry| entry.id(layout).as_deref() == Some(id)))
    }

    async fn find_by_person(&mut self) -> Step<Option<Entry>> {
        let layout = &self.ldap.layout;
        let person = self.change.person.to_string();
        let filter = format!("({}={})", layout.correlation, ldap_escape(person.as_str()));
        let mut found = self.search(&filter).await?;
        found.retain(|entry| entry.person(layout) == Some(&person));
        let first = found.pop();
        if found.is_empty() {
            return Ok(first);
        }
        Err(Outcome::Failed {
            code: code::ACCOUNT_AMBIGUOUS,
            reason: format!("{} accounts carry the person's id", found.len() + 1),
        })
    }

    async fn find_by_login(&mut self) -> Step<Option<Entry>> {
        let (layout, login) = (&self.ldap.layout, self.change.login.as_str());
        let filter = format!("({}={})", layout.login, ldap_escape(login));
        // Whoever has the login has it, of whatever class.
        let found = self.search_all(&filter).await?;
        Ok(found.into_iter().find(|entry| entry.is(&layout.login, login)))
    }

    async fn search(&mut self, filter: &str) -> Step<Vec<Entry>> {
        let class = &self.ldap.layout.account_class;
        self.search_all(&format!("(&(objectClass={class}){filter})")).await
    }

    async fn search_all(&mut self, filter: &str) -> Step<Vec<Entry>> {
        let layout = &self.ldap.layout;
        let own = [&layout.id, &layout.login, &layout.correlation, &layout.switch];
        let attributes: Vec<String> =
            self.attributes.iter().chain(own).map(ToString::to_string).collect();
        let found = self.talk.search(&layout.accounts_base, Scope::Subtree, filter, &attributes);
        found.await.map_err(|fault| fault.outcome())
    }

    fn id(&self, entry: &Entry) -> Step<String> {
        entry.id(&self.ldap.layout).ok_or_else(nameless)
    }

    fn observe(&self, entry: &Entry) -> Step<ObservedAccount> {
        entry.observed(&self.ldap.layout, &self.attributes).ok_or_else(nameless)
    }
}

fn kept(wanted: &Wanted<'_>, entry: &Entry, doubt: Option<Fault>) -> Step<()> {
    let differences = wanted.differences(entry);
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

fn nameless() -> Outcome<ObservedAccount> {
    Outcome::again("the directory returns accounts without an id or a login")
}

fn inexpressible(error: &entry::Error) -> Outcome<ObservedAccount> {
    let code = match error {
        entry::Error::Missing(_) => code::ATTRIBUTE_EMPTY,
        entry::Error::State(_) => code::STATE_UNSUPPORTED,
    };
    Outcome::Failed { code, reason: error.to_string() }
}
