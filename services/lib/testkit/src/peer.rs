use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

mod django;
mod scim2_server;
mod scimmy;

/// A SCIM service provider that somebody else wrote. Ends when it is dropped.
///
/// What it holds is read past whatever stands between it and a connector.
#[derive(Debug)]
pub struct Peer {
    url: String,
    folder: TempDir,
    _process: Child,
}

/// The token it accepts.
const TOKEN: &str = "s3cret";

impl Peer {
    fn at(url: String, folder: TempDir, process: Child) -> Self {
        Self { url, folder, _process: process }
    }

    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token it accepts.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// A reference to a file that holds the token, as policy documents name secrets.
    #[must_use]
    pub fn token_reference(&self) -> String {
        format!("file:{}", self.folder.path().join("token").display())
    }

    /// Returns every user as it is.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn users(&self) -> Vec<Value> {
        self.resources("/Users").await
    }

    /// Returns every group as it is.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn groups(&self) -> Vec<Value> {
        self.resources("/Groups").await
    }

    /// Returns one user as it is.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn user(&self, id: &str) -> Value {
        self.read(&format!("/Users/{id}")).await
    }

    /// Returns the ids of the members of the only group of that name, each as often as it is in the
    /// list; none if there is no group.
    ///
    /// # Panics
    /// When it does not answer, or two groups have the name.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let groups = self.groups().await;
        let mut named = groups.iter().filter(|found| found["displayName"] == group);
        let members =
            named.next().and_then(|group| group["members"].as_array().cloned()).unwrap_or_default();
        assert!(named.next().is_none(), "there are two groups {group}");
        members.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
    }

    /// Makes a resource, as somebody else would who uses it, and returns its id.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn make(&self, path: &str, resource: &Value) -> String {
        let sent = self.request(reqwest::Method::POST, path).json(resource).send().await;
        let answer = sent.and_then(reqwest::Response::error_for_status).expect("it makes it");
        let made: Value = answer.json().await.expect("it answers with JSON");
        made["id"].as_str().expect("what it made has an id").to_owned()
    }

    /// Changes a resource, as somebody else would who uses it, and returns the status that it answers.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn patch(&self, path: &str, change: &Value) -> u16 {
        let sent = self.request(reqwest::Method::PATCH, path).json(change).send().await;
        sent.expect("it answers").status().as_u16()
    }

    /// Returns every resource of a kind, however the list is divided into pages.
    async fn resources(&self, path: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        let mut query = String::new();
        loop {
            let mut page = self.read(&format!("{path}{query}")).await;
            let listed = page["Resources"].as_array_mut().map(std::mem::take).unwrap_or_default();
            let ended = listed.is_empty();
            found.extend(listed);
            let total = page["totalResults"].as_u64().unwrap_or_default();
            query = match page["nextCursor"].as_str() {
                Some(cursor) => format!("?cursor={cursor}"),
                None if ended || found.len() as u64 >= total => return found,
                None => format!("?startIndex={}", found.len() + 1),
            };
        }
    }

    async fn read(&self, path: &str) -> Value {
        let answer = self.request(reqwest::Method::GET, path).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).expect("it answers");
        answer.json().await.expect("it answers with JSON")
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url);
        crate::http::client().request(method, url).bearer_auth(TOKEN)
    }
}

fn folder() -> TempDir {
    let folder = servers::scratch().expect("a scratch folder can be made");
    std::fs::write(folder.path().join("token"), TOKEN).expect("the token can be written");
    folder
}

/// Starts a program that prints the port it has chosen.
async fn choosing_a_port(command: &mut Command) -> (Child, u16) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.kill_on_drop(true).spawn().expect("the peer starts");
    let output = process.stdout.take().expect("its output is piped");
    let line = BufReader::new(output).lines().next_line().await;
    let line = line.expect("its output can be read").expect("it says where it listens");
    (process, line.parse().expect("it says a port"))
}
