//! An application read as a whole: a SCIM server that somebody else wrote, changed behind Tenure's back.

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use proto::provisioning::v1::{
    ActionFinished, ApplicationRead, DriftChanged, DriftFound, DriftState,
};
use provisioning::Config;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::Peer;

use crate::world::{Desired, IN_PROCESS, World, announced, person};

const DAY: i64 = 86_400;
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

#[tokio::test]
async fn each_kind_of_drift_is_found_named_and_left_as_its_document_says() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, &all("report")).await;
    plant(&world, &peer).await;
    let (acted, before) = (world.ended().await.len(), peer.users().await);

    read(&world, DAY + 10).await;

    let mut found = kinds(&world).await;
    found.sort();
    assert_eq!(found, PLANTED);
    assert_eq!(world.ended().await.len(), acted, "nothing is done about what is reported");
    assert_eq!(peer.users().await, before);
    // The same again is not found twice.
    read(&world, 2 * DAY + 20).await;
    let mut found = kinds(&world).await;
    found.sort();
    assert_eq!(found, PLANTED);
    assert!(world.feed.published::<DriftChanged>().await.is_empty());
}

#[tokio::test]
async fn each_kind_of_drift_is_repaired_where_its_document_says_so() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, &all("repair")).await;
    let known = plant(&world, &peer).await;

    read(&world, DAY + 10).await;
    release(&world).await;
    world.feed.drive().await;

    let user = |id: &str| known.clone().remove(id).unwrap();
    let active = |users: &[Value], id: &str| {
        users.iter().find(|user| user["id"] == id).map(|user| user["active"].clone())
    };
    let users = peer.users().await;
    let on = Some(json!(true));
    let off = Some(json!(false));
    assert_eq!(active(&users, &user("closed by hand")), on);
    assert_eq!(active(&users, &user("left")), off);
    assert_eq!(active(&users, &user("second")), off);
    assert_eq!(active(&users, &user("ghost")), off);
    assert_eq!(active(&users, &user("contractor")), off);
    let grace = users.iter().find(|one| one["externalId"] == person(3).to_string()).unwrap();
    assert_eq!((grace["active"].clone(), grace["title"].clone()), (json!(true), json!("Clerk")));
    let edited = users.iter().find(|one| one["id"] == user("edited")).unwrap();
    assert_eq!(edited["title"], "Clerk");
    assert!(peer.members("admins").await.is_empty());
    assert!(peer.members("police").await.contains(&user("edited")));

    read(&world, 2 * DAY + 20).await;

    let ended = world.feed.published::<DriftChanged>().await;
    let closed = ended.iter().filter(|one| one.state() == DriftState::Closed).count();
    // Whose the shared account is only a human knows.
    assert_eq!(closed, PLANTED.len() - 2, "{ended:#?}");
    assert_eq!(kinds(&world).await.len(), PLANTED.len(), "nothing else was found");
}

#[tokio::test]
async fn drift_that_is_ignored_is_neither_undone_nor_in_the_way() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, &all("ignore")).await;
    let known = plant(&world, &peer).await;
    read(&world, DAY + 10).await;
    let acted = world.ended().await.len();

    // Somebody's next change touches nothing but what it is about.
    let moved = hire(4, 2, &["police", "fire"]);
    world.feed.deliver(&[moved.changed()]).await;
    world.feed.drive().await;

    assert_eq!(world.ended().await[acted..], ["directory grant fire: done"]);
    let edited = peer.user(known.get("edited").unwrap()).await;
    assert_eq!(edited["title"], "Impostor");
    assert!(peer.members("admins").await.contains(known.get("edited").unwrap()));
}

#[tokio::test]
async fn nothing_is_undone_on_evidence_older_than_the_last_change() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, "{}").await;
    world.at_second(DAY);
    world.feed.drive().await;
    world.feed.deliver(&[hire(1, 1, &["police"]).changed()]).await;
    world.feed.drive().await;
    join_not(&peer, "police", &account(&peer, 1).await).await;

    // The reading begins at the very instant at which the account was changed here.
    read_now(&world).await;
    assert!(kinds(&world).await.is_empty());
    assert!(peer.members("police").await.is_empty());

    world.at_second(DAY + 1);
    read_now(&world).await;
    assert_eq!(kinds(&world).await, ["missing_grant"]);
    assert_eq!(peer.members("police").await.len(), 1);
}

#[tokio::test]
async fn an_application_that_is_never_read_begins_when_its_document_says_so() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, "{every: never}").await;
    let read = || async {
        let read = world.feed.published::<ApplicationRead>().await;
        read.iter().filter(|read| read.application == "directory").count()
    };
    world.feed.deliver(&[hire(1, 1, &[]).changed()]).await;
    world.feed.drive().await;
    assert_eq!((read().await, peer.users().await.len()), (0, 1), "its work waits for nothing");

    activate_as(&world, &peer, 2, "{every: PT1H}").await;
    world.feed.drive().await;
    assert_eq!(read().await, 1);

    activate_as(&world, &peer, 3, "{every: never}").await;
    world.at_second(DAY);
    world.feed.drive().await;
    let last = read().await;
    world.at_second(9 * DAY);
    world.feed.drive().await;
    assert_eq!(read().await, last);

    activate_as(&world, &peer, 4, "{every: PT1H}").await;
    world.feed.drive().await;
    assert_eq!(read().await, last + 1, "what had stopped goes on");
}

#[tokio::test]
async fn a_leaver_loses_what_nobody_asked_for_as_well() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, &all("report")).await;
    let known = plant(&world, &peer).await;
    read(&world, DAY + 10).await;
    let edited = known.get("edited").unwrap();

    world.feed.deliver(&[Desired::of(person(4), 2).closed("directory", "p4").changed()]).await;
    world.feed.drive().await;

    assert_eq!(peer.user(edited).await["active"], false);
    assert!(!peer.members("admins").await.contains(edited));
}

#[tokio::test]
async fn a_grant_that_nobody_asked_for_stays_for_its_grace_and_a_privileged_one_does_not() {
    let peer = Peer::start(&json!({})).await;
    let rules = "{grace: P7D, drift: {unmanaged_grant: repair}}";
    let world = world(&peer, rules).await;
    world.feed.deliver(&[hire(1, 1, &["police"]).changed()]).await;
    world.feed.drive().await;
    let id = account(&peer, 1).await;
    join(&peer, "fire", &id).await;
    join(&peer, "admins", &id).await;

    read(&world, DAY + 10).await;
    let of = |group| peer.members(group);
    assert_eq!((of("fire").await.len(), of("admins").await.len()), (1, 0));

    read(&world, 7 * DAY).await;
    assert_eq!(of("fire").await.len(), 1);
    read(&world, 8 * DAY + 30).await;
    assert_eq!(of("fire").await.len(), 0);
    assert_eq!(of("police").await.len(), 1);
}

#[tokio::test]
async fn repairs_that_look_like_an_accident_wait_for_two_people() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, "{}").await;
    let people: Vec<u128> = (1..=12).collect();
    for number in &people {
        world.feed.deliver(&[hire(*number, 1, &[]).changed()]).await;
    }
    world.feed.drive().await;
    for number in &people {
        let left = Desired::of(person(*number), 2).closed("directory", "x");
        world.feed.deliver(&[left.changed()]).await;
    }
    world.feed.drive().await;
    for number in &people {
        enable(&peer, &account(&peer, *number).await, true).await;
    }
    let acted = world.ended().await.len();

    read(&world, DAY + 10).await;

    let told = world.feed.published::<ApplicationRead>().await;
    let told = told.into_iter().rfind(|read| read.application == "directory").unwrap();
    assert_eq!(kinds(&world).await, vec!["wrongly_enabled"; 12], "{told:?}");
    assert_eq!((told.repairs, told.found["wrongly_enabled"]), (12, 12));
    assert!(told.held[0].contains("12 accounts closed of 12"), "{told:?}");
    assert_eq!(world.ended().await.len(), acted);

    release(&world).await;
    world.feed.drive().await;

    assert_eq!(world.ended().await.len(), acted + 12);
    assert!(peer.users().await.iter().all(|user| user["active"] == false));
}

#[tokio::test]
async fn an_application_that_has_accounts_already_is_read_before_anything_is_done_in_it() {
    let peer = Peer::start(&json!({})).await;
    let made = |number: u128, login: &str| {
        json!({
            "schemas": [USER, ENTERPRISE], "userName": login, "active": true,
            ENTERPRISE: {"employeeNumber": format!("W-{number}")},
        })
    };
    let old = create(&peer, &made(1, "ada.old")).await;
    let twins = [create(&peer, &made(2, "b1")).await, create(&peer, &made(2, "b2")).await];
    create(&peer, &json!({"schemas": [USER], "userName": "svc-backup", "active": true})).await;
    join(&peer, "police", &old).await;
    join(&peer, "fire", &old).await;
    let world = World::empty(Config::default()).await;
    // Desired access comes first: it waits for the reading.
    world.feed.deliver(&[hire(1, 1, &["police"]).changed(), hire(2, 1, &[]).changed()]).await;
    world.feed.drive().await;
    let rules = "{keys: [employeeNumber], protected: ['svc-*']}";
    activate(&world, &peer, rules).await;
    world.feed.drive().await;

    let users = peer.users().await;
    assert_eq!(users.len(), 4, "no account is made beside one that is there");
    let ada = world.account(person(1), "directory").await.unwrap();
    assert_eq!((ada.login.as_str(), ada.state.as_str()), ("ada.old", "active"));
    assert_eq!(ada.entitlements, ["fire", "police"]);
    assert_eq!(peer.user(&old).await["title"], "Clerk");
    assert_eq!(peer.members("fire").await, [old.as_str()], "what it held is reported, not taken");
    let failed = world.feed.published::<ActionFinished>().await;
    let failed: Vec<_> = failed.iter().filter(|one| !one.error.is_empty()).collect();
    assert!(failed.iter().any(|one| one.error.starts_with("PROV-127")), "{failed:?}");
    assert!(failed.iter().any(|one| one.error.starts_with("PROV-128")), "{failed:?}");
    assert_eq!(world.account(person(2), "directory").await, None, "{twins:?}");

    read(&world, DAY + 10).await;
    let mut found = kinds(&world).await;
    found.sort();
    // The twins are nobody's, the service account is not looked at.
    assert_eq!(found, ["orphaned_account", "orphaned_account", "unmanaged_grant"]);
    assert_eq!(peer.members("fire").await, [old.as_str()]);
}

#[tokio::test]
async fn an_account_of_a_protected_login_is_never_touched() {
    let peer = Peer::start(&json!({})).await;
    let world = world(&peer, "{protected: ['p1*'], drift: {orphaned_account: repair}}").await;
    create(&peer, &json!({"schemas": [USER], "userName": "p1-root", "active": true})).await;

    world.feed.deliver(&[hire(1, 1, &["police"]).changed(), hire(2, 1, &[]).changed()]).await;
    world.feed.drive().await;
    read(&world, DAY + 10).await;

    let users = peer.users().await;
    let logins: BTreeSet<&str> =
        users.iter().filter_map(|user| user["userName"].as_str()).collect();
    assert_eq!(logins, BTreeSet::from(["p1-root", "p2"]));
    assert!(peer.users().await.iter().all(|user| user["active"] == true));
    let ended = world.feed.published::<ActionFinished>().await;
    assert!(ended.iter().any(|one| one.error.starts_with("PROV-129")), "{ended:?}");
}

#[tokio::test]
async fn work_waits_until_the_application_could_be_read() {
    let peer = Peer::start(&json!({})).await;
    let url = peer.url().to_owned();
    drop(peer);
    let world = World::empty(Config::default()).await;
    let text = document(&url, "env:HOME", "{}");
    let documents = rules::document::load("directory.yaml", &text).unwrap();
    let (released, activated) = announced(1, &documents);
    world.feed.deliver(&released).await;
    world.feed.deliver(&[activated]).await;
    world.feed.deliver(&[hire(1, 1, &[]).changed()]).await;

    world.feed.drive().await;

    assert!(world.ended().await.is_empty());
    let (attempts, error): (i32, String) =
        sqlx::query_as("SELECT attempts, error FROM watches WHERE application = 'directory'")
            .fetch_one(world.store.pool())
            .await
            .unwrap();
    assert_eq!((attempts, error.as_str()), (1, "the application cannot be reached"));
}

/// One of each kind, and a second person who shares.
const PLANTED: [&str; 11] = [
    "attribute_differs",
    "missing_account",
    "missing_grant",
    "orphaned_account",
    "several_accounts",
    "several_people",
    "several_people",
    "unmanaged_account",
    "unmanaged_grant",
    "wrongly_disabled",
    "wrongly_enabled",
];

/// Hires people, and changes the application behind Tenure's back; returns accounts by what became of them.
async fn plant(world: &World, peer: &Peer) -> BTreeMap<String, String> {
    for number in [1, 2, 3, 4, 5, 7, 8] {
        world.feed.deliver(&[hire(number, 1, &["police"]).changed()]).await;
    }
    world.feed.deliver(&[Desired::of(person(6), 1).active("wiki", "p6", &[]).changed()]).await;
    world.feed.drive().await;
    world.feed.deliver(&[Desired::of(person(2), 2).closed("directory", "p2").changed()]).await;
    world.feed.drive().await;

    let mut known = BTreeMap::new();
    for (number, what) in [(1, "closed by hand"), (2, "left"), (4, "edited")] {
        known.insert(what.to_owned(), account(peer, number).await);
    }
    enable(peer, &known["closed by hand"], false).await;
    enable(peer, &known["left"], true).await;
    let gone = account(peer, 3).await;
    join_not(peer, "police", &gone).await;
    send(peer, Method::DELETE, &format!("/Users/{gone}"), None).await;
    let edited = known["edited"].clone();
    let title = json!([{"op": "replace", "path": "title", "value": "Impostor"}]);
    patch(peer, &format!("/Users/{edited}"), title).await;
    join_not(peer, "police", &edited).await;
    join(peer, "admins", &edited).await;
    let second = |person: PersonId, login: &str| {
        json!({
            "schemas": [USER], "userName": login, "active": true, "externalId": person.to_string(),
        })
    };
    known.insert("second".to_owned(), create(peer, &second(person(5), "p5-again")).await);
    known.insert("contractor".to_owned(), create(peer, &second(person(6), "p6")).await);
    let ghost = json!({"schemas": [USER], "userName": "ghost", "active": true});
    known.insert("ghost".to_owned(), create(peer, &ghost).await);
    // Two links to one account come of a mistake of ours, or of a restored database.
    sqlx::query(
        "UPDATE accounts SET account_id = (SELECT account_id FROM accounts WHERE person_id = $1)
          WHERE person_id = $2",
    )
    .bind(person(7).0)
    .bind(person(8).0)
    .execute(world.store.pool())
    .await
    .unwrap();
    let unlinked = account(peer, 8).await;
    send(peer, Method::DELETE, &format!("/Users/{unlinked}"), None).await;
    known
}

/// Every kind is answered alike; whose a shared account is cannot be repaired.
fn all(response: &str) -> String {
    let kinds = rules::document::DriftKind::ALL.map(|kind| match (kind, response) {
        (rules::document::DriftKind::SeveralPeople, "repair") => {
            format!("{}: report", kind.as_str())
        }
        _ => format!("{}: {response}", kind.as_str()),
    });
    format!("{{drift: {{{}}}}}", kinds.join(", "))
}

async fn world(peer: &Peer, rules: &str) -> World {
    let world = World::empty(Config::default()).await;
    activate(&world, peer, rules).await;
    world.feed.drive().await;
    world
}

async fn activate(world: &World, peer: &Peer, rules: &str) {
    activate_as(world, peer, 1, rules).await;
}

async fn activate_as(world: &World, peer: &Peer, number: u64, rules: &str) {
    let text = document(peer.url(), &peer.token_reference(), rules);
    let documents = rules::document::load("applications.yaml", &text).unwrap();
    let (released, activated) = announced(number, &documents);
    world.feed.deliver(&released).await;
    world.feed.deliver(&[activated]).await;
}

fn document(url: &str, token: &str, rules: &str) -> String {
    format!(
        "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  connector: {{kind: scim, url: '{url}', token: '{token}'}}
  reconciliation: {rules}
  account:
    login: person.name
    attributes: {{title: person.title, employeeNumber: person.worker_id}}
  entitlements: [{{name: police}}, {{name: fire}}, {{name: admins, privilege: admin}}]
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: wiki}}
spec:
  connector: {IN_PROCESS}
  account: {{login: person.name}}
"
    )
}

fn hire(number: u128, version: i64, grants: &[&str]) -> Desired {
    Desired::of(person(number), version)
        .active("directory", &format!("p{number}"), grants)
        .attribute("directory", "title", "Clerk")
        .attribute("directory", "employeeNumber", &format!("W-{number}"))
}

/// Lets the next reading fall due, and everything that follows.
async fn read(world: &World, second: i64) {
    world.at_second(second);
    world.feed.drive().await;
}

/// Has the application read at this very instant.
async fn read_now(world: &World) {
    sqlx::query("UPDATE watches SET stage = 'rest', due_at = began_at WHERE due_at IS NOT NULL")
        .execute(world.store.pool())
        .await
        .unwrap();
    world.feed.drive().await;
}

/// Two people let the repairs go that are held, if any are.
async fn release(world: &World) {
    sqlx::query(
        "UPDATE watches SET released_by = '{grace,ada}', stage = 'judge', due_at = began_at
          WHERE application = 'directory' AND held <> '{}'",
    )
    .execute(world.store.pool())
    .await
    .unwrap();
}

async fn kinds(world: &World) -> Vec<String> {
    let found = world.feed.published::<DriftFound>().await;
    let name = |one: &DriftFound| {
        one.kind().as_str_name().trim_start_matches("DRIFT_KIND_").to_lowercase()
    };
    found.iter().map(name).collect()
}

async fn account(peer: &Peer, number: u128) -> String {
    let users = peer.users().await;
    let person = person(number).to_string();
    let found = users.iter().find(|user| user["externalId"] == person.as_str());
    found.and_then(|user| user["id"].as_str()).unwrap().to_owned()
}

async fn send(peer: &Peer, method: Method, path: &str, body: Option<&Value>) -> Value {
    let request = testkit::http_client()
        .request(method, format!("{}{path}", peer.url()))
        .bearer_auth(peer.token())
        .header("content-type", "application/scim+json");
    let request = match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    };
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
}

async fn create(peer: &Peer, user: &Value) -> String {
    send(peer, Method::POST, "/Users", Some(user)).await["id"].as_str().unwrap().to_owned()
}

async fn patch(peer: &Peer, path: &str, operations: Value) {
    let body = json!({"schemas": [PATCH], "Operations": operations});
    send(peer, Method::PATCH, path, Some(&body)).await;
}

async fn enable(peer: &Peer, id: &str, active: bool) {
    let operations = json!([{"op": "replace", "path": "active", "value": active}]);
    patch(peer, &format!("/Users/{id}"), operations).await;
}

async fn group(peer: &Peer, name: &str) -> String {
    let groups = send(peer, Method::GET, "/Groups", None).await;
    let found = groups["Resources"].as_array().into_iter().flatten();
    let mut found = found.filter(|group| group["displayName"] == name);
    if let Some(group) = found.next() {
        return group["id"].as_str().unwrap().to_owned();
    }
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let made = json!({"schemas": [schema], "displayName": name});
    send(peer, Method::POST, "/Groups", Some(&made)).await["id"].as_str().unwrap().to_owned()
}

async fn join(peer: &Peer, name: &str, id: &str) {
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    patch(peer, &format!("/Groups/{}", group(peer, name).await), operations).await;
}

async fn join_not(peer: &Peer, name: &str, id: &str) {
    let operations = json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
    patch(peer, &format!("/Groups/{}", group(peer, name).await), operations).await;
}
