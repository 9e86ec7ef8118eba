//! A city's workforce, year after year.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clock::Clock;
use domain::Date;
use proto::hris::v1::FileContract;
use proto::provisioning::v1::{
    ListApplicationsRequest, ReadApplicationRequest, WatchedApplication,
};
use proto::{audit, provisioning};
use tokio::time::{Duration, Instant};

use super::by_hand::{self, Register};
use super::mail;
use super::report::{Actions, City, Held, Messages, Read, Repeat, Year};
use super::stage::{self, Names, Stage};
use super::verify;
use crate::arguments::Demo;
use crate::client::{self, Mesh, read_documents};
use crate::commands::import::{Imported, send};
use crate::commands::settle::{parked, settle};
use crate::commands::source::held::{by_group, follow};
use crate::launcher::Stop;
use crate::memory;
use crate::output::tell;

/// The files, and the day each speaks for.
const YEARS: [(&str, Date); 2] =
    [("FY2012.csv", Date::constant(2012, 6, 30)), ("FY2013.csv", Date::constant(2013, 7, 1))];

/// How often it is asked whether the applications have been read, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const READ_WITHIN: Duration = Duration::from_mins(10);

/// Who releases what is held.
const OPERATORS: [&str; 2] = ["ada", "grace"];

/// The applications that the policies name, and the directory that takes part where there is one.
const APPLICATIONS: [&str; 3] = ["directory", "records", "field-work"];
const PHONE_BOOK: &str = "phone-book";

/// What the play is about.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) snapshots: Vec<Snapshot>,
    mapping: String,
    /// Folders of documents.
    pub(super) policies: Vec<PathBuf>,
    pub(super) verify: PathBuf,
    pub(super) python: PathBuf,
    /// OpenLDAP's client, where a directory takes part.
    pub(super) ldapsearch: Option<PathBuf>,
}

/// One full file.
#[derive(Debug)]
pub(super) struct Snapshot {
    name: &'static str,
    pub(super) file: PathBuf,
    pub(super) date: Date,
}

impl Sample {
    /// Finds everything.
    pub(super) fn find(demo: &Demo, place: &Path) -> anyhow::Result<Self> {
        let folder = demo.samples.join("city-workforce");
        let mapping = folder.join("source.yaml");
        anyhow::ensure!(demo.verify.is_file(), "there is no {}", demo.verify.display());
        let snapshots = YEARS.iter().map(|(name, date)| {
            let whole = folder.join(name);
            let file = match demo.people {
                Some(rows) => first_rows(&whole, rows, place)?,
                None => whole,
            };
            Ok(Snapshot { name, file, date: *date })
        });
        Ok(Self {
            snapshots: snapshots.collect::<anyhow::Result<_>>()?,
            mapping: std::fs::read_to_string(&mapping)
                .with_context(|| format!("read {}", mapping.display()))?,
            policies: ["policies", "by-hand"]
                .into_iter()
                .chain(demo.ldapsearch.as_ref().map(|_client| PHONE_BOOK))
                .map(|part| folder.join(part))
                .collect(),
            verify: demo.verify.clone(),
            python: demo.python.clone(),
            ldapsearch: demo.ldapsearch.clone(),
        })
    }

    fn import<'a>(&'a self, snapshot: &'a Snapshot) -> client::Import<'a> {
        client::Import {
            mapping: &self.mapping,
            file: &snapshot.file,
            contract: FileContract::Full,
            snapshot_date: snapshot.date,
            author: None,
            notify: false,
        }
    }
}

/// Copies the header and the first rows of a file.
fn first_rows(whole: &Path, rows: usize, place: &Path) -> anyhow::Result<PathBuf> {
    let text =
        std::fs::read_to_string(whole).with_context(|| format!("read {}", whole.display()))?;
    let part: String = text.split_inclusive('\n').take(rows.saturating_add(1)).collect();
    let path = place.join(whole.file_name().context("a file has a name")?);
    std::fs::write(&path, part).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// Takes the city through the years.
pub(super) async fn play(
    demo: &Demo,
    place: &Path,
    sample: &Sample,
    stop: &mut Stop,
) -> anyhow::Result<City> {
    std::fs::create_dir_all(place).with_context(|| format!("make {}", place.display()))?;
    let directory = demo.ldapsearch.as_ref().map(|_client| PHONE_BOOK);
    let applications = Names { applications: &APPLICATIONS, directory };
    stage::with(demo, place, applications, stop, async |stage| {
        tell("applying the city's policies");
        let mut documents = Vec::new();
        for folder in &sample.policies {
            documents.extend(read_documents(folder)?);
        }
        let applied = stage.mesh.apply(documents).await?;
        let (mut years, mut register) = (Vec::new(), Register::default());
        for known in 1..=sample.snapshots.len() {
            let snapshots = &sample.snapshots[..known];
            years.push(year(stage, sample, snapshots, &mut register).await?);
        }
        Ok(City {
            release: applied.release,
            years,
            parked: parked(&stage.mesh).await?,
            messages: messages(&stage.mesh).await?,
            memory_bytes: memory_by_name(stage).await?,
        })
    })
    .await
}

/// Imports the last of the snapshots over those before it, twice, and compares.
async fn year(
    stage: &Stage,
    sample: &Sample,
    snapshots: &[Snapshot],
    register: &mut Register,
) -> anyhow::Result<Year> {
    let (mesh, snapshot) = (&stage.mesh, snapshots.last().context("a year has a snapshot")?);
    tell(&format!("importing {}", snapshot.name));
    let before = (Actions::so_far(mesh).await?, mail::notices(mesh).await?);
    let received = stage.mailbox.received()?.len();
    let (since, begin) = (Clock::system().now(), Instant::now());
    let mut imported = send(mesh, sample.import(snapshot)).await?;
    let held = release(mesh, &mut imported).await?;
    // What people take to look at it is no time of the mesh.
    let looked = held.as_ref().map_or(Duration::ZERO, |held| held.looked);
    let since_begin = |at: Instant| at.duration_since(begin).saturating_sub(looked).as_secs_f64();
    let imported_seconds = since_begin(Instant::now());
    let settled = settle(mesh).await?;
    let settled_seconds = since_begin(settled.people_at);
    let recorded_seconds = since_begin(Instant::now());
    let moved = imported.joined + imported.changed + imported.left;

    let request = provisioning::v1::GetProgressRequest { since: Some(since.into()) };
    let times = mesh.provisioning()?.get_progress(request).await?.into_inner();
    let actions = Actions::so_far(mesh).await?.since(&before.0);
    let notices = mail::notices(mesh).await?.saturating_sub(before.1);
    let mails = stage.mailbox.received()?.len().saturating_sub(received);

    tell("comparing the applications with an independent calculation");
    let verified = verify::run(sample, snapshots, &stage.sites).await?;
    tell("doing by hand what no program can do");
    let by_hand = by_hand::work(mesh, register).await?;
    tell("reading the applications as a whole");
    let read = read_again(mesh).await?;

    tell("importing the same file again");
    Ok(Year {
        file: snapshot.name.to_owned(),
        rows: imported.rows,
        rejected: imported.rejected,
        joined: imported.joined,
        changed: imported.changed,
        left: imported.left,
        unchanged: imported.unchanged,
        held: held.map(|held| held.told),
        people: settled.rest.people,
        people_per_second: times_per_second(moved, settled_seconds),
        imported_seconds,
        settled_seconds,
        recorded_seconds,
        settle_seconds_p50: times.settle_seconds_p50,
        settle_seconds_p99: times.settle_seconds_p99,
        actions,
        notices,
        mails: u64::try_from(mails)?,
        by_hand,
        read,
        repeat: repeat(stage, sample, snapshot).await?,
        verified: verified.summary,
        differences: verified.differences,
    })
}

/// Has every application read as a whole, and tells how they differ from what they shall hold.
async fn read_again(mesh: &Mesh) -> anyhow::Result<Read> {
    let watched = || async {
        let answer = mesh.drift()?.list_applications(ListApplicationsRequest {}).await?;
        anyhow::Ok(answer.into_inner().applications)
    };
    let mut before = BTreeMap::new();
    for one in watched().await? {
        let request = ReadApplicationRequest { application: one.application.clone() };
        mesh.drift()?.read_application(request).await?;
        before.insert(one.application, one.read_at);
    }
    let begin = Instant::now();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let now = watched().await?;
        let is_read = |one: &WatchedApplication| {
            one.doing.is_empty() && before.get(&one.application) != Some(&one.read_at)
        };
        if now.iter().all(is_read) {
            let sum = |f: fn(&WatchedApplication) -> u64| now.iter().map(f).sum();
            return Ok(Read {
                accounts: sum(|one| one.accounts),
                memberships: sum(|one| one.holdings),
                differences: sum(|one| one.drift.values().sum()),
            });
        }
        anyhow::ensure!(begin.elapsed() < READ_WITHIN, "the applications are not read: {now:?}");
    }
}

/// A file that was held, and how long it took two people to release it.
struct Released {
    told: Held,
    looked: Duration,
}

/// Lets two people release a file that is held, and waits until it is applied.
async fn release(mesh: &Mesh, imported: &mut Imported) -> anyhow::Result<Option<Released>> {
    let Some(held) = imported.held.take() else { return Ok(None) };
    tell(&format!("{}\n{}", held.exceeded.join("\n"), by_group(&held).trim_end()));
    let begin = Instant::now();
    for name in OPERATORS {
        mesh.release_run(&imported.run, &held.hash, name, &[]).await?;
    }
    let looked = begin.elapsed();
    let (run, _held) = follow(mesh, &imported.run).await?;
    anyhow::ensure!(run.state == "finished", "run {} is {}: {}", run.run_id, run.state, run.error);
    let summary = run.summary.context("a run has a summary")?;
    *imported = Imported::from(summary);
    let told = Held { released_by: OPERATORS.map(str::to_owned).to_vec(), difference: held };
    Ok(Some(Released { told, looked }))
}

/// Imports the same file again and tells what that caused, which should be nothing.
async fn repeat(stage: &Stage, sample: &Sample, snapshot: &Snapshot) -> anyhow::Result<Repeat> {
    let (mesh, sites) = (&stage.mesh, &stage.sites);
    let before = (Actions::so_far(mesh).await?, sites.writes().await?, mail::notices(mesh).await?);
    let imported = send(mesh, sample.import(snapshot)).await?;
    settle(mesh).await?;
    let after = (Actions::so_far(mesh).await?, sites.writes().await?, mail::notices(mesh).await?);
    Ok(Repeat {
        unchanged: imported.unchanged,
        changed: imported.joined + imported.changed + imported.left,
        actions: after.0.since(&before.0).all(),
        writes: after.1.saturating_sub(before.1),
        notices: after.2.saturating_sub(before.2),
    })
}

/// Returns how many events of each kind were recorded.
pub(super) async fn messages(mesh: &Mesh) -> anyhow::Result<Vec<Messages>> {
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

async fn memory_by_name(stage: &Stage) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut memory = BTreeMap::new();
    for service in proto::catalogue::Service::ALL {
        memory.insert(service.to_string(), stage.mesh.status(service).await?.memory_bytes);
    }
    for (name, server) in [("nats", &stage.board.nats), ("postgres", &stage.board.postgres)] {
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
        let place = folder.path().join("place");
        std::fs::create_dir(&place).unwrap();

        let part = first_rows(&whole, 1, &place).unwrap();

        assert_eq!(std::fs::read_to_string(part).unwrap(), "a,b\r\n1,2\r\n");
    }
}
