//! Who works in a data folder: every process of a server has it as its working directory.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use crate::Error;

/// Waits until nobody works in the folder; those who do not notice that the postmaster is gone,
/// because a long query keeps them busy, are killed.
pub(crate) async fn wait_gone(pgdata: &Path) {
    const NOTICE_MAX: Duration = Duration::from_secs(2);
    const GONE_MAX: Duration = Duration::from_secs(10);
    let begin = Instant::now();
    loop {
        let left = working_in(pgdata);
        if left.is_empty() {
            return;
        }
        if begin.elapsed() > GONE_MAX {
            tracing::warn!(processes.count = left.len(), "PostgreSQL leaves processes behind");
            return;
        }
        if begin.elapsed() > NOTICE_MAX {
            for pid in left {
                // One that ended meanwhile needs no signal.
                kill(pid, Signal::SIGKILL).ok();
            }
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Removes the lock file of a postmaster that is gone and whose pid another process has.
///
/// `PostgreSQL` itself takes any process of that pid for a postmaster; pids come back soon in a
/// container that starts again.
pub(crate) fn remove_stale_lock(pgdata: &Path) -> Result<(), Error> {
    let path = pgdata.join("postmaster.pid");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(Error::io("read", &path))?,
    };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
        return Ok(());
    };
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) if folder != pgdata => {
            tracing::info!("removing the lock file of a postmaster that is gone");
            fs::remove_file(&path).map_err(Error::io("remove", &path))
        }
        // Either it is the postmaster, or the process is gone, which PostgreSQL sees.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn working_in(pgdata: &Path) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == pgdata))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .collect()
}
