//! Files that change nothing, and say why.

use hris_ingest::Config;
use proto::hris::v1::FileContract;
use tonic::Code;

use crate::service::{FIVE, HEADER, Ingest, MAPPING, Upload, file};

/// Every upload is refused, and nobody is changed by any.
async fn refused(ingest: &Ingest, uploads: Vec<(Upload, Code, &str)>) {
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let (state, told) = (ingest.state().await, ingest.told().await);
    for (upload, code, message) in uploads {
        let status = ingest.import(upload).await.unwrap_err();
        assert!(status.message().contains(message), "{}\nshould say {message}", status.message());
        assert_eq!(status.code(), code, "{message}");
        assert_eq!(ingest.state().await, state, "{message}");
    }
    assert_eq!(ingest.told().await, told);
    let again = Upload::full("2026-03-01", file(&FIVE));
    assert_eq!(ingest.import(again).await.unwrap().unchanged, 5);
}

fn full(content: impl Into<Vec<u8>>) -> Upload {
    Upload::full("2026-03-01", content.into())
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_with_its_reason() {
    let ingest = Ingest::start().await;
    let latin = [HEADER.as_bytes(), b"6,\"M\xfcller,Eva\",Engineer,2020-01-06,\n"].concat();
    let mut long: Vec<String> = (0..20_000).map(|id| format!("{id},Name,Job,,")).collect();
    long.push("\"open".to_owned());
    let long: Vec<&str> = long.iter().map(String::as_str).collect();

    let refusals = vec![
        (full("Id,Name,Title,Start,LastDay\n1,Ada,Job,,\n"), "column 3 should be \"Job\""),
        (full(latin), "line 2 is not UTF-8"),
        (full(""), "the file is empty"),
        (full(HEADER), "the file has no rows: a full file lists everybody"),
        (full(file(&["x", "y"])), "none of the file's 2 rows could be taken over; line 2"),
        // What was read before the mistake is not taken over either.
        (full(file(&long)), "line 20002 opens a quote that is never closed"),
    ];
    let refusals = refusals.into_iter().map(|(upload, text)| (upload, Code::InvalidArgument, text));
    refused(&ingest, refusals.collect()).await;

    let runs = ingest.runs().await;
    let states: Vec<_> = runs.iter().map(|run| run.state.as_str()).collect();
    let failed = ["failed"; 6];
    assert_eq!(states[0], "finished");
    assert_eq!(states[1..7], failed);
    assert!(runs[1].error.contains("never closed; nothing was changed"), "{}", runs[1].error);
    ingest.stop().await;
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_every_problem() {
    let ingest = Ingest::start().await;
    let mapping =
        MAPPING.replace("zone: America/New_York", "zone: Gotham").replace("[id]", "[ego]");
    let refusals = vec![
        (
            Upload { mapping: mapping.clone(), ..full(file(&FIVE)) },
            "spec.zone: there is no time zone \"Gotham\"",
        ),
        (Upload { mapping, ..full(file(&FIVE)) }, "spec.key: there is no field \"ego\""),
        (
            Upload { contract: FileContract::Unspecified, ..full(file(&FIVE)) },
            "full or partial must be stated",
        ),
        (Upload { size_bytes: Some(1_000), ..full(file(&FIVE)) }, "of the file's 1000 arrived"),
        (Upload { size_bytes: Some(4 << 30), ..full(file(&FIVE)) }, "larger than 2147483648"),
    ];
    let refusals = refusals.into_iter().map(|(upload, text)| (upload, Code::InvalidArgument, text));
    refused(&ingest, refusals.collect()).await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_refused_while_it_arrives() {
    let config = Config { file_bytes_max: 100_000, ..Config::default() };
    let ingest = Ingest::start_with(config).await;
    let long = vec![b'x'; 300_000];

    let upload = Upload { size_bytes: Some(0), ..full(long) };
    refused(&ingest, vec![(upload, Code::InvalidArgument, "larger than 100000 bytes")]).await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_snapshot_older_than_the_last_is_refused() {
    let ingest = Ingest::start().await;
    let older = Upload::full("2026-01-31", file(&FIVE));
    let older = (older, Code::FailedPrecondition, "for 2026-01-31, and one for 2026-02-01 was");
    refused(&ingest, vec![older]).await;
    ingest.stop().await;
}
