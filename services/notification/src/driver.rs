//! Work that falls due: instants in people's lives, notices that become messages, and messages.

mod asking;
mod boundaries;
mod gathering;
mod sending;

pub(crate) use asking::Asking;
pub(crate) use boundaries::Boundaries;
pub(crate) use gathering::Gathering;
pub(crate) use sending::Sending;

use std::collections::{BTreeMap, BTreeSet};

use domain::{PersonId, Timestamp};
use store::{Error, Tx};

use crate::account::table::Accounts;
use crate::config::Config;
use crate::milestone::Recipient;
use crate::notice::Notice;
use crate::person::Person;
use crate::recipient::{Addressee, Book, Colleague};
use crate::task::Task;
use crate::{account, person, release, task};

/// What is needed to tell notices.
struct Sources {
    book: Book,
    people: BTreeMap<PersonId, Person>,
    accounts: Accounts,
    /// What people have to do by hand, by their addresses.
    tasks: BTreeMap<String, Vec<Task>>,
    now: Timestamp,
}

impl Sources {
    /// Reads the people whom notices are about, their accounts, and everybody who may be told.
    async fn load<'a>(
        tx: &mut Tx,
        config: &Config,
        notices: impl Iterator<Item = &'a Notice>,
        told: impl Iterator<Item = &'a Addressee>,
    ) -> Result<Self, Error> {
        let told: Vec<&Addressee> = told.collect();
        let addresses: Vec<String> = told.iter().filter_map(|told| told.address()).collect();
        let tasks = task::table::open(tx, &addresses).await?;
        let mut about: BTreeSet<PersonId> =
            tasks.values().flatten().map(|task| task.person).collect();
        let mut managers = BTreeSet::new();
        for notice in notices {
            about.insert(notice.person);
            if let Recipient::Manager(Some(manager)) = notice.recipient {
                managers.insert(manager);
            }
        }
        managers.extend(told.iter().filter_map(|told| match told {
            Addressee::Manager(manager) => Some(*manager),
            Addressee::Owner(_) | Addressee::LastResort | Addressee::Assignee(_) => None,
        }));
        let about: Vec<PersonId> = about.into_iter().collect();
        let mut book = Book {
            people: BTreeMap::new(),
            survivors: BTreeMap::new(),
            owners: release::table::owners(tx).await?,
            last_resort: config.owner_of_last_resort.clone(),
        };
        // The managers, and theirs.
        for _level in 0..2 {
            let wanted: Vec<PersonId> =
                managers.iter().filter(|id| !book.people.contains_key(id)).copied().collect();
            let mut found = person::table::read(tx, &wanted).await?;
            let survivors = found.values().filter_map(|one| Some((one.id, one.survivor()?)));
            let survivors: BTreeMap<PersonId, PersonId> = survivors.collect();
            if !survivors.is_empty() {
                let ids: Vec<PersonId> = survivors.values().copied().collect();
                found.extend(person::table::read(tx, &ids).await?);
                book.survivors.extend(survivors);
            }
            book.people.extend(found.iter().filter_map(|(id, person)| {
                let standing = person.standing.as_ref()?;
                let colleague = Colleague {
                    name: standing.display_name.clone(),
                    mail: standing.mail.clone(),
                    here: standing.is_here(tx.now()),
                    manager: standing.manager(tx.now()),
                };
                Some((*id, colleague))
            }));
            managers = book.people.values().filter_map(|one| one.manager).collect();
        }
        let people = person::table::read(tx, &about).await?;
        let accounts = account::table::of(tx, &about).await?;
        Ok(Self { book, people, accounts, tasks, now: tx.now() })
    }

    /// The applications in which a person has an account.
    fn applications(&self, person: PersonId) -> BTreeSet<String> {
        let accounts = self.accounts.get(&person).into_iter().flatten();
        let held = accounts.filter(|(_application, account)| account.closed_at().is_none());
        held.map(|(application, _account)| application.clone()).collect()
    }
}
