//! A mesh of processes, started as an operator starts it, measured from outside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cli::client::{Import, Mesh, Rest, read_documents};
use proto::catalogue::Service;
use proto::hris::v1::FileContract;
use serde_json::Value;
use servers::{Postgres, PostgresConfig, Tools};
use sqlx::Connection as _;

const DEADLINE: Duration = Duration::from_secs(900);
const APPLICATIONS: [&str; 3] = ["directory", "records", "field-work"];
const TOKEN: &str = "bench-token";

/// Messages of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) kind: String,
    pub(crate) count: usize,
    pub(crate) bytes_each: usize,
}

/// Calls to the applications.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    pub(crate) by_kind: BTreeMap<String, u64>,
}

/// What one process used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) memory_mib: f64,
}

/// One import.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// Until everybody had settled.
    pub(crate) settled_seconds: f64,
    /// Until nothing was on its way, audit's record included: all that the floor does as well.
    pub(crate) recorded_seconds: f64,
    pub(crate) messages: Vec<Load>,
    pub(crate) calls: Calls,
    pub(crate) processes: BTreeMap<String, Usage>,
}

/// Imports people into a new mesh and waits until they have settled.
pub(crate) async fn run(sample: &Path, people: usize, scim: bool) -> anyhow::Result<Measured> {
    let folder = servers::scratch()?;
    let postgres = Postgres::start(
        &Tools::locate().await?,
        PostgresConfig::durable(folder.path().join("postgres")),
    )
    .await?;
    let sandbox = Sandbox::start(folder.path())?;
    let tenure = Tenure::up(folder.path(), &postgres, &sandbox)?;
    let measured = measure(sample, people, scim, folder.path(), &tenure, &sandbox, &postgres).await;
    tenure.down()?;
    postgres.stop().await;
    measured
}

async fn measure(
    sample: &Path,
    people: usize,
    scim: bool,
    folder: &Path,
    tenure: &Tenure,
    sandbox: &Sandbox,
    postgres: &Postgres,
) -> anyhow::Result<Measured> {
    let (mesh, pids) = tenure.mesh()?;
    let mut documents = read_documents(&sample.join("policies"))?;
    if !scim {
        for document in &mut documents {
            document.content = document.content.replace("kind: scim", "kind: inprocess");
        }
    }
    mesh.apply(documents).await?;
    let mapping = std::fs::read_to_string(sample.join("source.yaml"))?;
    let file = folder.join("people.csv");
    let whole = std::fs::read_to_string(sample.join("FY2012.csv"))?;
    let part: Vec<&str> = whole.lines().take(people + 1).collect();
    std::fs::write(&file, part.join("\n") + "\n")?;

    let mut pids = pids;
    pids.insert("applications".to_owned(), sandbox.child.id());
    pids.insert("postgresql".to_owned(), postgres.pid());
    let before: BTreeMap<String, Usage> =
        pids.iter().map(|(name, pid)| (name.clone(), usage(*pid))).collect();
    let started = tokio::time::Instant::now();
    let summary = mesh
        .import(
            Import {
                mapping: &mapping,
                file: &file,
                contract: FileContract::Full,
                snapshot_date: "2012-06-30".parse()?,
                confirmed_leavers: None,
                notify: false,
            },
            |_step| {},
        )
        .await?;
    if summary.joined != u64::try_from(people)? {
        bail!("{} of {people} people were taken over", summary.joined);
    }
    let mut settled_seconds = None;
    let rest = mesh
        .settle(DEADLINE, |rest| {
            let people_settled = Rest { events: 0, ..*rest }.reached() && rest.people > 0;
            if people_settled && settled_seconds.is_none() {
                settled_seconds = Some(started.elapsed().as_secs_f64());
            }
        })
        .await?;
    let recorded_seconds = started.elapsed().as_secs_f64();
    if rest.people != summary.joined {
        bail!("{} people are known, {} were imported", rest.people, summary.joined);
    }
    let processes = pids
        .iter()
        .map(|(name, pid)| {
            let after = usage(*pid);
            let earlier = before.get(name).copied().unwrap_or_default();
            let cpu_seconds = after.cpu_seconds - earlier.cpu_seconds;
            (name.clone(), Usage { cpu_seconds, memory_mib: after.memory_mib })
        })
        .collect();
    Ok(Measured {
        settled_seconds: settled_seconds.unwrap_or(recorded_seconds),
        recorded_seconds,
        messages: loads(postgres).await?,
        calls: sandbox.calls()?,
        processes,
    })
}

/// What audit recorded: every message of the run, by type.
async fn loads(postgres: &Postgres) -> anyhow::Result<Vec<Load>> {
    let url = postgres.admin_url_of(Service::Audit.database());
    let mut connection = sqlx::PgConnection::connect(&url).await?;
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT type, count(*), avg(length(payload))::bigint FROM events GROUP BY type ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await?;
    rows.into_iter()
        .map(|(kind, count, bytes)| {
            Ok(Load { kind, count: usize::try_from(count)?, bytes_each: usize::try_from(bytes)? })
        })
        .collect()
}

/// The applications, in a process of their own that ends with this one.
pub(crate) struct Sandbox {
    child: std::process::Child,
    bases: BTreeMap<String, String>,
}

impl Sandbox {
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let (token, ports) = (folder.join("token"), folder.join("ports.json"));
        std::fs::write(&token, TOKEN)?;
        let mut command = Command::new(binary("sandbox")?);
        for application in APPLICATIONS {
            command.args(["--application", application]);
        }
        let child = command
            .arg("--token-file")
            .arg(&token)
            .arg("--ports-file")
            .arg(&ports)
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .spawn()
            .context("start the sandbox")?;
        let started = std::time::Instant::now();
        while !ports.exists() {
            if started.elapsed() > Duration::from_secs(20) {
                bail!("the sandbox does not come up");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let bases = serde_json::from_str(&std::fs::read_to_string(&ports)?)?;
        Ok(Self { child, bases })
    }

    pub(crate) fn base(&self, application: &str) -> anyhow::Result<&str> {
        self.bases.get(application).map(String::as_str).context("the sandbox has no such port")
    }

    /// Every call so far, by method and template, over all applications.
    fn calls(&self) -> anyhow::Result<Calls> {
        let mut calls = Calls::default();
        for base in self.bases.values() {
            let top = base.trim_end_matches("/scim/v2");
            let text = output(
                Command::new("python3")
                    .arg("-c")
                    .arg(
                        "import sys,urllib.request as u; \
                         r=u.Request(sys.argv[1],headers={'Authorization':'Bearer '+sys.argv[2]}); \
                         sys.stdout.write(u.urlopen(r).read().decode())",
                    )
                    .arg(format!("{top}/sandbox/counters"))
                    .arg(TOKEN),
            )?;
            let answer: Value = serde_json::from_str(&text)?;
            for counter in answer["counters"].as_array().into_iter().flatten() {
                let kind = format!(
                    "{} {}",
                    counter["method"].as_str().unwrap_or_default(),
                    counter["template"].as_str().unwrap_or_default()
                );
                *calls.by_kind.entry(kind).or_default() += counter["count"].as_u64().unwrap_or(0);
            }
        }
        Ok(calls)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the sandbox did not end: {error}");
        }
    }
}

/// A mesh, through the command line.
struct Tenure {
    state: PathBuf,
}

impl Tenure {
    fn up(folder: &Path, postgres: &Postgres, sandbox: &Sandbox) -> anyhow::Result<Self> {
        let state = folder.join("state");
        let mut command = Command::new(binary("tenure")?);
        command.args(["up", "--detach", "--state"]).arg(&state);
        command.env("TENURE_DATABASE_URL", postgres.admin_url());
        command.env("RUST_LOG", "warn");
        for application in APPLICATIONS {
            let name = application.to_uppercase().replace('-', "_");
            command.env(format!("TENURE_APP_{name}_URL"), sandbox.base(application)?);
            command.env(format!("TENURE_APP_{name}_TOKEN"), TOKEN);
        }
        let status = command.stdout(Stdio::null()).status().context("start tenure")?;
        if !status.success() {
            bail!("tenure up ended with {status}");
        }
        Ok(Self { state })
    }

    /// The services' addresses, and every process by its name.
    fn mesh(&self) -> anyhow::Result<(Mesh, BTreeMap<String, u32>)> {
        let text = output(
            Command::new(binary("tenure")?)
                .args(["status", "--output", "json", "--state"])
                .arg(&self.state),
        )?;
        let status: Value = serde_json::from_str(&text).context("read tenure status")?;
        let mut pids = BTreeMap::new();
        let mut addresses: BTreeMap<Service, SocketAddr> = BTreeMap::new();
        for entry in status["services"].as_array().into_iter().flatten() {
            let name = entry["name"].as_str().context("a service has no name")?;
            let service = Service::from_name(name).context("an unknown service")?;
            addresses.insert(service, entry["grpc"].as_str().context("no address")?.parse()?);
            pids.insert(name.to_owned(), u32::try_from(entry["pid"].as_u64().unwrap_or(0))?);
        }
        if let Some(pid) = status["nats"]["pid"].as_u64() {
            pids.insert("nats-server".to_owned(), u32::try_from(pid)?);
        }
        Ok((Mesh::new(&addresses)?, pids))
    }

    fn down(&self) -> anyhow::Result<()> {
        let status = Command::new(binary("tenure")?)
            .args(["down", "--state"])
            .arg(&self.state)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("tenure down ended with {status}");
        }
        Ok(())
    }
}

/// A program that was built beside this one.
fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} is not built: run `cargo xtask bench mesh`", path.display());
    }
    Ok(path)
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output().context("start a program")?;
    if !output.status.success() {
        bail!("a program ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// CPU time and resident memory of a process and of the processes it started and waits for.
fn usage(pid: u32) -> Usage {
    const TICKS_PER_SECOND: f64 = 100.0;
    const MIB: f64 = 1024.0;
    let mut total = Usage::default();
    for process in family(pid) {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name may hold spaces; what follows its closing bracket does not.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |place: usize| -> f64 {
            fields.get(place).and_then(|field| field.parse().ok()).unwrap_or(0.0)
        };
        total.cpu_seconds += (ticks(11) + ticks(12) + ticks(13) + ticks(14)) / TICKS_PER_SECOND;
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        // Shared buffers would count once per backend: only what is a process's own.
        total.memory_mib += status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse::<f64>().ok())
            .unwrap_or(0.0)
            / MIB;
    }
    total
}

fn family(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).collect()
}
