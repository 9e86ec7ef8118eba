//! Hires and terminations that are taken back, come late, or come in another order.

use proto::common::v1::Lane;
use proto::hris::v1::{ChangeKind, PersonUpdated, SubmittedState};

use tonic::Code;

use crate::pushes::{apply, pushed, submit};
use crate::service::{Ingest, LINES, Upload, line, lines, reports_to};

/// Somebody with a first day, and a last one unless it is empty.
fn dated(id: &str, start: &str, last_day: &str) -> String {
    line(id, "Name")
        .replace("\"start\": \"2020-01-06\"", &format!("\"start\": \"{start}\""))
        .replace("\"last\": null", &format!("\"last\": \"{last_day}\""))
}

fn day(text: &str) -> Option<proto::common::v1::CivilDate> {
    Some(text.parse::<domain::Date>().unwrap().into())
}

/// The name that somebody was told to have last.
fn name(event: &PersonUpdated) -> String {
    let name = event.slices.last().unwrap().attributes["display_name"].clone();
    domain::Value::try_from(name).unwrap().to_string()
}

#[tokio::test]
async fn a_hire_that_is_rescinded_has_left_and_never_began() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    pushed(&ingest, &[dated("1", "2026-03-16", "")]).await;
    let hired = ingest.told_last("1").await;

    pushed(&ingest, &[dated("1", "2026-03-16", "2026-03-01")]).await;
    let rescinded = ingest.told_last("1").await;
    pushed(&ingest, &[dated("1", "2026-03-16", "")]).await;
    let again = ingest.told_last("1").await;

    assert_eq!((rescinded.change(), rescinded.lane()), (ChangeKind::Left, Lane::Leaver));
    let [engagement] = rescinded.engagements.as_slice() else { panic!("{rescinded:?}") };
    assert_eq!(engagement.start_date, day("2026-03-16"));
    assert_eq!(engagement.last_working_day, day("2026-03-01"));
    // Who is hired after all is so in the same engagement.
    assert_eq!((again.lane(), &again.engagements), (Lane::Regular, &hired.engagements));
    ingest.stop().await;
}

#[tokio::test]
async fn a_termination_that_is_rescinded_after_it_happened_continues_the_engagement() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    pushed(&ingest, &[dated("1", "2020-01-06", "")]).await;
    let before = ingest.told_last("1").await;

    pushed(&ingest, &[dated("1", "2020-01-06", "2026-02-27")]).await;
    let left = ingest.told_last("1").await;
    ingest.advance_to("2026-03-05T09:00:00Z");
    let rescinded = pushed(&ingest, &[dated("1", "2020-01-06", "")]).await;

    let back = ingest.told_last("1").await;
    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(rescinded, [SubmittedState::Taken]);
    assert_eq!((back.change(), back.lane()), (ChangeKind::Changed, Lane::Regular));
    assert_eq!(back.engagements, before.engagements);
    ingest.stop().await;
}

#[tokio::test]
async fn a_leaver_of_five_days_ago_is_told_at_once_as_a_leaver_with_the_day() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    pushed(&ingest, &[dated("1", "2020-01-06", "")]).await;

    pushed(&ingest, &[dated("1", "2020-01-06", "2026-02-25")]).await;

    let left = ingest.told_last("1").await;
    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    assert_eq!(left.engagements[0].last_working_day, day("2026-02-25"));
    let now: domain::Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    assert_eq!(left.recorded_at, Some(now.into()));
    ingest.stop().await;
}

#[tokio::test]
async fn two_people_of_one_name_hired_at_the_same_instant_are_two_people() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();

    pushed(&ingest, &[line("1", "Ada Lovelace"), line("2", "Ada Lovelace")]).await;

    let (one, other) = (ingest.told_last("1").await, ingest.told_last("2").await);
    assert_eq!((name(&one), one.recorded_at), (name(&other), other.recorded_at));
    assert_ne!(one.person_id, other.person_id);
    ingest.stop().await;
}

#[tokio::test]
async fn a_mail_address_that_is_given_to_somebody_else_makes_them_nobody_else() {
    let ingest = Ingest::start().await;
    let document = LINES
        .replace("dates.last]", "dates.last, mail]")
        .replace("    manager: {column", "    mail: {column: mail}\n    manager: {column")
        .replace("[display_name, worker_id]", "[display_name, mail, worker_id]");
    apply(&ingest, &document).await.unwrap();
    let ada = |record: String| record.replacen('{', "{\"mail\": \"ada@example.com\", ", 1);

    pushed(&ingest, &[ada(line("1", "Ada Lovelace"))]).await;
    pushed(&ingest, &[ada(dated("1", "2020-01-06", "2026-02-27"))]).await;
    let other = pushed(&ingest, &[ada(line("2", "Ada Byron"))]).await;

    assert_eq!(other, [SubmittedState::Taken]);
    let (one, other) = (ingest.told_last("1").await, ingest.told_last("2").await);
    assert_ne!(one.person_id, other.person_id);
    assert_eq!((one.lane(), other.change()), (Lane::Leaver, ChangeKind::Joined));
    ingest.stop().await;
}

#[tokio::test]
async fn managers_in_a_circle_are_told_as_they_are_stated() {
    let ingest = Ingest::start_with(crate::service::two_at_a_time()).await;
    let circle = lines(&[reports_to("1", "2"), reports_to("2", "3"), reports_to("3", "1")]);

    let summary = ingest.import(Upload::lines("2026-03-01", circle)).await.unwrap();

    assert_eq!((summary.joined, summary.rejected, summary.managers_unknown), (3, 0, 0));
    for (report, manager) in [("1", "2"), ("2", "3"), ("3", "1")] {
        let manager = ingest.told_last(manager).await.person_id;
        assert_eq!(ingest.told_last(report).await.slices[0].manager_person_id, manager);
    }
    ingest.stop().await;
}

#[tokio::test]
async fn pushes_in_any_order_and_twice_end_with_what_the_newest_sequence_says() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

    for (id, order) in orders.iter().enumerate() {
        let id = id.to_string();
        let push = async |sequence: u64| {
            let record = line(&id, &format!("Name {sequence}"));
            submit(&ingest, &[(record, Some(sequence))]).await.unwrap()[0].state()
        };
        for sequence in order {
            push(*sequence).await;
        }
        let told = ingest.told().await.len();
        for sequence in order {
            assert_eq!(push(*sequence).await, SubmittedState::Late, "{order:?}");
        }
        assert_eq!(name(&ingest.told_last(&id).await), "Name 3", "{order:?}");
        assert_eq!(ingest.told().await.len(), told, "{order:?}");
    }
    ingest.stop().await;
}

#[tokio::test]
async fn a_termination_that_comes_after_its_withdrawal_ends_nobody() {
    let ingest = Ingest::start().await;
    apply(&ingest, LINES).await.unwrap();
    submit(&ingest, &[(dated("1", "2020-01-06", ""), Some(7))]).await.unwrap();

    submit(&ingest, &[(dated("1", "2020-01-06", ""), Some(9))]).await.unwrap();
    let late = submit(&ingest, &[(dated("1", "2020-01-06", "2026-02-27"), Some(8))]).await.unwrap();

    assert_eq!(late[0].state(), SubmittedState::Late);
    let ada = ingest.told_last("1").await;
    assert_eq!((ada.lane(), ada.engagements[0].last_working_day), (Lane::Regular, None));
    ingest.stop().await;
}

/// Five people of whom a file for a day leaves three out, and says something new of the fourth: it is
/// held. Returns its run and hash.
async fn held(ingest: &Ingest, snapshot_date: &str) -> (String, String) {
    apply(ingest, LINES).await.unwrap();
    let five: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    ingest.import(Upload::lines("2026-02-01", lines(&five))).await.unwrap();
    let batch = Upload::lines(snapshot_date, lines(&[line("4", "New Name"), line("5", "Name")]));
    let summary = ingest.import(batch).await.unwrap();
    (summary.run_id, summary.held.expect("the file is held").hash)
}

#[tokio::test]
async fn single_terminations_flow_past_a_held_batch_and_its_release_lifts_none_of_them() {
    let ingest = Ingest::start().await;
    let (run, hash) = held(&ingest, "2026-03-02").await;
    ingest.advance_to("2026-03-02T10:00:00Z");

    let single = pushed(&ingest, &[dated("4", "2020-01-06", "2026-03-01")]).await;
    let left = ingest.told_last("4").await;
    let state = ingest.held(&run).await.0.state;

    assert_eq!((single.as_slice(), state.as_str()), (&[SubmittedState::Taken][..], "held"));
    assert_eq!((left.change(), left.lane()), (ChangeKind::Left, Lane::Leaver));
    // The file lists them as present, and was read before they left.
    ingest.word(&run, &hash, "ada").await.unwrap_err();
    let hash = ingest.held(&run).await.1.hash;
    assert!(!ingest.word(&run, &hash, "ada").await.unwrap());
    assert!(ingest.word(&run, &hash, "grace").await.unwrap());
    ingest.reached(&run, "finished").await;
    assert_eq!(ingest.told_last("4").await, left);
    assert_eq!(ingest.told_last("1").await.change(), ChangeKind::Left);

    // What was not believed then is read the next day, though it is written in the same words.
    ingest.advance_to("2026-03-03T09:00:00Z");
    let same = lines(&[line("4", "New Name"), line("5", "Name")]);
    let next_day = ingest.import(Upload::lines("2026-03-03", same)).await.unwrap();
    assert_eq!((next_day.changed, next_day.unchanged), (1, 1));
    let back = ingest.told_last("4").await;
    assert_eq!((back.lane(), back.engagements[0].last_working_day), (Lane::Regular, None));
    ingest.stop().await;
}

#[tokio::test]
async fn a_batch_held_for_an_earlier_day_is_out_of_date_once_the_source_has_pushed_something() {
    let ingest = Ingest::start().await;
    let (run, hash) = held(&ingest, "2026-03-01").await;

    pushed(&ingest, &[dated("4", "2020-01-06", "2026-03-01")]).await;
    ingest.word(&run, &hash, "ada").await.unwrap_err();
    let hash = ingest.held(&run).await.1.hash;
    assert!(!ingest.word(&run, &hash, "ada").await.unwrap());
    let refused = ingest.word(&run, &hash, "grace").await.unwrap_err();

    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().ends_with("is out of date"), "{}", refused.message());
    assert_eq!(ingest.told_last("4").await.lane(), Lane::Leaver);
    assert_eq!(ingest.told_last("1").await.change(), ChangeKind::Joined);
    ingest.stop().await;
}

#[tokio::test]
async fn a_held_batch_lifts_no_end_that_a_later_file_of_its_day_stated() {
    let ingest = Ingest::start().await;
    let (run, hash) = held(&ingest, "2026-03-02").await;
    ingest.advance_to("2026-03-02T10:00:00Z");

    let single = lines(&[dated("4", "2020-01-06", "2026-03-01")]);
    let single = ingest.import(Upload::lines_partial("2026-03-02", single)).await.unwrap();
    let left = ingest.told_last("4").await;

    assert_eq!((single.left, ingest.held(&run).await.0.state.as_str()), (1, "held"));
    ingest.word(&run, &hash, "ada").await.unwrap_err();
    let hash = ingest.held(&run).await.1.hash;
    assert!(!ingest.word(&run, &hash, "ada").await.unwrap());
    assert!(ingest.word(&run, &hash, "grace").await.unwrap());
    ingest.reached(&run, "finished").await;
    assert_eq!(ingest.told_last("4").await, left);
    assert_eq!(ingest.told_last("1").await.change(), ChangeKind::Left);

    // What was not believed then is read the next day, though it is written in the same words.
    ingest.advance_to("2026-03-03T09:00:00Z");
    let same = lines(&[line("4", "New Name"), line("5", "Name")]);
    let next_day = ingest.import(Upload::lines("2026-03-03", same)).await.unwrap();
    assert_eq!((next_day.changed, next_day.unchanged), (1, 1));
    let back = ingest.told_last("4").await;
    assert_eq!((back.lane(), back.engagements[0].last_working_day), (Lane::Regular, None));
    ingest.stop().await;
}
