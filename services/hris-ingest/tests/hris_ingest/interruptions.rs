//! A service that is killed in the middle of an import, and what its successor does.

use std::io::Write as _;
use std::num::NonZeroU16;

use clock::TestClock;
use hris_ingest::facts::Contract;
use hris_ingest::import::{self, Error, Incoming, Order, Progress, Stage};
use hris_ingest::{Config, MIGRATIONS};
use proto::catalogue::Service;
use proto::hris::v1::{PersonUpdated, SourceRunFinished};
use store::Store;
use testkit::{Database, Feed};
use tokio::sync::Notify;

use crate::service::{FIVE, LINES, MAPPING, file, lines, reports_to};

struct Bench {
    store: Store,
    clock: TestClock,
    _database: Database,
}

impl Bench {
    async fn start() -> Self {
        let database = Database::start().await;
        let clock = TestClock::at("2026-03-02T09:00:00Z".parse().unwrap());
        let store = database.store(Service::HrisIngest, &MIGRATIONS, clock.clock()).await;
        Self { store, clock, _database: database }
    }

    /// A service that has just started; the one before it, if any, was killed.
    async fn service(&self) -> Feed {
        let app = hris_ingest::start(config(), self.store.clone()).await.unwrap();
        Feed::new(app, self.store.clone())
    }

    async fn stage(&self, rows: &[&str], tell: import::Tell<'_>) -> Result<(), Error> {
        self.stage_file(MAPPING, &file(rows), tell).await
    }

    async fn stage_file(
        &self,
        mapping: &str,
        content: &[u8],
        tell: import::Tell<'_>,
    ) -> Result<(), Error> {
        let order = Order {
            mapping: mapping.to_owned(),
            file_name: "people.csv".to_owned(),
            contract: Contract::Full,
            snapshot_date: "2026-03-01".parse().unwrap(),
            author: None,
            notify: false,
        };
        let mut spooled = tempfile::tempfile().unwrap();
        spooled.write_all(content).unwrap();
        let file = Incoming::whole(spooled).unwrap();
        import::stage(&self.store, &config(), &order, &file, tell).await.map(|_run| ())
    }

    /// Each run's state, and how many rows are staged.
    async fn runs(&self) -> (Vec<String>, i64) {
        let states = sqlx::query_scalar("SELECT state FROM runs ORDER BY id")
            .fetch_all(self.store.pool())
            .await
            .unwrap();
        let staged = sqlx::query_scalar("SELECT count(*) FROM staged_rows")
            .fetch_one(self.store.pool())
            .await
            .unwrap();
        (states, staged)
    }

    fn later(&self) {
        self.clock.advance_to("2026-03-02T09:01:00Z".parse().unwrap());
    }
}

/// Two workers at a time, so that a handful makes several chunks.
fn config() -> Config {
    Config { chunk_workers: NonZeroU16::new(2).unwrap(), ..Config::default() }
}

fn quiet(_progress: Progress) {}

#[tokio::test]
async fn an_import_that_was_staged_is_finished_by_the_next_service() {
    let bench = Bench::start().await;
    bench.stage(&FIVE, &quiet).await.unwrap();
    assert_eq!(bench.runs().await, (vec!["applying".to_owned()], 5));

    let refused = bench.stage(&FIVE, &quiet).await.unwrap_err();
    assert!(matches!(refused, Error::Running { .. }), "{refused}");
    let next = bench.service().await;
    next.drive().await;

    assert_eq!(next.published::<PersonUpdated>().await.len(), 5);
    assert_eq!(bench.runs().await, (vec!["finished".to_owned()], 0));
    bench.stage(&FIVE, &quiet).await.unwrap();
}

#[tokio::test]
async fn an_import_killed_between_two_chunks_tells_everybody_once() {
    let bench = Bench::start().await;
    bench.stage(&FIVE, &quiet).await.unwrap();
    let app = hris_ingest::start(config(), bench.store.clone()).await.unwrap();
    assert!(app.drive_once(&bench.store).await.unwrap());
    drop(app);

    let next = bench.service().await;
    assert_eq!(next.published::<PersonUpdated>().await.len(), 2);
    next.drive().await;

    let told = next.published::<PersonUpdated>().await;
    let mut people: Vec<_> = told.iter().map(|event| event.person_id.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    assert_eq!((told.len(), people.len()), (5, 5));
    let finished = next.published::<SourceRunFinished>().await;
    assert_eq!((finished.len(), finished[0].joined, finished[0].rows), (1, 5, 5));
    assert_eq!(bench.runs().await, (vec!["finished".to_owned()], 0));
}

#[tokio::test]
async fn an_import_killed_while_it_was_read_changes_nobody_and_makes_room() {
    let bench = Bench::start().await;
    let reading = Notify::new();
    let tell = |progress: Progress| match progress.stage {
        Stage::Read => reading.notify_one(),
        Stage::Receive | Stage::Compare | Stage::Apply => {}
    };
    tokio::select! {
        biased;
        staged = bench.stage(&FIVE, &tell) => panic!("it was not interrupted: {staged:?}"),
        () = reading.notified() => {}
    }
    assert_eq!(bench.runs().await, (vec!["staging".to_owned()], 5));

    let next = bench.service().await;
    next.drive().await;
    let refused = bench.stage(&FIVE, &quiet).await.unwrap_err();
    assert!(matches!(refused, Error::Running { .. }), "{refused}");
    bench.later();
    next.drive().await;

    assert_eq!(bench.runs().await, (vec!["failed".to_owned()], 0));
    assert!(next.published::<PersonUpdated>().await.is_empty());
    bench.stage(&FIVE, &quiet).await.unwrap();
    next.drive().await;
    assert_eq!(next.published::<PersonUpdated>().await.len(), 5);
}

#[tokio::test]
async fn two_services_share_a_run_and_tell_everybody_once() {
    let bench = Bench::start().await;
    let rows: Vec<String> = (0..200).map(|id| format!("{id},Name {id},Job,2020-01-06,")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    bench.stage(&rows, &quiet).await.unwrap();
    let (one, other) = (bench.service().await, bench.service().await);

    let mut rounds = 0;
    while bench.runs().await.1 > 0 {
        tokio::join!(one.drive(), other.drive());
        rounds += 1;
        assert!(rounds < 1_000, "the run never ends");
    }

    assert_eq!(one.published::<PersonUpdated>().await.len(), 200);
    assert_eq!(one.published::<SourceRunFinished>().await.len(), 1);
}

#[tokio::test]
async fn a_first_import_killed_anywhere_stays_quiet_and_tells_every_manager() {
    let content = lines(&[
        reports_to("1", "9"),
        reports_to("2", "9"),
        reports_to("3", "9"),
        reports_to("9", ""),
    ]);
    // Chunks of workers who are listed and who are not, of people whose manager became known, the end.
    for killed_after in 0..7 {
        let bench = Bench::start().await;
        bench.stage_file(LINES, &content, &quiet).await.unwrap();
        for _step in 0..killed_after {
            let app = hris_ingest::start(config(), bench.store.clone()).await.unwrap();
            app.drive_once(&bench.store).await.unwrap();
        }
        let next = bench.service().await;
        next.drive().await;

        let told = next.published::<PersonUpdated>().await;
        assert_eq!(told.len(), 6, "killed after {killed_after}");
        let managers = told.iter().filter(|event| !event.slices[0].manager_person_id.is_empty());
        assert_eq!(managers.count(), 3, "killed after {killed_after}");
        let quiet: domain::Date = "2026-03-01".parse().unwrap();
        let quiet = Some(quiet.into());
        assert!(told.iter().all(|event| event.engagements[0].quiet_through == quiet));
        assert_eq!(bench.runs().await, (vec!["finished".to_owned()], 0));
    }
}
