//! A whole city, two years in a row.

use std::collections::BTreeSet;
use std::path::Path;

use proto::common::v1::Lane;
use proto::common::v1::value::Kind;
use proto::hris::v1::{PersonUpdated, SourceRunFinished};

use crate::service::{Ingest, Upload};

pub(crate) fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample/city-workforce");
    std::fs::read(folder.join(name)).unwrap()
}

fn agencies(told: &[PersonUpdated]) -> BTreeSet<String> {
    let slices = told.iter().flat_map(|event| &event.slices);
    let texts = slices.filter_map(|slice| match slice.attributes.get("agency")?.kind.as_ref()? {
        Kind::Text(text) => Some(text.clone()),
        Kind::Integer(_) | Kind::Boolean(_) | Kind::Date(_) | Kind::List(_) => None,
    });
    texts.collect()
}

pub(crate) fn year(file: &str, snapshot_date: &str) -> Upload {
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

    let held = ingest.import(year("FY2013.csv", "2013-07-01")).await.unwrap();
    let next = ingest.release_held(&held).await;
    let counts = (next.joined, next.changed, next.left, next.unchanged, next.rejected);
    assert_eq!(counts, (5_838, 2_084, 2_752, 11_213, 1));
    let told = ingest.told().await;
    assert_eq!(told.len(), 16_049 + 5_838 + 2_084 + 2_752);
    let leavers = told.iter().filter(|event| event.lane() == Lane::Leaver).count();
    assert_eq!(leavers, 2_752);
    assert_eq!(ingest.published::<SourceRunFinished>().await.len(), 3);
    // Both years write an agency in one way, the one that the policies name.
    let (before, after) = told.split_at(16_049);
    assert!(agencies(before).contains("Police Department"));
    assert!(agencies(after).contains("Police Department"));
    let numbered = |agency: &String| {
        let inside = agency.strip_suffix(')').and_then(|agency| agency.rsplit_once('('));
        inside.is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    assert_eq!(agencies(after).into_iter().find(numbered), None);
    ingest.stop().await;
}
