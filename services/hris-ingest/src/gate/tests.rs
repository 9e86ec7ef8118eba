use domain::{PersonId, Version};
use uuid::Uuid;

use super::*;
use crate::facts::{Change, Contract};
use crate::mapping::tests::city;
use crate::mapping::{Completeness, Source};

fn counts(present: u64, joining: u64, leaving: u64, changing: u64) -> Counts {
    Counts { present, joining, leaving, changing }
}

fn difference(totals: Counts) -> Difference {
    Difference { totals, ..Difference::default() }
}

fn held(source: &Source, difference: &Difference) -> Vec<String> {
    let exceeded = decide(source.limits(), source.name(), difference);
    exceeded.iter().map(ToString::to_string).collect()
}

fn usual() -> Source {
    let yaml = crate::mapping::tests::CITY.replace("  limits: {leavers_percent: 20}\n", "");
    Source::parse(&yaml).unwrap()
}

#[test]
fn one_or_two_may_leave_a_small_company_and_most_of_it_may_not() {
    for (present, leaving, holds) in
        [(5, 1, false), (5, 2, false), (5, 3, true), (2, 1, false), (2, 2, true), (1, 1, true)]
    {
        let found = held(&usual(), &difference(counts(present, 0, leaving, 0)));
        assert_eq!(!found.is_empty(), holds, "{leaving} of {present}: {found:?}");
    }
}

#[test]
fn a_small_department_that_lost_one_holds_nothing_and_a_large_one_that_vanished_does() {
    let of_group = |present, leaving| Difference {
        totals: counts(10_000, 0, leaving, 0),
        groups: vec![Group {
            group: "Archive".to_owned(),
            counts: counts(present, 0, leaving, 0),
            sample: Vec::new(),
        }],
        ..Difference::default()
    };

    assert_eq!(held(&usual(), &of_group(3, 1)), [""; 0]);
    assert_eq!(held(&usual(), &of_group(9, 9)), [""; 0]);
    assert_eq!(held(&usual(), &of_group(100, 30)), [""; 0]);
    let told = "31 people leaving of 100 in group `Archive`; allowed: 30 %, at least 9";
    assert_eq!(held(&usual(), &of_group(100, 31)), [told]);
}

#[test]
fn departures_of_the_days_before_count_with_those_of_the_file_and_not_without_any() {
    let with = |leaving, departed| Difference { departed, ..difference(counts(92, 0, leaving, 0)) };

    assert_eq!(held(&usual(), &with(7, 8)), [""; 0]);
    let told = "16 people leaving within days of 100 in source `city-workforce`; allowed: 15 %, \
                at least 2";
    assert_eq!(held(&usual(), &with(8, 8)), [told]);
    assert_eq!(held(&usual(), &with(0, 90)), [""; 0]);
}

#[test]
fn a_mapping_that_lets_more_leave_lets_most_leave_too() {
    let all = crate::mapping::tests::CITY.replace("leavers_percent: 20", "leavers_percent: 100");

    let found = held(&Source::parse(&all).unwrap(), &difference(counts(5, 0, 5, 0)));

    assert_eq!(found, [""; 0]);
    assert_eq!(held(&city(), &difference(counts(100, 0, 20, 0))), [""; 0]);
    assert_eq!(held(&city(), &difference(counts(100, 0, 21, 0))).len(), 1);
}

const ASKED: Completeness =
    Completeness { rows_percent: Some(25), overlap_percent: Some(10), filled_percent: Some(50) };

fn read(rows: u64, fills: &[(&str, u64)]) -> Read {
    let fill = |(name, count): &(&str, u64)| ((*name).to_owned(), *count);
    Read { rows, fills: fills.iter().map(fill).collect() }
}

#[test]
fn a_file_with_a_quarter_of_the_rows_was_cut_off() {
    let asked =
        |rows, last| whole(ASKED, std::iter::empty(), &read(last, &[]), &read(rows, &[])).is_ok();

    assert!(asked(25, 100) && !asked(24, 100));
    // Of a handful, it is for people to see.
    assert!(asked(1, 20));
    let not_asked = Completeness { rows_percent: None, ..ASKED };
    let (last, now) = (read(100, &[]), read(1, &[]));
    assert_eq!(whole(not_asked, std::iter::empty(), &last, &now), Ok(()));
}

#[test]
fn an_attribute_that_most_had_and_most_have_no_more_was_left_out() {
    let asked = |rows: (u64, u64), filled: (u64, u64)| {
        let (last, now) =
            (read(rows.0, &[("mail", filled.0)]), read(rows.1, &[("mail", filled.1)]));
        whole(ASKED, ["mail"].into_iter(), &last, &now).is_ok()
    };

    assert!(asked((100, 100), (100, 90)));
    assert!(!asked((100, 100), (100, 49)));
    assert!(!asked((100, 50), (90, 20)));
    // It was not filled for most, or it goes up and down about a half, or it is no longer published.
    assert!(asked((100, 100), (40, 0)));
    assert!(asked((100, 100), (51, 48)));
    assert!(asked((5, 5), (5, 3)));
    let (last, now) = (read(100, &[("mail", 100)]), read(100, &[]));
    assert_eq!(whole(ASKED, std::iter::empty(), &last, &now), Ok(()));
}

#[test]
fn a_file_about_nobody_who_is_present_is_another_companys() {
    assert!(overlaps(ASKED, 100, 100, 9).is_err());
    assert!(overlaps(ASKED, 100, 100, 10).is_ok());
    // What was cut off is about the right people.
    assert!(overlaps(ASKED, 1_000, 30, 30).is_ok());
    assert!(overlaps(ASKED, 2, 2, 0).is_ok());
    assert!(overlaps(Completeness { overlap_percent: None, ..ASKED }, 100, 100, 0).is_ok());
}

const BASIS: Basis<'_> = Basis {
    source: "city",
    mapping: "a mapping",
    contract: Contract::Full,
    snapshot_date: Date::constant(2026, 3, 1),
};

fn seen<'a>(worker: &'a [String], change: Option<Change>, counter: i64) -> Seen<'a> {
    let person = PersonId(Uuid::from_u128(7));
    Seen {
        change,
        group: "Police".to_owned(),
        was_present: true,
        is_listed: change != Some(Change::Left),
        known: Some((person, Version { epoch: 1, counter })),
        workers: worker,
    }
}

fn hash(people: Vec<Seen<'_>>, basis: Basis<'_>) -> String {
    let mut comparison = Comparison::default();
    people.into_iter().for_each(|one| comparison.count(one));
    comparison.finish(basis).1
}

#[test]
fn a_hash_stands_for_who_changes_how_and_from_what_in_any_order() {
    let (one, other) = (["1".to_owned()], ["2".to_owned()]);
    let left = || seen(&one, Some(Change::Left), 1);
    let changed = || seen(&other, Some(Change::Changed), 1);
    let same = seen(&other, None, 1);

    let all = hash(vec![left(), changed(), same.clone()], BASIS);

    assert_eq!(all.len(), 64);
    assert_eq!(hash(vec![changed(), left()], BASIS), all);
    assert_ne!(hash(vec![left()], BASIS), all);
    assert_ne!(hash(vec![left(), seen(&other, Some(Change::Rehired), 1)], BASIS), all);
    assert_ne!(hash(vec![left(), seen(&other, Some(Change::Changed), 2)], BASIS), all);
    let later = Basis { snapshot_date: Date::constant(2026, 3, 2), ..BASIS };
    assert_ne!(hash(vec![left(), changed()], later), all);
    assert_ne!(hash(vec![left(), changed()], Basis { mapping: "another", ..BASIS }), all);
}

#[test]
fn people_are_counted_in_their_groups_with_some_of_them_by_id() {
    let workers: Vec<[String; 1]> = (0..9).map(|id| [id.to_string()]).collect();
    let mut comparison = Comparison::default();
    for worker in &workers {
        comparison.count(seen(worker, Some(Change::Left), 1));
    }
    comparison.count(Seen { group: String::new(), ..seen(&workers[0], None, 1) });
    comparison.count(Seen { was_present: false, ..seen(&workers[0], Some(Change::Joined), 1) });

    assert_eq!((comparison.people(), comparison.listed_present()), (11, 1));
    let (difference, _hash) = comparison.finish(BASIS);

    assert_eq!((difference.totals, difference.unchanged), (counts(10, 1, 9, 0), 1));
    let [nobody, police] = difference.groups.as_slice() else { panic!("{difference:?}") };
    assert_eq!((nobody.group.as_str(), nobody.counts), ("", counts(1, 0, 0, 0)));
    assert_eq!(police.counts, counts(9, 1, 9, 0));
    let kinds: Vec<_> = police.sample.iter().map(|one| one.change.as_str()).collect();
    assert_eq!(kinds, ["left", "left", "left", "left", "left", "joined"]);
    assert!(!difference.is_empty());
}
