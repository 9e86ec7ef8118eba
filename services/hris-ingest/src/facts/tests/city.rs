//! Two yearly files of a real city, one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use domain::EngagementId;
use uuid::Uuid;

use super::*;
use crate::mapping::Source;
use crate::reader::{Line, Reader, Rejects};

/// Everybody's rows by worker id, and the rejects.
fn read(source: &Source, file: &str, snapshot_date: Date) -> (BTreeMap<String, Vec<Row>>, Rejects) {
    let (mut workers, mut rejects) = (BTreeMap::<_, Vec<_>>::new(), Rejects::default());
    for line in Reader::try_new(source, snapshot_date, File::open(sample(file)).unwrap()).unwrap() {
        match line.unwrap() {
            Line::Row(row) => workers.entry(row.worker_id.clone()).or_default().push(row),
            Line::Reject(reject) => rejects.push(reject),
        }
    }
    (workers, rejects)
}

fn sample(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample/city-workforce").join(file)
}

#[test]
fn a_year_later_a_real_city_has_joiners_movers_and_leavers() {
    let source = Source::parse(&std::fs::read_to_string(sample("source.yaml")).unwrap()).unwrap();
    let mut people = BTreeMap::<String, Known>::new();
    let mut ids = 0;
    let mut take_over = |file: &str, day: &str| {
        let (workers, rejects) = read(&source, file, date(day));
        let mut changes = BTreeMap::<Option<Change>, u32>::new();
        let known = people.keys().filter(|worker| !workers.contains_key(*worker));
        let everybody: Vec<_> = workers.keys().chain(known).cloned().collect();
        for worker_id in everybody {
            let listing = Listing {
                source: source.name(),
                worker_id: &worker_id,
                snapshot_date: date(day),
                sequence: sequence_of_day(date(day)),
                recorded_at: Timestamp::UNIX_EPOCH,
                contract: if rejects.spare(&worker_id) {
                    Contract::Full
                } else {
                    Contract::Partial
                },
                quiet: false,
                supplement: false,
                rows: workers.get(&worker_id).map_or(&[], Vec::as_slice),
            };
            let known = people.entry(worker_id.clone()).or_default();
            let update = compare(known, &listing, || {
                ids += 1;
                EngagementId(Uuid::from_u128(ids))
            });
            *changes.entry(update.as_ref().map(|update| update.change)).or_default() += 1;
            if let Some(update) = update {
                known.timeline = update.timeline;
                known.facts.extend(update.facts);
            }
        }
        (rejects.count(), changes)
    };

    let (joined, changed, left) = (Some(Change::Joined), Some(Change::Changed), Some(Change::Left));
    assert_eq!(take_over("FY2012.csv", "2012-06-30"), (0, [(joined, 16_049)].into()));
    assert_eq!(take_over("FY2012.csv", "2012-06-30"), (0, [(None, 16_049)].into()));
    // The file holds somebody hired on 1 July 2013, so it cannot speak for an earlier day.
    let year = take_over("FY2013.csv", "2013-07-01");
    // Two rows repeat a name and day of hire; one of them the pay site as well, and is rejected.
    let changes = [(None, 11_213), (joined, 5_838), (changed, 2_084), (left, 2_752)];
    assert_eq!(year, (1, changes.into()));
    assert_eq!(take_over("FY2013.csv", "2013-07-01").1.keys().collect::<Vec<_>>(), [&None]);
}
