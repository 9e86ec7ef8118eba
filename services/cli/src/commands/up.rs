//! `tenure up`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::arguments::Up;
use crate::launcher::{Board, Options, Running, StateDir, Stop};
use crate::output::{Output, table, tell};

const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn run(up: Up, state: StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    if up.detach {
        return detach(&state, output).await;
    }
    if up.detached {
        // Out of the reach of the terminal this was started at.
        nix::unistd::setsid().context("leave the terminal")?;
    }
    let mut stop = Stop::listen()?;
    let options = Options::new(state.clone(), up.launch)?;
    let mut running = tokio::select! {
        running = Box::pin(Running::start(options)) => running?,
        () = stop.told() => {
            tell("stopped before everything was ready");
            return Ok(ExitCode::FAILURE);
        }
    };
    show(&running.board()?, &state, output)?;
    if !up.detached {
        tell("Ctrl-C stops everything");
    }
    tokio::select! {
        never = running.supervise() => match never {},
        () = stop.told() => {}
    }
    tell("stopping");
    tokio::select! {
        () = running.stop() => {}
        // Whoever asks twice does not want to wait.
        () = stop.told() => bail!("stopped at once, without draining"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts this program again in the background, and waits until that one is ready.
async fn detach(state: &StateDir, output: &Output) -> anyhow::Result<ExitCode> {
    if let Some(pid) = state.launcher()? {
        bail!("a mesh runs on {} already, as process {pid}", state.root().display());
    }
    let own = std::env::current_exe().context("find this program")?;
    // The same arguments, except that this one is replaced: `--detach` takes no value.
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| if argument == "--detach" { "--detached".into() } else { argument });
    state.make_logs()?;
    let path = state.log("up");
    let log = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let mut child = Command::new(own)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("start this program again")?;
    let mut stop = Stop::listen()?;
    let ready = tokio::select! {
        ready = until_ready(&mut child, state) => ready,
        () = stop.told() => {
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                kill(Pid::from_raw(pid), Signal::SIGTERM).context("stop what was started")?;
            }
            child.wait().await.context("wait for the end of what was started")?;
            bail!("stopped before everything was ready");
        }
    };
    let Some(board) = ready? else {
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        bail!("the mesh could not be started:\n{}", said.trim_end());
    };
    show(&board, state, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns what runs where, or nothing when the launcher has ended.
async fn until_ready(child: &mut Child, state: &StateDir) -> anyhow::Result<Option<Board>> {
    let pid = child.id();
    loop {
        if child.try_wait().context("wait for the launcher")?.is_some() {
            return Ok(None);
        }
        if let Ok(board) = state.board().read()
            && board.ready
            && Some(board.pid) == pid
        {
            return Ok(Some(board));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn show(board: &Board, state: &StateDir, output: &Output) -> anyhow::Result<()> {
    output.print(board, |board| {
        let mut rows = vec![
            vec!["nats".to_owned(), board.nats.address.clone(), String::new()],
            vec!["postgres".to_owned(), board.postgres.address.clone(), String::new()],
        ];
        rows.extend(board.services.iter().map(|(name, entry)| {
            vec![name.clone(), format!("http://{}", entry.grpc), format!("http://{}", entry.admin)]
        }));
        let table = table(&["name", "address", "health and metrics"], rows);
        let scim = board.services.values().filter_map(|entry| entry.http);
        let scim: String = scim
            .map(|address| format!("SCIM clients push people to http://{address}/scim/v2\n"))
            .collect();
        format!("{table}\n\n{scim}logs: {}", state.logs().display())
    })
}
