//! One child process, tied to the life of this one.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, Command};

const SETPRIV: &str = "setpriv";
/// Bytes at the end of a log that are looked at.
const TAIL_BYTES: usize = 16 << 10;
const TAIL_LINES: usize = 8;

/// Starts children that the kernel kills when this process ends, where the system can do that.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    setpriv: bool,
}

impl Spawner {
    /// Looks for a `setpriv` that knows `--pdeathsig`; the one of busybox does not.
    pub(crate) async fn find() -> Self {
        let trial = Command::new(SETPRIV)
            .args(["--pdeathsig", "KILL", "--", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self { setpriv: trial.await.is_ok_and(|status| status.success()) }
    }

    /// Prepares a command in a process group of its own, so that a Ctrl-C at the terminal reaches
    /// this process alone.
    fn command(&self, program: &Path) -> Command {
        let mut command = match self.setpriv {
            true => {
                let mut command = Command::new(SETPRIV);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// What a child reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdin {
    Nothing,
    /// Nothing either, until this process ends.
    Open,
}

/// A child process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    // Waiting for a child would close what it still reads.
    _stdin: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
    begin: u64,
}

impl Process {
    /// Starts a program with exactly this environment; what it prints goes to the log.
    pub(crate) fn spawn(
        spawner: &Spawner,
        program: &Path,
        arguments: &[String],
        environment: &BTreeMap<String, String>,
        stdin: Stdin,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let name =
            program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let begin = file.metadata().with_context(|| format!("open {}", log.display()))?.len();
        let errors = file.try_clone().with_context(|| format!("open {}", log.display()))?;
        let mut command = spawner.command(program);
        command.args(arguments).env_clear().envs(environment).stdout(file).stderr(errors);
        command.stdin(match stdin {
            Stdin::Nothing => Stdio::null(),
            Stdin::Open => Stdio::piped(),
        });
        let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let stdin = child.stdin.take();
        let pid = child.id().with_context(|| format!("start {}", program.display()))?;
        Ok(Self { name, child, _stdin: stdin, pid, log, begin })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the end and tells how it came, with the last that was logged.
    pub(crate) async fn ended(&mut self) -> String {
        let ended = self.child.wait().await;
        let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        match tail(&self.log, self.begin) {
            Some(tail) => format!("{status}: {tail}"),
            None => status,
        }
    }

    /// Waits for the end; fails with how it came unless it was a success.
    pub(crate) async fn succeeded(&mut self) -> Result<(), String> {
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(_) | Err(_) => Err(self.ended().await),
        }
    }

    /// Asks it to end and waits; kills it when that takes longer than the grace.
    pub(crate) async fn stop(&mut self, grace: Duration) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid
            && let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM)
        {
            tracing::warn!(%error, "cannot tell {} to end", self.name);
        }
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!("{} does not end within {grace:?} and is killed", self.name);
            if let Err(error) = self.child.kill().await {
                tracing::warn!(%error, "cannot kill {}", self.name);
            }
        }
    }
}

/// The last lines that were logged since a child began, joined into one.
fn tail(log: &Path, begin: u64) -> Option<String> {
    let bytes = std::fs::read(log).ok()?;
    let begin = usize::try_from(begin).ok()?.max(bytes.len().saturating_sub(TAIL_BYTES));
    let text = String::from_utf8_lossy(bytes.get(begin..)?).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    (!last.is_empty()).then(|| last.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_child_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "from an earlier run\n").unwrap();
        let spawner = Spawner::find().await;
        let arguments = ["-c".to_owned(), "echo no luck; exit 3".to_owned()];

        let shell = Path::new("/bin/sh");
        let mut child =
            Process::spawn(&spawner, shell, &arguments, &BTreeMap::new(), Stdin::Nothing, log)
                .unwrap();

        assert_eq!(child.ended().await, "exit status: 3: no luck");
    }
}
