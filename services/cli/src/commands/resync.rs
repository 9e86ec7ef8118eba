//! `tenure resync`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::catalogue::Service;
use serde_json::json;
use tokio::time::sleep;

use crate::arguments::Resync;
use crate::launcher::StateDir;
use crate::output::{Output, grouped, tell};

const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn run(
    resync: &Resync,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let service = resync.service;
    let board = state.running()?;
    // One that does not answer is in no later epoch than its settings say.
    let known = progress(state, service).await.map_or(0, |known| known.epoch);
    let epoch = state.raise_epoch(service, known)?;
    let entry = board.services.get(service.as_str()).context("the service was never ready")?;
    let pid = i32::try_from(entry.pid).context("read the service's process id")?;
    // The launcher starts again whatever ends, and gives it the epoch of the state folder.
    kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("stop {service}"))?;
    let told = if resync.wait { Some(wait(state, service, epoch).await?) } else { None };
    let result = json!({
        "service": service.as_str(), "epoch": epoch, "finished": told.is_some(), "events": told,
    });
    output.print(&result, |_result| match told {
        Some(events) => {
            format!("{service} told its state again in epoch {epoch}: {} events", grouped(events))
        }
        None => format!(
            "{service} is started again and tells its state in epoch {epoch}; `tenure status` shows \
             how far it is"
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until everything was told, and returns how many events that were.
async fn wait(state: &StateDir, service: Service, epoch: u64) -> anyhow::Result<u64> {
    let mut shown = 0;
    loop {
        // While it starts it does not answer.
        if let Ok(progress) = progress(state, service).await
            && progress.epoch >= epoch
        {
            if progress.finished {
                return Ok(progress.events);
            }
            if progress.events > shown {
                shown = progress.events;
                tell(&format!("{} events told", grouped(shown)));
            }
        }
        state.running()?;
        sleep(LOOK_EVERY).await;
    }
}

async fn progress(
    state: &StateDir,
    service: Service,
) -> anyhow::Result<proto::operations::v1::Resync> {
    let status = state.mesh()?.status(service).await?;
    status.resync.context("the service does not say in which epoch it is")
}
