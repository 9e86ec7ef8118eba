//! What this project is for: somebody joins, moves and leaves, and the applications follow by policy.

use std::path::Path;

use cli::client::Import;
use clock::TestClock;
use domain::Timestamp;
use mesh_tests::Mesh;
use proto::catalogue::Service;
use proto::hris::v1::FileContract;
use proto::policy::v1::DocumentFile;
use serde_json::{Value, json};
use testkit::Peer;

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, Mail, Department, Site, First, Last]
  key: [number]
  engagement: number
  start_date: first
  last_working_day: last
  zone: {field: site, values: {San Francisco: America/Los_Angeles, Samoa: Pacific/Apia, Midway: Pacific/Midway}, default: America/New_York}
  fields:
    number: {column: Number}
    display_name: {column: Name}
    mail: {column: Mail}
    department: {column: Department, values: {Product Engineering: Engineering}}
    site: {column: Site}
    first: {column: First, type: date, format: YYYY-MM-DD}
    last: {column: Last, type: date, format: YYYY-MM-DD, optional: true}
  attributes: [display_name, mail, department, site]
";

const HEADER: &str = "Number,Name,Mail,Department,Site,First,Last\n";

struct World {
    mesh: Mesh,
    mail: Peer,
    jira: Peer,
    clock: TestClock,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(now: &str) -> Self {
        let clock = TestClock::at(instant(now));
        let config = json!({});
        let (mesh, mail, jira) =
            tokio::join!(Mesh::start(clock.clock()), Peer::start(&config), Peer::start(&config));
        mesh.client.apply(policies(&mail, &jira)).await.unwrap();
        Self { mesh, mail, jira, clock, folder: tempfile::tempdir().unwrap() }
    }

    async fn import(&self, rows: &str, day: &str) {
        let file = self.folder.path().join("staff.csv");
        std::fs::write(&file, format!("{HEADER}{rows}")).unwrap();
        self.read(&file, day).await;
        self.mesh.settle().await;
    }

    async fn read(&self, file: &Path, day: &str) {
        let import = Import {
            mapping: MAPPING,
            file,
            contract: FileContract::Partial,
            snapshot_date: day.parse().unwrap(),
            author: None,
            notify: false,
        };
        let summary = self.mesh.client.import(import, |_step| {}).await.unwrap();
        assert_eq!(summary.rejected, 0);
    }

    async fn advance(&self, now: &str) {
        self.clock.advance_to(instant(now));
        self.mesh.settle().await;
    }

    /// Actions that were ever planned.
    async fn actions(&self) -> i64 {
        let pool = self.mesh.store(Service::Provisioning).pool();
        sqlx::query_scalar("SELECT count(*) FROM actions").fetch_one(pool).await.unwrap()
    }

    /// What the mailbox and the Jira account of the one person are, with the groups in Jira.
    async fn accounts(&self) -> String {
        let state = |users: &[Value]| match users {
            [] => "none".to_owned(),
            [one] if one["active"] == json!(true) => "active".to_owned(),
            [_] => "suspended".to_owned(),
            _ => format!("{} of them", users.len()),
        };
        let (mail, jira) = (self.mail.users().await, self.jira.users().await);
        let mut told = format!("mailbox {}, jira {}", state(&mail), state(&jira));
        for group in ["engineers", "sales"] {
            if !self.jira.members(group).await.is_empty() {
                told.push(' ');
                told.push_str(group);
            }
        }
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_in_san_francisco_finds_mailbox_and_jira_five_days_before_in_that_order() {
    // A Monday; the engineer starts on the Monday after.
    let world = World::start("2026-03-02T17:00:00Z").await;
    world
        .import(
            "1,Ada Lovelace,ada@company.example,Engineering,San Francisco,2026-03-09,\n",
            "2026-03-02",
        )
        .await;
    assert_eq!(world.accounts().await, "mailbox none, jira none");

    // One second before Wednesday begins in San Francisco, and when it begins.
    world.advance("2026-03-04T07:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox none, jira none");
    world.advance("2026-03-04T08:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox suspended, jira suspended engineers");

    let (mail, jira) = (world.mail.users().await, world.jira.users().await);
    // Jira was told the address that the mail system gave, so the mailbox was there first.
    assert_eq!(jira[0]["emails"][0]["value"], mail[0]["userName"]);
    let made = |user: &Value| instant(user["meta"]["created"].as_str().unwrap());
    assert!(made(&mail[0]) <= made(&jira[0]));

    // Clocks go forward in San Francisco on the night before.
    world.advance("2026-03-09T06:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox suspended, jira suspended engineers");
    world.advance("2026-03-09T07:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_is_entered_two_days_before_finds_everything_at_once() {
    let world = World::start("2026-03-07T17:00:00Z").await;

    world
        .import(
            "1,Ada Lovelace,ada@company.example,Engineering,San Francisco,2026-03-09,\n",
            "2026-03-07",
        )
        .await;

    assert_eq!(world.accounts().await, "mailbox suspended, jira suspended engineers");
    let (mail, jira) = (world.mail.users().await, world.jira.users().await);
    assert_eq!(jira[0]["emails"][0]["value"], mail[0]["userName"]);
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mover_keeps_the_old_role_for_its_overlap_and_never_loses_what_both_hold() {
    let world = World::start("2026-03-02T17:00:00Z").await;
    let row = |department: &str| {
        format!("1,Ada Lovelace,ada@company.example,{department},San Francisco,2020-01-06,\n")
    };
    world.import(&row("Engineering"), "2026-03-02").await;
    let mailbox = world.mail.users().await[0]["meta"]["lastModified"].clone();
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");

    world.import(&row("Sales"), "2026-03-10").await;
    world.advance("2026-03-10T08:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers sales");

    // The overlap of fourteen days ends with a local midnight.
    world.advance("2026-03-24T06:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers sales");
    world.advance("2026-03-24T07:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active sales");
    assert_eq!(world.mail.users().await[0]["meta"]["lastModified"], mailbox, "never touched");
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leavers_plan_is_armed_in_their_zone_moved_with_hr_and_disarmed_when_withdrawn() {
    let world = World::start("2026-10-20T12:00:00Z").await;
    let row = |site: &str, last: &str| {
        format!("1,Ada Lovelace,ada@company.example,Engineering,{site},2020-01-06,{last}\n")
    };
    world.import(&row("San Francisco", ""), "2026-10-20").await;
    // Clocks go back on the first of November in San Francisco: that day has 25 hours.
    world.import(&row("San Francisco", "2026-11-01"), "2026-10-20").await;
    world.advance("2026-11-02T07:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");

    // A second before, HR moves the day, and with it the instant.
    world.import(&row("San Francisco", "2026-11-03"), "2026-10-21").await;
    world.advance("2026-11-04T07:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");

    // A second before, HR takes it back.
    world.import(&row("San Francisco", ""), "2026-10-22").await;
    world.advance("2026-12-01T12:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");

    // Beyond the date line: in Samoa the day ends when in San Francisco it has hardly begun.
    world.import(&row("Samoa", "2026-12-04"), "2026-12-01").await;
    world.advance("2026-12-04T10:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");
    world.advance("2026-12-04T11:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox suspended, jira suspended");
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_on_the_near_side_of_the_date_line_leaves_a_day_later() {
    let world = World::start("2026-12-01T12:00:00Z").await;
    let row = "1,Ada Lovelace,ada@company.example,Engineering,Midway,2020-01-06,2026-12-04\n";
    world.import(row, "2026-12-01").await;

    world.advance("2026-12-05T10:59:59Z").await;
    assert_eq!(world.accounts().await, "mailbox active, jira active engineers");
    world.advance("2026-12-05T11:00:00Z").await;
    assert_eq!(world.accounts().await, "mailbox suspended, jira suspended");
    world.mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_a_department_through_a_value_map_takes_no_action() {
    let world = World::start("2026-03-02T17:00:00Z").await;
    let row = |department: &str| {
        format!("1,Ada Lovelace,ada@company.example,{department},San Francisco,2020-01-06,\n")
    };
    world.import(&row("Engineering"), "2026-03-02").await;
    let before = (world.accounts().await, world.actions().await);

    world.import(&row("Product Engineering"), "2026-03-03").await;
    world.advance("2026-03-20T12:00:00Z").await;

    assert_eq!((world.accounts().await, world.actions().await), before);
    assert!(before.1 > 0);
    world.mesh.stop().await;
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policies(mail: &Peer, jira: &Peer) -> Vec<DocumentFile> {
    let content = include_str!("mission.yaml")
        .replace("MAIL_URL", mail.url())
        .replace("MAIL_TOKEN", &mail.token_reference())
        .replace("JIRA_URL", jira.url())
        .replace("JIRA_TOKEN", &jira.token_reference());
    vec![DocumentFile { path: "mission.yaml".to_owned(), content }]
}
