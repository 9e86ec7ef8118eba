use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Peer, TOKEN};
use crate::tools::python;

/// The program takes a port by number, and somebody else may take it first.
const PORTS_TRIED: usize = 5;

impl Peer {
    /// Starts `scim2-server` of the Python registry; what `config` names replaces parts of its
    /// announced configuration.
    ///
    /// # Panics
    /// When it cannot be fetched or started.
    pub async fn start(config: &Value) -> Self {
        let folder = super::folder();
        let announced = folder.path().join("config.json");
        std::fs::write(&announced, full(config).to_string()).expect("the config can be written");
        for _attempt in 0..PORTS_TRIED {
            let port = free_port();
            let announced = config
                .as_object()
                .is_some_and(|changes| !changes.is_empty())
                .then_some(announced.as_path());
            if let Some(process) = launch(port, announced).await {
                return Self::at(format!("http://127.0.0.1:{port}/v2"), folder, process);
            }
        }
        panic!("scim2-server ended before it listened, on {PORTS_TRIED} ports");
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
