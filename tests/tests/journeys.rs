//! People's way through the whole mesh, read where it ends: in the application.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "journeys/kin.rs"]
mod kin;
#[path = "journeys/mission.rs"]
mod mission;
#[path = "journeys/references.rs"]
mod references;
#[path = "journeys/uncertain.rs"]
mod uncertain;

use std::path::Path;

use cli::client::Import;
use clock::TestClock;
use domain::Timestamp;
use mesh_tests::Mesh;
use proto::catalogue::Service;
use proto::hris::v1::{FileContract, ImportSummary};
use proto::policy::v1::DocumentFile;
use serde_json::json;
use testkit::Peer;

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, Department, First, Last]
  key: [number]
  engagement: number
  start_date: first
  last_working_day: last
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    department: {column: Department}
    first: {column: First, type: date, format: YYYY-MM-DD}
    last: {column: Last, type: date, format: YYYY-MM-DD, optional: true}
  attributes: [display_name, department, worker_id]
";

const HEADER: &str = "Number,Name,Department,First,Last\n";

fn policies(peer: &Peer) -> Vec<DocumentFile> {
    let content = format!(
        "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {{name: staff}}
spec:
  attributes:
    display_name: {{type: string}}
    department: {{type: string}}
    worker_id: {{type: string}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  description: The identity provider
  connector: {{kind: scim, url: \"{}\", token: \"{}\"}}
  account:
    login: slug(person.display_name)
    attributes:
      displayName: person.display_name
      department: person.department
      employeeNumber: person.worker_id
  entitlements:
    - {{name: staff, description: Everybody}}
    - {{name: engineers, description: Engineering}}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {{name: everyone}}
spec:
  description: What everybody has
  entitlements: [{{application: directory, entitlement: staff}}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {{name: engineering}}
spec:
  description: What engineers have
  entitlements: [{{application: directory, entitlement: engineers}}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {{name: everyone}}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{{bundle: everyone}}]
  lead: P5D
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {{name: engineering}}
spec:
  description: Engineers
  condition: person.department == \"Engineering\"
  grants: [{{bundle: engineering}}]
",
        peer.url(),
        peer.token_reference()
    );
    vec![DocumentFile { path: "policies.yaml".to_owned(), content }]
}

struct World {
    mesh: Mesh,
    peer: Peer,
    clock: TestClock,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(now: &str) -> Self {
        let clock = TestClock::at(instant(now));
        let (mesh, config) = (Mesh::start(clock.clock()), json!({}));
        let (mesh, peer) = tokio::join!(mesh, Peer::start(&config));
        mesh.client.apply(policies(&peer)).await.unwrap();
        Self { mesh, peer, clock, folder: tempfile::tempdir().unwrap() }
    }

    async fn import(&self, rows: &str, contract: FileContract, day: &str) -> ImportSummary {
        let file = self.folder.path().join("staff.csv");
        std::fs::write(&file, format!("{HEADER}{rows}")).unwrap();
        let summary = self.read(&file, contract, day).await.unwrap();
        self.mesh.settle().await;
        summary
    }

    async fn read(
        &self,
        file: &Path,
        contract: FileContract,
        day: &str,
    ) -> anyhow::Result<ImportSummary> {
        let import = Import {
            mapping: MAPPING,
            file,
            contract,
            snapshot_date: day.parse()?,
            author: None,
            notify: false,
        };
        self.mesh.client.import(import, |_step| {}).await
    }

    async fn advance(&self, now: &str) {
        self.clock.advance_to(instant(now));
        self.mesh.settle().await;
    }

    /// Every account as `login: active, groups`.
    async fn accounts(&self) -> Vec<String> {
        let staff = self.peer.members("staff").await;
        let engineers = self.peer.members("engineers").await;
        let mut lines: Vec<String> = self
            .peer
            .users()
            .await
            .iter()
            .map(|user| {
                let id = user["id"].as_str().unwrap().to_owned();
                let mut line = format!(
                    "{} {}",
                    user["userName"].as_str().unwrap(),
                    if user["active"] == json!(true) { "active" } else { "suspended" }
                );
                for (group, members) in [("staff", &staff), ("engineers", &engineers)] {
                    if members.contains(&id) {
                        line = format!("{line} {group}");
                    }
                }
                line
            })
            .collect();
        lines.sort();
        lines
    }

    async fn events(&self) -> i64 {
        let mut events = 0;
        for service in Service::ALL {
            let pool = self.mesh.store(service).pool();
            let published: i64 =
                sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(pool).await.unwrap();
            events += published;
        }
        events
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hire_a_move_and_a_leaver_end_to_end() {
    let world = World::start("2026-03-02T15:00:00Z").await;

    let hired = "7,Ada Lovelace,Engineering,2026-03-09,\n8,Ada Lovelace,Sales,2026-01-05,\n";
    let summary = world.import(hired, FileContract::Partial, "2026-03-02").await;
    assert_eq!((summary.joined, summary.rejected), (2, 0));
    assert_eq!(world.accounts().await, ["ada.lovelace active staff"], "the first day is far off");

    // Five days before the first day, at midnight in New York.
    world.advance("2026-03-04T05:00:00Z").await;
    assert_eq!(
        world.accounts().await,
        ["ada.lovelace active staff", "ada.lovelace2 suspended staff"],
        "prepared, and not usable before the day"
    );
    world.advance("2026-03-09T04:00:00Z").await;
    assert_eq!(
        world.accounts().await,
        ["ada.lovelace active staff", "ada.lovelace2 active staff engineers"]
    );

    let moved = "8,Ada Lovelace,Engineering,2026-01-05,\n";
    world.import(moved, FileContract::Partial, "2026-03-09").await;
    assert_eq!(
        world.accounts().await,
        ["ada.lovelace active staff engineers", "ada.lovelace2 active staff engineers"]
    );

    let leaving = "7,Ada Lovelace,Engineering,2026-03-09,2026-03-20\n";
    world.import(leaving, FileContract::Partial, "2026-03-10").await;
    assert_eq!(world.accounts().await.len(), 2);
    // One second before the end of the last working day, and at it.
    world.advance("2026-03-21T03:59:59Z").await;
    assert_eq!(world.accounts().await[1], "ada.lovelace2 active staff engineers");
    world.advance("2026-03-21T04:00:00Z").await;
    assert_eq!(
        world.accounts().await,
        ["ada.lovelace active staff engineers", "ada.lovelace2 suspended"]
    );
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_changes_nothing_and_a_refused_one_neither() {
    let world = World::start("2026-03-02T15:00:00Z").await;
    let rows: String = (1..=60)
        .map(|n| format!("{n},Person Number {n},Sales,2020-01-{:02},\n", n % 28 + 1))
        .collect();
    world.import(&rows, FileContract::Full, "2026-03-01").await;
    let (accounts, events) = (world.accounts().await, world.events().await);
    assert_eq!(accounts.len(), 60);

    let again = world.import(&rows, FileContract::Full, "2026-03-01").await;
    assert_eq!((again.unchanged, again.joined + again.changed + again.left), (60, 0));
    let file = world.folder.path().join("bad.csv");
    for (bytes, contract, says) in [
        (b"".as_slice(), FileContract::Full, "empty"),
        (b"Number,Name\n1,A\n".as_slice(), FileContract::Full, "Department"),
        (
            b"Number,Name,Department,First,Last\n1,J\xf6rg,S,2020-01-01,\n",
            FileContract::Full,
            "UTF-8",
        ),
        (HEADER.as_bytes(), FileContract::Full, "no"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let refused = world.read(&file, contract, "2026-03-02").await.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }

    world.mesh.settle().await;
    assert_eq!(world.accounts().await, accounts);
    // Only the repeated run's own end was announced.
    assert_eq!(world.events().await, events + 1);
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_away_catches_up() {
    let mut world = World::start("2026-03-02T15:00:00Z").await;
    world.mesh.stop_one(Service::PolicyEvaluation).await;
    let file = world.folder.path().join("staff.csv");
    std::fs::write(&file, format!("{HEADER}1,Grace Hopper,Engineering,2020-01-06,\n")).unwrap();
    world.read(&file, FileContract::Partial, "2026-03-02").await.unwrap();
    assert!(world.accounts().await.is_empty());

    world.mesh.restart(Service::PolicyEvaluation).await;
    world.mesh.settle().await;

    assert_eq!(world.accounts().await, ["grace.hopper active staff engineers"]);
    world.mesh.stop().await;
}
