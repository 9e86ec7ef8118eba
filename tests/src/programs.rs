//! The mesh as operators run it: `tenure` and the services as processes of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proto::catalogue::Service;
use serde_json::Value;

/// A mesh in a folder of its own; dropping it stops the mesh.
#[derive(Debug)]
pub struct Programs {
    state: PathBuf,
    environment: Vec<(String, String)>,
    _folder: tempfile::TempDir,
}

impl Programs {
    /// Prepares a folder; nothing runs yet.
    ///
    /// # Panics
    /// When a program is not built.
    #[must_use]
    pub fn new(environment: Vec<(String, String)>) -> Self {
        for name in Service::ALL.map(Service::as_str) {
            program(name);
        }
        let folder = servers::scratch().expect("a scratch folder can be made");
        Self { state: folder.path().join("state"), environment, _folder: folder }
    }

    /// The folder that keeps the mesh.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Runs `tenure`.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(program("tenure"))
            .args(["--output", "json", "--state"])
            .arg(&self.state)
            .args(arguments)
            .env_remove("TENURE_NATS_URL")
            .env_remove("TENURE_DATABASE_URL")
            .envs(self.environment.iter().cloned())
            .output()
            .expect("tenure can be run")
    }

    /// Runs `tenure` and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn succeed(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("tenure prints JSON")
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        drop(self.run(&["down"]));
    }
}

/// The programs stand in the folder above that of the tests.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own program");
    let folder = own.parent().and_then(Path::parent).expect("it stands in a target folder");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is not built: run `cargo build --bins`", program.display());
    program
}
