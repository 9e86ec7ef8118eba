//! The invented company, from one Monday to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proto::common::v1::Lane;
use proto::hris::v1::{ChangeKind, PersonUpdated};

use crate::service::{Ingest, Upload, two_at_a_time};

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample/small-company");
    std::fs::read(folder.join(name)).unwrap()
}

fn week(snapshot_date: &str) -> Upload {
    let mapping = String::from_utf8(sample("source.yaml")).unwrap();
    let content = sample(&format!("{snapshot_date}.jsonl"));
    Upload { mapping, ..Upload::full(snapshot_date, content) }
}

/// Everybody as told last.
async fn people(ingest: &Ingest) -> BTreeMap<String, PersonUpdated> {
    let told = ingest.told().await;
    told.into_iter().map(|event| (event.person_id.clone(), event)).collect()
}

#[tokio::test]
async fn a_week_of_a_company_brings_what_its_page_says() {
    let ingest = Ingest::start().await;

    let first = ingest.import(week("2026-03-02")).await.unwrap();
    let before = people(&ingest).await;
    let told = ingest.told().await.len();
    ingest.advance_to("2026-03-09T09:00:00Z");
    let second = ingest.import(week("2026-03-09")).await.unwrap();
    let news = ingest.told().await.split_off(told);
    let again = ingest.import(week("2026-03-09")).await.unwrap();

    assert_eq!(
        (first.rows, first.joined, first.rejected, first.managers_unknown),
        (202, 202, 0, 0)
    );
    let counts = (second.joined, second.changed, second.left, second.unchanged, second.rejected);
    assert_eq!(counts, (4, 4, 0, 196, 0));
    assert_eq!((again.joined, again.changed, again.unchanged), (0, 0, 204));
    assert_eq!(news.len(), 8);
    assert!(news.iter().all(|event| event.lane() == Lane::Regular));
    let change = |worker: &str| {
        let worker = domain::Value::Text(worker.to_owned()).into();
        let of = |event: &&PersonUpdated| {
            event.slices.iter().any(|slice| slice.attributes["worker_id"] == worker)
        };
        let event = news.iter().find(of).unwrap();
        (event.change(), event.engagements.len(), before.contains_key(&event.person_id))
    };
    for worker in ["E-1147", "E-1097", "E-1129", "E-1173"] {
        assert_eq!(change(worker), (ChangeKind::Changed, 1, true), "{worker}");
    }
    for worker in ["E-1203", "E-1204"] {
        assert_eq!(change(worker), (ChangeKind::Rehired, 2, true), "{worker}");
    }
    for worker in ["E-1205", "E-1206"] {
        assert_eq!(change(worker), (ChangeKind::Joined, 1, false), "{worker}");
    }
    ingest.stop().await;
}

#[tokio::test]
async fn a_company_is_one_tree_of_managers_in_five_zones_however_it_is_cut() {
    let ingest = Ingest::start_with(two_at_a_time()).await;

    ingest.import(week("2026-03-02")).await.unwrap();

    let people = people(&ingest).await;
    let zones: BTreeSet<_> = people.values().map(|event| event.zone.as_str()).collect();
    assert_eq!(zones.len(), 5);
    let manager = |event: &PersonUpdated| event.slices[0].manager_person_id.clone();
    let roots: Vec<_> = people.values().filter(|event| manager(event).is_empty()).collect();
    assert_eq!(roots.len(), 1);
    for event in people.values() {
        let (mut person, mut steps) = (event, 0);
        while person.person_id != roots[0].person_id {
            person = &people[&manager(person)];
            steps += 1;
            assert!(steps < 10, "managers of {} go in circles", event.person_id);
        }
    }
    ingest.stop().await;
}

#[tokio::test]
async fn an_older_week_is_refused_and_lines_in_another_order_are_no_news() {
    let ingest = Ingest::start().await;
    ingest.import(week("2026-03-09")).await.unwrap();
    let state = ingest.state().await;

    let older = ingest.import(week("2026-03-02")).await.unwrap_err();
    let mut upload = week("2026-03-09");
    let text = String::from_utf8(upload.content).unwrap();
    let mut sorted: Vec<&str> = text.lines().collect();
    sorted.sort_unstable();
    upload.content = sorted.join("\n").into_bytes();
    let shuffled = ingest.import(upload).await.unwrap();

    assert!(older.message().contains("out of date"), "{}", older.message());
    assert_eq!((shuffled.joined, shuffled.changed, shuffled.unchanged), (0, 0, 204));
    assert_eq!(ingest.state().await, state);
    ingest.stop().await;
}
