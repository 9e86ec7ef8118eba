//! Where a play takes place: a mesh of its own, with applications and a mail server beside it.

use std::path::Path;

use anyhow::bail;

use super::applications::{Applications, Sites};
use super::mail::{MailServer, Mailbox};
use crate::arguments::Demo;
use crate::client::Mesh;
use crate::launcher::{Board, Options, Running, StateDir, Stop};
use crate::output::tell;

/// What a play may use.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) mesh: Mesh,
    pub(super) board: Board,
    pub(super) sites: Sites,
    pub(super) mailbox: Mailbox,
}

/// The applications beside a mesh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) applications: &'a [&'a str],
    /// One that speaks LDAP.
    pub(super) directory: Option<&'a str>,
}

/// Starts a mesh, applications and a mail server below `place`, lets the play go on, and stops them again.
///
/// # Errors
/// When something does not start or ends too early, when the play fails, or on a signal.
pub(super) async fn with<T>(
    demo: &Demo,
    place: &Path,
    names: Names<'_>,
    stop: &mut Stop,
    play: impl AsyncFnOnce(&Stage) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let state = StateDir::find(Some(place.join("state")))?;
    let mut options = Options::new(state, demo.launch.clone())?;
    let (mut applications, sites) = Applications::start(&options, place, &names).await?;
    let (mut mail, mailbox) = MailServer::start(demo, place).await?;
    options.applications = sites.environment();
    options.mail = mailbox.environment();
    let mut running = tokio::select! {
        running = Box::pin(Running::start(options)) => running?,
        () = stop.told() => bail!("stopped before everything was ready"),
    };
    let stage = Stage { mesh: running.mesh()?, board: running.board()?, sites, mailbox };
    let played = tokio::select! {
        played = Box::pin(play(&stage)) => played,
        never = running.supervise() => match never {},
        how = applications.ended() => Err(anyhow::anyhow!("the applications ended: {how}")),
        how = mail.ended() => Err(anyhow::anyhow!("the mail server ended: {how}")),
        () = stop.told() => Err(anyhow::anyhow!("stopped before the end")),
    };
    tell("stopping");
    tokio::select! {
        () = running.stop() => {}
        () = stop.told() => bail!("stopped at once, without draining"),
    }
    mail.stop().await;
    applications.stop().await;
    played
}
