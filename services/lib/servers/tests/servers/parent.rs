//! What becomes of the servers when the process that started them is killed.

use std::env;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use servers::{Nats, NatsConfig, Postgres, PostgresConfig, Tools, scratch};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{interval, timeout};

/// Set in the copy of this test that plays the parent.
const PARENT: &str = "TENURE_TEST_PARENT";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_do_not_outlive_a_parent_that_was_killed() -> anyhow::Result<()> {
    if let Some(folder) = env::var_os(PARENT) {
        return be_the_parent(folder.as_ref()).await;
    }
    let folder = scratch()?;
    let mut parent = Command::new(env::current_exe()?)
        .args(["--exact", "parent::servers_do_not_outlive_a_parent_that_was_killed", "--nocapture"])
        .env(PARENT, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = parent.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?;
    let mut lines = BufReader::new(output).lines();
    let pids: Vec<u32> = loop {
        let line = lines.next_line().await?;
        let line = line.ok_or_else(|| anyhow::anyhow!("the parent ended"))?;
        if let Some((_, pids)) = line.split_once("pids ") {
            break pids.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        }
    };
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| lives(*pid)));

    parent.kill().await?;
    let config = PostgresConfig::fast(folder.path().join("postgres"));
    let successor = Postgres::start(&Tools::locate().await?, config).await?;

    assert!(successor.is_running());
    let gone = async {
        let mut tick = interval(Duration::from_millis(10));
        while pids.iter().any(|pid| lives(*pid)) {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(10), gone).await?;
    Ok(())
}

async fn be_the_parent(folder: &std::path::Path) -> anyhow::Result<()> {
    let tools = Tools::locate().await?;
    // Started from a thread that ends before the parent does.
    let tools_there = tools.clone();
    let data_dir = folder.join("postgres");
    let postgres = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            anyhow::Ok(Postgres::start(&tools_there, PostgresConfig::fast(data_dir)).await?)
        })
    })
    .join()
    .map_err(|panic| anyhow::anyhow!("the thread panicked: {panic:?}"))??;
    let store_dir = folder.join("nats");
    let config = NatsConfig { store_dir, port: None, config: String::new(), tls: None };
    let nats = Nats::start(&tools, config).await?;
    let line = format!("pids {} {}\n", postgres.pid(), nats.pid());
    let mut output = std::io::stdout();
    output.write_all(line.as_bytes())?;
    output.flush()?;
    tokio::select! {
        status = postgres.ended() => anyhow::bail!("PostgreSQL ended: {status}"),
        status = nats.ended() => anyhow::bail!("the NATS server ended: {status}"),
    }
}

/// Whether the process runs; one that nobody has reaped yet does not.
fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')))
}
