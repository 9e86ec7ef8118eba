//! Who is really told: whom a notice is meant for, or whoever stands in. Pure.
//!
//! A manager who is not known, has left, has no mail or is the person falls back to the skip level,
//! then to an owner of what the person holds, then to the owner of last resort.

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use lettre::Address;

use crate::config::Owner;
use crate::milestone::Recipient;

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Addressee {
    Manager(PersonId),
    Owner(String),
    LastResort,
    /// Whoever has tasks to do, by address in lower case.
    Assignee(String),
}

impl Addressee {
    /// Where somebody who has tasks to do is written to.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Self::Assignee(address) => Some(address.clone()),
            Self::Manager(_) | Self::Owner(_) | Self::LastResort => None,
        }
    }
}

/// Somebody with a mail address that can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) addressee: Addressee,
    pub(crate) name: String,
    pub(crate) address: Address,
}

/// A person as somebody's manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Colleague {
    pub(crate) name: String,
    pub(crate) mail: String,
    /// Has not left.
    pub(crate) here: bool,
    pub(crate) manager: Option<PersonId>,
}

/// Everybody who may be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) people: BTreeMap<PersonId, Colleague>,
    /// Who goes on under which other id.
    pub(crate) survivors: BTreeMap<PersonId, PersonId>,
    /// By application.
    pub(crate) owners: BTreeMap<String, Owner>,
    pub(crate) last_resort: Option<Owner>,
}

/// What is known of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolution {
    Known(Contact),
    /// Nothing was heard yet of the manager it is meant for; this is who would stand in.
    Unheard(Option<Contact>),
    Nobody,
}

/// The manager, and the manager's manager.
const LEVELS_MAX: usize = 2;

impl Book {
    /// Finds who is told about a person who holds accounts in these applications.
    pub(crate) fn resolve(
        &self,
        person: PersonId,
        recipient: &Recipient,
        applications: &BTreeSet<String>,
    ) -> Resolution {
        let known =
            |contact: Option<Contact>| contact.map_or(Resolution::Nobody, Resolution::Known);
        match recipient {
            Recipient::Owner(application) => {
                known(self.owner(application).or_else(|| self.last_resort()))
            }
            Recipient::Manager(manager) => {
                let found = manager.and_then(|manager| self.manager(person, manager));
                let contact = found.or_else(|| self.stand_in(applications));
                match manager {
                    Some(manager) if !self.people.contains_key(manager) => {
                        Resolution::Unheard(contact)
                    }
                    Some(_) | None => known(contact),
                }
            }
        }
    }

    /// Finds a contact again that was decided on before.
    pub(crate) fn contact(&self, addressee: &Addressee) -> Option<Contact> {
        match addressee {
            Addressee::Manager(id) => {
                let colleague = self.people.get(id)?;
                contact(addressee.clone(), &colleague.name, &colleague.mail)
            }
            Addressee::Owner(application) => self.owner(application),
            Addressee::LastResort => self.last_resort(),
            // A team's name stands with each of its tasks, and may differ.
            Addressee::Assignee(address) => contact(addressee.clone(), "", address),
        }
    }

    fn manager(&self, person: PersonId, manager: PersonId) -> Option<Contact> {
        let mut next = Some(manager);
        for _level in 0..LEVELS_MAX {
            let id = next.map(|id| self.survivors.get(&id).copied().unwrap_or(id))?;
            let colleague = self.people.get(&id)?;
            if id != person && colleague.here {
                let found = contact(Addressee::Manager(id), &colleague.name, &colleague.mail);
                if found.is_some() {
                    return found;
                }
            }
            next = colleague.manager;
        }
        None
    }

    fn stand_in(&self, applications: &BTreeSet<String>) -> Option<Contact> {
        applications
            .iter()
            .find_map(|application| self.owner(application))
            .or_else(|| self.last_resort())
    }

    fn owner(&self, application: &str) -> Option<Contact> {
        let owner = self.owners.get(application)?;
        contact(Addressee::Owner(application.to_owned()), &owner.name, &owner.mail)
    }

    fn last_resort(&self) -> Option<Contact> {
        let owner = self.last_resort.as_ref()?;
        contact(Addressee::LastResort, &owner.name, &owner.mail)
    }
}

fn contact(addressee: Addressee, name: &str, mail: &str) -> Option<Contact> {
    let address = mail.parse().ok()?;
    Some(Contact { addressee, name: name.to_owned(), address })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn colleague(mail: &str, manager: Option<u128>) -> Colleague {
        Colleague {
            name: "N".to_owned(),
            mail: mail.to_owned(),
            here: true,
            manager: manager.map(id),
        }
    }

    fn owner(mail: &str) -> Owner {
        Owner { name: String::new(), mail: mail.to_owned() }
    }

    /// Who is told about person 1, whose manager is 2, by address.
    fn told(book: &Book, applications: &[&str]) -> String {
        let held = applications.iter().map(|name| (*name).to_owned()).collect();
        match book.resolve(id(1), &Recipient::Manager(Some(id(2))), &held) {
            Resolution::Known(contact) => contact.address.to_string(),
            Resolution::Unheard(contact) => {
                format!("unheard, else {:?}", contact.map(|contact| contact.address.to_string()))
            }
            Resolution::Nobody => "nobody".to_owned(),
        }
    }

    #[test]
    fn a_manager_who_cannot_be_told_falls_back_to_the_skip_level_then_to_owners() {
        let mut book = Book {
            people: [
                (id(2), colleague("two@example.org", Some(3))),
                (id(3), colleague("three@example.org", None)),
            ]
            .into(),
            owners: [("crm".to_owned(), owner("crm@example.org"))].into(),
            last_resort: Some(owner("last@example.org")),
            ..Book::default()
        };
        assert_eq!(told(&book, &["crm"]), "two@example.org");

        for broken in ["", "no address", "two@exa mple.org"] {
            book.people.insert(id(2), colleague(broken, Some(3)));
            assert_eq!(told(&book, &["crm"]), "three@example.org");
        }
        book.people.insert(id(2), Colleague { here: false, ..colleague("two@a.org", Some(3)) });
        assert_eq!(told(&book, &["crm"]), "three@example.org");

        book.people.insert(id(3), Colleague { here: false, ..colleague("three@a.org", None) });
        assert_eq!(told(&book, &["crm"]), "crm@example.org");
        assert_eq!(told(&book, &["wiki"]), "last@example.org");
        book.last_resort = None;
        assert_eq!(told(&book, &["wiki"]), "nobody");
    }

    #[test]
    fn a_circle_of_managers_ends_and_nobody_is_told_of_oneself() {
        let mut book = Book::default();
        book.people.insert(id(1), colleague("one@example.org", Some(2)));
        book.people.insert(id(2), colleague("", Some(1)));

        assert_eq!(told(&book, &[]), "nobody");
    }

    #[test]
    fn a_manager_who_goes_on_under_another_id_is_told_there() {
        let mut book = Book::default();
        book.people.insert(id(2), Colleague { here: false, ..colleague("", None) });
        book.people.insert(id(4), colleague("four@example.org", None));
        book.survivors.insert(id(2), id(4));

        assert_eq!(told(&book, &[]), "four@example.org");
        book.survivors.insert(id(2), id(1));
        book.people.insert(id(1), colleague("one@example.org", None));
        assert_eq!(told(&book, &[]), "nobody", "nobody is told of oneself");
    }

    #[test]
    fn a_manager_of_whom_nothing_was_heard_may_be_waited_for() {
        let book = Book { last_resort: Some(owner("last@example.org")), ..Book::default() };

        assert_eq!(told(&book, &[]), "unheard, else Some(\"last@example.org\")");
    }
}
