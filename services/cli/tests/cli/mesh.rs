//! A mesh of real processes, asked by the command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

const SOURCE: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, First]
  key: [number]
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    first: {column: First, type: date}
  attributes: [display_name]
";

const STAFF: &str = "\
Number,Name,First
1,Ada Lovelace,2020-01-06
2,Grace Hopper,2021-01-04
";

/// A mesh in a folder of its own; dropping it stops the mesh.
pub(crate) struct Mesh {
    pub(crate) state: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        for name in ["hris-ingest", "policy-evaluation", "provisioning", "notification", "audit"] {
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

    /// A mesh under policies, into which two people were hired long ago: Ada Lovelace and Grace Hopper.
    pub(crate) fn company(policies: &str) -> Self {
        let mesh = Self::new();
        let folder = tempfile::tempdir().expect("a folder can be made");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file can be written");
            path.display().to_string()
        };
        let rules = write("policies.yaml", policies);
        let (source, staff) = (write("source.yaml", SOURCE), write("staff.csv", STAFF));
        mesh.succeed(&["up", "--detach"]);
        mesh.succeed(&["apply", &rules]);
        let day = ["--contract", "full", "--snapshot-date", "2026-03-02", "--wait"];
        mesh.succeed(&[["import", &staff, "--mapping", &source].as_slice(), &day].concat());
        mesh
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let arguments = [&["--output", "json"], arguments].concat();
        self.command(&arguments).output().expect("tenure can be run")
    }

    /// A command to this mesh, to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.arg("--state").arg(&self.state).args(arguments);
        for variable in ["TENURE_NATS_URL", "TENURE_DATABASE_URL", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("tenure prints JSON")
    }

    /// Looks until the status is as wanted.
    pub(crate) fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
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
