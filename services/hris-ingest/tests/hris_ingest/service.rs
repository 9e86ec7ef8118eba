//! The service under test, and files for it.

use chassis::{App, Resources, Running};
use clock::TestClock;
use hris_ingest::{Config, MIGRATIONS};
use proto::catalogue::Service;
use proto::hris::v1::hris_ingest_service_client::HrisIngestServiceClient;
use proto::hris::v1::{
    FileContract, GetHeldRunRequest, HeldRun, ImportProgress, ImportRequest, ImportSummary,
    ListRunsRequest, OpenImport, PersonUpdated, ReleaseRunRequest, Run, import_request,
    import_response,
};
use proto::prost::Message as _;
use testkit::{Broker, Database, Feed};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::Channel;

/// A mapping with an id, a stated end and one attribute besides the name.
pub(crate) const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: payroll}
spec:
  format: csv
  columns: [Id, Name, Job, Start, LastDay]
  key: [id]
  engagement: job
  start_date: start
  last_working_day: last_day
  zone: America/New_York
  fields:
    id: {column: Id}
    display_name: {column: Name, transform: family_comma_given}
    job: {column: Job}
    start: {column: Start, type: date, optional: true}
    last_day: {column: LastDay, type: date, optional: true}
  attributes: [display_name, job, worker_id]
  limits: {leavers_percent: 20}
";

pub(crate) const HEADER: &str = "Id,Name,Job,Start,LastDay\n";

/// A file with these rows below the header.
pub(crate) fn file(rows: &[&str]) -> Vec<u8> {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!("{HEADER}{rows}").into_bytes()
}

/// Five people; one of them is the most that a full file may end unasked.
pub(crate) const FIVE: [&str; 5] = [
    "1,\"Lovelace,Ada\",Engineer,2020-01-06,",
    "2,\"Hopper,Grace\",Admiral,2020-01-06,",
    "3,\"Turing,Alan\",Analyst,2020-01-06,",
    "4,\"Noether,Emmy\",Professor,2020-01-06,",
    "5,\"Curie,Marie\",Chemist,2020-01-06,",
];

/// A mapping of JSON lines: a number for ever, a manager, a zone.
pub(crate) const LINES: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: lines}
spec:
  format: jsonl
  columns: [id, number, name.display, manager, site.zone, dates.start, dates.last]
  key: [id]
  match: {immutable: number}
  manager: manager
  start_date: start
  last_working_day: last
  zone: {field: zone, values: {Sydney office: Australia/Sydney}, default: America/New_York}
  fields:
    id: {column: id}
    number: {column: number, optional: true}
    display_name: {column: name.display}
    manager: {column: manager, optional: true}
    zone: {column: site.zone, optional: true}
    start: {column: dates.start, type: date}
    last: {column: dates.last, type: date, optional: true}
  attributes: [display_name, worker_id]
";

/// One line of a file for [`LINES`].
pub(crate) fn line(id: &str, name: &str) -> String {
    format!(
        r#"{{"name": {{"display": "{name}"}}, "number": null, "manager": null, "site": {{"zone": null}}, "dates": {{"start": "2020-01-06", "last": null}}, "id": "{id}"}}"#
    )
}

/// A line of somebody who reports to somebody.
pub(crate) fn reports_to(id: &str, manager: &str) -> String {
    line(id, "Name").replace("\"manager\": null", &format!("\"manager\": \"{manager}\""))
}

/// A file of these lines.
pub(crate) fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// Two workers at a time, so that a handful makes several chunks.
pub(crate) fn two_at_a_time() -> Config {
    let chunk_workers = std::num::NonZeroU16::new(2).unwrap();
    Config { chunk_workers, ..Config::default() }
}

/// A file to be imported.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) mapping: String,
    pub(crate) content: Vec<u8>,
    pub(crate) contract: FileContract,
    pub(crate) snapshot_date: String,
    pub(crate) author: Option<&'static str>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) notify: bool,
}

impl Upload {
    /// A full file.
    pub(crate) fn full(snapshot_date: &str, content: Vec<u8>) -> Self {
        Self {
            mapping: MAPPING.to_owned(),
            content,
            contract: FileContract::Full,
            snapshot_date: snapshot_date.to_owned(),
            author: None,
            size_bytes: None,
            notify: false,
        }
    }

    pub(crate) fn partial(snapshot_date: &str, content: Vec<u8>) -> Self {
        Self { contract: FileContract::Partial, ..Self::full(snapshot_date, content) }
    }

    /// A full file of JSON lines.
    pub(crate) fn lines(snapshot_date: &str, content: Vec<u8>) -> Self {
        Self { mapping: LINES.to_owned(), ..Self::full(snapshot_date, content) }
    }

    pub(crate) fn lines_partial(snapshot_date: &str, content: Vec<u8>) -> Self {
        Self { contract: FileContract::Partial, ..Self::lines(snapshot_date, content) }
    }

    pub(crate) fn parts(self) -> Vec<ImportRequest> {
        let date: domain::Date = self.snapshot_date.parse().unwrap();
        let size = u64::try_from(self.content.len()).unwrap();
        let open = import_request::Part::Open(OpenImport {
            mapping: self.mapping,
            file_name: "people.csv".to_owned(),
            contract: self.contract.into(),
            snapshot_date: Some(date.into()),
            author: self.author.unwrap_or_default().to_owned(),
            size_bytes: self.size_bytes.unwrap_or(size),
            notify: self.notify,
            ..OpenImport::default()
        });
        let content = self.content.chunks(64 * 1024).map(|part| part.to_vec().into());
        std::iter::once(open)
            .chain(content.map(import_request::Part::Content))
            .map(|part| ImportRequest { part: Some(part) })
            .collect()
    }
}

/// A running service. The fields end in the order in which they stand.
#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) client: HrisIngestServiceClient<Channel>,
    channel: Channel,
    clock: TestClock,
    feed: Feed,
    running: Running,
    broker: Broker,
    database: Database,
}

impl Ingest {
    pub(crate) async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let (database, broker) = tokio::join!(Database::start(), Broker::start());
        let clock = TestClock::at("2026-03-02T09:00:00Z".parse().unwrap());
        Self::on(database, broker, clock, config).await
    }

    async fn on(database: Database, broker: Broker, clock: TestClock, config: Config) -> Self {
        let (running, store) = launch(&database, &broker, &clock, config).await;
        let address = format!("http://{}", running.addresses().grpc);
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let client = HrisIngestServiceClient::new(channel.clone());
        // Only to read the outbox: the service itself runs its drivers.
        let feed = Feed::new(App::new(Service::HrisIngest), store);
        Self { client, channel, clock, feed, running, broker, database }
    }

    /// The same on the same database and broker, started anew.
    pub(crate) async fn restart_with(self, config: Config) -> Self {
        Box::pin(self.restarted_after(config, async || {})).await
    }

    /// The same, once something was done while nothing of the service ran.
    pub(crate) async fn restarted_after(
        self,
        config: Config,
        meanwhile: impl AsyncFnOnce(),
    ) -> Self {
        let Self { client, channel, clock, running, broker, database, feed: _ } = self;
        drop((client, channel));
        running.stop().await;
        meanwhile().await;
        Self::on(database, broker, clock, config).await
    }

    /// The same after its process was killed: nothing was drained, and what it had leased stays leased.
    pub(crate) async fn killed_and_replaced_by(self, config: Config) -> Self {
        let Self { client, channel, clock, running, broker, database, feed: _ } = self;
        drop((client, channel, running));
        Self::on(database, broker, clock, config).await
    }

    /// Another process of the service beside it.
    pub(crate) async fn replica(&self, config: Config) -> Running {
        launch(&self.database, &self.broker, &self.clock, config).await.0
    }

    /// The broker, for those outside of the mesh.
    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    pub(crate) async fn stop(self) {
        drop((self.client, self.channel));
        self.running.stop().await;
    }

    /// Where clients that speak HTTP find the service.
    pub(crate) fn http(&self) -> std::net::SocketAddr {
        self.running.addresses().http.unwrap()
    }

    /// The tables that hold a text, in whatever column, as text or as bytes.
    pub(crate) async fn tables_with(&self, text: &str) -> Vec<String> {
        let pool = self.feed.store().pool();
        let columns: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT table_name::text, column_name::text, data_type::text
               FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        assert!(columns.len() > 50, "the tables were not found");
        let mut found = Vec::new();
        for (table, column, kind) in columns {
            let bytes = match kind.as_str() {
                "bytea" => format!("\"{column}\""),
                _ => format!("convert_to(\"{column}\"::text, 'UTF8')"),
            };
            let query = format!(
                "SELECT count(*) FROM \"{table}\" WHERE position(convert_to($1, 'UTF8') IN {bytes}) > 0"
            );
            let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(query)).bind(text);
            if query.fetch_one(pool).await.unwrap() > 0 {
                found.push(table);
            }
        }
        found.dedup();
        found
    }

    /// A connection for clients of the service's other doors.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) async fn import(&self, upload: Upload) -> Result<ImportSummary, Status> {
        Ok(self.import_watched(upload).await?.0)
    }

    pub(crate) async fn import_watched(
        &self,
        upload: Upload,
    ) -> Result<(ImportSummary, Vec<ImportProgress>), Status> {
        let parts = tokio_stream::iter(upload.parts());
        let mut reports = self.client.clone().import(parts).await?.into_inner();
        let mut progress = Vec::new();
        loop {
            match reports.message().await?.expect("a summary ends the import").report.unwrap() {
                import_response::Report::Progress(step) => progress.push(step),
                import_response::Report::Summary(summary) => return Ok((summary, progress)),
            }
        }
    }

    /// Everything that was told of people, in order.
    pub(crate) async fn told(&self) -> Vec<PersonUpdated> {
        self.feed.published().await
    }

    pub(crate) async fn published<E: proto::Event>(&self) -> Vec<E> {
        self.feed.published().await
    }

    pub(crate) async fn runs(&self) -> Vec<Run> {
        let request = ListRunsRequest::default();
        self.client.clone().list_runs(request).await.unwrap().into_inner().runs
    }

    /// A run and what it is held for.
    pub(crate) async fn held(&self, run_id: &str) -> (Run, HeldRun) {
        let request = GetHeldRunRequest { run_id: run_id.to_owned() };
        let answer = self.client.clone().get_held_run(request).await.unwrap().into_inner();
        (answer.run.unwrap(), answer.held.unwrap())
    }

    /// One person's word for everybody whom a run concerns; says whether it was the second.
    pub(crate) async fn word(&self, run_id: &str, hash: &str, by: &str) -> Result<bool, Status> {
        self.word_for(run_id, hash, by, &[]).await
    }

    /// One person's word for some groups.
    pub(crate) async fn word_for(
        &self,
        run_id: &str,
        hash: &str,
        by: &str,
        groups: &[&str],
    ) -> Result<bool, Status> {
        let request = ReleaseRunRequest {
            run_id: run_id.to_owned(),
            hash: hash.to_owned(),
            by: by.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        Ok(self.client.clone().release_run(request).await?.into_inner().released)
    }

    /// Waits until a run is in a state.
    pub(crate) async fn reached(&self, run_id: &str, state: &str) -> (Run, HeldRun) {
        testkit::until("the run has come to it", async || {
            let (run, held) = self.held(run_id).await;
            (run.state == state).then_some((run, held))
        })
        .await
    }

    /// Lets two people release everything that is held of a file; returns what came of it.
    pub(crate) async fn release_held(&self, summary: &ImportSummary) -> ImportSummary {
        let (run, hash) = (&summary.run_id, &summary.held.as_ref().expect("it is held").hash);
        assert!(!self.word(run, hash, "ada").await.unwrap());
        assert!(self.word(run, hash, "grace").await.unwrap());
        self.reached(run, "finished").await.0.summary.unwrap()
    }

    /// Another file of a run's source is being read, as far as the database knows.
    pub(crate) async fn read_beside(&self, run_id: &str) {
        let run: uuid::Uuid = run_id.parse().unwrap();
        sqlx::query(
            "INSERT INTO runs (id, source, file_name, mapping, contract, snapshot_date, state,
                               leased_until, staged, walk, walked_to, started_at)
             SELECT gen_random_uuid(), source, file_name, mapping, contract, snapshot_date,
                    'staging', 'infinity', true, 'listed', '', started_at
               FROM runs WHERE id = $1",
        )
        .bind(run)
        .execute(self.feed.store().pool())
        .await
        .unwrap();
    }

    /// How many rows are staged.
    pub(crate) async fn staged(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM staged_rows");
        count.fetch_one(self.feed.store().pool()).await.unwrap()
    }

    /// The service's clock goes on.
    pub(crate) fn advance_to(&self, instant: &str) {
        self.clock.advance_to(instant.parse().unwrap());
    }

    /// Everything that is known, to be compared before and after.
    pub(crate) async fn state(&self) -> Vec<(String, Vec<u8>)> {
        sqlx::query_as(
            "SELECT source || worker_id || COALESCE(last_day::text, '') || p.timeline, p.announced
               FROM workers w JOIN people p ON p.id = w.person_id ORDER BY 1",
        )
        .fetch_all(self.feed.store().pool())
        .await
        .unwrap()
    }

    /// The service's database.
    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        self.feed.store().pool()
    }

    /// The service's database, as its owner sees it.
    pub(crate) async fn owner(&self) -> sqlx::PgPool {
        sqlx::PgPool::connect(&self.database.owner_url(Service::HrisIngest)).await.unwrap()
    }

    /// How many people are known.
    pub(crate) async fn people(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM people");
        count.fetch_one(self.feed.store().pool()).await.unwrap()
    }

    /// The event that told one worker's timeline last.
    pub(crate) async fn told_last(&self, worker_id: &str) -> PersonUpdated {
        let announced: Vec<u8> = sqlx::query_scalar(
            "SELECT announced FROM people p JOIN workers w ON w.person_id = p.id
              WHERE worker_id = $1",
        )
        .bind(worker_id)
        .fetch_one(self.feed.store().pool())
        .await
        .unwrap();
        PersonUpdated::decode(announced.as_slice()).unwrap()
    }
}

async fn launch(
    database: &Database,
    broker: &Broker,
    clock: &TestClock,
    config: Config,
) -> (Running, store::Store) {
    let store = database.store(Service::HrisIngest, &MIGRATIONS, clock.clock()).await;
    let app = hris_ingest::start(config, store.clone()).await.unwrap();
    let resources = Resources {
        store: store.clone(),
        nats: broker.connect(Service::HrisIngest).await,
        grpc: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        credentials: None,
        token: None,
        admin: testkit::admin().await,
    };
    (Running::start(app, resources).unwrap(), store)
}
