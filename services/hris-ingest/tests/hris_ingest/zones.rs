//! In which zone a person's dates are meant.

use proto::common::v1::Lane;

use crate::service::{Ingest, Upload, line, lines};

fn at(id: &str, zone: &str, start: &str, last_day: &str) -> String {
    line(id, "Name")
        .replace("\"zone\": null", &format!("\"zone\": \"{zone}\""))
        .replace("\"start\": \"2020-01-06\"", &format!("\"start\": \"{start}\""))
        .replace("\"last\": null", &format!("\"last\": \"{last_day}\""))
}

#[tokio::test]
async fn every_row_may_state_a_zone_and_the_sources_is_the_other() {
    let ingest = Ingest::start().await;
    let file = lines(&[
        at("1", "Asia/Tokyo", "2020-01-06", ""),
        at("2", "Sydney office", "2020-01-06", ""),
        line("3", "Name"),
    ]);

    ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!(ingest.told_last("1").await.zone, "Asia/Tokyo");
    assert_eq!(ingest.told_last("2").await.zone, "Australia/Sydney");
    assert_eq!(ingest.told_last("3").await.zone, "America/New_York");
    ingest.stop().await;
}

#[tokio::test]
async fn a_zone_that_does_not_exist_rejects_its_row() {
    let ingest = Ingest::start().await;
    let file = lines(&[line("1", "Name"), at("2", "Mars/Olympus", "2020-01-06", "")]);

    let summary = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.joined, summary.rejected), (1, 1));
    let reject = &summary.rejects[0];
    assert_eq!(
        (reject.line, reject.column.as_str(), reject.reason.as_str()),
        (2, "site.zone", "names no time zone")
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_leavers_day_ends_when_it_does_where_they_work() {
    let ingest = Ingest::start().await;
    // 2 March is over in Tokyo and has hardly begun in Los Angeles.
    ingest.advance_to("2026-03-02T15:30:00Z");
    let file = lines(&[
        at("1", "Asia/Tokyo", "2020-01-06", "2026-03-02"),
        at("2", "America/Los_Angeles", "2020-01-06", "2026-03-02"),
    ]);

    ingest.import(Upload::lines_partial("2026-03-02", file)).await.unwrap();

    assert_eq!(ingest.told_last("1").await.lane(), Lane::Leaver);
    assert_eq!(ingest.told_last("2").await.lane(), Lane::Regular);
    ingest.stop().await;
}
