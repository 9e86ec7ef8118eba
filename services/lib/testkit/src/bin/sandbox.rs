//! Runs sandbox applications beside a mesh, each on a loopback port of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use clock::Clock;
use testkit::Slapd;
use testkit::sandbox::{Sandbox, SandboxConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const STOP_MAX: Duration = Duration::from_secs(5);

/// Serves SCIM 2.0 applications in memory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Name of an application to serve; may be given several times.
    #[arg(long = "application", value_name = "NAME", required = true)]
    applications: Vec<String>,
    /// Name of an empty OpenLDAP directory to serve, which is fetched where it is not there.
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
    /// File with the bearer token of all of them.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// File that receives {name: base URL} when all of them answer; else standard output does, in
    /// one line.
    #[arg(long, value_name = "FILE")]
    ports_file: Option<PathBuf>,
    /// Directory that keeps their memory between two starts.
    #[arg(long, value_name = "DIR")]
    snapshot_dir: Option<PathBuf>,
    /// Ends when standard input closes, so as not to outlive the parent.
    #[arg(long)]
    until_stdin_closes: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    run(Arguments::parse()).await
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let token = std::fs::read_to_string(&arguments.token_file).context("read the token file")?;
    ensure!(!token.trim().is_empty(), "the token file is empty");
    if let Some(directory) = &arguments.snapshot_dir {
        std::fs::create_dir_all(directory).context("make the snapshot directory")?;
    }

    let mut running: BTreeMap<String, Sandbox> = BTreeMap::new();
    for name in &arguments.applications {
        ensure!(is_dns_label(name), "{name:?} is no name of an application");
        ensure!(!running.contains_key(name), "{name} is named twice");
        let mut config = SandboxConfig::new(name, token.trim(), Clock::system());
        config.snapshot =
            arguments.snapshot_dir.as_ref().map(|directory| directory.join(format!("{name}.json")));
        let sandbox = Sandbox::start(config).await.with_context(|| format!("start {name}"))?;
        running.insert(name.clone(), sandbox);
    }

    let directory = match arguments.directory {
        Some(name) => {
            ensure!(is_dns_label(&name), "{name:?} is no name of an application");
            ensure!(!running.contains_key(&name), "{name} is named twice");
            let slapd = Slapd::start().await;
            // It is signed in to as to all others.
            slapd.set_password(slapd.bind_dn(), token.trim()).await;
            Some((name, slapd))
        }
        None => None,
    };

    let mut urls: BTreeMap<&str, String> =
        running.values().map(|sandbox| (sandbox.name(), sandbox.base_url().to_owned())).collect();
    urls.extend(directory.iter().map(|(name, slapd)| (name.as_str(), slapd.url())));
    let urls = serde_json::to_string(&urls)?;
    match &arguments.ports_file {
        // Renamed into place, so whoever waits for the file never reads half of it.
        Some(file) => {
            let partial = file.with_extension("partial");
            std::fs::write(&partial, urls).context("write the ports file")?;
            std::fs::rename(&partial, file).context("write the ports file")?;
        }
        None => writeln!(std::io::stdout(), "{urls}").context("tell where they are")?,
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_closed(), if arguments.until_stdin_closes => {}
    }
    for (name, sandbox) in running {
        tokio::time::timeout(STOP_MAX, sandbox.stop())
            .await
            .with_context(|| format!("stop {name} in time"))?
            .with_context(|| format!("stop {name}"))?;
    }
    Ok(())
}

/// The blocking read stays on a thread of its own: it must not keep the runtime from ending.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 1024];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        drop(closed);
    });
    wait.await.unwrap_or_default();
}

fn is_dns_label(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.len() <= 63
        && name.starts_with(inner)
        && name.ends_with(inner)
        && name.chars().all(|letter| inner(letter) || letter == '-')
}
