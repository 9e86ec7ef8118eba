//! hris-ingest alone, in this process, on a real PostgreSQL and a real broker.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chassis::{Resources, Running};
use clock::Clock;
use hris_ingest::{Config, MIGRATIONS};
use proto::catalogue::Service;
use proto::hris::v1::hris_ingest_service_client::HrisIngestServiceClient;
use proto::hris::v1::{
    FileContract, ImportRequest, ImportSummary, OpenImport, import_request, import_response,
};
use store::Store;
use testkit::{Broker, Database};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::{Taken, file};

/// Bytes of a file that are sent at once.
const PART: usize = 256 * 1024;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long everybody may take to be told.
const TOLD: Duration = Duration::from_secs(1_800);

/// The running service. The fields end in the order in which they stand.
#[derive(Debug)]
pub(crate) struct Ingest {
    client: HrisIngestServiceClient<Channel>,
    running: Running,
    store: Store,
    _broker: Broker,
    _database: Database,
}

impl Ingest {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (database, broker) = tokio::join!(Database::start(), Broker::start());
        let store = database.store(Service::HrisIngest, &MIGRATIONS, Clock::system()).await;
        let app = hris_ingest::start(Config::default(), store.clone()).await?;
        let resources = Resources {
            store: store.clone(),
            nats: broker.connect(Service::HrisIngest).await,
            grpc: TcpListener::bind("127.0.0.1:0").await?,
            credentials: None,
            token: None,
            admin: testkit::admin().await,
        };
        let running = Running::start(app, resources)?;
        let address = format!("http://{}", running.addresses().grpc);
        let client = HrisIngestServiceClient::connect(address).await?;
        Ok(Self { client, running, store, _broker: broker, _database: database })
    }

    pub(crate) async fn stop(self) {
        drop(self.client);
        self.running.stop().await;
    }

    /// Imports a file, and waits until the broker has what it brought before it returns, which does not
    /// count; `expected` are those who join, who change, and the others.
    pub(crate) async fn import(
        &mut self,
        path: &Path,
        expected: (u64, u64, u64),
    ) -> anyhow::Result<Taken> {
        // Linux: from here on the most is counted anew, see proc_pid_clear_refs(5).
        std::fs::write("/proc/self/clear_refs", "5").context("count memory anew")?;
        let started = Instant::now();
        let (summary, stages) = self.send(path, started).await?;
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("  {seconds:.2} s; begun at: {stages}");
        let peak_mib = peak_mib()?;
        let counts = (summary.joined, summary.changed, summary.unchanged);
        ensure!(counts == expected, "{counts:?} instead of {expected:?} came of the file");
        self.told().await?;
        Ok(Taken { seconds, peak_mib })
    }

    /// Returns what came of a file, and when each stage began.
    async fn send(
        &mut self,
        path: &Path,
        started: Instant,
    ) -> anyhow::Result<(ImportSummary, String)> {
        let mut file = tokio::fs::File::open(path).await?;
        let open = OpenImport {
            mapping: file::MAPPING.to_owned(),
            file_name: "people.csv".to_owned(),
            contract: FileContract::Full.into(),
            snapshot_date: Some("2026-03-02".parse::<domain::Date>()?.into()),
            size_bytes: file.metadata().await?.len(),
            ..OpenImport::default()
        };
        let (parts, stream) = tokio::sync::mpsc::channel(4);
        let sending = async move {
            let mut part = import_request::Part::Open(open);
            while parts.send(ImportRequest { part: Some(part) }).await.is_ok() {
                let mut content = vec![0; PART];
                let read = file.read(&mut content).await?;
                if read == 0 {
                    break;
                }
                content.truncate(read);
                part = import_request::Part::Content(content.into());
            }
            anyhow::Ok(())
        };
        let receiving = async {
            let mut reports = self.client.import(ReceiverStream::new(stream)).await?.into_inner();
            let mut stages = Vec::<(String, f64)>::new();
            while let Some(report) = reports.message().await? {
                match report.report {
                    Some(import_response::Report::Summary(summary)) => {
                        let begun = |(stage, at): &(String, f64)| format!("{stage} {at:.2} s");
                        let begun: Vec<String> = stages.iter().map(begun).collect();
                        return Ok((summary, begun.join(", ")));
                    }
                    Some(import_response::Report::Progress(step))
                        if stages.last().is_none_or(|(stage, _)| *stage != step.stage) =>
                    {
                        stages.push((step.stage, started.elapsed().as_secs_f64()));
                    }
                    Some(import_response::Report::Progress(_)) | None => {}
                }
            }
            anyhow::bail!("the import ended without a summary")
        };
        let ((), received) = tokio::try_join!(sending, receiving)?;
        Ok(received)
    }

    /// Waits until nothing is to be published or removed, looking whenever something was committed, and now
    /// and then: who publishes removes rows without a word.
    async fn told(&self) -> anyhow::Result<()> {
        let mut commits = self.store.commits();
        let told = tokio::time::timeout(TOLD, async {
            loop {
                commits.mark_unchanged();
                let rest: bool = sqlx::query_scalar(
                    "SELECT EXISTS (SELECT 1 FROM outbox_pending)
                         OR EXISTS (SELECT 1 FROM runs WHERE staged)",
                )
                .fetch_one(self.store.pool())
                .await?;
                if !rest {
                    return anyhow::Ok(());
                }
                if let Ok(changed) = tokio::time::timeout(LOOK_EVERY, commits.changed()).await {
                    changed?;
                }
            }
        });
        told.await.with_context(|| format!("not everything was told in {TOLD:?}"))?
    }

    /// Copies a file into a bare table; returns the seconds.
    pub(crate) async fn copy(&self, path: &Path) -> anyhow::Result<f64> {
        let mut connection = self.store.pool().acquire().await?;
        let columns: Vec<String> = (0..10).map(|column| format!("c{column} text")).collect();
        let table = format!("CREATE TEMPORARY TABLE bare ({})", columns.join(", "));
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(&mut *connection).await?;
        let started = Instant::now();
        let mut copy =
            connection.copy_in_raw("COPY bare FROM STDIN (FORMAT csv, HEADER true)").await?;
        copy.read_from(tokio::fs::File::open(path).await?).await?;
        copy.finish().await?;
        let seconds = started.elapsed().as_secs_f64();
        sqlx::raw_sql("DROP TABLE bare").execute(&mut *connection).await?;
        Ok(seconds)
    }
}

/// The most resident memory of this process since it was counted anew.
fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|rest| rest.split_whitespace().next()).context("find VmHWM")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}
