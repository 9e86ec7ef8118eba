//! Finds resources by a filter, and believes neither the filter nor an empty answer.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::fault::Fault;
use super::user;

/// A hundred per page and this many pages are more than an application of this kind holds.
const PAGES_MAX: usize = 2_000;

/// How far a search goes when the filter cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Every page, when the filter is seen to be ignored or is refused.
    IfIgnored,
    /// Also the unfiltered list, when the filtered one holds nothing that matches.
    Exhaustive,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    /// `Users` or `Groups`.
    pub(super) kind: &'static str,
    /// A SCIM attribute.
    pub(super) attribute: &'static str,
    /// Its value.
    pub(super) value: &'a str,
    pub(super) depth: Depth,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    total_results: usize,
    /// Where the next page begins (RFC 9865), for applications that page by cursors.
    next_cursor: Option<String>,
    #[serde(rename = "Resources", alias = "resources")]
    resources: Vec<Value>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    First,
    Index(usize),
    Cursor(String),
}

impl Search<'_> {
    /// Returns the resources that match by our own judgement.
    pub(super) async fn run(
        self,
        client: &Client,
        matches: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, Fault> {
        let quoted = Value::from(self.value);
        let filter = format!("{} eq {quoted}", self.attribute);
        let (found, refused) = match self.walk(client, Some(&filter), &matches).await {
            Ok(found) => (found, false),
            Err(fault)
                if fault.refusal().is_some_and(|status| is_filter_refusal(status.as_u16())) =>
            {
                (Vec::new(), true)
            }
            Err(fault) => return Err(fault),
        };
        if found.is_empty() && (refused || self.depth == Depth::Exhaustive) {
            return self.walk(client, None, &matches).await;
        }
        Ok(found)
    }

    /// Reads the pages of a list to its end, which it has when as many resources were seen as it counts.
    async fn walk(
        self,
        client: &Client,
        filter: Option<&str>,
        matches: &impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut strangers = false;
        let mut start = Start::First;
        for _ in 0..PAGES_MAX {
            let page = self.page(client, filter, &start).await?;
            let before = seen.len();
            for resource in page.resources {
                let is_new = user::id(&resource).is_none_or(|id| seen.insert(id.to_owned()));
                match (is_new, matches(&resource)) {
                    (true, true) => found.push(resource),
                    (true, false) => strangers = true,
                    (false, _) => {}
                }
            }
            let goes_on = filter.is_none() || strangers;
            let next = page.next_cursor.filter(|cursor| !cursor.is_empty());
            start = match next {
                _ if !goes_on => return Ok(found),
                Some(cursor) => Start::Cursor(cursor),
                None if seen.len() >= page.total_results => return Ok(found),
                None => Start::Index(seen.len() + 1),
            };
            // The same page again, or none: asking on would never end, and ending here would call
            // what was not shown absent.
            if seen.len() == before {
                return Err(Fault::Broken { what: "the application's list does not advance" });
            }
        }
        Err(Fault::Broken { what: "the application's list does not end" })
    }

    async fn page(
        self,
        client: &Client,
        filter: Option<&str>,
        start: &Start,
    ) -> Result<Page, Fault> {
        let (name, value) = match start {
            Start::First => ("", String::new()),
            Start::Index(index) => ("startIndex", index.to_string()),
            Start::Cursor(cursor) => ("cursor", cursor.clone()),
        };
        let mut pairs = Vec::new();
        pairs.extend(filter.map(|filter| ("filter", filter)));
        if self.kind == "Groups" {
            pairs.push(("excludedAttributes", "members"));
        }
        if *start != Start::First {
            pairs.push((name, value.as_str()));
        }
        client.get(client.query(&[self.kind], &pairs)).await
    }
}

/// An application that does not know a filter says so, which proves nothing about what it holds.
const fn is_filter_refusal(status: u16) -> bool {
    matches!(status, 400 | 422 | 501)
}
