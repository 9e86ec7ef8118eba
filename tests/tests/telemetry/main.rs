//! What a mesh of processes tells a collector, and what it tells nobody.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod collector;
mod spans;

use std::collections::BTreeSet;
use std::path::Path;

use clock::Clock;
use collector::Collector;
use mesh_tests::documents::EVERYBODY_IS_STAFF;
use mesh_tests::programs::Programs;
use proto::catalogue::{STREAMS, Service};
use spans::{Edge, Spans};
use telemetry::Metric;
use testkit::sandbox::{Sandbox, SandboxConfig};
use testkit::until;

const TOKEN: &str = "token-Wombatigan-9f31";
const HIRE: &str = "Number,Name,Mail,Title,First\n\
                    WRK-Axolotl-4711,Zanzibarina Quillfeather,zq@mail-canary.example,\
                    Xylotomist Canary,2020-01-06\n";
/// What no collector, log, subject or metric may ever hold, in lower case.
const CANARIES: [&str; 7] = [
    "zanzibarina",
    "quillfeather",
    "mail-canary",
    "xylotomist",
    "wrk-axolotl",
    "4711",
    "token-wombatigan",
];

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, Mail, Title, First]
  key: [number]
  engagement: number
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    mail: {column: Mail}
    title: {column: Title}
    first: {column: First, type: date, format: YYYY-MM-DD}
  attributes: [display_name, mail, title, worker_id]
";

const POLICIES: &str = "
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: staff}
spec:
  attributes:
    display_name: {type: string}
    mail: {type: string}
    title: {type: string}
    worker_id: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  description: The identity provider
  connector: {kind: scim, url: \"env:TENURE_APP_DIRECTORY_URL\", token: \"env:TENURE_APP_DIRECTORY_TOKEN\"}
  account:
    login: slug(person.display_name)
    attributes:
      displayName: person.display_name
      title: person.title
      employeeNumber: person.worker_id
  entitlements:
    - {name: staff, description: Everybody}
";

/// One hire, from the file to the record of what came of it: each span, and the span above it.
const JOURNEY: [Edge; 12] = [
    ("hris-ingest", "publish tenure.hris.v1.person.updated", "hris-ingest", "change person"),
    (
        "policy-evaluation",
        "process tenure.hris.v1.person.updated",
        "hris-ingest",
        "publish tenure.hris.v1.person.updated",
    ),
    (
        "audit",
        "process tenure.hris.v1.person.updated",
        "hris-ingest",
        "publish tenure.hris.v1.person.updated",
    ),
    (
        "policy-evaluation",
        "publish tenure.policy.v1.access.changed",
        "policy-evaluation",
        "process tenure.hris.v1.person.updated",
    ),
    (
        "provisioning",
        "process tenure.policy.v1.access.changed",
        "policy-evaluation",
        "publish tenure.policy.v1.access.changed",
    ),
    (
        "provisioning",
        "do provisioning.branches",
        "provisioning",
        "process tenure.policy.v1.access.changed",
    ),
    (
        "provisioning",
        "provisioning.branches",
        "provisioning",
        "process tenure.policy.v1.access.changed",
    ),
    (
        "provisioning",
        "publish tenure.provisioning.v1.account.changed",
        "provisioning",
        "do provisioning.branches",
    ),
    (
        "provisioning",
        "publish tenure.provisioning.v1.action.finished",
        "provisioning",
        "do provisioning.branches",
    ),
    (
        "provisioning",
        "publish tenure.provisioning.v1.person.settled",
        "provisioning",
        "do provisioning.branches",
    ),
    (
        "audit",
        "process tenure.provisioning.v1.person.settled",
        "provisioning",
        "publish tenure.provisioning.v1.person.settled",
    ),
    ("provisioning", "POST /Users", "provisioning", "provisioning.branches"),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_hire_is_one_trace_every_metric_arrives_and_nobody_is_named() {
    let collector = Collector::start().await;
    let config = SandboxConfig::new("directory", TOKEN, Clock::system());
    let sandbox = Sandbox::start(config).await.unwrap();
    let mesh = Programs::new(environment(&collector, &sandbox));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (policies, mapping) = (
        write("policies.yaml", &format!("{POLICIES}{EVERYBODY_IS_STAFF}")),
        write("source.yaml", MAPPING),
    );
    let hire = write("staff.csv", HIRE);

    let board = mesh.succeed(&["up", "--detach"]);
    mesh.succeed(&["apply", &policies]);
    let day = ["--contract", "partial", "--snapshot-date", "2026-03-02", "--wait"];
    mesh.succeed(&[&["import", &hire, "--mapping", &mapping], day.as_slice()].concat());

    assert_eq!(sandbox.users().len(), 1, "the hire has an account");
    mesh.succeed(&["leaver", "now", "WRK-Axolotl-4711", "--yes"]);
    metrics_arrive(&collector).await;
    let scraped = scrape(&board).await;
    for metric in Metric::ALL {
        assert!(scraped.contains(metric.name()), "{} cannot be scraped", metric.name());
    }
    let subjects = subjects(&mesh, &board).await;
    assert!(subjects.contains("tenure.hris.v1.person.updated.regular."), "{subjects}");
    mesh.succeed(&["down"]);

    let spans = Spans::read(&collector.traces());
    spans.assert_connected("change person", &JOURNEY);
    spans.assert_linked_to_batches();
    let logged = collector.traces_of_logs();
    assert!(!logged.is_empty(), "no log record names its trace");
    let canaries = canaries(mesh.state());
    let told = [
        ("traces", collector.bytes_of_traces()),
        ("metrics", collector.bytes_of_metrics()),
        ("logs", collector.bytes_of_logs()),
        ("a scrape", scraped.into_bytes()),
        ("subjects", subjects.into_bytes()),
        ("log files", log_files(mesh.state())),
    ];
    for (what, bytes) in told {
        assert!(!bytes.is_empty(), "{what} are empty");
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for canary in &canaries {
            assert!(!text.contains(canary), "{what} hold {canary}");
        }
    }
}

fn environment(collector: &Collector, sandbox: &Sandbox) -> Vec<(String, String)> {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
        ("OTEL_BLRP_SCHEDULE_DELAY", "200".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500".to_owned()),
        ("TENURE_APP_DIRECTORY_URL", sandbox.base_url().to_owned()),
        ("TENURE_APP_DIRECTORY_TOKEN", TOKEN.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn metrics_arrive(collector: &Collector) {
    let wanted: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    until("every metric arrives", async || {
        let arrived = collector.metric_names();
        wanted.iter().all(|name| arrived.contains(*name)).then_some(())
    })
    .await;
}

/// What Prometheus would read of every service.
async fn scrape(board: &serde_json::Value) -> String {
    let mut text = String::new();
    for service in Service::ALL {
        let address = board["services"][service.as_str()]["admin"].as_str().unwrap();
        let (status, page) = mesh_tests::http::get(address, "/metrics").await.unwrap();
        assert_eq!(status, 200, "{service}");
        text.push_str(&page);
    }
    text
}

/// Every subject that any stream holds, one a line.
async fn subjects(mesh: &Programs, board: &serde_json::Value) -> String {
    let own = mesh.state().join("secrets/nats-setup");
    let client = bus::connect::options(Some(&own.join("nats.creds")), Some(&own.join("ca.crt")))
        .connect(board["nats"]["address"].as_str().unwrap())
        .await
        .unwrap();
    let context = async_nats::jetstream::new(client);
    let mut text = String::new();
    for row in STREAMS {
        let stream = context.get_stream(row.name).await.unwrap();
        let mut info = stream.info_with_subjects(">").await.unwrap();
        while let Some((subject, _count)) =
            futures::TryStreamExt::try_next(&mut info).await.unwrap()
        {
            text.push_str(&subject);
            text.push('\n');
        }
    }
    text
}

/// The hire's data, the application's token and every password of the mesh.
fn canaries(state: &Path) -> Vec<String> {
    let mut canaries = CANARIES.map(str::to_owned).to_vec();
    for secret in std::fs::read_dir(state.join("secrets")).unwrap() {
        for file in std::fs::read_dir(secret.unwrap().path()).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap().to_lowercase();
            // Whatever is long enough to be no word: keys, tokens, passwords, line by line.
            canaries.extend(text.lines().filter(|line| line.len() >= 40).map(str::to_owned));
        }
    }
    assert!(canaries.len() > CANARIES.len(), "the mesh has passwords");
    canaries
}

/// Standard error of every service and server.
fn log_files(state: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(state.join("logs")).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}
