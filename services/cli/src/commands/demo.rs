//! `tenure demo`: a workforce file through a mesh into applications, and the proof.

mod applications;
mod report;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clock::Clock;
use domain::Date;
use proto::hris::v1::FileContract;
use proto::{audit, provisioning};
use tokio::time::Instant;

use self::applications::{Applications, Sites};
use self::report::{Actions, Messages, Repeat, Report};
use super::import::send;
use super::settle::{parked, settle};
use crate::arguments::Demo;
use crate::client::{self, Mesh, read_documents};
use crate::launcher::{Board, Options, Running, StateDir, Stop};
use crate::memory;
use crate::output::{Output, tell};

const FILE: &str = "FY2012.csv";
const SNAPSHOT_DATE: Date = Date::constant(2012, 6, 30);

pub(crate) async fn run(demo: Demo, output: &Output) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let folder = servers::scratch()?;
    let place = folder.path().to_owned();
    if demo.keep {
        tell(&format!("everything is kept in {}", folder.keep().display()));
    }
    let sample = Sample::find(&demo, &place)?;
    let state = StateDir::find(Some(place.join("state")))?;
    let mut options = Options::new(state, demo.launch)?;
    let (mut applications, sites) = Applications::start(&options, &place).await?;
    options.applications = sites.environment();
    let mut running = tokio::select! {
        running = Box::pin(Running::start(options)) => running?,
        () = stop.told() => bail!("stopped before everything was ready"),
    };
    let (mesh, board) = (running.mesh()?, running.board()?);
    let played = tokio::select! {
        played = Box::pin(play(&mesh, &board, &sites, &sample)) => played,
        never = running.supervise() => match never {},
        how = applications.ended() => Err(anyhow::anyhow!("the applications ended: {how}")),
        () = stop.told() => Err(anyhow::anyhow!("stopped before the end")),
    };
    tell("stopping");
    tokio::select! {
        () = running.stop() => {}
        () = stop.told() => bail!("stopped at once, without draining"),
    }
    applications.stop().await;

    let report = played?;
    output.print(&report, Report::text)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the demonstration is about.
#[derive(Debug)]
struct Sample {
    file: PathBuf,
    mapping: String,
    policies: PathBuf,
    verify: PathBuf,
    python: PathBuf,
}

impl Sample {
    /// Finds everything before anything is started.
    fn find(demo: &Demo, place: &Path) -> anyhow::Result<Self> {
        let mapping = demo.sample.join("source.yaml");
        let whole = demo.sample.join(FILE);
        anyhow::ensure!(demo.verify.is_file(), "there is no {}", demo.verify.display());
        Ok(Self {
            file: match demo.people {
                Some(rows) => first_rows(&whole, rows, place)?,
                None => whole,
            },
            mapping: std::fs::read_to_string(&mapping)
                .with_context(|| format!("read {}", mapping.display()))?,
            policies: demo.sample.join("policies"),
            verify: demo.verify.clone(),
            python: demo.python.clone(),
        })
    }

    fn import(&self) -> client::Import<'_> {
        client::Import {
            mapping: &self.mapping,
            file: &self.file,
            contract: FileContract::Full,
            snapshot_date: SNAPSHOT_DATE,
            confirmed_leavers: None,
            notify: false,
        }
    }
}

/// Copies the header and the first rows of a file.
fn first_rows(whole: &Path, rows: usize, place: &Path) -> anyhow::Result<PathBuf> {
    let text =
        std::fs::read_to_string(whole).with_context(|| format!("read {}", whole.display()))?;
    let part: String = text.split_inclusive('\n').take(rows.saturating_add(1)).collect();
    let path = place.join(FILE);
    std::fs::write(&path, part).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

async fn play(
    mesh: &Mesh,
    board: &Board,
    sites: &Sites,
    sample: &Sample,
) -> anyhow::Result<Report> {
    tell("applying the sample policies");
    let applied = mesh.apply(read_documents(&sample.policies)?).await?;

    tell("importing the workforce");
    let (since, begin) = (Clock::system().now(), Instant::now());
    let imported = send(mesh, sample.import()).await?;
    let imported_seconds = begin.elapsed().as_secs_f64();
    let settled = settle(mesh).await?;
    let people = settled.rest.people;
    let settled_seconds = settled.people_at.duration_since(begin).as_secs_f64();
    let recorded_seconds = begin.elapsed().as_secs_f64();

    let request = provisioning::v1::GetProgressRequest { since: Some(since.into()) };
    let times = mesh.provisioning()?.get_progress(request).await?.into_inner();
    let messages = messages(mesh).await?;
    let memory = memory_by_name(mesh, board).await?;

    tell("comparing the applications with an independent calculation");
    let verified = verify::run(sample, sites).await?;

    tell("importing the same file again");
    let repeat = repeat(mesh, sites, sample).await?;

    Ok(Report {
        release: applied.release,
        rows: imported.rows,
        rejected: imported.rejected,
        people,
        people_per_second: times_per_second(people, settled_seconds),
        imported_seconds,
        settled_seconds,
        recorded_seconds,
        settle_seconds_p50: times.settle_seconds_p50,
        settle_seconds_p99: times.settle_seconds_p99,
        actions: Actions::new(&times, &messages),
        parked: parked(mesh).await?,
        messages,
        memory_bytes: memory,
        repeat,
        verified: verified.summary,
        differences: verified.differences,
    })
}

/// Imports the same file again and tells what that caused, which should be nothing.
async fn repeat(mesh: &Mesh, sites: &Sites, sample: &Sample) -> anyhow::Result<Repeat> {
    let before = (actions(mesh).await?, sites.writes().await?);
    let imported = send(mesh, sample.import()).await?;
    settle(mesh).await?;
    let after = (actions(mesh).await?, sites.writes().await?);
    Ok(Repeat {
        unchanged: imported.unchanged,
        changed: imported.joined + imported.changed + imported.left,
        actions: after.0.saturating_sub(before.0),
        writes: after.1.saturating_sub(before.1),
    })
}

/// Returns how many actions there ever were.
async fn actions(mesh: &Mesh) -> anyhow::Result<u64> {
    let finished = Messages::finished_actions(&messages(mesh).await?);
    let request = provisioning::v1::GetProgressRequest::default();
    let open = mesh.provisioning()?.get_progress(request).await?.into_inner().actions_open;
    Ok(finished + open)
}

async fn messages(mesh: &Mesh) -> anyhow::Result<Vec<Messages>> {
    let request = audit::v1::GetTotalsRequest {};
    let totals = mesh.audit()?.get_totals(request).await?.into_inner().totals;
    Ok(totals
        .into_iter()
        .map(|total| Messages {
            publisher: total.publisher,
            r#type: total.r#type,
            events: total.events,
        })
        .collect())
}

async fn memory_by_name(mesh: &Mesh, board: &Board) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut memory = BTreeMap::new();
    for service in proto::catalogue::Service::ALL {
        memory.insert(service.to_string(), mesh.status(service).await?.memory_bytes);
    }
    for (name, server) in [("nats", &board.nats), ("postgres", &board.postgres)] {
        if let Some(pid) = server.pid {
            memory.insert(name.to_owned(), memory::of_tree(pid));
        }
    }
    Ok(memory)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of people are far below the 52 bits that a double keeps"
)]
fn times_per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_of_a_file_keep_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.csv");
        std::fs::write(&whole, "a,b\r\n1,2\r\n3,4\r\n").unwrap();

        let part = first_rows(&whole, 1, folder.path()).unwrap();

        assert_eq!(std::fs::read_to_string(part).unwrap(), "a,b\r\n1,2\r\n");
    }
}
