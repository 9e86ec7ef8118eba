use domain::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::facts::Claim;

fn id(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

/// Somebody with one engagement for each worker id, all of one source.
fn somebody(number: u128, workers: &[&str]) -> Known {
    let mut known = Known::nobody(id(number));
    known.person.version = Version { epoch: 1, counter: 1 };
    for (place, worker_id) in (0_i64..).zip(workers) {
        let day: Date = "2026-01-01".parse().unwrap();
        let begun = Claim::Begun {
            source: "hr".to_owned(),
            worker_id: (*worker_id).to_owned(),
            quiet_through: None,
            supplement: false,
        };
        known.facts.push(Fact {
            engagement: EngagementId(Uuid::from_u128(
                number * 100 + u128::from(place.unsigned_abs()),
            )),
            sequence: 0,
            recorded_at: Timestamp::UNIX_EPOCH,
            number: place,
            claims: vec![begun, Claim::Start { date: day, stated: None }],
        });
        known.workers.insert(worker(worker_id), None);
    }
    known.person.timeline = facts::fold(&known.facts);
    known
}

fn worker(worker_id: &str) -> WorkerKey {
    ("hr".to_owned(), worker_id.to_owned())
}

fn decided(change: &Change, keeps: &Known, other: &Known) -> Result<Outcome, Error> {
    let today = "2026-06-01".parse().unwrap();
    decide(change, keeps.clone(), other.clone(), (&Authorities::new(), today))
}

fn merging(survivor: u128, retired: u128) -> Change {
    Change::Merge { survivor: id(survivor), retired: id(retired) }
}

/// What the database has of both once a change is written.
fn written(change: &Change, keeps: &Known, other: &Known) -> (Known, Known) {
    let outcome = decided(change, keeps, other).unwrap();
    let (keeps, other) = (keeps.clone(), other.clone());
    let (mut from, mut to) = match change {
        Change::Merge { .. } => (other, keeps),
        Change::Split { .. } => (keeps, other),
    };
    give(&mut from, &mut to, outcome.moved.workers.clone(), outcome.moved.engagements.clone());
    if let Change::Merge { retired, .. } = change {
        for key in &outcome.moved.workers {
            to.workers.insert(key.clone(), Some(*retired));
        }
    }
    let (mut keeps, mut other) = match change {
        Change::Merge { .. } => (to, from),
        Change::Split { .. } => (from, to),
    };
    (keeps.person, other.person) = (outcome.keeps, outcome.other);
    (keeps, other)
}

fn worker_ids(person: &Person) -> Vec<&str> {
    person.timeline.engagements.iter().map(|one| one.worker_id.as_str()).collect()
}

#[test]
fn a_merge_gives_everything_to_who_survives_and_a_split_undoes_it() {
    let (ada, twin) = (somebody(1, &["a1", "a2"]), somebody(2, &["b1"]));

    let (merged, gone) = written(&merging(1, 2), &ada, &twin);

    assert_eq!(worker_ids(&merged.person), ["a1", "a2", "b1"]);
    assert_eq!(worker_ids(&gone.person), Vec::<&str>::new());
    assert_eq!(merged.person.kin, Kin { merged: [id(2)].into(), ..Kin::default() });
    assert_eq!(gone.person.kin, Kin { merged_into: Some(id(1)), ..Kin::default() });

    let change = Change::Split { person: id(1), part: Part::Merged(id(2)) };
    let (ada_again, twin_again) = written(&change, &merged, &gone);

    assert_eq!(ada_again.person.timeline, ada.person.timeline);
    assert_eq!(twin_again.person.timeline, twin.person.timeline);
    assert_eq!(ada_again.person.kin, Kin { split: [id(2)].into(), ..Kin::default() });
    assert_eq!(twin_again.person.kin, Kin { split: [id(1)].into(), ..Kin::default() });
}

#[test]
fn who_was_merged_stands_for_whoever_that_one_is_merged_into() {
    let (ada, twin, third) = (somebody(1, &["a"]), somebody(2, &["b"]), somebody(3, &["c"]));
    let (twins, _gone) = written(&merging(2, 3), &twin, &third);

    let (all, gone) = written(&merging(1, 2), &ada, &twins);

    assert_eq!(worker_ids(&all.person), ["a", "b", "c"]);
    assert_eq!(all.person.kin.merged, [id(2), id(3)].into());
    assert_eq!(gone.person.kin.merged_into, Some(id(1)));
}

#[test]
fn some_of_a_persons_workers_are_somebody_new() {
    let ada = somebody(1, &["a", "b"]);
    let change = Change::Split { person: id(1), part: Part::Workers([worker("b")].into()) };

    let outcome = decided(&change, &ada, &Known::nobody(id(9))).unwrap();

    assert_eq!(worker_ids(&outcome.keeps), ["a"]);
    assert_eq!(worker_ids(&outcome.other), ["b"]);
    assert_eq!(outcome.other.kin.split, [id(1)].into());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (ada, twin) = (somebody(1, &["a"]), somebody(2, &["b"]));
    let (merged, gone) = written(&merging(1, 2), &ada, &twin);
    let split = |part| Change::Split { person: id(1), part };
    let workers = |ids: &[&str]| Part::Workers(ids.iter().map(|id| worker(id)).collect());
    let nobody = Known::nobody(id(9));
    let refused = |change: &Change, keeps: &Known, other: &Known| {
        decided(change, keeps, other).unwrap_err().to_string()
    };

    assert!(refused(&merging(1, 1), &ada, &ada).contains("both are person"));
    assert!(refused(&merging(1, 2), &merged, &gone).contains("stands for"));
    assert!(refused(&merging(2, 1), &gone, &merged).contains("stands for"));
    assert!(refused(&split(Part::Merged(id(2))), &ada, &twin).contains("was not merged"));
    assert!(refused(&split(workers(&["z"])), &ada, &nobody).contains("is not person"));
    assert!(refused(&split(workers(&[])), &ada, &nobody).contains("at least one worker"));
    assert!(refused(&split(workers(&["a"])), &ada, &nobody).contains("no worker left"));
}

proptest! {
    #[test]
    fn merges_and_splits_in_any_order_lose_and_double_nobody(
        steps in proptest::collection::vec((0_usize..4, 0_usize..4, proptest::bool::ANY), 1..24),
    ) {
        let mut people: Vec<Known> = (1..=4_u8)
            .map(|number| somebody(number.into(), &[["a", "b", "c", "d"][usize::from(number) - 1]]))
            .collect();
        for (one, other, merges) in steps {
            let (first, second) = (people[one].person.id, people[other].person.id);
            let change = match merges {
                true => Change::Merge { survivor: first, retired: second },
                false => Change::Split { person: first, part: Part::Merged(second) },
            };
            if one == other || decided(&change, &people[one], &people[other]).is_err() {
                continue;
            }
            let (keeps, given) = written(&change, &people[one], &people[other]);
            (people[one], people[other]) = (keeps, given);
            let merged = people[one].person.kin.merged.clone();
            for person in &mut people {
                if merges && merged.contains(&person.person.id) {
                    person.person.kin.merged_into = Some(first);
                }
            }
            let mut workers: Vec<&str> =
                people.iter().flat_map(|known| worker_ids(&known.person)).collect();
            workers.sort_unstable();
            prop_assert_eq!(workers, ["a", "b", "c", "d"]);
            for known in &people {
                let is_gone = known.person.kin.merged_into.is_some();
                prop_assert_eq!(is_gone, known.person.timeline.engagements.is_empty());
            }
        }
    }
}
