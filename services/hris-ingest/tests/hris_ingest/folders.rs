//! Files that a source drops into a watched folder.

use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use hris_ingest::{Config, FoldersConfig};
use proto::hris::v1::{ListSourcesRequest, SourceRunFinished, SourceSchedule};

use crate::pushes::apply;
use crate::service::{FIVE, Ingest, MAPPING, file};

/// The mapping of a source that drops files, looked at every minute.
fn document(complete: &str) -> String {
    let folder = format!(
        "  schedule: {{every: PT1M}}\n  folder:\n    path: hr/payroll\n    files: \
         'people-{{YYYY-MM-DD}}.csv'\n    contract: full\n    complete: {complete}\n"
    );
    format!("{MAPPING}{folder}")
}

/// A folder of files, and the settings of a service that watches it.
struct Dropped {
    root: tempfile::TempDir,
}

impl Dropped {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("hr/payroll")).unwrap();
        Self { root }
    }

    fn config(&self) -> Config {
        let folders = FoldersConfig { root: Some(self.root.path().to_owned()) };
        Config { folders, ..Config::default() }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("hr/payroll")
    }

    fn drop(&self, day: &str, rows: &[&str]) {
        fs::write(self.folder().join(format!("people-{day}.csv")), file(rows)).unwrap();
    }

    /// The names in a place, without the run that each begins with.
    fn names(&self, place: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder().join(place)) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> =
            names.map(|name| name.split_once('.').unwrap().1.to_owned()).collect();
        names.sort();
        names
    }

    /// The reason beside the one rejected file.
    fn reason(&self) -> String {
        let entries = fs::read_dir(self.folder().join("rejected")).unwrap();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        let reason = paths.iter().find(|path| path.to_string_lossy().ends_with(".reason.txt"));
        fs::read_to_string(reason.unwrap()).unwrap()
    }
}

async fn start(dropped: &Dropped, complete: &str) -> Ingest {
    let ingest = Ingest::start_with(dropped.config()).await;
    apply(&ingest, &document(complete)).await.unwrap();
    ingest
}

/// What is shown of the source's schedule.
async fn shown(ingest: &Ingest) -> SourceSchedule {
    let answer = ingest.client.clone().list_sources(ListSourcesRequest {}).await.unwrap();
    let sources = answer.into_inner().sources;
    sources.into_iter().find_map(|source| source.schedule).expect("it has a schedule")
}

/// Waits until a look that began now or later has come to something.
async fn looked(ingest: &Ingest, at: &str, outcome: &str) -> SourceSchedule {
    ingest.advance_to(at);
    let at: domain::Timestamp = at.parse().unwrap();
    testkit::until(&format!("a look at {at} came to {outcome}"), async || {
        let shown = shown(ingest).await;
        let then = proto::convert::optional_instant("at", shown.looked_at.as_ref()).unwrap()?;
        (then >= at && shown.outcome == outcome).then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_dropped_file_becomes_people_once_it_is_complete_and_again_changes_nothing() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "settled").await;
    let planned = shown(&ingest).await;
    assert_eq!(planned.written, "every PT1M");
    assert_eq!(planned.outcome, "");
    dropped.drop("2026-03-01", &FIVE[..2]);

    looked(&ingest, "2026-03-02T09:01:00Z", "waiting").await;
    assert_eq!(ingest.people().await, 0);
    // Its writer goes on, and is done.
    dropped.drop("2026-03-01", &FIVE);
    looked(&ingest, "2026-03-02T09:01:05Z", "waiting").await;
    assert_eq!(ingest.people().await, 0);
    let idle = looked(&ingest, "2026-03-02T09:01:10Z", "idle").await;

    assert_eq!(ingest.people().await, 5);
    assert_eq!(dropped.names("done"), ["people-2026-03-01.csv"]);
    assert_eq!(dropped.names("taken"), Vec::<String>::new());
    assert_eq!(
        (idle.file_name.as_str(), idle.file_fate.as_str()),
        ("people-2026-03-01.csv", "done")
    );
    let next = proto::convert::optional_instant("at", idle.next_run_at.as_ref()).unwrap().unwrap();
    assert_eq!(next.to_string(), "2026-03-02T09:02:00Z");
    let run = ingest.runs().await.remove(0);
    assert_eq!((run.file_name.as_str(), run.state.as_str()), ("people-2026-03-01.csv", "finished"));

    let told = ingest.told().await.len();
    dropped.drop("2026-03-01", &FIVE);
    looked(&ingest, "2026-03-02T09:02:00Z", "waiting").await;
    looked(&ingest, "2026-03-02T09:02:05Z", "idle").await;
    assert_eq!(dropped.names("done").len(), 2);
    assert_eq!(ingest.told().await.len(), told);
    ingest.stop().await;
}

#[tokio::test]
async fn a_marked_file_is_taken_at_the_next_look_and_no_other() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "marked").await;
    dropped.drop("2026-03-01", &FIVE);
    dropped.drop("2026-02-28", &FIVE);
    fs::write(dropped.folder().join("people-2026-03-01.csv.done"), "").unwrap();

    looked(&ingest, "2026-03-02T09:01:00Z", "waiting").await;

    assert_eq!(ingest.people().await, 5);
    assert_eq!(dropped.names("done"), ["people-2026-03-01.csv"]);
    assert!(dropped.folder().join("people-2026-02-28.csv").exists());
    assert!(!dropped.folder().join("people-2026-03-01.csv.done").exists());
    ingest.stop().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_rejected_with_the_reason_beside_it() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "marked").await;
    let path = dropped.folder().join("people-2026-03-01.csv");
    fs::write(&path, "Id,Name\n1,Ada\n").unwrap();
    fs::write(dropped.folder().join("people-2026-03-01.csv.done"), "").unwrap();

    let idle = looked(&ingest, "2026-03-02T09:01:00Z", "idle").await;

    assert_eq!(idle.file_fate, "rejected");
    assert!(idle.file_reason.contains("the header is not the one"), "{}", idle.file_reason);
    assert_eq!(dropped.names("rejected").len(), 2);
    assert!(dropped.reason().contains("the header is not the one"));
    assert!(!path.exists());
    assert_eq!(ingest.people().await, 0);
    ingest.stop().await;
}

#[tokio::test]
async fn a_held_file_shows_until_two_people_release_it() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "marked").await;
    let mark = |day: &str| {
        let mark = dropped.folder().join(format!("people-{day}.csv.done"));
        fs::write(mark, "").unwrap();
    };
    dropped.drop("2026-03-01", &FIVE);
    mark("2026-03-01");
    looked(&ingest, "2026-03-02T09:01:00Z", "idle").await;
    dropped.drop("2026-03-02", &FIVE[..2]);
    mark("2026-03-02");

    let held = looked(&ingest, "2026-03-02T09:02:00Z", "held").await;
    assert_eq!((held.file_fate.as_str(), dropped.names("held").len()), ("held", 1));
    assert_eq!(ingest.published::<SourceRunFinished>().await.len(), 1);
    let run = ingest.runs().await.remove(0);
    let hash = ingest.held(&run.run_id).await.1.hash;
    ingest.word(&run.run_id, &hash, "ada").await.unwrap();
    assert!(ingest.word(&run.run_id, &hash, "grace").await.unwrap());
    ingest.reached(&run.run_id, "finished").await;

    looked(&ingest, "2026-03-02T09:03:00Z", "idle").await;
    assert_eq!((dropped.names("held").len(), dropped.names("done").len()), (0, 2));
    ingest.stop().await;
}

#[tokio::test]
async fn a_link_is_not_followed_and_a_folder_that_is_not_there_fails_and_is_shown() {
    let dropped = Dropped::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("people.csv"), file(&FIVE)).unwrap();
    let link = |from: &Path, to: PathBuf| std::os::unix::fs::symlink(from, to).unwrap();
    let name = "people-2026-03-01.csv";
    link(&elsewhere.path().join("people.csv"), dropped.folder().join(name));
    let ingest = start(&dropped, "settled").await;

    looked(&ingest, "2026-03-02T09:01:00Z", "idle").await;
    fs::remove_dir_all(dropped.root.path().join("hr")).unwrap();
    link(elsewhere.path(), dropped.root.path().join("hr"));
    let failed = looked(&ingest, "2026-03-02T09:02:00Z", "failed").await;

    assert!(failed.reason.contains("open the folder hr/payroll"), "{}", failed.reason);
    assert_eq!(ingest.people().await, 0);
    ingest.stop().await;
}

#[tokio::test]
async fn when_the_holder_is_killed_another_replica_takes_the_file_over() {
    let dropped = Dropped::new();
    let ingest = Ingest::start_with(dropped.config()).await;
    // So large that its holder is killed while it reads it.
    let rows: Vec<String> =
        (0..20_000).map(|id| format!("{id},\"Name,Given\",Job,2020-01-06,")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    dropped.drop("2026-03-01", &rows);
    let marked = dropped.folder().join("people-2026-03-01.csv.done");
    fs::write(marked, "").unwrap();
    apply(&ingest, &document("marked")).await.unwrap();

    ingest.advance_to("2026-03-02T09:01:00Z");
    testkit::until("the file is being read", async || (ingest.staged().await > 0).then_some(()))
        .await;
    let chunks = Config { chunk_workers: NonZeroU16::MAX, ..dropped.config() };
    let ingest = ingest.killed_and_replaced_by(chunks).await;
    assert_eq!(ingest.people().await, 0);
    assert_eq!(dropped.names("done"), Vec::<String>::new());
    // Neither the look nor the run of who was killed is given up before its time.
    ingest.advance_to("2026-03-02T09:01:31Z");
    testkit::until("its run is given up", async || {
        ingest.runs().await.iter().any(|run| run.state == "failed").then_some(())
    })
    .await;
    let after: domain::Timestamp = "2026-03-02T09:01:31Z".parse().unwrap();
    testkit::until("somebody else has looked", async || {
        let shown = shown(&ingest).await;
        let then = proto::convert::optional_instant("at", shown.looked_at.as_ref()).unwrap()?;
        (then >= after).then_some(())
    })
    .await;
    // Who found that run still under way looks again.
    ingest.advance_to("2026-03-02T09:02:05Z");

    testkit::until("the file is done", async || (dropped.names("done").len() == 1).then_some(()))
        .await;
    assert_eq!(ingest.people().await, 20_000);
    let states: Vec<String> = ingest.runs().await.into_iter().map(|run| run.state).collect();
    assert_eq!(states, ["finished", "failed"]);
    ingest.stop().await;
}

#[tokio::test]
async fn of_two_replicas_one_looks_and_a_file_is_read_once() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "settled").await;
    let replica = ingest.replica(dropped.config()).await;
    dropped.drop("2026-03-01", &FIVE);

    looked(&ingest, "2026-03-02T09:01:00Z", "waiting").await;
    looked(&ingest, "2026-03-02T09:01:05Z", "idle").await;

    assert_eq!(ingest.runs().await.len(), 1);
    assert_eq!(dropped.names("done").len(), 1);
    replica.stop().await;
    ingest.stop().await;
}

#[tokio::test]
async fn another_document_plans_anew_and_one_without_a_schedule_cancels_it() {
    let dropped = Dropped::new();
    let ingest = start(&dropped, "settled").await;
    let nightly = document("settled")
        .replace("{every: PT1M}", "{cron: '30 2 * * *', zone: America/New_York}");

    apply(&ingest, &nightly).await.unwrap();
    let planned = shown(&ingest).await;
    let next = proto::convert::optional_instant("at", planned.next_run_at.as_ref()).unwrap();
    assert_eq!(planned.written, "30 2 * * * America/New_York");
    assert_eq!(next.unwrap().to_string(), "2026-03-03T07:30:00Z");
    apply(&ingest, MAPPING).await.unwrap();

    let sources = ingest.client.clone().list_sources(ListSourcesRequest {}).await.unwrap();
    assert!(sources.into_inner().sources.iter().all(|source| source.schedule.is_none()));
    ingest.stop().await;
}
