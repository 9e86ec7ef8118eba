//! How a program is started: as whom, from where, with which environment.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use nix::unistd::geteuid;
use tokio::process::Command;

use crate::{Error, child, tools};

/// The account `PostgreSQL`, which refuses to run as root, gets when root starts it: nobody.
pub(crate) const NOBODY: u32 = 65534;

/// Whom a program runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Whoever runs this process.
    Caller,
    /// The unprivileged account.
    Nobody,
}

impl Identity {
    /// Nobody when the caller is root, else the caller.
    pub(crate) fn unprivileged() -> Self {
        if geteuid().is_root() { Self::Nobody } else { Self::Caller }
    }

    /// The uid and gid that files of this identity must be given, unless they are the caller's.
    pub(crate) fn owner(self) -> Option<u32> {
        match self {
            Self::Caller => None,
            Self::Nobody => Some(NOBODY),
        }
    }
}

/// Ties children to the life of this process, where the system can.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    setpriv: Option<PathBuf>,
}

impl Launcher {
    /// Looks for a `setpriv` that knows `--pdeathsig`; the one of busybox does not.
    pub(crate) async fn find() -> Self {
        let Some(setpriv) = tools::on_path("setpriv") else { return Self { setpriv: None } };
        let mut trial = Command::new(&setpriv);
        trial.args(["--pdeathsig", "KILL", "--", "true"]);
        let works = matches!(child::output(trial, Vec::new()).await, Ok(o) if o.status.success());
        Self { setpriv: works.then_some(setpriv) }
    }

    /// Prepares a command with next to no environment, in `/`, in a process group of its own so
    /// that a Ctrl-C at the terminal reaches this process alone.
    pub(crate) fn command(&self, program: &Path, identity: Identity) -> Command {
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL"]);
                if let Some(id) = identity.owner() {
                    let id = id.to_string();
                    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
                }
                command.arg("--").arg(program);
                command
            }
            None => {
                let mut command = Command::new(program);
                if let Some(id) = identity.owner() {
                    command.uid(id).gid(id);
                }
                command
            }
        };
        command.env_clear().env("LANG", "C").env("TZ", "UTC").current_dir("/").process_group(0);
        for kept in ["PATH", "LD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }
}

/// Runs a command that must succeed and returns what it wrote to standard output.
pub(crate) async fn succeed(
    program: &Path,
    command: Command,
    input: Vec<u8>,
) -> Result<String, Error> {
    let output = child::output(command, input).await.map_err(Error::io("run", program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Program { program: program.to_owned(), output: last_words(&output) })
}

/// Says how a program ended, and the last it wrote to standard error.
pub(crate) fn last_words(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, last_lines(&errors))
}

/// Returns the last lines of a text, joined into one.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

/// Asks a program for its version.
pub(crate) async fn version(program: &Path) -> Result<String, Error> {
    let mut command = Command::new(program);
    command.arg(OsStr::new("--version"));
    Ok(succeed(program, command, Vec::new()).await?.trim().to_owned())
}
