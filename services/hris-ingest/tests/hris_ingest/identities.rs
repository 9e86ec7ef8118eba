//! The same human under several worker ids.

use proto::common::v1::Lane;
use proto::hris::v1::{ChangeKind, PersonUpdated};

use crate::service::{Ingest, LINES, Upload, line, lines};

/// A worker with a number for ever, and a last day unless it is empty.
pub(crate) fn numbered(id: &str, number: &str, start: &str, last_day: &str) -> String {
    line(id, "Name")
        .replace("\"number\": null", &format!("\"number\": \"{number}\""))
        .replace("\"start\": \"2020-01-06\"", &format!("\"start\": \"{start}\""))
        .replace("\"last\": null", &format!("\"last\": \"{last_day}\""))
}

fn starts(event: &PersonUpdated) -> Vec<String> {
    let start = |engagement: &proto::hris::v1::Engagement| {
        let date = proto::convert::date("start", engagement.start_date.as_ref()).unwrap();
        date.unwrap().to_string()
    };
    event.engagements.iter().map(start).collect()
}

#[tokio::test]
async fn who_is_rehired_under_another_worker_id_is_the_same_person() {
    let ingest = Ingest::start().await;
    let first = lines(&[numbered("E-1", "P7", "2020-01-06", "2025-11-28"), line("E-2", "Name")]);
    ingest.import(Upload::lines("2026-02-01", first)).await.unwrap();
    let before = ingest.told_last("E-1").await;

    let again = lines(&[numbered("E-9", "P7", "2026-03-01", ""), line("E-2", "Name")]);
    let summary = ingest.import(Upload::lines("2026-03-01", again.clone())).await.unwrap();

    assert_eq!((summary.joined, summary.unchanged), (1, 1));
    let rehired = ingest.told_last("E-9").await;
    assert_eq!(rehired.person_id, before.person_id);
    assert_eq!((rehired.change(), rehired.lane()), (ChangeKind::Rehired, Lane::Regular));
    assert_eq!(starts(&rehired), ["2020-01-06", "2026-03-01"]);
    assert_eq!(rehired.engagements[0], before.engagements[0]);
    let repeated = ingest.import(Upload::lines("2026-03-01", again)).await.unwrap();
    assert_eq!((repeated.joined, repeated.unchanged), (0, 2));
    ingest.stop().await;
}

#[tokio::test]
async fn a_contractor_who_is_employed_keeps_both_engagements() {
    let ingest = Ingest::start().await;
    let rest: Vec<_> = (1..=9).map(|id| line(&format!("E-{id}"), "Name")).collect();
    let file = |of_one: &[String]| lines(&[rest.as_slice(), of_one].concat());
    let contract = [numbered("C-1", "P7", "2024-01-08", "")];
    ingest.import(Upload::lines("2026-03-01", file(&contract))).await.unwrap();
    let before = ingest.told_last("C-1").await;

    // The contract is not listed any more: it ended with the day before.
    let employed = [numbered("E-77", "P7", "2026-03-08", "")];
    let summary = ingest.import(Upload::lines("2026-03-08", file(&employed))).await.unwrap();

    assert_eq!((summary.left, summary.unchanged), (0, 9));
    let after = ingest.told_last("E-77").await;
    assert_eq!(after.person_id, before.person_id);
    assert_eq!(starts(&after), ["2024-01-08", "2026-03-08"]);
    let last: domain::Date = "2026-03-07".parse().unwrap();
    assert_eq!(after.engagements[0].last_working_day, Some(last.into()));
    assert_eq!(after.engagements[1].last_working_day, None);
    // Told twice, by the new worker id and by the silence about the old one; access never ended.
    let told = ingest.told().await;
    let lanes = told.iter().filter(|event| event.person_id == after.person_id);
    assert!(lanes.into_iter().all(|event| event.lane() == Lane::Regular));
    ingest.stop().await;
}

#[tokio::test]
async fn two_rows_of_one_human_in_one_file_are_one_person() {
    let ingest = Ingest::start().await;
    let file = lines(&[
        numbered("C-1", "P7", "2024-01-08", "2026-02-27"),
        numbered("E-1", "P7", "2026-03-02", ""),
    ]);

    let summary = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.rows, summary.joined), (2, 1));
    let told = ingest.told().await;
    assert_eq!((told.len(), starts(&told[0]).len()), (1, 2));
    assert_eq!(ingest.told_last("C-1").await, ingest.told_last("E-1").await);
    ingest.stop().await;
}

#[tokio::test]
async fn a_worker_id_that_was_given_to_somebody_else_is_rejected() {
    let ingest = Ingest::start().await;
    let first =
        lines(&[numbered("E-1", "P1", "2020-01-06", ""), numbered("E-2", "P2", "2020-01-06", "")]);
    ingest.import(Upload::lines("2026-02-01", first)).await.unwrap();
    let state = ingest.state().await;

    let second =
        lines(&[numbered("E-1", "P2", "2020-01-06", ""), numbered("E-2", "P99", "2020-01-06", "")]);
    let summary = ingest.import(Upload::lines("2026-03-01", second)).await.unwrap();

    assert_eq!((summary.joined, summary.changed, summary.left, summary.rejected), (0, 0, 0, 2));
    let reasons: Vec<_> = summary
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.column.as_str(), &reject.reason[..21]))
        .collect();
    assert_eq!(
        reasons,
        [(1, "number", "is another person's: "), (2, "number", "is not the one that t")]
    );
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn a_number_counts_within_its_scope_and_a_name_never() {
    let ingest = Ingest::start().await;
    let source = |name: &str, scope: &str| {
        LINES
            .replace("name: lines", &format!("name: {name}"))
            .replace("{immutable: number}", &format!("{{immutable: number{scope}}}"))
    };
    let one = lines(&[numbered("1", "P7", "2020-01-06", "")]);
    let import = async |mapping: String| {
        let upload = Upload { mapping, ..Upload::lines("2026-03-01", one.clone()) };
        ingest.import(upload).await.unwrap()
    };

    import(source("one", ", scope: group")).await;
    let other = import(source("other", "")).await;
    let shared = import(source("third", ", scope: group")).await;

    // The same name and number elsewhere is somebody else; in the same scope it is the same human.
    assert_eq!((other.joined, shared.joined, shared.changed), (1, 0, 1));
    assert_eq!(ingest.people().await, 2);
    ingest.stop().await;
}

#[tokio::test]
async fn a_new_name_is_a_change_of_the_same_person() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::lines("2026-02-01", lines(&[line("1", "Ada Byron")]))).await.unwrap();
    let before = ingest.told_last("1").await;

    let married = lines(&[line("1", "Ada Lovelace")]);
    let summary = ingest.import(Upload::lines("2026-03-01", married)).await.unwrap();

    let after = ingest.told_last("1").await;
    assert_eq!((summary.changed, summary.joined), (1, 0));
    assert_eq!((after.person_id, after.change), (before.person_id, ChangeKind::Changed.into()));
    assert_eq!(after.engagements, before.engagements);
    ingest.stop().await;
}
