//! Workers whom a source pushes, record by record.

use proto::common::v1::Lane;
use proto::hris::v1::ingest_service_client::IngestServiceClient;
use proto::hris::v1::source_service_client::SourceServiceClient;
use proto::hris::v1::{
    ApplySourceRequest, ApplySourceResponse, ChangeKind, SubmitRequest, SubmittedOutcome,
    SubmittedRecord, SubmittedState,
};
use tonic::{Code, Status};

use crate::service::{Ingest, LINES, Upload, line, lines, reports_to};

pub(crate) async fn apply(ingest: &Ingest, document: &str) -> Result<ApplySourceResponse, Status> {
    let mut client = SourceServiceClient::new(ingest.channel());
    let request = ApplySourceRequest { document: document.to_owned() };
    Ok(client.apply_source(request).await?.into_inner())
}

pub(crate) async fn submit(
    ingest: &Ingest,
    records: &[(String, Option<u64>)],
) -> Result<Vec<SubmittedOutcome>, Status> {
    let mut client = IngestServiceClient::new(ingest.channel());
    let records = records
        .iter()
        .map(|(json, sequence)| SubmittedRecord { json: json.clone(), sequence: *sequence });
    let request = SubmitRequest { source: "lines".to_owned(), records: records.collect() };
    Ok(client.submit(request).await?.into_inner().outcomes)
}

pub(crate) async fn pushed(ingest: &Ingest, records: &[String]) -> Vec<SubmittedState> {
    let records: Vec<_> = records.iter().map(|record| (record.clone(), None)).collect();
    submit(ingest, &records).await.unwrap().iter().map(SubmittedOutcome::state).collect()
}

fn ended(id: &str, name: &str) -> String {
    line(id, name).replace("\"last\": null", "\"last\": \"2026-02-27\"")
}

#[tokio::test]
async fn what_is_pushed_is_told_before_it_is_answered() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();

    let outcomes =
        submit(&ingest, &[(line("1", "Ada"), None), (line("2", "Grace"), None)]).await.unwrap();
    let again = pushed(&ingest, &[line("1", "Ada"), line("2", "Grace Hopper")]).await;
    let left = pushed(&ingest, &[ended("1", "Ada")]).await;

    assert!(outcomes.iter().all(|outcome| outcome.state() == SubmittedState::Taken));
    let ada = ingest.told_last("1").await;
    assert_eq!(outcomes[0].person_id, ada.person_id);
    assert_eq!(outcomes[0].engagement_id, ada.engagements[0].engagement_id);
    assert_eq!(again, [SubmittedState::Unchanged, SubmittedState::Taken]);
    assert_eq!(left, [SubmittedState::Taken]);
    assert_eq!((ada.change(), ada.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(ingest.told().await.len(), 4);
    ingest.stop().await;
}

#[tokio::test]
async fn a_late_record_changes_nothing_and_a_wrong_one_leaves_the_others_alone() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    submit(&ingest, &[(line("1", "Ada"), Some(7))]).await.unwrap();

    let outcomes = submit(
        &ingest,
        &[
            (line("1", "Old"), Some(6)),
            (line("2", "Grace").replace("2020-01-06", "soon"), Some(1)),
            ("[]".to_owned(), None),
            (line("3", "Alan"), Some(1)),
            (line("3", "Twice"), Some(2)),
        ],
    )
    .await
    .unwrap();
    let equal = submit(&ingest, &[(line("1", "Old"), Some(7))]).await.unwrap();

    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.state(), outcome.column.as_str(), outcome.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (SubmittedState::Late, "", ""),
            (
                SubmittedState::Rejected,
                "dates.start",
                "is not a day of the calendar written as YYYY-MM-DD"
            ),
            (SubmittedState::Rejected, "", "is not a JSON object"),
            (SubmittedState::Taken, "", ""),
            (
                SubmittedState::Rejected,
                "",
                "is the same engagement of the same worker as one before it"
            ),
        ]
    );
    assert_eq!(equal[0].state(), SubmittedState::Late);
    assert_eq!(ingest.told().await.len(), 2);
    ingest.stop().await;
}

#[tokio::test]
async fn single_leavers_flow_and_a_wave_of_them_stops_until_the_document_allows_it() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    let twenty: Vec<_> = (10..30).map(|id| line(&id.to_string(), "Name")).collect();
    pushed(&ingest, &twenty).await;

    for id in 10..15 {
        assert_eq!(
            pushed(&ingest, &[ended(&id.to_string(), "Name")]).await,
            [SubmittedState::Taken]
        );
    }
    let sixth = submit(&ingest, &[(ended("15", "Name"), None), (line("16", "Other"), None)]).await;
    let sixth = sixth.unwrap();

    assert_eq!(sixth[0].state(), SubmittedState::Rejected);
    let expected = "would be one of 6 people who leave within 24 hours, of 15 who are present";
    assert!(sixth[0].reason.starts_with(expected), "{}", sixth[0].reason);
    assert_eq!(sixth[1].state(), SubmittedState::Taken);
    let allowing = format!("{LINES}  limits: {{pushed_leavers_percent: 50}}\n");
    assert!(apply(&ingest, &allowing).await.unwrap().changed);
    assert_eq!(pushed(&ingest, &[ended("15", "Name")]).await, [SubmittedState::Taken]);
    apply(&ingest, LINES).await.unwrap();
    assert_eq!(pushed(&ingest, &[ended("16", "Name")]).await, [SubmittedState::Rejected]);
    // A day later the window is empty again.
    ingest.advance_to("2026-03-03T09:00:01Z");
    assert_eq!(pushed(&ingest, &[ended("16", "Name")]).await, [SubmittedState::Taken]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_manager_who_is_pushed_later_is_told_of_those_who_wait_for_them() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();

    pushed(&ingest, &[reports_to("2", "1")]).await;
    let without = ingest.told_last("2").await.slices[0].manager_person_id.clone();
    pushed(&ingest, &[line("1", "Boss")]).await;

    let boss = ingest.told_last("1").await.person_id;
    assert_eq!(
        (without, ingest.told_last("2").await.slices[0].manager_person_id.clone()),
        (String::new(), boss)
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_of_the_same_day_ends_nobody_who_was_pushed_and_an_older_one_is_refused() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    let five: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    ingest.import(Upload::lines("2026-03-01", lines(&five))).await.unwrap();
    pushed(&ingest, &[line("6", "Ada")]).await;

    let same = ingest.import(Upload::lines("2026-03-02", lines(&five))).await.unwrap();
    let older = ingest.import(Upload::lines("2026-03-01", lines(&five))).await.unwrap_err();
    let next = ingest.import(Upload::lines("2026-03-03", lines(&five))).await.unwrap();

    assert_eq!((same.left, same.unchanged), (0, 5));
    assert_eq!(older.code(), Code::FailedPrecondition);
    assert_eq!((next.left, next.unchanged), (1, 5));
    ingest.stop().await;
}

#[tokio::test]
async fn two_doors_at_once_make_one_worker_one_person() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();

    let file = lines(&[line("1", "Ada"), line("2", "Grace")]);
    let import = ingest.import(Upload::lines_partial("2026-03-02", file));
    let ada = [line("1", "Ada")];
    let (imported, one, other) = tokio::join!(import, pushed(&ingest, &ada), pushed(&ingest, &ada));

    imported.unwrap();
    assert!(one.iter().chain(&other).all(|state| *state != SubmittedState::Rejected));
    assert_eq!(ingest.people().await, 2);
    ingest.stop().await;
}

#[tokio::test]
async fn a_document_is_checked_completely_and_nothing_is_pushed_without_one() {
    let ingest = Ingest::start().await;

    let unknown = submit(&ingest, &[(line("1", "Ada"), None)]).await.unwrap_err();
    let wrong = LINES.replace("key: [id]", "key: [nobody]").replace("America/New_York", "Nowhere");
    let wrong = apply(&ingest, &wrong).await.unwrap_err();
    let first = apply(&ingest, LINES).await.unwrap();
    let second = apply(&ingest, LINES).await.unwrap();
    let records = vec![(line("1", "Ada"), None); 1_001];
    let many = submit(&ingest, &records).await.unwrap_err();

    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert_eq!(wrong.message().lines().count(), 2, "{}", wrong.message());
    assert_eq!((first.changed, second.changed, first.digest == second.digest), (true, false, true));
    assert_eq!((many.code(), ingest.told().await.len()), (Code::InvalidArgument, 0));
    ingest.stop().await;
}
