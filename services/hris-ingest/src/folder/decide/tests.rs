use super::*;
use crate::mapping::Source;

fn folder(complete: &str) -> Folder {
    let document = include_str!("../../../fuzz/csv.yaml").replacen(
        "spec:\n",
        &format!(
            "spec:\n  schedule: {{every: PT1M}}\n  folder: {{path: drop, files: \
             'people-{{YYYY-MM-DD}}.csv', contract: full, complete: {complete}}}\n"
        ),
        1,
    );
    Source::parse(&document).unwrap().folder().unwrap().clone()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_442_000 + second).unwrap()
}

fn file(day: &str, bytes: u64) -> Found {
    let print = Print { inode: 1, bytes, changed_at: at(0) };
    Found { name: format!("people-{day}.csv"), print, marked: false }
}

fn taken(folder: &Folder, found: &[Found], seen: &mut Seen, now: i64) -> Option<String> {
    let decision = decide(folder, &TimeZone::UTC, found.to_vec(), seen, at(now));
    *seen = decision.seen;
    decision.take.map(|(file, _day)| file.name)
}

#[test]
fn a_file_is_taken_once_two_looks_find_it_the_same() {
    let (folder, mut seen) = (folder("settled"), Seen::new());
    let whole = [file("2026-03-02", 9)];

    assert_eq!(taken(&folder, &[file("2026-03-02", 4)], &mut seen, 0), None);
    assert_eq!(taken(&folder, &whole, &mut seen, 5), None, "it has grown");
    assert_eq!(taken(&folder, &whole, &mut seen, 9), None, "too soon to know");
    assert_eq!(taken(&folder, &whole, &mut seen, 10).as_deref(), Some("people-2026-03-02.csv"));
    assert!(seen.is_empty());
}

#[test]
fn a_file_of_the_same_size_that_was_replaced_is_another_one() {
    let (folder, mut seen) = (folder("settled"), Seen::new());
    let [one] = [file("2026-03-02", 4)];
    let replaced = Found { print: Print { inode: 2, ..one.print }, ..one.clone() };

    assert_eq!(taken(&folder, &[one], &mut seen, 0), None);
    assert_eq!(taken(&folder, std::slice::from_ref(&replaced), &mut seen, 5), None);
    assert!(taken(&folder, &[replaced], &mut seen, 10).is_some());
}

#[test]
fn a_marked_file_is_taken_at_once_and_no_other() {
    let (folder, mut seen) = (folder("marked"), Seen::new());
    let marked = Found { marked: true, ..file("2026-03-02", 4) };

    for now in [0, 100] {
        assert_eq!(taken(&folder, &[file("2026-03-02", 4)], &mut seen, now), None);
    }
    assert!(taken(&folder, &[marked], &mut seen, 101).is_some());
}

#[test]
fn earlier_days_are_taken_first_and_what_is_no_file_of_the_source_never() {
    let (folder, mut seen) = (folder("settled"), Seen::new());
    let found = [
        file("2026-03-02", 4),
        file("2026-03-01", 4),
        Found { name: "notes.txt".to_owned(), ..file("2026-03-01", 4) },
    ];

    assert_eq!(taken(&folder, &found, &mut seen, 0), None);
    assert_eq!(taken(&folder, &found, &mut seen, 5).as_deref(), Some("people-2026-03-01.csv"));
    assert_eq!(taken(&folder, &found[..1], &mut seen, 5).as_deref(), Some("people-2026-03-02.csv"));
}

#[test]
fn a_name_without_a_day_is_taken_to_be_rejected() {
    let (folder, mut seen) = (folder("settled"), Seen::new());
    let found = vec![file("2026-13-45", 4)];

    taken(&folder, &found, &mut seen, 0);
    let decision = decide(&folder, &TimeZone::UTC, found, &seen, at(5));

    assert_eq!(decision.take.unwrap().1, None);
}
