//! `tenure smoke`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clock::Clock;
use domain::Date;
use jiff::ToSpan as _;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proto::catalogue::StreamRow;
use proto::hris::v1::FileContract;
use proto::policy::v1::GetProgressRequest;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::person;
use crate::arguments::Smoke;
use crate::client::{Import, Mesh};
use crate::launcher::StateDir;
use crate::output::{Output, table};

const WORKER: &str = "tenure-smoke";
/// Which services say something of somebody who changed; but for the first, once a release is active.
const PUBLISHERS: [&str; 3] = ["hris-ingest", "policy-evaluation", "provisioning"];
/// The first of the days of which one is the person's, and how many there are.
const FIRST_DAY: Date = date(1990, 1, 1);
const DAYS: i64 = 7300;
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Nobody's policy gives anything to who left so long ago.
const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: tenure-smoke}
spec:
  format: csv
  columns: [worker, first, last]
  key: [worker]
  engagement: worker
  start_date: first
  last_working_day: last
  zone: Etc/UTC
  fields:
    worker: {column: worker}
    first: {column: first, type: date, format: YYYY-MM-DD}
    last: {column: last, type: date, format: YYYY-MM-DD, optional: true}
  attributes: [worker]
";

pub(crate) async fn run(
    smoke: &Smoke,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let (mesh, clock) = (state.mesh()?, Clock::system());
    let release = mesh.policy()?.get_progress(GetProgressRequest {}).await;
    let release =
        release.context("ask policy-evaluation which release is active")?.into_inner().release;
    let awaited = if release == 0 { &PUBLISHERS[..1] } else { &PUBLISHERS[..] };
    let before = recorded(&mesh).await.context("ask audit what is on record")?;
    send(&mesh, &clock).await.context("hand the person in")?;
    let begin = Instant::now();
    let give_up = begin + Duration::from_secs(smoke.timeout.into());
    let (found, complete) = loop {
        let found = recorded(&mesh).await.context("ask audit what is on record")?;
        let grown = |publisher: &&str| found.get(*publisher) > before.get(*publisher);
        if awaited.iter().all(grown) {
            break (found, true);
        }
        if Instant::now() >= give_up {
            break (found, false);
        }
        sleep(ASK_EVERY).await;
    };
    let seconds = begin.elapsed().as_secs_f64();
    let events = |publisher: &str| {
        let count = |events: &BTreeMap<String, u64>| events.get(publisher).copied().unwrap_or(0);
        count(&found).saturating_sub(count(&before))
    };
    let told = json!({
        "complete": complete,
        "release": release,
        "seconds": seconds,
        "events": PUBLISHERS
            .map(|publisher| (publisher, events(publisher)))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    });
    output.print(&told, |_told| {
        let rows = PUBLISHERS.map(|publisher| {
            let events = events(publisher);
            let state = match events {
                0 if !awaited.contains(&publisher) => "waits for the first release",
                0 => "nothing is on record",
                _some => "on record",
            };
            vec![publisher.to_owned(), events.to_string(), state.to_owned()]
        });
        let table = table(&["said by", "events", ""], rows);
        let end = match complete {
            true => format!("all of it is on record after {seconds:.1} s"),
            false => format!(
                "the record is not complete after {seconds:.0} s: look at the log and at /readyz of the \
                 first service that said nothing"
            ),
        };
        format!("{table}\n\n{end}")
    })?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Hands in a file with one row: a day of work that is another one each second for twenty years.
async fn send(mesh: &Mesh, clock: &Clock) -> anyhow::Result<()> {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile()?;
    let day = FIRST_DAY.saturating_add((clock.now().as_second() % DAYS).days());
    writeln!(file, "worker,first,last\n{WORKER},{day},{day}")?;
    let import = Import {
        mapping: MAPPING,
        file: file.path(),
        contract: FileContract::Partial,
        snapshot_date: clock.now().to_zoned(TimeZone::UTC).date(),
        author: None,
        notify: false,
    };
    let summary = mesh.import(import, |_progress| {}).await?;
    anyhow::ensure!(summary.rejected == 0, "hris-ingest refused the row: {:?}", summary.rejects);
    Ok(())
}

/// Returns how many events of the person each service has on record.
async fn recorded(mesh: &Mesh) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut events = BTreeMap::new();
    let Some(person) = person::id_of_worker(mesh, WORKER).await? else { return Ok(events) };
    for stream in person::publishers(mesh, &person).await? {
        let row =
            StreamRow::named(&stream).with_context(|| format!("no stream is called {stream}"))?;
        *events.entry(row.publisher.to_string()).or_insert(0) += 1;
    }
    Ok(events)
}
