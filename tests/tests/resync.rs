//! Services whose database went back to an earlier state, and how everybody agrees again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use cli::client::Import;
use clock::Clock;
use mesh_tests::Mesh;
use mesh_tests::documents::EVERYBODY_IS_STAFF;
use proto::catalogue::Service;
use proto::hris::v1::{FileContract, ImportSummary};
use proto::policy::v1::DocumentFile;
use sqlx::postgres::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, Department, First]
  key: [number]
  engagement: number
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    department: {column: Department}
    first: {column: First, type: date, format: YYYY-MM-DD}
  attributes: [display_name, department]
";

const POLICIES: &str = "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: staff}
spec:
  attributes:
    display_name: {type: string}
    department: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account:
    login: slug(person.display_name)
    attributes: {department: person.department}
  entitlements:
    - {name: staff, description: Everybody}
    - {name: engineers, description: Engineering}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: engineering}
spec:
  description: What engineers have
  entitlements: [{application: directory, entitlement: engineers}]
";

const ENGINEERS: &str = "
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: engineering}
spec:
  description: Engineers
  condition: person.department == \"Engineering\"
  grants: [{bundle: engineering}]
";

const PEOPLE: usize = 450;

struct World {
    mesh: Mesh,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let mesh = Mesh::start(Clock::system()).await;
        Self { mesh, folder: tempfile::tempdir().unwrap() }
    }

    async fn apply(&self, content: String) {
        let path = "policies.yaml".to_owned();
        self.mesh.client.apply(vec![DocumentFile { path, content }]).await.unwrap();
        self.mesh.settle().await;
    }

    /// Everybody works in this department.
    async fn import(&self, department: &str, day: &str) -> ImportSummary {
        let file = self.folder.path().join("staff.csv");
        let rows: String = (0..PEOPLE)
            .map(|n| format!("{n},Person {n},{department},2020-01-{:02}\n", n % 28 + 1))
            .collect();
        std::fs::write(&file, format!("Number,Name,Department,First\n{rows}")).unwrap();
        let import = Import {
            mapping: MAPPING,
            file: &file,
            contract: FileContract::Partial,
            snapshot_date: day.parse().unwrap(),
            author: None,
            notify: true,
        };
        let summary = self.mesh.client.import(import, |_step| {}).await.unwrap();
        self.mesh.settle().await;
        summary
    }

    /// A service's database, as its owner sees it.
    async fn owner(&self, service: Service) -> PgPool {
        PgPool::connect(&self.mesh.database.owner_url(service)).await.unwrap()
    }

    fn pool(&self, service: Service) -> PgPool {
        self.mesh.store(service).pool().clone()
    }

    /// What provisioning holds of everybody, and by it how many people hold the same.
    async fn held(&self) -> BTreeMap<String, usize> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT state, attributes::text || entitlements::text FROM accounts")
                .fetch_all(&self.pool(Service::Provisioning))
                .await
                .unwrap();
        let mut held = BTreeMap::new();
        for (state, rest) in rows {
            *held.entry(format!("{state} {rest}")).or_default() += 1;
        }
        held
    }

    /// Every person of a query by id, as `epoch.counter`.
    async fn versions(&self, service: Service, query: &'static str) -> BTreeMap<Uuid, (i64, i64)> {
        sqlx::query_as::<_, (Uuid, i64, i64)>(query)
            .fetch_all(&self.pool(service))
            .await
            .unwrap()
            .into_iter()
            .map(|(person, epoch, counter)| (person, (epoch, counter)))
            .collect()
    }

    async fn nothing_is_parked(&self) {
        for service in Service::ALL {
            let parked = store::parked::list(&self.pool(service), 10).await.unwrap();
            assert!(parked.is_empty(), "{service}: {parked:?}");
        }
    }
}

const TOLD_BY_HRIS: &str = "SELECT id, epoch, counter FROM people";
const HEARD_BY_POLICY: &str = "SELECT person_id, person_epoch, person_counter FROM people";
const TOLD_BY_POLICY: &str = "SELECT person_id, desired_epoch, desired_counter FROM people";
const HEARD_BY_NOTIFICATION: &str = "SELECT person_id, version_epoch, version_counter FROM people";
const HEARD_BY_PROVISIONING: &str =
    "SELECT person_id, desired_epoch, desired_counter FROM people WHERE settled";

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_truth_that_went_back_is_believed_again_in_a_higher_epoch() {
    let mut world = World::start().await;
    world.apply(format!("{POLICIES}{EVERYBODY_IS_STAFF}{ENGINEERS}")).await;
    world.import("Sales", "2026-03-01").await;
    let sales = world.held().await;
    let hris = world.owner(Service::HrisIngest).await;
    sqlx::raw_sql("CREATE TABLE backup AS SELECT * FROM people").execute(&hris).await.unwrap();
    world.import("Engineering", "2026-03-02").await;
    assert_ne!(world.held().await, sales, "everybody has moved");

    // The backup knows nothing of the move, nor that it was told.
    world.mesh.stop_one(Service::HrisIngest).await;
    let hris = world.owner(Service::HrisIngest).await;
    sqlx::raw_sql(
        "UPDATE people p SET epoch = b.epoch, counter = b.counter, timeline = b.timeline,
                             announced = b.announced
           FROM backup b WHERE b.id = p.id;
         DROP TABLE backup; DELETE FROM outbox_pending; DELETE FROM outbox;",
    )
    .execute(&hris)
    .await
    .unwrap();
    world.mesh.restart_in_epoch(Service::HrisIngest, 2).await;
    world.mesh.settle().await;

    assert_eq!(world.held().await, sales, "what the backup says holds");
    let told = world.versions(Service::HrisIngest, TOLD_BY_HRIS).await;
    assert_eq!(told.len(), PEOPLE);
    assert!(told.values().all(|version| *version == (2, 1)), "{told:?}");
    assert_eq!(world.versions(Service::PolicyEvaluation, HEARD_BY_POLICY).await, told);

    // Started once more in the same epoch it has nothing left to tell; what follows counts up.
    world.mesh.restart_in_epoch(Service::HrisIngest, 2).await;
    world.mesh.settle().await;
    assert_eq!(world.versions(Service::HrisIngest, TOLD_BY_HRIS).await, told);
    world.import("Engineering", "2026-03-03").await;
    let told = world.versions(Service::HrisIngest, TOLD_BY_HRIS).await;
    assert!(told.values().all(|version| *version == (2, 2)), "{told:?}");
    assert_ne!(world.held().await, sales, "the next move counts");
    world.nothing_is_parked().await;
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_that_went_back_beat_those_that_were_told_before() {
    let mut world = World::start().await;
    world.apply(format!("{POLICIES}{EVERYBODY_IS_STAFF}")).await;
    world.import("Engineering", "2026-03-01").await;
    let before = world.held().await;
    let policy = world.owner(Service::PolicyEvaluation).await;
    sqlx::raw_sql("CREATE TABLE backup_people AS SELECT * FROM people")
        .execute(&policy)
        .await
        .unwrap();
    world.apply(format!("{POLICIES}{EVERYBODY_IS_STAFF}{ENGINEERS}")).await;
    assert_ne!(world.held().await, before, "engineers have more");

    world.mesh.stop_one(Service::PolicyEvaluation).await;
    let policy = world.owner(Service::PolicyEvaluation).await;
    sqlx::raw_sql(
        "DELETE FROM people; INSERT INTO people SELECT * FROM backup_people;
         DELETE FROM documents WHERE release = 2; DELETE FROM releases WHERE number = 2;
         UPDATE releases SET state = 'active'; DROP TABLE backup_people;
         DELETE FROM outbox_pending; DELETE FROM outbox;",
    )
    .execute(&policy)
    .await
    .unwrap();
    world.mesh.restart_in_epoch(Service::PolicyEvaluation, 2).await;
    world.mesh.settle().await;

    assert_eq!(world.held().await, before, "what the backup decides holds");
    let told = world.versions(Service::PolicyEvaluation, TOLD_BY_POLICY).await;
    assert!(told.values().all(|version| *version == (2, 1)), "{told:?}");
    assert_eq!(world.versions(Service::Provisioning, HEARD_BY_PROVISIONING).await, told);
    assert_eq!(world.versions(Service::Notification, HEARD_BY_NOTIFICATION).await, told);

    // Number 2 is given once more, to other documents than before.
    world
        .apply(
            format!("{POLICIES}{EVERYBODY_IS_STAFF}{ENGINEERS}")
                .replace("Engineers", "Whoever builds"),
        )
        .await;
    assert_ne!(world.held().await, before, "the next release counts");
    world.nothing_is_parked().await;
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observations_are_told_again_and_change_nothing() {
    let mut world = World::start().await;
    world.apply(format!("{POLICIES}{EVERYBODY_IS_STAFF}")).await;
    world.import("Sales", "2026-03-01").await;
    let before = world.held().await;

    world.mesh.restart_in_epoch(Service::Provisioning, 7).await;
    world.mesh.settle().await;

    assert_eq!(world.held().await, before);
    for (what, versions) in [
        ("accounts", "SELECT person_id, version_epoch, version_counter FROM accounts"),
        (
            "settled people",
            "SELECT person_id, settled_epoch, settled_counter FROM people WHERE settled",
        ),
    ] {
        let told = world.versions(Service::Provisioning, versions).await;
        assert_eq!(told.len(), PEOPLE, "{what}");
        assert!(told.values().all(|version| *version == (7, 1)), "{what}: {told:?}");
    }
    let status = world.mesh.client.status(Service::Provisioning).await.unwrap();
    let resync = status.resync.unwrap();
    assert_eq!((resync.epoch, resync.finished), (7, true));
    assert_eq!(resync.events, 2 * u64::try_from(PEOPLE).unwrap());
    world.nothing_is_parked().await;
    world.mesh.stop().await;
}
