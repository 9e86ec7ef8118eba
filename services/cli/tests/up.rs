//! `tenure up` and what becomes of a mesh whose parts are killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(120);

/// A mesh in a folder of its own; dropping it stops the mesh.
struct Mesh {
    state: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mesh {
    fn new() -> Self {
        for name in ["hris-ingest", "policy-evaluation", "provisioning", "audit"] {
            let program = Path::new(env!("CARGO_BIN_EXE_tenure")).with_file_name(name);
            assert!(
                program.is_file(),
                "{} is not built: run `cargo build --bins`",
                program.display()
            );
        }
        let folder = servers::scratch().expect("a scratch folder can be made");
        Self { state: folder.path().join("state"), _folder: folder }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args(["--output", "json", "--state"])
            .arg(&self.state)
            .args(arguments)
            .env_remove("TENURE_NATS_URL")
            .env_remove("TENURE_DATABASE_URL")
            .output()
            .expect("tenure can be run")
    }

    fn succeed(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("tenure prints JSON")
    }

    /// Looks until the status is as wanted.
    fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            let output = self.run(&["status"]);
            let status = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
            if output.status.success() && wanted(&status) {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "{status:#}");
        }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

#[test]
fn whatever_is_killed_comes_back_and_nothing_is_left_in_the_end() {
    let mesh = Mesh::new();

    let board = mesh.succeed(&["up", "--detach"]);
    let status = mesh.succeed(&["status"]);
    assert_eq!(status["ready"], true, "{status:#}");
    assert_eq!(status["services"].as_array().unwrap().len(), 4);

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
