//! Being told to stop: SIGINT or SIGTERM.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from when it is made, so that no signal is lost.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _told = self.interrupt.recv() => {}
            _told = self.terminate.recv() => {}
        }
    }
}
