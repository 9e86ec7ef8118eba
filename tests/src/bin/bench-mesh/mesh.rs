//! A mesh of processes, started as an operator starts it, measured from outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use cli::client::{Import, Rest, read_documents};
use mesh_tests::processes::{APPLICATIONS, Applications, Tenure};
use proto::catalogue::Service;
use proto::hris::v1::FileContract;
use servers::{Postgres, PostgresConfig, Tools};
use sqlx::Connection as _;

pub(crate) const DEADLINE: Duration = Duration::from_secs(900);

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

impl Measured {
    /// CPU time of all processes.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.processes.values().map(|usage| usage.cpu_seconds).sum()
    }
}

/// Imports people into a new mesh and waits until they have settled.
pub(crate) async fn run(sample: &Path, people: usize, scim: bool) -> anyhow::Result<Measured> {
    let folder = servers::scratch()?;
    let postgres = Postgres::start(
        &Tools::locate().await?,
        PostgresConfig::durable(folder.path().join("postgres")),
    )
    .await?;
    let applications = Applications::start(folder.path())?;
    let tenure = up(folder.path(), &postgres, &applications)?;
    let measured =
        measure(sample, people, scim, folder.path(), &tenure, &applications, &postgres).await;
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
    applications: &Applications,
    postgres: &Postgres,
) -> anyhow::Result<Measured> {
    let (mesh, mut pids) = (tenure.mesh()?, Tenure::pids(&tenure.status()?));
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

    pids.insert("applications".to_owned(), applications.pid());
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
                author: None,
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
        calls: calls(applications).await?,
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

/// Every call so far, by method and template, over all applications.
async fn calls(applications: &Applications) -> anyhow::Result<Calls> {
    let mut calls = Calls::default();
    for application in APPLICATIONS {
        for ((kind, _status), count) in applications.counters(application).await? {
            *calls.by_kind.entry(kind).or_default() += count;
        }
    }
    Ok(calls)
}

/// Starts a mesh on a database server that is measured apart from it.
pub(crate) fn up(
    folder: &Path,
    postgres: &Postgres,
    applications: &Applications,
) -> anyhow::Result<Tenure> {
    let mut environment = applications.environment();
    environment.insert("TENURE_DATABASE_URL".to_owned(), postgres.admin_url());
    environment.insert("RUST_LOG".to_owned(), "warn".to_owned());
    Tenure::up(folder, &environment)
}

/// CPU time of this process alone, in seconds.
pub(crate) fn own_cpu_seconds() -> f64 {
    let fields = stat(std::process::id());
    ticks(&fields, 11) + ticks(&fields, 12)
}

/// CPU time and resident memory of a process and of the processes it started and waits for.
pub(crate) fn usage(pid: u32) -> Usage {
    const MIB: f64 = 1024.0;
    let mut total = Usage::default();
    for process in family(pid) {
        let fields = stat(process);
        total.cpu_seconds +=
            [11, 12, 13, 14].map(|place| ticks(&fields, place)).iter().sum::<f64>();
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

/// The fields of a process's `stat` behind its name, which may hold spaces.
fn stat(process: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().map(str::to_owned).collect()
}

/// A field that counts ticks, in seconds.
fn ticks(fields: &[String], place: usize) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let ticks: f64 = fields.get(place).and_then(|field| field.parse().ok()).unwrap_or(0.0);
    ticks / TICKS_PER_SECOND
}

fn family(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).collect()
}
