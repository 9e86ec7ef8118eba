//! Whom a file ends, and whom not.

use proto::common::v1::Lane;
use proto::convert;
use proto::hris::v1::{CaseKind, CaseOutcome, CaseState, ChangeKind, PersonUpdated};

use crate::cases::{decide, listed, the_case};
use crate::service::{FIVE, Ingest, Upload, file};

fn last_days(event: &PersonUpdated) -> Vec<Option<String>> {
    let last_day = |engagement: &proto::hris::v1::Engagement| {
        convert::date("last_working_day", engagement.last_working_day.as_ref())
            .unwrap()
            .map(|date| date.to_string())
    };
    event.engagements.iter().map(last_day).collect()
}

#[tokio::test]
async fn who_is_missing_in_a_full_file_has_left_on_the_day_before() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();

    let summary = ingest.import(Upload::full("2026-03-01", file(&FIVE[1..]))).await.unwrap();

    assert_eq!((summary.left, summary.unchanged, summary.people), (1, 4, 4));
    let told = ingest.told().await;
    let ada = &told[5];
    assert_eq!(told.len(), 6);
    assert_eq!(*ada, ingest.told_last("1").await);
    assert_eq!((ada.change(), ada.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(last_days(ada), [Some("2026-02-28".to_owned())]);
    assert!(told[..5].iter().all(|event| event.lane() == Lane::Regular));

    // The next file leaves them out as well, and that is no news.
    let summary = ingest.import(Upload::full("2026-03-02", file(&FIVE[1..]))).await.unwrap();
    assert_eq!((summary.left, summary.unchanged), (0, 4));
    assert_eq!(ingest.told().await.len(), 6);
    ingest.stop().await;
}

#[tokio::test]
async fn stated_ends_count_as_leavers_of_a_full_file() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let ended: Vec<String> = FIVE.iter().map(|row| format!("{row}2026-02-20")).collect();
    let ended: Vec<&str> = ended.iter().map(String::as_str).collect();

    let held = ingest.import(Upload::full("2026-03-01", file(&ended))).await.unwrap();
    assert_eq!(held.held.unwrap().totals.unwrap().leaving, 5);
    // Somebody wrote each of these ends into a file about these people alone.
    let summary = ingest.import(Upload::partial("2026-03-01", file(&ended))).await.unwrap();

    assert_eq!(summary.left, 5);
    assert_eq!(last_days(&ingest.told_last("4").await), [Some("2026-02-20".to_owned())]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_partial_file_ends_nobody_by_silence() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let state = ingest.state().await;

    let summary = ingest.import(Upload::partial("2026-03-01", file(&FIVE[4..]))).await.unwrap();
    let nothing = ingest.import(Upload::partial("2026-03-01", file(&[]))).await.unwrap();

    assert_eq!((summary.left, summary.unchanged), (0, 1));
    assert_eq!((nothing.rows, nothing.left, nothing.unchanged), (0, 0, 0));
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn nobody_is_ended_whose_row_may_have_been_rejected() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let state = ingest.state().await;

    // The row of the first can still be told as theirs.
    let mut rows = FIVE.to_vec();
    rows[0] = "1,\"Lovelace,Ada\",Engineer,soon,";
    let summary = ingest.import(Upload::full("2026-03-01", file(&rows))).await.unwrap();
    assert_eq!((summary.left, summary.unchanged, summary.rejected), (0, 5, 1));

    // This one could be anybody's.
    rows[0] = ",\"Lovelace,Ada\",Engineer,2020-01-06,";
    let summary = ingest.import(Upload::full("2026-03-01", file(&rows))).await.unwrap();
    assert_eq!((summary.left, summary.unchanged, summary.rejected), (0, 4, 1));
    let [told, reject] = summary.rejects.as_slice() else { panic!("{:?}", summary.rejects) };
    assert_eq!(told.line, 2);
    assert!(told.reason.starts_with("nobody was ended by this file"), "{}", told.reason);
    assert_eq!((reject.line, reject.column.as_str()), (2, "Id"));

    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn who_is_missing_where_a_row_cannot_be_read_is_asked_about_until_a_file_says_it() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let ada = ingest.told_last("1").await.person_id;
    let mut rows = FIVE.to_vec();
    rows[0] = ",\"Lovelace,Ada\",Engineer,2020-01-06,";

    let summary = ingest.import(Upload::full("2026-03-01", file(&rows))).await.unwrap();
    ingest.import(Upload::full("2026-03-02", file(&rows))).await.unwrap();

    let case = the_case(&ingest).await;
    assert_eq!((case.kind(), case.key.as_str()), (CaseKind::MissingWorker, "1"));
    assert_eq!(case.people[0].person_id, ada);
    assert!(summary.rejects[0].reason.contains("tenure case list"), "{:?}", summary.rejects);

    // The row that could not be read can be, and nothing is to be asked.
    ingest.import(Upload::full("2026-03-03", file(&FIVE))).await.unwrap();
    let closed = listed(&ingest, CaseState::Closed).await;
    assert_eq!(closed[0].outcome(), CaseOutcome::NoLongerApplies);
    assert_eq!(ingest.told().await.len(), 5);

    // Asked once more, and then a file says that they have left.
    ingest.import(Upload::full("2026-03-04", file(&rows))).await.unwrap();
    let again = the_case(&ingest).await;
    assert_ne!(again.case_id, case.case_id);
    let summary = ingest.import(Upload::full("2026-03-05", file(&FIVE[1..]))).await.unwrap();
    assert_eq!(summary.left, 1);
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    ingest.stop().await;
}

/// Five people, and one who begins in April.
const HIRE: &str = "6,\"Meitner,Lise\",Physicist,2026-04-06,";

async fn a_hire_is_missing(ingest: &Ingest) -> String {
    let six = [&FIVE[..], &[HIRE]].concat();
    ingest.import(Upload::full("2026-02-01", file(&six))).await.unwrap();
    let summary = ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    assert_eq!((summary.left, summary.changed, summary.unchanged), (0, 0, 5));
    ingest.told_last("6").await.person_id
}

#[tokio::test]
async fn a_hire_who_vanishes_before_the_first_day_is_asked_about_and_not_taken_back() {
    let ingest = Ingest::start().await;

    let hire = a_hire_is_missing(&ingest).await;

    let case = the_case(&ingest).await;
    assert_eq!((case.kind(), case.key.as_str()), (CaseKind::MissingWorker, "6"));
    assert_eq!(case.people[0].person_id, hire);
    assert_eq!(ingest.told().await.len(), 6);
    // The same is asked once.
    ingest.import(Upload::full("2026-03-02", file(&FIVE))).await.unwrap();
    assert_eq!(the_case(&ingest).await.case_id, case.case_id);

    // Listed again, nothing has happened.
    let six = [&FIVE[..], &[HIRE]].concat();
    ingest.import(Upload::full("2026-03-03", file(&six))).await.unwrap();
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    assert_eq!(ingest.told().await.len(), 6);
    ingest.stop().await;
}

#[tokio::test]
async fn a_hire_who_vanished_is_taken_back_when_a_human_says_so() {
    let ingest = Ingest::start().await;
    a_hire_is_missing(&ingest).await;

    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Allow).await.unwrap();

    let told = ingest.told_last("6").await;
    assert_eq!(last_days(&told), [Some("2026-02-28".to_owned())]);
    let summary = ingest.import(Upload::full("2026-03-02", file(&FIVE))).await.unwrap();
    assert_eq!((summary.left, summary.unchanged), (0, 5));
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    ingest.stop().await;
}

#[tokio::test]
async fn a_hire_who_vanished_stays_when_a_human_says_so_until_the_first_day_has_come() {
    let ingest = Ingest::start().await;
    a_hire_is_missing(&ingest).await;

    decide(&ingest, &the_case(&ingest).await, CaseOutcome::Refuse).await.unwrap();

    ingest.import(Upload::full("2026-03-02", file(&FIVE))).await.unwrap();
    assert!(listed(&ingest, CaseState::Open).await.is_empty());
    assert_eq!(ingest.told().await.len(), 6);
    // Who works and is missing has left.
    ingest.advance_to("2026-04-08T09:00:00Z");
    let summary = ingest.import(Upload::full("2026-04-08", file(&FIVE))).await.unwrap();
    assert_eq!(summary.left, 1);
    assert_eq!(last_days(&ingest.told_last("6").await), [Some("2026-04-07".to_owned())]);
    ingest.stop().await;
}

#[tokio::test]
async fn who_comes_back_is_the_same_person() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    ingest.import(Upload::full("2026-03-01", file(&FIVE[1..]))).await.unwrap();
    let left = ingest.told_last("1").await;

    let summary = ingest.import(Upload::full("2026-03-02", file(&FIVE))).await.unwrap();

    let back = ingest.told_last("1").await;
    assert_eq!((summary.joined, summary.unchanged), (1, 4));
    assert_eq!(back.person_id, left.person_id);
    assert_eq!((back.change(), back.lane()), (ChangeKind::Rehired, Lane::Regular));
    assert_eq!(last_days(&back), [Some("2026-02-28".to_owned()), None]);
    ingest.stop().await;
}
