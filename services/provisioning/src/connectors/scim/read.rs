//! An application read as a whole: every user, every group with its members.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::super::reading::{Group, Groups, RESOURCES_MAX, send};
use super::super::{Completeness, Page, SeenAccount, Unread};
use super::Scim;
use super::client::{Client, TOO_MUCH};
use super::fault::Fault;
use super::user;

/// Resources asked for at a time. Servers give fewer if they want.
const PAGE_SIZE: usize = 100;

/// Pauses that one request is followed by at most, the shortest, and the longest: whoever asks for more
/// is read anew when it is over.
const PAUSES_MAX: u32 = 20;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(90);

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// The server decides how it pages.
    First,
    /// By number (RFC 7644): how many have been read.
    Index(usize),
    /// By the server's own mark (RFC 9865).
    Cursor(String),
}

impl Next {
    /// How it is written in a query.
    fn start(&self) -> String {
        match self {
            Self::First => String::new(),
            Self::Index(read) => (read + 1).to_string(),
            Self::Cursor(cursor) => cursor.clone(),
        }
    }
}

/// A list that is read to its end.
struct Listing<'a> {
    client: &'a Client,
    kind: &'static str,
    /// Resources asked for at a time: fewer when they are large.
    size: usize,
    next: Option<Next>,
    seen: BTreeSet<String>,
    /// How many there are, as the first page said.
    announced: Option<usize>,
    completeness: Completeness,
}

impl Scim {
    /// Reads every account and what it holds.
    pub(crate) async fn read(&self, pages: &Sender<Page>) -> Result<Completeness, Unread> {
        let mut users = Listing::of(&self.client, "Users");
        while let Some(page) = users.page().await.map_err(|fault| unread(&fault))? {
            let accounts: Vec<SeenAccount> = page.iter().filter_map(seen).collect();
            if accounts.len() < page.len() {
                users.doubt("some accounts have no login");
            }
            send(pages, Page::Accounts(accounts)).await?;
        }
        let mut groups = Listing::of(&self.client, "Groups");
        let mut found = Vec::new();
        while let Some(page) = groups.page().await.map_err(|fault| unread(&fault))? {
            found.extend(page.into_iter().filter_map(|group| {
                let id = user::id(&group)?.to_owned();
                Some((id, group))
            }));
        }
        let mut known = Groups::default();
        for (id, group) in found {
            // A list may leave the members out, and then says the same of a group without any.
            let group = match group.get("members") {
                Some(_members) => group,
                None => self.read_whole_group(&id).await?.unwrap_or(group),
            };
            let Some(name) = group["displayName"].as_str() else { continue };
            let mut read = Group { name: name.to_owned(), ..Group::default() };
            for member in group["members"].as_array().into_iter().flatten() {
                let Some(member) = member["value"].as_str() else { continue };
                if groups.seen.contains(member) {
                    read.groups.insert(member.to_owned());
                } else if users.seen.contains(member) {
                    read.accounts.insert(member.to_owned());
                }
            }
            known.insert(id, read);
        }
        known.tell(pages).await?;
        Ok(users.completeness.and(groups.completeness))
    }

    /// A group that was removed meanwhile is none.
    async fn read_whole_group(&self, id: &str) -> Result<Option<Value>, Unread> {
        match patiently(&self.client, self.client.address(&["Groups", id])).await {
            Ok(group) => Ok(Some(group)),
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(unread(&fault)),
        }
    }
}

impl<'a> Listing<'a> {
    fn of(client: &'a Client, kind: &'static str) -> Self {
        Self {
            client,
            kind,
            size: PAGE_SIZE,
            next: Some(Next::First),
            seen: BTreeSet::new(),
            announced: None,
            completeness: Completeness::Whole,
        }
    }

    fn doubt(&mut self, reason: &'static str) {
        self.completeness = self.completeness.and(Completeness::Partial(reason));
    }

    /// Returns what the next page adds; none at the end.
    async fn page(&mut self) -> Result<Option<Vec<Value>>, Fault> {
        let Some(next) = self.next.take() else { return Ok(None) };
        let answer = loop {
            match self.ask(&next).await {
                // A hundred groups with all their members may be more than is read at once.
                Err(Fault::Broken { what: TOO_MUCH }) if self.size > 1 => self.size /= 10,
                answered => break answered?,
            }
        };
        let listed = answer["Resources"].as_array().or_else(|| answer["resources"].as_array());
        let listed = listed.map(Vec::as_slice).unwrap_or_default();
        let total = answer["totalResults"].as_u64().and_then(|total| usize::try_from(total).ok());
        let cursor = answer["nextCursor"].as_str().filter(|cursor| !cursor.is_empty());
        self.take(&next, listed, total, cursor)
    }

    async fn ask(&self, next: &Next) -> Result<Value, Fault> {
        let (start, size) = (next.start(), self.size.to_string());
        let mut query = vec![("count", size.as_str())];
        match next {
            Next::First => {}
            Next::Index(_read) => query.push(("startIndex", &start)),
            Next::Cursor(_mark) => query.push(("cursor", &start)),
        }
        patiently(self.client, self.client.query(&[self.kind], &query)).await
    }

    fn take(
        &mut self,
        at: &Next,
        listed: &[Value],
        total: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Option<Vec<Value>>, Fault> {
        let mut new = Vec::new();
        for resource in listed {
            let Some(id) = user::id(resource) else {
                self.doubt("some resources have no id");
                continue;
            };
            if self.seen.insert(id.to_owned()) {
                new.push(resource.clone());
            }
        }
        if self.seen.len() > RESOURCES_MAX {
            return Err(Fault::Broken { what: "the application's list is too long" });
        }
        let announced = self.announced.or(total);
        self.announced = announced;
        if total != announced {
            self.doubt("the list changed while it was read");
        }
        let all = total.is_some_and(|total| self.seen.len() >= total);
        self.next = match cursor {
            Some(cursor) if *at == Next::Cursor(cursor.to_owned()) => {
                return Err(Fault::Broken { what: "the application's pages do not advance" });
            }
            Some(cursor) => Some(Next::Cursor(cursor.to_owned())),
            None if matches!(at, Next::Cursor(_)) || all || listed.is_empty() => None,
            // The same page again: the application pages in another way, or not at all.
            None if new.is_empty() => {
                self.doubt("the application does not give all of its pages");
                None
            }
            None => Some(Next::Index(self.seen.len())),
        };
        if self.next.is_none() {
            match announced {
                Some(announced) if announced == self.seen.len() => {}
                Some(_) => self.doubt("the application counts more than it lists"),
                None => self.doubt("the application does not say how many there are"),
            }
        }
        Ok(Some(new))
    }
}

/// Reads, with the pauses that the application asks for: a reading begun anew after each would never end.
async fn patiently(client: &Client, url: reqwest::Url) -> Result<Value, Fault> {
    let mut pauses = 0;
    loop {
        match client.get(url.clone()).await {
            Err(Fault::Throttled { after }) if pauses < PAUSES_MAX && after <= PAUSE_MAX => {
                pauses += 1;
                tokio::time::sleep(after.max(PAUSE_MIN)).await;
            }
            answered => return answered,
        }
    }
}

fn seen(resource: &Value) -> Option<SeenAccount> {
    let account = user::observed(resource)?;
    let person = user::external_id(resource).and_then(|carried| carried.parse().ok());
    Some(SeenAccount { account, person })
}

fn unread(fault: &Fault) -> Unread {
    Unread::of(fault.outcome())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(client: &Client) -> Listing<'_> {
        Listing::of(client, "Users")
    }

    fn client() -> Client {
        Client::connect(&super::super::Settings::new("directory", "http://localhost:1")).unwrap()
    }

    fn page(ids: &[&str]) -> Vec<Value> {
        ids.iter().map(|id| json!({ "id": id })).collect()
    }

    #[test]
    fn pages_by_number_end_when_as_many_were_read_as_were_announced() {
        let client = client();
        let mut users = listing(&client);

        users.take(&Next::First, &page(&["1", "2"]), Some(3), None).unwrap();
        assert_eq!(users.next, Some(Next::Index(2)));
        users.take(&Next::Index(2), &page(&["3"]), Some(3), None).unwrap();

        assert_eq!((users.next.clone(), users.completeness), (None, Completeness::Whole));
    }

    #[test]
    fn pages_by_mark_end_when_there_is_no_mark() {
        let client = client();
        let mut users = listing(&client);

        users.take(&Next::First, &page(&["1"]), Some(2), Some("a")).unwrap();
        assert_eq!(users.next, Some(Next::Cursor("a".to_owned())));
        users.take(&Next::Cursor("a".to_owned()), &page(&["2"]), Some(2), None).unwrap();

        assert_eq!((users.next.clone(), users.completeness), (None, Completeness::Whole));
    }

    #[test]
    fn a_mark_that_leads_to_itself_is_a_fault() {
        let client = client();
        let mut users = listing(&client);
        let at = Next::Cursor("a".to_owned());

        assert!(users.take(&at, &page(&["1"]), Some(9), Some("a")).is_err());
    }

    #[test]
    fn the_same_page_again_ends_the_list_and_is_no_proof_of_absence() {
        let client = client();
        let mut users = listing(&client);

        users.take(&Next::First, &page(&["1", "2"]), Some(9), None).unwrap();
        let again = users.take(&Next::Index(2), &page(&["1", "2"]), Some(9), None).unwrap();

        assert_eq!(again, Some(Vec::new()));
        assert_eq!(users.next, None);
        assert!(users.completeness.reason().is_some());
    }

    #[test]
    fn a_list_that_changes_or_does_not_count_is_no_proof_of_absence() {
        let client = client();
        for (first, second) in [(Some(2), Some(3)), (Some(3), Some(2)), (None, None)] {
            let mut users = listing(&client);
            users.take(&Next::First, &page(&["1"]), first, None).unwrap();
            users.take(&Next::Index(1), &page(&["2"]), second, None).unwrap();
            users.take(&Next::Index(2), &[], second, None).unwrap();
            assert!(users.completeness.reason().is_some(), "{first:?} {second:?}");
        }
    }
}
