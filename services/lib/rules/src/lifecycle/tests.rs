//! What can be told about people.

use domain::Attributes;

use super::*;

#[test]
fn positions_are_told_where_one_of_them_differs() {
    let ada = hired(&[
        ("2026-01-05", "title=Officer, department=Police, shift=early"),
        ("2026-02-01", "title=Officer, department=Police, shift=late"),
        ("2026-03-01", "title=Sergeant, department=Police"),
        ("2026-04-01", "title=Sergeant, department=Police, location=North"),
    ]);

    let standing = at(&ada, "2026-01-01T00:00:00Z").engagements.remove(0);

    let told: Vec<_> = standing
        .positions
        .iter()
        .map(|one| format!("{} {} {} {}", one.from, one.title, one.department, one.location))
        .collect();
    assert_eq!(
        told,
        [
            "2026-01-05 Officer Police ",
            "2026-03-01 Sergeant Police ",
            "2026-04-01 Sergeant Police North"
        ]
    );
    assert_eq!(standing.starts_at.to_string(), "2026-01-05T05:00:00Z");
    assert_eq!(standing.positions[2].from_at.to_string(), "2026-04-01T04:00:00Z");
    assert_eq!(standing.last_day, None);
}

#[test]
fn another_manager_is_another_position() {
    let mut ada = hired(&[("2026-01-05", ""), ("2026-02-01", ""), ("2026-03-01", "")]);
    let boss: PersonId = "018f0000-0000-7000-8000-00000000000b".parse().unwrap();
    ada.slices[1].manager = Some(boss);
    ada.slices[2].manager = Some(boss);

    let positions = at(&ada, "2026-01-01T00:00:00Z").engagements.remove(0).positions;

    let managers: Vec<_> = positions.iter().map(|position| position.manager).collect();
    assert_eq!(managers, [None, Some(boss)]);
}

#[test]
fn the_end_is_that_of_desired_access_and_its_instant_that_of_the_zone() {
    let mut ada = hired(&[("2026-01-05", "")]);
    ada.engagements[0].last_working_day = Some(date("2026-03-10"));
    ada.engagements[0].termination_date = Some(date("2026-06-30"));

    let ended = |ada: &Timeline| at(ada, "2026-01-01T00:00:00Z").engagements[0].last_day.unwrap();

    assert_eq!(ended(&ada).1.to_string(), "2026-03-11T04:00:00Z");
    ada.zone = Some("Asia/Tokyo".to_owned());
    assert_eq!(ended(&ada), (date("2026-03-10"), "2026-03-10T15:00:00Z".parse().unwrap()));
}

#[test]
fn who_is_ended_by_an_operator_ends_on_that_day() {
    let mut ada = hired(&[("2026-01-05", "")]);
    let ends: Timestamp = "2026-03-02T15:30:00Z".parse().unwrap();
    ada.engagements[0].ends_at = Some(ends);
    let ended = |ada: &Timeline| at(ada, "2026-01-01T00:00:00Z").engagements[0].last_day;

    assert_eq!(ended(&ada), Some((date("2026-03-02"), ends)));
    ada.engagements[0].last_working_day = Some(date("2026-02-27"));
    assert_eq!(ended(&ada).unwrap().0, date("2026-02-27"), "the date was earlier");
}

#[test]
fn a_name_holds_from_its_day_and_a_hire_has_one_before_the_first() {
    let ada = hired(&[
        ("2026-01-05", "display_name=Ada Byron, mail=ada@old.example"),
        ("2026-02-01", "display_name=Ada Lovelace"),
    ]);

    let told = |now: &str| {
        let told = at(&ada, now);
        (told.display_name, told.mail)
    };

    let byron = ("Ada Byron".to_owned(), "ada@old.example".to_owned());
    assert_eq!(told("2025-12-24T00:00:00Z"), byron);
    assert_eq!(told("2026-02-01T04:59:59Z"), byron);
    assert_eq!(told("2026-02-01T05:00:00Z"), ("Ada Lovelace".to_owned(), String::new()));
}

#[test]
fn history_without_an_address_tells_nothing() {
    let quiet = |through: Option<&str>| {
        let mut ada = hired(&[("2026-01-05", "title=Officer"), ("2026-03-01", "title=Sergeant")]);
        ada.engagements[0].quiet_through = through.map(date);
        ada
    };
    let tells = |ada: &Timeline| at(ada, "2026-05-01T00:00:00Z").tells_something();

    assert!(tells(&quiet(None)), "everything is told");
    assert!(tells(&quiet(Some("2026-01-04"))), "the start is not history");
    assert!(tells(&quiet(Some("2026-02-28"))), "the promotion is not history");
    assert!(!tells(&quiet(Some("2026-03-01"))));

    let mut leaver = quiet(Some("2026-03-01"));
    leaver.engagements[0].last_working_day = Some(date("2026-03-02"));
    assert!(tells(&leaver), "the end is not history");
    let mut known = quiet(Some("2026-03-01"));
    known.slices[1].attributes.insert("mail".to_owned(), Value::Text("a@b.example".to_owned()));
    assert!(tells(&known), "who can be written to is told of what comes");
    assert!(!at(&Timeline::default(), "2026-05-01T00:00:00Z").tells_something());
}

#[test]
fn a_timeline_stored_before_managers_and_history_were_known_still_reads() {
    let stored = r#"{"zone":null,
        "engagements":[{"id":"018f0000-0000-7000-8000-00000000000e","start":"2026-01-05",
                        "last_working_day":null,"termination_date":null}],
        "slices":[{"engagement":"018f0000-0000-7000-8000-00000000000e","from":"2026-01-05",
                   "until":null,"attributes":{}}]}"#;

    let timeline: Timeline = serde_json::from_str(stored).unwrap();

    assert_eq!(timeline, Timeline { zone: None, ..hired(&[("2026-01-05", "")]) });
}

#[test]
fn who_is_merged_into_another_stands_nowhere_and_is_announced_for_the_others_sake() {
    let survivor: PersonId = "018f0000-0000-7000-8000-00000000000b".parse().unwrap();
    let mut ada = hired(&[("2026-01-05", "display_name=Ada, mail=ada@city.example")]);
    ada.kin.merged_into = Some(survivor);

    let told = at(&ada, "2026-03-01T00:00:00Z");

    assert_eq!(
        (told.engagements.len(), told.display_name.as_str(), told.mail.as_str()),
        (0, "", "")
    );
    assert_eq!(told.kin.merged_into, Some(survivor));
    assert!(told.tells_something());
}

#[test]
fn kin_makes_another_content_and_nobody_elses_content_changes() {
    let mut ada = hired(&[("2026-01-05", "")]);
    let alone = at(&ada, "2026-03-01T00:00:00Z");
    assert!(!canonical::json(&alone).contains("\"kin\""));

    ada.kin.merged.insert("018f0000-0000-7000-8000-00000000000b".parse().unwrap());
    let both = at(&ada, "2026-03-01T00:00:00Z");

    assert_eq!(both.engagements, alone.engagements);
    assert_ne!(both.digest(), alone.digest());
}

fn at(timeline: &Timeline, now: &str) -> Lifecycle {
    let zone = TimeZone::get("America/New_York").unwrap();
    lifecycle(timeline, &zone, now.parse().unwrap())
}

/// An engagement without an end, with a slice from each of these days on.
fn hired(slices: &[(&str, &str)]) -> Timeline {
    let id = "018f0000-0000-7000-8000-00000000000e".parse().unwrap();
    Timeline {
        zone: None,
        held_since: None,
        kin: Kin::default(),
        engagements: vec![Engagement {
            id,
            start: date("2026-01-05"),
            last_working_day: None,
            termination_date: None,
            ends_at: None,
            quiet_through: None,
        }],
        slices: slices
            .iter()
            .map(|(from, attributes)| Slice {
                engagement: id,
                from: date(from),
                until: None,
                attributes: attributes
                    .split(", ")
                    .filter_map(|attribute| attribute.split_once('='))
                    .map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())))
                    .collect::<Attributes>(),
                manager: None,
            })
            .collect(),
    }
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}
