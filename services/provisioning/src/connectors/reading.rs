//! What an application has, read as a whole: page by page, and with a word on whether that is all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use domain::PersonId;
use tokio::sync::mpsc::Sender;

use super::{ObservedAccount, Outcome};

/// A part of a reading. Accounts come before what they hold.
#[derive(Debug)]
pub enum Page {
    /// Accounts; none comes twice, unless a page was lost on its way and asked for again.
    Accounts(Vec<SeenAccount>),
    /// What accounts hold.
    Holdings(Vec<Holding>),
}

/// An account as it was seen, and whose id it carries.
#[derive(Clone, PartialEq, Eq)]
pub struct SeenAccount {
    /// The account.
    pub account: ObservedAccount,
    /// The person whose id it carries, if it carries one.
    pub person: Option<PersonId>,
}

/// An account is a member of a group, or of a group in that group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holding {
    /// The application's own id of the account.
    pub account_id: String,
    /// The entitlement's name.
    pub entitlement: String,
    /// The group through which it is held; none: directly.
    pub through: Option<String>,
}

/// Whether a reading shows all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// What was not read is not there.
    Whole,
    /// What was not read may be there.
    Partial(&'static str),
}

/// Why an application could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// How long the application asks to be left alone; zero when the caller's own backoff decides.
    pub after: Duration,
    /// What went wrong, without personal data; it begins with a code when an operator can mend it.
    pub reason: String,
}

/// Accounts or groups that are read of one application, at most.
pub(super) const RESOURCES_MAX: usize = 1_000_000;
/// Holdings of one page.
const HOLDINGS_AT_ONCE: usize = 5_000;
/// What people have to mend takes a while.
const MENDING_DELAY: Duration = Duration::from_mins(5);
/// Groups within groups are followed to this depth.
const DEPTH_MAX: usize = 32;

impl Completeness {
    /// What speaks against it, if anything does.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Partial(reason) => Some(reason),
        }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        match self {
            Self::Whole => other,
            Self::Partial(_) => self,
        }
    }
}

impl Unread {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { after: Duration::ZERO, reason: reason.into() }
    }

    /// What the failure of a request means for the whole.
    pub(super) fn of(failed: Outcome<()>) -> Self {
        match failed {
            Outcome::Retry { after, reason } | Outcome::Wait { after, reason } => {
                Self { after, reason }
            }
            Outcome::Failed { code, reason } => {
                Self { after: MENDING_DELAY, reason: format!("{code}: {reason}") }
            }
            Outcome::Done(())
            | Outcome::Already(())
            | Outcome::Gone
            | Outcome::LoginTaken
            | Outcome::Manual => Self::new("the application cannot be read"),
        }
    }

    /// Nobody takes the pages any more: whoever asked for them has given up.
    fn unwanted() -> Self {
        Self::new("the reading was given up")
    }
}

/// Logins and attributes are personal data and stay out of logs.
impl fmt::Debug for SeenAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenAccount")
            .field("account", &self.account)
            .field("person", &self.person)
            .finish()
    }
}

/// Hands a page on.
pub(super) async fn send(pages: &Sender<Page>, page: Page) -> Result<(), Unread> {
    pages.send(page).await.map_err(|_closed| Unread::unwanted())
}

/// The groups of an application, by what their members call them.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<String, Group>);

/// A group with its members.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) name: String,
    /// Ids of accounts.
    pub(super) accounts: BTreeSet<String>,
    /// What groups in it are called.
    pub(super) groups: BTreeSet<String>,
}

impl Groups {
    pub(super) fn insert(&mut self, called: String, group: Group) {
        self.0.insert(called, group);
    }

    /// Hands on what accounts hold.
    pub(super) async fn tell(&self, pages: &Sender<Page>) -> Result<(), Unread> {
        let mut page = Vec::new();
        for called in self.0.keys() {
            page.extend(self.holdings(called));
            if page.len() >= HOLDINGS_AT_ONCE {
                send(pages, Page::Holdings(std::mem::take(&mut page))).await?;
            }
        }
        if page.is_empty() { Ok(()) } else { send(pages, Page::Holdings(page)).await }
    }

    /// Who holds a group: its members, and those of the groups in it who are no members themselves.
    fn holdings(&self, called: &str) -> Vec<Holding> {
        let Some(group) = self.0.get(called) else { return Vec::new() };
        let held = |account: &str, through: Option<&str>| Holding {
            account_id: account.to_owned(),
            entitlement: group.name.clone(),
            through: through.map(str::to_owned),
        };
        let mut holdings: Vec<Holding> =
            group.accounts.iter().map(|account| held(account, None)).collect();
        let mut known = group.accounts.clone();
        for within in &group.groups {
            let name = self.0.get(within).map(|group| group.name.as_str());
            let mut seen = BTreeSet::from([called]);
            let mut members = BTreeSet::new();
            self.gather(within, &mut seen, &mut members, 0);
            for account in members.difference(&known.clone()) {
                holdings.push(held(account, name));
                known.insert((*account).clone());
            }
        }
        holdings
    }

    /// Everybody in a group, however deep; a group that is in itself is looked at once.
    fn gather<'a>(
        &'a self,
        called: &'a str,
        seen: &mut BTreeSet<&'a str>,
        members: &mut BTreeSet<String>,
        depth: usize,
    ) {
        if depth > DEPTH_MAX || !seen.insert(called) {
            return;
        }
        let Some(group) = self.0.get(called) else { return };
        members.extend(group.accounts.iter().cloned());
        for within in &group.groups {
            self.gather(within, seen, members, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, accounts: &[&str], groups: &[&str]) -> Group {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Group { name: name.to_owned(), accounts: owned(accounts), groups: owned(groups) }
    }

    fn held(groups: Groups, called: &str) -> Vec<(String, Option<String>)> {
        groups.holdings(called).into_iter().map(|held| (held.account_id, held.through)).collect()
    }

    #[test]
    fn who_is_in_a_group_in_a_group_holds_it_through_that_one() {
        let mut groups = Groups::default();
        groups.insert("1".to_owned(), group("all", &["ada"], &["2", "3"]));
        groups.insert("2".to_owned(), group("police", &["ada", "grace"], &[]));
        groups.insert("3".to_owned(), group("city", &[], &["4"]));
        groups.insert("4".to_owned(), group("fire", &["joan"], &[]));

        let through = |name: &str| Some(name.to_owned());
        assert_eq!(
            held(groups, "1"),
            [
                ("ada".to_owned(), None),
                ("grace".to_owned(), through("police")),
                ("joan".to_owned(), through("city")),
            ]
        );
    }

    #[test]
    fn a_group_in_itself_ends() {
        let mut groups = Groups::default();
        groups.insert("1".to_owned(), group("one", &["ada"], &["2"]));
        groups.insert("2".to_owned(), group("two", &["grace"], &["1", "2"]));

        assert_eq!(
            held(groups, "1"),
            [("ada".to_owned(), None), ("grace".to_owned(), Some("two".to_owned()))]
        );
    }
}
