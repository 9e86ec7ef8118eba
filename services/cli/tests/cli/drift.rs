//! `tenure drift`: an application is changed by hand, read, and what differs is decided.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::Peer;

use crate::mesh::Mesh;

fn policies(peer: &Peer) -> String {
    format!(
        "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {{name: staff}}
spec:
  attributes:
    display_name: {{type: string}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  connector: {{kind: scim, url: '{}', token: '{}'}}
  account: {{login: slug(person.display_name)}}
  reconciliation: {{drift: {{unmanaged_grant: repair}}}}
  entitlements: [{{name: staff}}, {{name: press}}, {{name: root, privilege: admin}}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {{name: everyone}}
spec:
  description: What everybody has
  entitlements: [{{application: directory, entitlement: staff}}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {{name: everyone}}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{{bundle: everyone}}]
",
        peer.url(),
        peer.token_reference()
    )
}

#[tokio::test]
async fn drift_is_listed_adopted_and_repaired() {
    let peer = Peer::start(&json!({})).await;
    let mesh = Mesh::company(&policies(&peer));
    let users = peer.users().await;
    let id = |login: &str| {
        let found = users.iter().find(|user| user["userName"] == login).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let (ada, grace) = (id("ada.lovelace"), id("grace.hopper"));

    disable(&peer, &ada).await;
    disable(&peer, &grace).await;
    let first = of_directory(&mesh)["read_at"].clone();
    mesh.succeed(&["drift", "read", "directory"]);
    mesh.until(|_status| {
        let now = of_directory(&mesh);
        now["read_at"] != first && now["doing"].is_null()
    });

    let applications = of_directory(&mesh);
    assert_eq!(applications["drift"], json!({"wrongly_disabled": 2}), "{applications:#}");
    let found = mesh.succeed(&["drift", "list", "--kind", "wrongly-disabled"]);
    let of = |login: &str| {
        let found = found.as_array().unwrap().iter();
        let one = found.clone().find(|one| one["login"] == login).unwrap();
        one["drift"].as_str().unwrap().to_owned()
    };

    let adopt = ["drift", "adopt", &of("ada.lovelace"), "--owner", "security", "--as", "joan"];
    let adopted = mesh.succeed(&[adopt.as_slice(), &["--until", "2999-12-31"]].concat());
    let repaired = mesh.succeed(&["drift", "repair", &of("grace.hopper"), "--as", "joan"]);

    assert_eq!((&adopted["state"], &adopted["owner"]), (&json!("adopted"), &json!("security")));
    assert_eq!(adopted["until"], "3000-01-01T00:00:00Z");
    assert_eq!(repaired["state"], "repairing");
    until(|| async { peer.user(&grace).await["active"] == true }).await;
    assert_eq!(peer.user(&ada).await["active"], false);
    let shown = mesh.command(&["drift", "list"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("adopted"), "{shown}");

    let past = mesh.run(&[adopt.as_slice(), &["--until", "2020-01-01"]].concat());
    assert!(String::from_utf8(past.stderr).unwrap().contains("lies in the past"));
    let nothing = mesh.run(&["drift", "release", "directory", "--hash", "0", "--as", "joan"]);
    assert!(String::from_utf8(nothing.stderr).unwrap().contains("no repairs"));
}

#[tokio::test]
async fn what_a_reading_repaired_is_taken_back_and_the_privileged_waits_for_somebody() {
    let peer = Peer::start(&json!({})).await;
    let mesh = Mesh::company(&policies(&peer));
    let users = peer.users().await;
    let ada = users.iter().find(|user| user["userName"] == "ada.lovelace").unwrap();
    let ada = ada["id"].as_str().unwrap();
    for group in ["press", "root"] {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": group, "members": [{"value": ada}],
        });
        send(&peer, Method::POST, "/Groups", &body).await;
    }
    mesh.succeed(&["drift", "read", "directory"]);
    until(|| async { peer.members("press").await.is_empty() }).await;
    until(|| async { peer.members("root").await.is_empty() }).await;

    let readings = mesh.succeed(&["drift", "readings", "--application", "directory"]);
    let reading = readings.as_array().unwrap().iter().find(|one| one["repairs"] == 2).unwrap();
    let reading = reading["reading"].as_str().unwrap();
    let undo = ["undo", reading, "--as", "grace"];
    let shown = mesh.succeed(&undo);
    assert_eq!(shown["restored"][0]["entitlement"], "press");
    assert_eq!(shown["awaiting"][0]["entitlement"], "root");
    assert!(peer.members("press").await.is_empty(), "nothing is done by looking");
    let wrong = mesh.run(&[undo.as_slice(), &["--hash", "0"]].concat());
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("look again"));

    let hash = shown["hash"].as_str().unwrap();
    let done = mesh.succeed(&[undo.as_slice(), &["--hash", hash]].concat());

    assert_eq!(done["done"], true);
    until(|| async { peer.members("press").await == [ada] }).await;
    let waits = mesh.succeed(&["drift", "list", "--kind", "unmanaged-grant"]);
    let root = waits.as_array().unwrap().iter().find(|one| one["entitlement"] == "root").unwrap();
    assert_eq!(root["state"], "reported");
    assert!(peer.members("root").await.is_empty());
    let id = root["drift"].as_str().unwrap();
    mesh.succeed(&["drift", "adopt", id, "--owner", "operations", "--as", "joan"]);
    until(|| async { peer.members("root").await == [ada] }).await;
}

/// Looks until something is so.
async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let begin = std::time::Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < crate::mesh::DEADLINE);
    }
}

fn of_directory(mesh: &Mesh) -> Value {
    let applications = mesh.succeed(&["drift", "applications"]);
    applications
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["application"] == "directory")
        .unwrap()
        .clone()
}

async fn disable(peer: &Peer, id: &str) {
    let operation = json!({"op": "replace", "path": "active", "value": false});
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation],
    });
    send(peer, Method::PATCH, &format!("/Users/{id}"), &body).await;
}

async fn send(peer: &Peer, method: Method, path: &str, body: &Value) {
    let request = testkit::http_client()
        .request(method, format!("{}{path}", peer.url()))
        .bearer_auth(peer.token())
        .header("content-type", "application/scim+json")
        .body(body.to_string());
    request.send().await.unwrap().error_for_status().unwrap();
}
