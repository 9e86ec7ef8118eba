//! `tenure down`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::arguments::Down;
use crate::launcher::StateDir;
use crate::output::Output;

const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn run(
    down: &Down,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let Some(pid) = state.launcher()? else {
        output.print(&json!({ "stopped": false }), |_result| {
            format!("no mesh runs on {}", state.root().display())
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("stop process {pid}"))?;
    let gone = async {
        // Another launcher may have taken over the moment this one was gone.
        while state.launcher().ok().flatten() == Some(pid) {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(Duration::from_secs(down.timeout.into()), gone).await.is_err() {
        bail!("process {pid} was told to stop and still runs after {} s", down.timeout);
    }
    output.print(&json!({ "stopped": true, "pid": pid }), |_result| {
        format!("the mesh on {} is stopped; its data are kept", state.root().display())
    })?;
    Ok(ExitCode::SUCCESS)
}
