//! Feeds that are not what they should be: they change nobody, or nobody whom they should not.

use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::service::{FIVE, Ingest, MAPPING, Upload, file, line, lines};

/// What a portal answers when whoever asks is not signed in any more.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n\
                    <body>Your session has expired.</body></html>\n";

/// People of a company, by number.
fn company(people: std::ops::Range<u32>) -> Vec<u8> {
    let rows: Vec<String> = people.map(|id| format!("{id},Name,Job,2020-01-06,")).collect();
    file(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn an_html_page_in_place_of_a_feed_changes_nobody() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let people: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    ingest.import(Upload::lines("2026-02-01", lines(&people))).await.unwrap();
    let (state, told) = (ingest.state().await, ingest.told().await.len());

    for upload in [Upload::full, Upload::partial, Upload::lines] {
        let refused = ingest.import(upload("2026-03-01", PAGE.into())).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{}", refused.message());
    }
    let partial = Upload::lines_partial("2026-03-01", PAGE.into());
    let summary = ingest.import(partial).await.unwrap();

    assert_eq!((summary.rows, summary.rejected, summary.left), (3, 3, 0));
    assert_eq!((ingest.state().await, ingest.told().await.len()), (state, told));
    ingest.stop().await;
}

#[tokio::test]
async fn an_empty_feed_ends_nobody() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-02-01", file(&FIVE))).await.unwrap();
    let people: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    ingest.import(Upload::lines("2026-02-01", lines(&people))).await.unwrap();
    let (state, told) = (ingest.state().await, ingest.told().await.len());

    let empty = [
        Upload::full("2026-03-01", Vec::new()),
        Upload::full("2026-03-01", file(&[])),
        Upload::lines("2026-03-01", Vec::new()),
        Upload::lines("2026-03-01", b"\n\n".to_vec()),
    ];
    for upload in empty {
        let refused = ingest.import(upload).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{}", refused.message());
    }

    assert_eq!((ingest.state().await, ingest.told().await.len()), (state, told));
    ingest.stop().await;
}

#[tokio::test]
async fn a_feed_that_was_cut_off_on_its_way_is_refused_wherever_it_was_cut() {
    let ingest = Ingest::start().await;
    let whole = file(&FIVE);
    ingest.import(Upload::full("2026-02-01", whole.clone())).await.unwrap();
    let state = ingest.state().await;

    let size = u64::try_from(whole.len()).unwrap();
    for end in (0..whole.len()).step_by(7) {
        let cut = Upload::full("2026-03-01", whole[..end].to_vec());
        let refused = ingest.import(Upload { size_bytes: Some(size), ..cut }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{}", refused.message());
    }

    assert_eq!(ingest.state().await, state);
    assert_eq!(ingest.told().await.len(), 5);
    ingest.stop().await;
}

#[tokio::test]
async fn a_feed_that_was_written_half_proves_nobody_absent_from_its_last_line() {
    let ingest = Ingest::start().await;
    let people: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    let whole = lines(&people);
    ingest.import(Upload::lines("2026-02-01", whole.clone())).await.unwrap();
    let state = ingest.state().await;

    let last = whole.len() - people[4].len() / 2;
    let half = Upload::lines("2026-03-01", whole[..last].to_vec());
    let summary = ingest.import(half).await.unwrap();

    assert_eq!((summary.unchanged, summary.rejected, summary.left), (4, 1, 0));
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn a_feed_that_lists_everybody_twice_takes_each_once() {
    let ingest = Ingest::start().await;
    let twice = [FIVE, FIVE].concat();

    let first = ingest.import(Upload::full("2026-02-01", file(&twice))).await.unwrap();
    let state = ingest.state().await;
    let again = ingest.import(Upload::full("2026-03-01", file(&twice))).await.unwrap();

    assert_eq!((first.joined, first.rejected), (5, 5));
    assert_eq!((again.unchanged, again.rejected, again.left), (5, 5, 0));
    assert_eq!((ingest.state().await, ingest.told().await.len()), (state, 5));
    ingest.stop().await;
}

#[tokio::test]
async fn a_feed_for_another_year_is_refused_and_is_in_no_other_feeds_way() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let state = ingest.state().await;

    let contracts = [Upload::full, Upload::partial];
    for (upload, day) in contracts.iter().flat_map(|upload| {
        ["2025-03-02", "2026-04-03", "2027-03-02", "2062-03-02"].map(|day| (upload, day))
    }) {
        let refused = ingest.import(upload(day, file(&FIVE[1..]))).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{}", refused.message());
        assert!(refused.message().ends_with("nothing was changed"), "{}", refused.message());
    }

    assert_eq!(ingest.state().await, state);
    let next = ingest.import(Upload::full("2026-03-02", file(&FIVE))).await.unwrap();
    let month = ingest.import(Upload::full("2026-04-02", file(&FIVE))).await.unwrap();
    assert_eq!((next.unchanged, month.unchanged), (5, 5));
    ingest.stop().await;
}

#[tokio::test]
async fn a_feed_of_last_year_under_todays_date_is_held_and_changes_nobody() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", company(30..130))).await.unwrap();
    let state = ingest.state().await;

    let summary = ingest.import(Upload::full("2026-03-02", company(0..100))).await.unwrap();

    let totals = summary.held.unwrap().totals.unwrap();
    assert_eq!((totals.present, totals.leaving, totals.joining), (100, 30, 30));
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn a_department_that_is_renamed_through_a_value_map_is_no_news() {
    let ingest = Ingest::start().await;
    let mapping = MAPPING.replace("  engagement: job\n", "");
    let before = Upload { mapping: mapping.clone(), ..Upload::full("2026-02-01", file(&FIVE)) };
    ingest.import(before).await.unwrap();
    let (state, told) = (ingest.state().await, ingest.told().await.len());

    let mapping = mapping.replace("{column: Job}", "{column: Job, values: {Coder: Engineer}}");
    let renamed = FIVE[0].replace("Engineer", "Coder");
    let rows = [renamed.as_str(), FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
    let after = Upload { mapping, ..Upload::full("2026-03-01", file(&rows)) };
    let summary = ingest.import(after).await.unwrap();

    assert_eq!((summary.unchanged, summary.changed, summary.held), (5, 0, None));
    assert_eq!((ingest.state().await, ingest.told().await.len()), (state, told));
    ingest.stop().await;
}

#[tokio::test]
async fn a_sender_who_goes_away_leaves_the_source_to_others_at_once() {
    let ingest = Ingest::start().await;
    let mut parts = Upload::full("2026-03-01", file(&FIVE)).parts();
    parts.truncate(1);
    let (sender, stream) = tokio::sync::mpsc::channel(2);
    for part in parts {
        sender.send(part).await.unwrap();
    }
    let reports = ingest.client.clone().import(ReceiverStream::new(stream)).await.unwrap();
    testkit::until("the run has begun", async || {
        ingest.runs().await.first().is_some_and(|run| run.state == "staging").then_some(())
    })
    .await;

    drop((reports, sender));
    let summary = testkit::until("the source is free", async || {
        ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.ok()
    })
    .await;

    assert_eq!(summary.joined, 5);
    let error = &ingest.runs().await[1].error;
    assert!(
        error.contains("did not arrive whole") && error.contains("nothing was changed"),
        "{error}"
    );
    ingest.stop().await;
}
