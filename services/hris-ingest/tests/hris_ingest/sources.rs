//! What operators see of sources and runs.

use proto::hris::v1::{ListRunsRequest, ListSourcesRequest};

use crate::service::{FIVE, Ingest, Upload, file, line, lines};

#[tokio::test]
async fn sources_are_listed_with_their_last_run_even_if_no_file_was_taken_over() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    ingest.import(Upload::full("2026-03-01", file(&FIVE[1..]))).await.unwrap();
    ingest.import(Upload::full("2026-03-02", file(&[]))).await.unwrap_err();
    ingest.import(Upload::lines("2026-03-01", b"\n".to_vec())).await.unwrap_err();

    let mut client = ingest.client.clone();
    let sources = client.list_sources(ListSourcesRequest {}).await.unwrap().into_inner().sources;

    let told: Vec<_> = sources
        .iter()
        .map(|source| {
            let run = source.last_run.as_ref().unwrap();
            (source.name.as_str(), source.format.as_str(), source.people, run.state.as_str())
        })
        .collect();
    assert_eq!(told, [("lines", "", 0, "failed"), ("payroll", "csv", 4, "failed")]);
    let day: domain::Date = "2026-03-01".parse().unwrap();
    assert_eq!(sources[1].snapshot_date, Some(day.into()));
    assert_eq!(sources[0].snapshot_date, None);
    ingest.stop().await;
}

#[tokio::test]
async fn runs_are_listed_by_source_with_their_times() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    ingest.import(Upload::lines("2026-03-01", lines(&[line("1", "Ada")]))).await.unwrap();
    let mut client = ingest.client.clone();

    let request = ListRunsRequest { source: "lines".to_owned(), ..ListRunsRequest::default() };
    let runs = client.list_runs(request).await.unwrap().into_inner().runs;

    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!((run.source.as_str(), run.state.as_str()), ("lines", "finished"));
    assert!(run.finished_at.is_some());
    assert_eq!(ingest.runs().await.len(), 2);
    ingest.stop().await;
}
