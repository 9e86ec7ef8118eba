//! `tenure up` and what becomes of a mesh whose parts are killed.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::audit::v1::GetTotalsRequest;
use proto::catalogue::Service;
use serde_json::Value;

use crate::mesh::{DEADLINE, Mesh};

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
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements:
    - {name: staff, description: Everybody}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: everyone}
spec:
  description: What everybody has
  entitlements: [{application: directory, entitlement: staff}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everyone}
spec:
  description: Everybody who works here
  condition: \"true\"
  grants: [{bundle: everyone}]
";

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, First]
  key: [number]
  engagement: number
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    first: {column: First, type: date, format: YYYY-MM-DD}
  attributes: [display_name]
";

#[test]
fn whatever_is_killed_comes_back_and_nothing_is_left_in_the_end() {
    let mesh = Mesh::new();

    let board = mesh.succeed(&["up", "--detach"]);
    let status = mesh.succeed(&["status"]);
    assert_eq!(status["ready"], true, "{status:#}");
    assert_eq!(status["services"].as_array().unwrap().len(), Service::ALL.len());

    let second = mesh.run(&["up"]);
    assert!(!second.status.success());
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(complaint.contains("a mesh runs on"), "{complaint}");

    let audit = service(&status, "audit");
    slay(&audit["pid"]);
    let status = mesh
        .until(|status| status["ready"] == true && service(status, "audit")["pid"] != audit["pid"]);
    assert_eq!(service(&status, "audit")["grpc"], audit["grpc"]);
    assert_eq!(service(&status, "audit")["restarts"], 1);

    slay(&status["nats"]["pid"]);
    slay(&status["postgres"]["pid"]);
    let again = mesh.until(|now| {
        now["ready"] == true
            && ["nats", "postgres"].iter().all(|server| now[server]["pid"] != status[server]["pid"])
            && now["services"]
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one["parked"].is_number()))
    });
    assert_eq!(again["nats"]["address"], board["nats"]["address"]);
    assert_eq!(again["postgres"]["address"], board["postgres"]["address"]);

    let down = mesh.succeed(&["down"]);
    assert_eq!(down["stopped"], true);
    let mut pids = vec![&again["pid"], &again["nats"]["pid"], &again["postgres"]["pid"]];
    pids.extend(again["services"].as_array().unwrap().iter().map(|service| &service["pid"]));
    for one in pids {
        assert!(!is_running(one), "process {one} is left: {again:#}");
    }
    assert_eq!(mesh.succeed(&["down"])["stopped"], false);
}

#[test]
fn a_broker_that_loses_its_disk_loses_no_event_and_doubles_none() {
    let mesh = Mesh::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (policies, mapping) = (write("policies.yaml", POLICIES), write("source.yaml", MAPPING));
    let import = |rows: std::ops::Range<u32>, wait: &[&str]| {
        let rows: String =
            rows.map(|n| format!("{n},Person {n},2020-01-{:02}\n", n % 28 + 1)).collect();
        let file = write("staff.csv", &format!("Number,Name,First\n{rows}"));
        let what = ["import", &file, "--mapping", &mapping, "--contract", "partial"];
        let when = ["--snapshot-date", "2026-03-02"];
        mesh.succeed(&[what.as_slice(), &when, wait].concat());
    };
    let board = mesh.succeed(&["up", "--detach"]);
    mesh.succeed(&["apply", &policies]);
    import(0..200, &["--wait"]);

    import(200..400, &[]);
    // The server keeps what it has open and finds nothing when it starts again.
    let streams = mesh.state.join("nats/jetstream");
    std::fs::rename(&streams, mesh.state.join("nats/lost")).unwrap();
    slay(&board["nats"]["pid"]);
    mesh.until(|now| now["ready"] == true && now["nats"]["pid"] != board["nats"]["pid"]);
    import(400..500, &["--wait"]);

    let audited = audited(&mesh);
    assert_eq!(audited["tenure.hris.v1.PersonUpdated"], 500, "{audited:?}");
    assert_eq!(audited["tenure.policy.v1.DesiredAccessChanged"], 500, "{audited:?}");
    // An account and a grant each.
    assert_eq!(audited["tenure.provisioning.v1.ActionFinished"], 1000, "{audited:?}");
    let status = mesh.succeed(&["status"]);
    for service in status["services"].as_array().unwrap() {
        assert_eq!(service["parked"], 0, "{status:#}");
    }
}

/// How many events of each type audit has, once it has everything.
fn audited(mesh: &Mesh) -> std::collections::BTreeMap<String, u64> {
    let status = mesh.succeed(&["status"]);
    let address = service(&status, "audit")["grpc"].as_str().unwrap().to_owned();
    let token = chassis::Secret::read(&mesh.state.join("secrets/operators/token")).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let urls = [(Service::Audit, format!("http://{address}"))].into();
        let mut audit = cli::client::Mesh::at(&urls, Some(&token)).unwrap().audit().unwrap();
        let answer = audit.get_totals(GetTotalsRequest {}).await.unwrap().into_inner();
        answer.totals.into_iter().map(|total| (total.r#type, total.events)).collect()
    })
}

#[test]
fn killing_the_launcher_leaves_nothing_behind() {
    let mesh = Mesh::new();
    let board = mesh.succeed(&["up", "--detach"]);

    slay(&board["pid"]);

    let mut pids = vec![board["nats"]["pid"].clone(), board["postgres"]["pid"].clone()];
    let services = board["services"].as_object().unwrap();
    pids.extend(services.values().map(|service| service["pid"].clone()));
    let begin = Instant::now();
    while let Some(left) = pids.iter().find(|one| is_running(one)) {
        assert!(begin.elapsed() < DEADLINE, "process {left} outlives the launcher: {board:#}");
        std::thread::yield_now();
    }
    mesh.succeed(&["up", "--detach"]);
}

fn service(status: &Value, name: &str) -> Value {
    let services = status["services"].as_array().expect("a status lists services");
    services.iter().find(|service| service["name"] == name).expect("the service is there").clone()
}

fn slay(one: &Value) {
    kill(pid(one), Signal::SIGKILL).expect("the process is there");
}

fn pid(value: &Value) -> Pid {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    Pid::from_raw(number.expect("a process id"))
}

/// Whether a process is there and not merely waiting to be reaped.
fn is_running(one: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{one}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
