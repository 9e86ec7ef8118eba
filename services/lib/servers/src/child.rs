//! Child processes, all spawned and reaped by one thread that lives as long as the process.
//!
//! The kernel's parent-death signal follows the *thread* that spawned a child, and the threads of
//! a tokio runtime may end long before the process does.

use std::io;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// A running or ended child; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Child {
    pid: u32,
    signals: mpsc::UnboundedSender<Signal>,
    state: watch::Receiver<State>,
}

#[derive(Clone, Debug)]
enum State {
    Running,
    Ended(String),
}

impl Child {
    /// Spawns the command.
    pub(crate) async fn spawn(mut command: Command) -> io::Result<Self> {
        on_spawner(async move {
            command.stdin(Stdio::null());
            let child = command.spawn()?;
            let pid = child.id().ok_or_else(|| io::Error::other("the child has no pid"))?;
            let (signals, signals_to_send) = mpsc::unbounded_channel();
            let (state_sender, state) = watch::channel(State::Running);
            tokio::spawn(supervise(child, signals_to_send, state_sender));
            Ok(Self { pid, signals, state })
        })
        .await
    }

    /// The process id, which stays known after the end.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the child has not ended.
    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.state.borrow(), State::Running) && self.state.has_changed().is_ok()
    }

    /// Waits for the end and returns how it came.
    pub(crate) async fn ended(&self) -> String {
        let mut state = self.state.clone();
        let ended = state.wait_for(|state| !matches!(state, State::Running)).await;
        match ended.as_deref() {
            Ok(State::Ended(status)) => status.clone(),
            Ok(State::Running) | Err(_) => "nobody saw how".to_owned(),
        }
    }

    /// Sends the signal and waits; kills what has not ended after `grace`.
    pub(crate) async fn end(&self, signal: Signal, grace: Duration) {
        self.send(signal);
        if timeout(grace, self.ended()).await.is_err() {
            tracing::warn!(process.id = self.pid, "killing a server that does not end");
            self.send(Signal::SIGKILL);
            self.ended().await;
        }
    }

    /// Does what [`Child::end`] does, holding up the thread: for `Drop` only.
    pub(crate) fn end_blocking(&self, signal: Signal, grace: Duration) {
        const TICK: Duration = Duration::from_millis(2);
        for (signal, grace) in [(signal, grace), (Signal::SIGKILL, grace)] {
            self.send(signal);
            let mut waited = Duration::ZERO;
            while self.is_running() && waited < grace {
                thread::sleep(TICK);
                waited += TICK;
            }
            if !self.is_running() {
                return;
            }
        }
    }

    fn send(&self, signal: Signal) {
        // A closed channel means that the child has ended, which is what signals are sent for.
        self.signals.send(signal).ok();
    }
}

/// Runs the command to its end, with `input` on its standard input, and returns what it wrote.
pub(crate) async fn output(mut command: Command, input: Vec<u8>) -> io::Result<Output> {
    on_spawner(async move {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(&input).await {
                // It may end without reading; its status tells why.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written?,
            }
        }
        child.wait_with_output().await
    })
    .await
}

/// Sends signals and reaps in one place, so that no signal meets a pid that was given away again.
async fn supervise(
    mut child: tokio::process::Child,
    mut signals: mpsc::UnboundedReceiver<Signal>,
    state: watch::Sender<State>,
) {
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended,
            signal = signals.recv() => {
                deliver(&child, signal.unwrap_or(Signal::SIGKILL));
                if signal.is_none() {
                    break child.wait().await;
                }
            }
        }
    };
    let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
    state.send_replace(State::Ended(status));
}

fn deliver(child: &tokio::process::Child, signal: Signal) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::warn!(process.id = pid, %signal, %error, "cannot signal a server");
    }
}

/// Runs a future on the spawner thread.
async fn on_spawner<T: Send + 'static>(
    work: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    spawner()?.spawn(work).await.map_err(io::Error::other)?
}

fn spawner() -> io::Result<Handle> {
    static SPAWNER: Mutex<Option<Handle>> = Mutex::new(None);
    let mut spawner = SPAWNER.lock().map_err(|error| io::Error::other(error.to_string()))?;
    if let Some(handle) = &*spawner {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("servers".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(spawner.insert(handle).clone())
}
