//! Nobody is told of what the first file of a source brings.

use proto::hris::v1::PersonUpdated;

use crate::service::{FIVE, Ingest, Upload, file};

fn quiet(event: &PersonUpdated) -> Vec<Option<String>> {
    let quiet = |engagement: &proto::hris::v1::Engagement| {
        let day = proto::convert::date("quiet_through", engagement.quiet_through.as_ref());
        day.unwrap().map(|day| day.to_string())
    };
    event.engagements.iter().map(quiet).collect()
}

#[tokio::test]
async fn the_first_files_engagements_are_quiet_for_ever_and_later_ones_are_not() {
    let ingest = Ingest::start().await;
    // A file that is refused is not the first.
    ingest.import(Upload::full("2026-01-01", file(&[]))).await.unwrap_err();
    ingest.import(Upload::full("2026-02-01", file(&FIVE[..4]))).await.unwrap();

    let promoted = FIVE[0].replace("2020-01-06,", "2020-01-06,2026-03-31");
    let next = [promoted.as_str(), FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
    ingest.import(Upload::full("2026-03-01", file(&next))).await.unwrap();

    let first = Some("2026-02-01".to_owned());
    assert_eq!(quiet(&ingest.told_last("1").await), std::slice::from_ref(&first));
    assert_eq!(quiet(&ingest.told_last("2").await), [first]);
    assert_eq!(quiet(&ingest.told_last("5").await), [None]);
    ingest.stop().await;
}

#[tokio::test]
async fn whoever_asks_for_it_has_the_first_file_told() {
    let ingest = Ingest::start().await;

    let upload = Upload { notify: true, ..Upload::full("2026-02-01", file(&FIVE)) };
    ingest.import(upload).await.unwrap();

    assert_eq!(quiet(&ingest.told_last("1").await), [None]);
    ingest.stop().await;
}
