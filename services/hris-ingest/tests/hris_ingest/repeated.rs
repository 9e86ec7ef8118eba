//! Rows that a source lists again are passed over, and nothing is lost by it.

use proto::hris::v1::{ChangeKind, ImportSummary};

use crate::service::{FIVE, Ingest, MAPPING, Upload, file, two_at_a_time};

/// How many people each run did not look at, in the order of the runs.
async fn passed_over(ingest: &Ingest) -> Vec<i64> {
    sqlx::query_scalar("SELECT unlooked FROM runs ORDER BY id")
        .fetch_all(ingest.pool())
        .await
        .unwrap()
}

fn counts(summary: &ImportSummary) -> (u64, u64, u64, u64) {
    (summary.joined, summary.changed, summary.left, summary.unchanged)
}

#[tokio::test]
async fn a_row_that_is_listed_again_is_passed_over_and_counts_as_unchanged() {
    let ingest = Ingest::start_with(two_at_a_time()).await;
    let first = ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let chief = FIVE[2].replace("Analyst", "Chief");
    let backwards = [FIVE[4], FIVE[3], chief.as_str(), FIVE[1], FIVE[0]];

    let second = ingest.import(Upload::full("2026-03-02", file(&backwards))).await.unwrap();
    let third = ingest.import(Upload::full("2026-03-03", file(&backwards[..4]))).await.unwrap();

    assert_eq!((first.people, counts(&first)), (5, (5, 0, 0, 0)));
    assert_eq!((second.people, counts(&second)), (5, (0, 1, 0, 4)));
    assert_eq!((third.people, counts(&third)), (4, (0, 0, 1, 4)));
    assert_eq!(passed_over(&ingest).await, [0, 4, 4]);
    assert_eq!(ingest.told_last("1").await.change(), ChangeKind::Left);
    ingest.stop().await;
}

#[tokio::test]
async fn a_worker_of_whom_one_row_changes_keeps_the_engagement_of_the_other() {
    let ingest = Ingest::start().await;
    let second_job = "1,\"Lovelace,Ada\",Lecturer,2021-01-04,";
    let rows = [FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4], second_job];
    ingest.import(Upload::full("2026-03-01", file(&rows))).await.unwrap();
    let ending = format!("{second_job}2026-04-30");
    let rows = [FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4], ending.as_str()];

    let changed = ingest.import(Upload::full("2026-03-02", file(&rows))).await.unwrap();
    let without = ingest.import(Upload::full("2026-03-03", file(&rows[1..]))).await.unwrap();

    assert_eq!(counts(&changed), (0, 1, 0, 4));
    assert_eq!(counts(&without), (0, 1, 0, 4));
    let ends: Vec<_> = ingest
        .told_last("1")
        .await
        .engagements
        .into_iter()
        .map(|one| one.last_working_day)
        .collect();
    let day = |text: &str| Some(text.parse::<domain::Date>().unwrap().into());
    assert_eq!(ends, [day("2026-03-02"), day("2026-04-30")]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_repeated_engagement_is_rejected_whichever_of_its_rows_is_known() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let other = FIVE[0].replace("2020-01-06", "2019-12-02");

    let below = [&FIVE[..], &[other.as_str()]].concat();
    let below = ingest.import(Upload::full("2026-03-02", file(&below))).await.unwrap();
    let state = ingest.state().await;
    let above = [&[other.as_str()], &FIVE[..]].concat();
    let above = ingest.import(Upload::full("2026-03-02", file(&above))).await.unwrap();

    let told = |summary: &ImportSummary| -> Vec<(u64, String)> {
        summary.rejects.iter().map(|one| (one.line, one.reason.clone())).collect()
    };
    let reason = |line| format!("is the same engagement of the same worker as in line {line}");
    assert_eq!(told(&below), [(7, reason(2))]);
    assert_eq!(told(&above), [(3, reason(2))]);
    assert_eq!(counts(&below), (0, 0, 0, 5));
    assert_eq!(counts(&above), (0, 1, 0, 4), "the first row of the file counts");
    assert_ne!(ingest.state().await, state);
    ingest.stop().await;
}

#[tokio::test]
async fn a_full_file_says_again_what_a_partial_one_said_otherwise_meanwhile() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::full("2026-03-01", file(&FIVE))).await.unwrap();
    let chief = FIVE[2].replace("Analyst", "Chief");
    // The job keys the engagement: with another one it is another.
    let mapping = MAPPING.replace("  engagement: job\n", "");
    let with = |upload: Upload| Upload { mapping: mapping.clone(), ..upload };
    ingest.import(with(Upload::full("2026-03-01", file(&FIVE)))).await.unwrap();
    let partial = with(Upload::partial("2026-03-02", file(&[chief.as_str()])));

    let meanwhile = ingest.import(partial).await.unwrap();
    let again = ingest.import(with(Upload::full("2026-03-03", file(&FIVE)))).await.unwrap();

    assert_eq!((meanwhile.changed, again.changed), (1, 1));
    let last = ingest.told_last("3").await.slices.pop().unwrap();
    assert_eq!(last.attributes["job"], domain::Value::Text("Analyst".to_owned()).into());
    assert_eq!(passed_over(&ingest).await, [0, 0, 0, 4], "another mapping reads every row again");
    ingest.stop().await;
}

#[tokio::test]
async fn a_two_digit_year_that_means_another_century_now_is_read_again() {
    let ingest = Ingest::start().await;
    let mapping = MAPPING.replace("Start, type: date,", "Start, type: date, format: M/D/YY,");
    let rows = ["1,\"Lovelace,Ada\",Engineer,3/2/26,", "2,\"Hopper,Grace\",Admiral,1/6/20,"];
    let upload = |day: &str| Upload { mapping: mapping.clone(), ..Upload::full(day, file(&rows)) };

    ingest.import(upload("2026-03-01")).await.unwrap();
    let before = ingest.told_last("1").await.engagements[0].start_date.unwrap();
    let next_day = ingest.import(upload("2026-03-02")).await.unwrap();
    let after = ingest.told_last("1").await.engagements[0].start_date.unwrap();

    assert_eq!((before.year, after.year), (1926, 2026));
    assert_eq!(counts(&next_day), (0, 1, 0, 1));
    ingest.stop().await;
}

#[tokio::test]
async fn nothing_that_is_not_mapped_reaches_the_marks_of_a_row() {
    let ingest = Ingest::start().await;
    let mapping = MAPPING.replace("Start, LastDay]", "Start, LastDay, Salary]");
    let salary = |amount: &str| {
        let rows: String = FIVE.iter().map(|row| format!("{row},{amount}\n")).collect();
        let content = format!("Id,Name,Job,Start,LastDay,Salary\n{rows}").into_bytes();
        Upload { mapping: mapping.clone(), ..Upload::full("2026-03-01", content) }
    };

    ingest.import(salary("50000")).await.unwrap();
    ingest.import(salary("60000")).await.unwrap();

    assert_eq!(passed_over(&ingest).await, [0, 5]);
    ingest.stop().await;
}

/// A mapping that lets everybody change at once.
fn lenient() -> String {
    MAPPING.replace("{leavers_percent: 20}", "{leavers_percent: 20, changed_percent: null}")
}

/// As many people, of whom those that are named have another job.
fn crowd(people: u32, promoted: std::ops::Range<u32>) -> Upload {
    let row = |id: u32| {
        let job = if promoted.contains(&id) { "Chief" } else { "Clerk" };
        format!("{id},\"Family {id},Given\",{job},2020-01-06,")
    };
    let rows: Vec<String> = (0..people).map(row).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    Upload { mapping: lenient(), ..Upload::full("2026-03-01", file(&rows)) }
}

/// How many rows are packed, and how many of them are gone, once what was listed is packed.
async fn packed(ingest: &Ingest) -> (i64, i64) {
    testkit::until("what is listed is packed", async || {
        let pending: i64 = sqlx::query_scalar("SELECT count(*) FROM runs WHERE staged")
            .fetch_one(ingest.pool())
            .await
            .unwrap();
        (pending == 0).then_some(())
    })
    .await;
    sqlx::query_as(
        "SELECT COALESCE((SELECT sum(rows) FROM listed_packs), 0)::bigint,
                (SELECT count(*) FROM listed_gone)",
    )
    .fetch_one(ingest.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn what_is_packed_is_passed_over_and_what_is_gone_of_it_is_not() {
    let ingest = Ingest::start().await;
    let first = ingest.import(crowd(1_500, 0..0)).await.unwrap();
    assert_eq!(packed(&ingest).await, (1_500, 0));

    let promoted = ingest.import(crowd(1_499, 10..13)).await.unwrap();
    let few = packed(&ingest).await;
    let again = ingest.import(crowd(1_499, 10..13)).await.unwrap();
    let demoted = ingest.import(crowd(1_500, 0..0)).await.unwrap();

    assert_eq!(counts(&first), (1_500, 0, 0, 0));
    assert_eq!(counts(&promoted), (0, 3, 1, 1_496));
    assert_eq!(few, (1_500, 4), "a few rows more are not worth a pack");
    assert_eq!(counts(&again), (0, 0, 0, 1_499));
    assert_eq!(
        counts(&demoted),
        (0, 4, 0, 1_496),
        "who is listed again on the same day had not left"
    );
    assert_eq!(passed_over(&ingest).await, [0, 1_496, 1_499, 1_496]);
    ingest.stop().await;
}

#[tokio::test]
async fn packs_of_which_most_is_gone_are_made_anew_and_hold_the_same() {
    let ingest = Ingest::start().await;
    ingest.import(crowd(1_500, 0..0)).await.unwrap();
    assert_eq!(packed(&ingest).await, (1_500, 0));

    let promoted = ingest.import(crowd(1_500, 0..1_100)).await.unwrap();
    let anew = packed(&ingest).await;
    let again = ingest.import(crowd(1_500, 0..1_100)).await.unwrap();

    assert_eq!(counts(&promoted), (0, 1_100, 0, 400));
    assert_eq!(anew, (1_500, 0));
    assert_eq!(counts(&again), (0, 0, 0, 1_500));
    ingest.stop().await;
}
