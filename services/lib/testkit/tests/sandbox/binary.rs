//! The binary: several applications at once, ending when it is told to.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{TOKEN, USER, client};

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(directory: &Path) -> (Child, BTreeMap<String, String>) {
    let token = directory.join("token");
    let ports = directory.join("ports.json");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["--application", "directory", "--application", "records"])
        .arg("--token-file")
        .arg(&token)
        .arg("--ports-file")
        .arg(&ports)
        .arg("--snapshot-dir")
        .arg(directory.join("snapshots"))
        .arg("--until-stdin-closes")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let ready = async {
        while !ports.exists() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it was ready");
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    let urls = serde_json::from_slice(&std::fs::read(&ports).unwrap()).unwrap();
    std::fs::remove_file(ports).unwrap();
    (child, urls)
}

async fn ended(child: &mut Child) -> ExitStatus {
    tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap()
}

async fn total(client: &Client, base: &str) -> Value {
    let response = client.get(format!("{base}/Users")).bearer_auth(TOKEN).send().await.unwrap();
    response.json::<Value>().await.unwrap()["totalResults"].clone()
}

#[tokio::test]
async fn the_binary_serves_several_applications_until_it_is_told_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let client = client();

    let (mut child, urls) = start(directory.path()).await;
    assert_eq!(urls.keys().collect::<Vec<_>>(), ["directory", "records"]);
    let user = json!({"schemas": [USER], "userName": "ada"});
    let request = client.post(format!("{}/Users", urls["directory"])).bearer_auth(TOKEN);
    assert_eq!(request.json(&user).send().await.unwrap().status(), 201);
    assert_eq!(total(&client, &urls["directory"]).await, 1);
    assert_eq!(total(&client, &urls["records"]).await, 0);
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(ended(&mut child).await.success());

    let (mut child, urls) = start(directory.path()).await;
    assert_eq!(total(&client, &urls["directory"]).await, 1, "the snapshot is read again");
    drop(child.stdin.take());
    assert!(ended(&mut child).await.success());
}
