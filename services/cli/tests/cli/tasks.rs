//! `tenure task`: people do what no program can do, say so, and attest each other's work.

use serde_json::json;

use crate::mesh::Mesh;

const POLICIES: &str = "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: staff}
spec:
  attributes:
    display_name: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: badges}
spec:
  owner: {name: Front desk, mail: desk@company.example}
  connector:
    kind: manual
    manual:
      deputy: {name: Facilities, mail: facilities@company.example}
      instructions: Print the badge at the front desk.
      evidence: ticket
  account:
    login: slug(person.display_name)
    attributes: {name: person.display_name}
  entitlements: [{name: front-door}, {name: vault, privilege: admin}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: everyone}
spec:
  description: What everybody has
  entitlements: [{application: badges, entitlement: front-door}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everyone}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{bundle: everyone}]
";

#[test]
fn a_task_is_listed_done_and_verified() {
    let mesh = Mesh::company(POLICIES);

    let listed = mesh.succeed(&["task", "list"]);
    let of = |login: &str| {
        let mut tasks = listed.as_array().unwrap().iter();
        let task = tasks.find(|task| task["login"] == login).unwrap();
        task["task"].as_str().unwrap().to_owned()
    };
    let (ada, grace) = (of("ada.lovelace"), of("grace.hopper"));
    let shown = mesh.succeed(&["task", "show", &ada]);
    assert_eq!(shown["steps"], json!(["make the account", "give front-door"]), "{shown:#}");
    assert_eq!(shown["attributes"], json!({"name": "Ada Lovelace"}));
    assert_eq!(
        (&shown["assignee"], &shown["evidence_wanted"]),
        (&json!("Front desk"), &json!("ticket"))
    );
    let status = mesh.succeed(&["status"]);
    assert_eq!(status["tasks"], json!({"open": 2, "unverified": 0, "overdue": 0}), "{status:#}");

    let done = ["task", "done", &ada, "--evidence", "FAC-1", "--as", "eve"];
    assert_eq!(mesh.succeed(&done)["state"], "done");
    let refused = mesh.run(&["task", "verify", &ada, "--as", "eve"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(told.contains("somebody else has to"), "{told}");
    mesh.succeed(&["task", "reject", &ada, "--note", "no badge", "--as", "mallory"]);
    mesh.succeed(&done);
    let verified = mesh.succeed(&["task", "verify", &ada, "--as", "mallory"]);
    assert_eq!(
        (&verified["state"], &verified["proof"]),
        (&json!("verified"), &json!("attestation"))
    );

    let hand = ["task", "assign", &grace, "--to", "Eve", "--mail", "eve@company.example"];
    assert_eq!(mesh.succeed(&hand)["assignee"], "Eve");
    let hers = mesh.succeed(&["task", "list", "--assignee", "EVE@company.example"]);
    assert_eq!(hers.as_array().unwrap().len(), 1);
    let list = "login,entitlements,name\n\
                ada.lovelace,front-door,Ada Lovelace\n\
                grace.hopper,front-door;vault,Grace Hopper\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("badges.csv").display().to_string();
    std::fs::write(&path, list).unwrap();
    let taken = mesh.succeed(&["task", "listing", "badges", &path, "--as", "eve"]);
    assert_eq!(taken, json!({"accounts": 2, "entitlements": 3}));
    mesh.until(|_status| {
        let standing = mesh.succeed(&["task", "list"]);
        standing.as_array().unwrap().is_empty()
    });
    let proven = mesh.succeed(&["task", "show", &grace]);
    assert_eq!((&proven["state"], &proven["proof"]), (&json!("verified"), &json!("listing")));
}
