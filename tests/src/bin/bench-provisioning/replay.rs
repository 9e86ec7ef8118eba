//! The floor of speed: the requests that the service made, made once more by a bare client.
//!
//! Methods, paths, queries and bodies are the service's own, in its order and as many at once. Only
//! the ids differ that fresh applications give: they stand in for the old ones, and are as long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;

/// As many as an application's document admits unless it says otherwise.
const AT_ONCE: usize = 8;

/// What was asked of one application, in the order of the answers.
pub(crate) struct Tape {
    base: String,
    requests: Vec<Request>,
}

struct Request {
    method: String,
    template: String,
    /// What it was about, by the id that the first application gave it.
    resource: Option<String>,
    query: Option<String>,
    body: Option<Vec<Piece>>,
    status: u64,
}

/// A part of a body.
enum Piece {
    Text(String),
    Id(String),
}

impl Tape {
    /// Reads a log of calls, to be played to another application.
    pub(crate) fn read(calls: &[Value], base: &str) -> anyhow::Result<Self> {
        if calls.first().is_some_and(|call| call["number"] != 1) {
            bail!("the application has forgotten its first calls: take fewer people");
        }
        let text = |call: &Value, name: &str| call[name].as_str().map(str::to_owned);
        let made = calls.iter().filter(|call| call["method"] == "POST");
        let ids: BTreeSet<String> = made.filter_map(|call| text(call, "resource")).collect();
        let requests = calls.iter().map(|call| {
            anyhow::Ok(Request {
                method: text(call, "method").context("a call has no method")?,
                template: text(call, "template").context("a call has no path")?,
                resource: text(call, "resource"),
                query: text(call, "query"),
                body: text(call, "body").map(|body| pieces(&body, &ids)),
                status: call["status"].as_u64().unwrap_or_default(),
            })
        });
        Ok(Self { base: base.to_owned(), requests: requests.collect::<anyhow::Result<_>>()? })
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }
}

/// Cuts a body where it names what was made.
fn pieces(body: &str, ids: &BTreeSet<String>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Text(String::new())];
    for (place, part) in body.split('"').enumerate() {
        if place > 0 {
            push(&mut pieces, "\"");
        }
        if ids.contains(part) {
            pieces.push(Piece::Id(part.to_owned()));
        } else {
            push(&mut pieces, part);
        }
    }
    pieces
}

fn push(pieces: &mut Vec<Piece>, more: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push_str(more),
        Some(Piece::Id(_)) | None => pieces.push(Piece::Text(more.to_owned())),
    }
}

/// The ids of what was made anew, by the old ones.
type Ids = watch::Sender<BTreeMap<String, String>>;

/// Plays tapes, all at once, to applications that are fresh; returns the seconds that took.
pub(crate) async fn play(tapes: Vec<Tape>) -> anyhow::Result<f64> {
    let client = Client::new()?;
    let otherwise = Arc::new(AtomicU64::new(0));
    let began = tokio::time::Instant::now();
    let mut work = JoinSet::new();
    for tape in tapes {
        let (tape, next) = (Arc::new(tape), Arc::new(AtomicUsize::new(0)));
        let ids: Arc<Ids> = Arc::new(watch::Sender::new(BTreeMap::new()));
        for _worker in 0..AT_ONCE {
            let (tape, next, ids) = (Arc::clone(&tape), Arc::clone(&next), Arc::clone(&ids));
            let (client, otherwise) = (client.clone(), Arc::clone(&otherwise));
            work.spawn(async move {
                while let Some(request) = tape.requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !request.make(&client, &tape.base, &ids).await? {
                        otherwise.fetch_add(1, Ordering::Relaxed);
                    }
                }
                anyhow::Ok(())
            });
        }
    }
    while let Some(done) = work.join_next().await {
        done.context("a part of the floor broke")??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let otherwise = otherwise.load(Ordering::Relaxed);
    if otherwise > 0 {
        eprintln!("{otherwise} requests were answered otherwise than the service's");
    }
    Ok(seconds)
}

impl Request {
    /// Makes it, and says whether it was answered as the first time.
    async fn make(&self, client: &Client, base: &str, ids: &Ids) -> anyhow::Result<bool> {
        let mut url = format!("{base}{}", self.template);
        if let Some(old) = self.resource.as_ref().filter(|_id| url.ends_with("{id}")) {
            url = url.replace("{id}", &known(ids, old).await?);
        }
        if let Some(query) = &self.query {
            url = format!("{url}?{query}");
        }
        let mut body = None;
        for piece in self.body.iter().flatten() {
            let body: &mut String = body.get_or_insert_default();
            match piece {
                Piece::Text(text) => body.push_str(text),
                Piece::Id(old) => body.push_str(&known(ids, old).await?),
            }
        }
        let (status, answer) = client.send(&self.method, &url, body).await?;
        if let Some(old) = self.resource.as_ref().filter(|_old| self.method == "POST") {
            let made: Value = serde_json::from_slice(&answer)?;
            let id = made["id"].as_str().context("what was made has no id")?.to_owned();
            ids.send_modify(|ids| {
                ids.insert(old.clone(), id);
            });
        }
        Ok(u64::from(status) == self.status)
    }
}

/// The id that stands in for an old one, as soon as it is known: what made it was asked for before.
async fn known(ids: &Ids, old: &str) -> anyhow::Result<String> {
    let mut ids = ids.subscribe();
    let known = ids.wait_for(|ids| ids.contains_key(old)).await?;
    known.get(old).cloned().context("an id is not known")
}
