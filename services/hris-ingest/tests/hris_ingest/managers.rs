//! Whom people report to.

use proto::hris::v1::{ChangeKind, PersonUpdated};

use crate::service::{Ingest, Upload, lines, reports_to};

fn managers(event: &PersonUpdated) -> Vec<&str> {
    event.slices.iter().map(|slice| slice.manager_person_id.as_str()).collect()
}

#[tokio::test]
async fn a_manager_is_told_as_a_person_however_the_file_is_sorted() {
    let ingest = Ingest::start_with(crate::service::two_at_a_time()).await;
    // The manager's chunk is the last one.
    let file = lines(&[
        reports_to("1", "9"),
        reports_to("9", ""),
        reports_to("2", "9"),
        reports_to("3", "1"),
    ]);

    let summary = ingest.import(Upload::lines("2026-03-01", file.clone())).await.unwrap();
    let state = ingest.state().await;
    let told = ingest.told().await.len();
    let again = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.joined, summary.managers_unknown), (4, 0));
    let nine = ingest.told_last("9").await;
    let one = ingest.told_last("1").await;
    assert_eq!(managers(&one), [nine.person_id.as_str()]);
    assert_eq!(managers(&ingest.told_last("2").await), [nine.person_id.as_str()]);
    assert_eq!(managers(&ingest.told_last("3").await), [one.person_id.as_str()]);
    assert_eq!(managers(&nine), [""]);
    // Whoever came before their manager was told once more, as a change.
    assert_eq!((one.version.unwrap().counter, one.change()), (2, ChangeKind::Changed));
    assert_eq!((again.joined, again.unchanged), (0, 4));
    assert_eq!(ingest.state().await, state);
    assert_eq!(ingest.told().await.len(), told);
    ingest.stop().await;
}

#[tokio::test]
async fn a_manager_who_comes_with_a_later_file_is_told_then() {
    let ingest = Ingest::start().await;
    let one = Upload::lines_partial("2026-03-01", lines(&[reports_to("1", "9")]));
    let first = ingest.import(one).await.unwrap();
    let before = ingest.told_last("1").await;

    let nine = Upload::lines_partial("2026-03-02", lines(&[reports_to("9", "")]));
    let second = ingest.import(nine).await.unwrap();

    assert_eq!((first.managers_unknown, second.managers_unknown), (1, 0));
    assert_eq!(managers(&before), [""]);
    let nine = ingest.told_last("9").await;
    assert_eq!(managers(&ingest.told_last("1").await), [nine.person_id.as_str()]);
    assert_eq!(ingest.told().await.len(), 3);
    ingest.stop().await;
}

#[tokio::test]
async fn who_names_themselves_or_nobody_known_is_taken_without_a_manager_and_counted() {
    let ingest = Ingest::start().await;
    let file = lines(&[reports_to("1", "1"), reports_to("2", "77"), reports_to("3", "2")]);

    let summary = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.joined, summary.rejected, summary.managers_unknown), (3, 0, 2));
    assert_eq!(managers(&ingest.told_last("1").await), [""]);
    assert_eq!(managers(&ingest.told_last("2").await), [""]);
    assert_eq!(ingest.told().await.len(), 3);
    ingest.stop().await;
}

#[tokio::test]
async fn another_manager_holds_from_the_snapshot_date_on() {
    let ingest = Ingest::start().await;
    let first = lines(&[reports_to("1", "8"), reports_to("8", ""), reports_to("9", "")]);
    ingest.import(Upload::lines("2026-03-01", first)).await.unwrap();

    let second = lines(&[reports_to("1", "9"), reports_to("8", ""), reports_to("9", "")]);
    let summary = ingest.import(Upload::lines("2026-03-08", second)).await.unwrap();

    assert_eq!((summary.changed, summary.unchanged), (1, 2));
    let (eight, nine) = (ingest.told_last("8").await, ingest.told_last("9").await);
    let one = ingest.told_last("1").await;
    assert_eq!(managers(&one), [eight.person_id.as_str(), nine.person_id.as_str()]);
    let moved: domain::Date = "2026-03-08".parse().unwrap();
    assert_eq!(one.slices[1].from, Some(moved.into()));
    ingest.stop().await;
}
