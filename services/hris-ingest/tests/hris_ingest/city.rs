//! A whole city, two years in a row.

use std::path::Path;

use proto::common::v1::Lane;
use proto::hris::v1::SourceRunFinished;

use crate::service::{Ingest, Upload};

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample/city-workforce");
    std::fs::read(folder.join(name)).unwrap()
}

fn year(file: &str, snapshot_date: &str) -> Upload {
    let mapping = String::from_utf8(sample("source.yaml")).unwrap();
    Upload { mapping, ..Upload::full(snapshot_date, sample(file)) }
}

#[tokio::test]
async fn a_city_is_told_person_by_person_and_only_its_news_a_year_later() {
    let ingest = Ingest::start().await;

    let first = ingest.import(year("FY2012.csv", "2012-06-30")).await.unwrap();
    assert_eq!((first.people, first.joined, first.rejected), (16_049, 16_049, 0));
    let told = ingest.told().await;
    assert_eq!(told.len(), 16_049);
    assert!(told.iter().all(|event| event.lane() == Lane::Regular));

    let again = ingest.import(year("FY2012.csv", "2012-06-30")).await.unwrap();
    assert_eq!((again.joined, again.unchanged), (0, 16_049));
    assert_eq!(ingest.told().await.len(), 16_049);

    let next = ingest.import(year("FY2013.csv", "2013-07-01")).await.unwrap();
    let counts = (next.joined, next.changed, next.left, next.unchanged, next.rejected);
    assert_eq!(counts, (5_838, 2_084, 2_752, 11_213, 2));
    let told = ingest.told().await;
    assert_eq!(told.len(), 16_049 + 5_838 + 2_084 + 2_752);
    let leavers = told.iter().filter(|event| event.lane() == Lane::Leaver).count();
    assert_eq!(leavers, 2_752);
    assert_eq!(ingest.published::<SourceRunFinished>().await.len(), 3);
    ingest.stop().await;
}
