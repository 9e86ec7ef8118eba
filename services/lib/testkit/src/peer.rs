use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

/// A SCIM service provider that somebody else wrote: `scim2-server` of the Python registry. Ends when it is dropped.
#[derive(Debug)]
pub struct Peer {
    url: String,
    folder: TempDir,
    _process: Child,
}

/// The program takes a port by number, and somebody else may take it first.
const PORTS_TRIED: usize = 5;
/// The token it accepts.
const TOKEN: &str = "s3cret";

impl Peer {
    /// Starts it; what `config` names replaces parts of its announced configuration.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn start(config: &Value) -> Self {
        let folder = servers::scratch().expect("a scratch folder can be made");
        std::fs::write(folder.path().join("token"), TOKEN).expect("the token can be written");
        let announced = folder.path().join("config.json");
        std::fs::write(&announced, full(config).to_string()).expect("the config can be written");
        for _attempt in 0..PORTS_TRIED {
            let port = free_port();
            let announced = config
                .as_object()
                .is_some_and(|changes| !changes.is_empty())
                .then_some(announced.as_path());
            if let Some(process) = launch(port, announced).await {
                let url = format!("http://127.0.0.1:{port}/v2");
                return Self { url, folder, _process: process };
            }
        }
        panic!("scim2-server ended before it listened, on {PORTS_TRIED} ports");
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

    /// Returns one user as it is.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn user(&self, id: &str) -> Value {
        self.read(&format!("/Users/{id}")).await
    }

    /// Returns the ids of the members of the only group of that name; none if there is no group.
    ///
    /// # Panics
    /// When it does not answer, or two groups have the name.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let groups = self.resources("/Groups").await;
        let mut named = groups.iter().filter(|found| found["displayName"] == group);
        let members =
            named.next().and_then(|group| group["members"].as_array().cloned()).unwrap_or_default();
        assert!(named.next().is_none(), "there are two groups {group}");
        members.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
    }

    async fn resources(&self, path: &str) -> Vec<Value> {
        self.read(path).await["Resources"].as_array().cloned().unwrap_or_default()
    }

    async fn read(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        let answer = crate::http::client().get(url).bearer_auth(TOKEN).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).expect("it answers");
        answer.json().await.expect("it answers with JSON")
    }
}

fn full(changes: &Value) -> Value {
    let mut config = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": 200},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "authenticationSchemes": [],
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    config
}

/// Starts the program on a port; `None` when it ended before it listened.
async fn launch(port: u16, announced: Option<&Path>) -> Option<Child> {
    let mut command = Command::new(python().await);
    command
        .args(["-m", "scim2_server.testserver.cli", "--hostname", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--bearer-token", TOKEN])
        .env("PYTHONUNBUFFERED", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(announced) = announced {
        command.arg("--service-provider-config").arg(announced);
    }
    let mut process = command.spawn().expect("scim2-server starts");
    let output = process.stdout.take().expect("its output is piped");
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.expect("its output can be read") {
        if line.starts_with("Serving SCIM") {
            return Some(process);
        }
    }
    None
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free")
        .port()
}

/// A Python with what tests need of its registry, fetched once into the cache.
///
/// # Panics
/// When it cannot be fetched.
pub async fn python() -> &'static str {
    static PYTHON: OnceCell<String> = OnceCell::const_new();
    PYTHON
        .get_or_init(|| async {
            let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/tools/fetch.py");
            let output = Command::new("python3").args([fetch, "python-peers"]).output().await;
            let output = output.expect("python3 starts");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            let tools: Value = serde_json::from_slice(&output.stdout).expect("it names its tools");
            tools["python-peers"].as_str().unwrap_or_else(|| panic!("{tools}")).to_owned()
        })
        .await
}
