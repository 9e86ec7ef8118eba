//! How long a leaver keeps access: from the acceptance of the fact to the last account that is
//! disabled, while nothing else happens and while thousands of joiners are queued.
//!
//! Each leaver is a partial import of one row. It counts from the instant that hris-ingest recorded
//! the fact, which is before its commit, to the application's answer in its own log of calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cli::client::{Import, Mesh, Rest, read_documents};
use clock::Clock;
use domain::Timestamp;
use futures::future::try_join;
use mesh_tests::processes::{APPLICATIONS, Applications, Tenure};
use proto::hris::v1::{
    EndNowRequest, FileContract, FindPeopleRequest, GetTimelineRequest, ImportSummary,
    PersonUpdated,
};
use proto::policy::v1::{DesiredAccessChanged, GetDesiredAccessRequest};
use proto::prost::Message as _;
use proto::provisioning::v1::{ActionKind, GetPersonRequest};
use servers::{Postgres, PostgresConfig, Tools};

use crate::mesh::{DEADLINE, up};

/// As the city's, with a number by which a row is found again and a last day.
const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: leavers}
spec:
  format: csv
  columns: [Number, SurveyYear, Name, JobTitle, AgencyID, Agency, HireDate, Last]
  key: [number]
  engagement: agency_id
  start_date: hire_date
  last_working_day: last
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name, transform: family_comma_given}
    hire_date: {column: HireDate, type: date, format: M/D/YY, optional: true}
    title: {column: JobTitle}
    agency: {column: Agency}
    agency_id: {column: AgencyID}
    last: {column: Last, type: date, format: YYYY-MM-DD, optional: true}
  attributes: [display_name, title, agency, agency_id, worker_id]
";
const HEADER: &str = "Number,SurveyYear,Name,JobTitle,AgencyID,Agency,HireDate,Last\n";
/// How long it may take until the joiners are queued.
const QUEUED_WITHIN: Duration = Duration::from_secs(120);
/// Leavers follow each other no closer than this.
const PACE: Duration = Duration::from_millis(200);
const DISABLED_MAX: Duration = Duration::from_secs(120);
/// Whoever is queued has not settled; below so many there is no queue to speak of.
const QUEUE_MIN: u64 = 500;

/// Milliseconds from acceptance to disabled, sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    pub(crate) idle: Vec<f64>,
    pub(crate) queued: Vec<f64>,
    /// Of those whom an operator ends while a file is held that would end half of the company.
    pub(crate) held: Vec<f64>,
    /// People in the queue when the first and the last leaver came.
    pub(crate) queue: (u64, u64),
    /// Where the time went beside the joiners.
    pub(crate) stages: Vec<(&'static str, Vec<f64>)>,
}

/// One leaver's way.
struct Way {
    recorded_at: Timestamp,
    evaluated_at: Timestamp,
    planned_at: Timestamp,
    disabled_at: Timestamp,
}

fn sorted(ways: &[Way], from: fn(&Way) -> Timestamp, to: fn(&Way) -> Timestamp) -> Vec<f64> {
    let took = |way: &Way| to(way).duration_since(from(way)).as_secs_f64() * 1000.0;
    let mut sorted: Vec<f64> = ways.iter().map(took).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Returns a quantile of sorted figures.
pub(crate) fn quantile(sorted: &[f64], of_hundred: usize) -> f64 {
    let place = (sorted.len() * of_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

/// A worker id, and the accounts that are to be closed: application and account id.
type Known = (String, Vec<(&'static str, String)>);

struct Bench<'a> {
    mesh: Mesh,
    applications: &'a Applications,
    sample: &'a Path,
    folder: &'a Path,
    /// Rows of the city's file, from the one after the joiners.
    rows: Vec<String>,
    /// Two days ago: past wherever the source is.
    last_day: String,
    snapshot_date: String,
    /// Who the rows are, and which accounts they have.
    people: BTreeMap<usize, Known>,
}

/// Measures so many leavers idle, and as many beside so many joiners.
pub(crate) async fn run(
    sample: &Path,
    joiners: usize,
    leavers: usize,
) -> anyhow::Result<Latencies> {
    let folder = servers::scratch()?;
    let config = PostgresConfig::durable(folder.path().join("postgres"));
    let postgres = Postgres::start(&Tools::locate().await?, config).await?;
    let applications = Applications::start(folder.path())?;
    let tenure = up(folder.path(), &postgres, &applications)?;
    let measured = measure(sample, joiners, leavers, folder.path(), &tenure, &applications).await;
    tenure.down()?;
    postgres.stop().await;
    measured
}

async fn measure(
    sample: &Path,
    joiners: usize,
    leavers: usize,
    folder: &Path,
    tenure: &Tenure,
    applications: &Applications,
) -> anyhow::Result<Latencies> {
    let whole = std::fs::read_to_string(sample.join("FY2012.csv"))?;
    let rows =
        whole.lines().skip(1 + imported(joiners)).take(3 * leavers).map(str::to_owned).collect();
    let days_ago = |days: u64| {
        let past = Clock::system().now() - Duration::from_secs(days * 86_400);
        past.to_string().chars().take(10).collect::<String>()
    };
    // Whose first day is not stated begins with the snapshot: before the last day, wherever the source is.
    let (mesh, last_day, snapshot_date) = (tenure.mesh()?, days_ago(2), days_ago(3));
    let left_date = days_ago(1);
    let people = BTreeMap::new();
    let mut bench =
        Bench { mesh, applications, sample, folder, rows, last_day, snapshot_date, people };
    bench.mesh.apply(read_documents(&sample.join("policies"))?).await?;
    bench.hire().await?;
    bench.snapshot_date = left_date;

    let (idle, queued) = (0..leavers, leavers..2 * leavers);
    let mut log = bench.log().await?;
    for number in idle.clone() {
        bench.leave(number).await?;
        bench.mesh.settle(DEADLINE, |_rest| {}).await?;
    }
    let idle = bench.ways(idle, &mut log).await?;

    let now = 2 * leavers..3 * leavers;
    bench.hold(queued.clone()).await?;
    let mut log = bench.log().await?;
    for number in now.clone() {
        bench.end_now(number).await?;
        bench.mesh.settle(DEADLINE, |_rest| {}).await?;
    }
    let held = bench.ways(now, &mut log).await?;

    let mut log = bench.log().await?;
    let queue = bench.leave_beside(joiners, queued.clone(), &mut log).await?;
    let queued = bench.ways(queued, &mut log).await?;
    bench.mesh.settle(DEADLINE, |_rest| {}).await?;
    let stages = vec![
        ("recorded to evaluated", sorted(&queued, |way| way.recorded_at, |way| way.evaluated_at)),
        ("evaluated to planned", sorted(&queued, |way| way.evaluated_at, |way| way.planned_at)),
        ("planned to disabled", sorted(&queued, |way| way.planned_at, |way| way.disabled_at)),
    ];
    let whole = |ways: &[Way]| sorted(ways, |way| way.recorded_at, |way| way.disabled_at);
    let (idle, queued, held) = (whole(&idle), whole(&queued), whole(&held));
    Ok(Latencies { idle, queued, held, queue, stages })
}

/// What the applications' logs of calls say. They remember their latest calls only, and are read on while
/// there is much to do.
struct Log {
    /// How far each is read.
    read: BTreeMap<&'static str, u64>,
    /// When each account of each application was disabled first.
    disabled: BTreeMap<(&'static str, String), Timestamp>,
}

/// People who have not settled.
const fn queue(rest: &Rest) -> u64 {
    rest.people.saturating_sub(rest.settled)
}

/// Some settle before the last are read: more are imported than have to be queued.
fn imported(joiners: usize) -> usize {
    joiners + joiners / 2
}

impl Bench<'_> {
    /// Imports everybody who will leave, and finds their accounts.
    async fn hire(&mut self) -> anyhow::Result<()> {
        let rows = self.rows.iter().enumerate();
        let rows: String = rows.map(|(number, row)| format!("{number},{row},\n")).collect();
        self.take("leavers", MAPPING, &format!("{HEADER}{rows}")).await?;
        self.mesh.settle(DEADLINE, |_rest| {}).await?;
        let mut accounts: BTreeMap<String, Vec<(&'static str, String)>> = BTreeMap::new();
        for application in APPLICATIONS {
            for account in self.applications.accounts(application).await? {
                accounts.entry(account.external_id).or_default().push((application, account.id));
            }
        }
        for number in 0..self.rows.len() {
            let person = self.person(number).await?;
            let accounts = accounts.remove(&person).context("somebody has no account")?;
            self.people.insert(number, (person, accounts));
        }
        Ok(())
    }

    /// Lets one of them leave; returns when the fact is committed.
    async fn leave(&self, number: usize) -> anyhow::Result<()> {
        let row = self.rows.get(number).context("the sample has too few rows")?;
        let file = format!("{HEADER}{number},{row},{}\n", self.last_day);
        self.take("leavers", MAPPING, &file).await
    }

    /// Ends one of them at once, as an operator does.
    async fn end_now(&self, number: usize) -> anyhow::Result<()> {
        let (person, _accounts) = self.people.get(&number).context("nobody has the number")?;
        let request = EndNowRequest { person_id: person.clone() };
        let ended = self.mesh.hris()?.end_now(request).await?.into_inner().engagements;
        if ended == 0 { bail!("person {person} had left already") } else { Ok(()) }
    }

    /// Hands in a full file of these people alone, which is held, since it would end all others.
    async fn hold(&self, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
        let rows = self.rows.get(numbers.clone()).context("the sample has too few rows")?;
        let rows: String =
            numbers.zip(rows).map(|(number, row)| format!("{number},{row},\n")).collect();
        let file = format!("{HEADER}{rows}");
        let summary = self.import("leavers", MAPPING, &file, FileContract::Full).await?;
        if summary.held.is_none() {
            bail!("a file that ends half of the company is not held: {summary:?}");
        }
        Ok(())
    }

    /// Lets people leave while joiners are queued; returns how many were.
    async fn leave_beside(
        &self,
        joiners: usize,
        numbers: std::ops::Range<usize>,
        log: &mut Log,
    ) -> anyhow::Result<(u64, u64)> {
        let mapping = std::fs::read_to_string(self.sample.join("source.yaml"))?;
        let whole = std::fs::read_to_string(self.sample.join("FY2012.csv"))?;
        let file: String = whole.split_inclusive('\n').take(imported(joiners) + 1).collect();
        let hired = self.take("joiners", &mapping, &file);
        let leaving = async {
            let joiners = u64::try_from(joiners)?;
            let queued = |rest: &Rest| queue(rest) >= joiners;
            let first = queue(&self.mesh.until("queued them", QUEUED_WITHIN, queued).await?);
            let mut pace = tokio::time::interval(PACE);
            pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            for number in numbers {
                pace.tick().await;
                self.leave(number).await?;
                self.read_on(log).await?;
            }
            anyhow::Ok((first, queue(&self.mesh.rest().await?)))
        };
        let ((), queue) = try_join(hired, leaving).await?;
        if queue.1 < QUEUE_MIN {
            bail!("only {} people were queued when the last leaver came: take more", queue.1);
        }
        Ok(queue)
    }

    /// Imports a partial file that changes somebody.
    async fn take(&self, name: &str, mapping: &str, file: &str) -> anyhow::Result<()> {
        let summary = self.import(name, mapping, file, FileContract::Partial).await?;
        if summary.joined + summary.left == 0 {
            bail!("a file of {} rows changed nobody: {summary:?}", summary.rows);
        }
        Ok(())
    }

    async fn import(
        &self,
        name: &str,
        mapping: &str,
        file: &str,
        contract: FileContract,
    ) -> anyhow::Result<ImportSummary> {
        let path: PathBuf = self.folder.join(format!("{name}.csv"));
        std::fs::write(&path, file)?;
        let import = Import {
            mapping,
            file: &path,
            contract,
            snapshot_date: self.snapshot_date.parse()?,
            author: None,
            notify: false,
        };
        self.mesh.import(import, |_step| {}).await
    }

    /// The logs from now on.
    async fn log(&self) -> anyhow::Result<Log> {
        let mut read = BTreeMap::new();
        for application in APPLICATIONS {
            let counters = self.applications.counters(application).await?;
            read.insert(application, counters.values().sum());
        }
        Ok(Log { read, disabled: BTreeMap::new() })
    }

    /// Waits until each is disabled everywhere, and tells how that came.
    async fn ways(
        &self,
        numbers: std::ops::Range<usize>,
        log: &mut Log,
    ) -> anyhow::Result<Vec<Way>> {
        let started = tokio::time::Instant::now();
        let accounts = numbers.clone().filter_map(|number| self.people.get(&number));
        let accounts: Vec<_> = accounts.flat_map(|(_person, accounts)| accounts).collect();
        while let Some(kept) = accounts.iter().find(|account| !log.disabled.contains_key(account)) {
            if started.elapsed() > DISABLED_MAX {
                bail!("a leaver keeps their account in {}", kept.0);
            }
            self.read_on(log).await?;
        }
        let mut ways = Vec::with_capacity(numbers.len());
        for number in numbers {
            let (person, accounts) = self.people.get(&number).context("a leaver is not known")?;
            let last = accounts.iter().filter_map(|account| log.disabled.get(account)).max();
            ways.push(Way {
                recorded_at: self.recorded_at(person).await?,
                evaluated_at: self.evaluated_at(person).await?,
                planned_at: self.planned_at(person).await?,
                disabled_at: *last.context("a leaver has no account")?,
            });
        }
        Ok(ways)
    }

    /// Reads on.
    async fn read_on(&self, log: &mut Log) -> anyhow::Result<()> {
        for (application, after) in &mut log.read {
            for call in self.applications.calls(application, *after).await? {
                *after = call["number"].as_u64().context("a call has no number")?;
                let (method, status) = (&call["method"], call["status"].as_u64().unwrap_or(0));
                let write = method == "PATCH" || method == "PUT" || method == "DELETE";
                if !write || call["template"] != "/Users/{id}" || !(200..300).contains(&status) {
                    continue;
                }
                let at: Timestamp = call["at"].as_str().context("a call has no time")?.parse()?;
                let took = Duration::from_micros(call["duration_us"].as_u64().unwrap_or(0));
                let account = call["resource"].as_str().unwrap_or_default().to_owned();
                log.disabled.entry((*application, account)).or_insert(at + took);
            }
        }
        Ok(())
    }

    async fn person(&self, number: usize) -> anyhow::Result<String> {
        let query = number.to_string();
        let request = FindPeopleRequest { query: query.clone(), page_size: 100 };
        let found = self.mesh.hris()?.find_people(request).await?.into_inner().people;
        let found = found.into_iter().find(|person| person.worker_id == query);
        Ok(found.context("somebody is not known")?.person_id)
    }

    /// When it was recorded last what is known of a person.
    async fn recorded_at(&self, person: &str) -> anyhow::Result<Timestamp> {
        let request = GetTimelineRequest { person_id: person.to_owned(), known_at: None };
        let timeline = self.mesh.hris()?.get_timeline(request).await?.into_inner().person_updated;
        let updated = PersonUpdated::decode(timeline.as_slice())?;
        Ok(proto::convert::instant("recorded_at", updated.recorded_at.as_ref())?)
    }
    /// When it was decided what that means.
    async fn evaluated_at(&self, person: &str) -> anyhow::Result<Timestamp> {
        let request = GetDesiredAccessRequest { person_id: person.to_owned() };
        let access = self.mesh.policy()?.get_desired_access(request).await?.into_inner();
        let access = DesiredAccessChanged::decode(access.desired_access.as_slice())?;
        Ok(proto::convert::instant("evaluated_at", access.evaluated_at.as_ref())?)
    }

    /// When the last of what is to be done about it was planned.
    async fn planned_at(&self, person: &str) -> anyhow::Result<Timestamp> {
        let request = GetPersonRequest { person_id: person.to_owned() };
        let person = self.mesh.provisioning()?.get_person(request).await?.into_inner();
        let disables = person.actions.iter().filter(|one| one.kind() == ActionKind::DisableAccount);
        let planned = disables.filter_map(|action| action.created_at.as_ref());
        let planned: Result<Vec<Timestamp>, _> =
            planned.map(|at| proto::convert::instant("created_at", Some(at))).collect();
        planned?.into_iter().max().context("nobody disables a leaver")
    }
}
