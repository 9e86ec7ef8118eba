//! Finds resources by a filter, and believes neither the filter nor an empty answer.

use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::fault::Fault;

/// A hundred per page and this many pages are more than an application of this kind holds.
const PAGES_MAX: usize = 2_000;

/// How far a search goes when the filter cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The first page of the filtered list.
    Quick,
    /// Every page, when the filter is seen to be ignored.
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
    #[serde(rename = "Resources", alias = "resources")]
    resources: Vec<Value>,
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
        let found = match self.walk(client, Some(&filter), &matches).await {
            Ok(found) => found,
            Err(fault)
                if fault.refusal().is_some_and(|status| is_filter_refusal(status.as_u16())) =>
            {
                Vec::new()
            }
            Err(fault) => return Err(fault),
        };
        if found.is_empty() && self.depth == Depth::Exhaustive {
            return self.walk(client, None, &matches).await;
        }
        Ok(found)
    }

    async fn walk(
        self,
        client: &Client,
        filter: Option<&str>,
        matches: &impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        let mut seen = 0;
        for _ in 0..PAGES_MAX {
            let page = self.page(client, filter, seen + 1).await?;
            let size = page.resources.len();
            seen += size;
            found.extend(page.resources.into_iter().filter(|resource| matches(resource)));
            let strangers = seen > found.len();
            let on = match self.depth {
                Depth::Quick => false,
                Depth::IfIgnored => strangers,
                Depth::Exhaustive => strangers || filter.is_none(),
            };
            if !on || size == 0 || seen >= page.total_results {
                return Ok(found);
            }
        }
        Err(Fault::Broken { what: "the application's list does not end" })
    }

    async fn page(
        self,
        client: &Client,
        filter: Option<&str>,
        start: usize,
    ) -> Result<Page, Fault> {
        let start = start.to_string();
        let mut pairs = Vec::new();
        pairs.extend(filter.map(|filter| ("filter", filter)));
        if self.kind == "Groups" {
            pairs.push(("excludedAttributes", "members"));
        }
        if start != "1" {
            pairs.push(("startIndex", start.as_str()));
        }
        client.get(client.query(&[self.kind], &pairs)).await
    }
}

/// An application that does not know a filter says so, which proves nothing about what it holds.
const fn is_filter_refusal(status: u16) -> bool {
    matches!(status, 400 | 422 | 501)
}
