use std::collections::BTreeSet;

use domain::{Date, EngagementId, Kin, Lane, PersonId, Timestamp, Value, Version};
use jiff::tz::TimeZone;
use proto::prost::Message as _;
use uuid::Uuid;

use super::*;

mod authority;
mod city;
mod fold;

/// One worker of one source, told by file after file.
#[derive(Default)]
struct Worker {
    timeline: Timeline,
    facts: Vec<Fact>,
    second: i64,
    ids: u128,
    quiet: bool,
}

impl Worker {
    /// Compares with a full file of the day.
    fn full(&mut self, day: &str, rows: &[Row]) -> Option<Change> {
        self.read(day, Contract::Full, rows)
    }

    fn partial(&mut self, day: &str, rows: &[Row]) -> Option<Change> {
        self.read(day, Contract::Partial, rows)
    }

    fn read(&mut self, day: &str, contract: Contract, rows: &[Row]) -> Option<Change> {
        let listing = Listing {
            source: "city",
            worker_id: "ada",
            snapshot_date: date(day),
            sequence: sequence_of_day(date(day)),
            recorded_at: self.now(),
            contract,
            quiet: self.quiet,
            supplement: false,
            rows,
        };
        let known = Known { timeline: self.timeline.clone(), facts: self.facts.clone() };
        let update = compare(&known, &listing, || {
            self.ids += 1;
            EngagementId(Uuid::from_u128(self.ids))
        })?;
        self.facts.extend(update.facts);
        self.timeline = update.timeline;
        Some(update.change)
    }

    /// Instants at which one thing after the other becomes known.
    fn now(&mut self) -> Timestamp {
        self.second += 1;
        Timestamp::from_second(self.second).unwrap()
    }

    /// Somebody says something else.
    fn say(&mut self, engagement: EngagementId, claims: Vec<Claim>) {
        let recorded_at = self.now();
        let sequence = sequence_at(recorded_at);
        let number = next_number(&self.facts);
        self.facts.push(Fact { engagement, sequence, recorded_at, number, claims });
        self.timeline = fold(&self.facts);
    }

    /// The timeline in one line for each engagement: `key start..end [from title, from title]`.
    fn told(&self) -> Vec<String> {
        let engagement = |engagement: &Engagement| {
            let slices: Vec<_> = engagement
                .slices
                .iter()
                .map(|slice| format!("{} {}", slice.from, slice.attributes["title"]))
                .collect();
            let end = engagement.last_working_day.map(|day| day.to_string()).unwrap_or_default();
            format!("{} {}..{end} [{}]", engagement.key, engagement.start_date, slices.join(", "))
        };
        self.assert_without_gaps();
        self.timeline.engagements.iter().map(engagement).collect()
    }

    fn assert_without_gaps(&self) {
        for engagement in &self.timeline.engagements {
            assert_eq!(engagement.slices[0].from, engagement.start_date);
            assert_eq!(engagement.slices.last().unwrap().until, None);
            for pair in engagement.slices.windows(2) {
                assert_eq!(pair[0].until, Some(pair[1].from));
                assert!(pair[0].from < pair[1].from);
            }
        }
    }
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn row(key: &str, start: &str, title: &str) -> Row {
    Row {
        line: 2,
        worker_id: "ada".to_owned(),
        engagement_key: key.to_owned(),
        effective_date: None,
        start_date: (!start.is_empty()).then(|| date(start)),
        last_working_day: None,
        termination_date: None,
        manager: None,
        identity: None,
        zone: None,
        locked: false,
        attributes: [("title".to_owned(), Value::Text(title.to_owned()))].into(),
        features: std::collections::BTreeMap::new(),
        unrehirable: false,
        marks: None,
    }
}

fn ending(row: Row, last_working_day: &str) -> Row {
    Row { last_working_day: Some(date(last_working_day)), ..row }
}

#[test]
fn a_joiner_has_their_attributes_from_the_first_day() {
    let mut ada = Worker::default();

    let change = ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);

    assert_eq!(change, Some(Change::Joined));
    assert_eq!(ada.told(), ["parks 1986-01-06.. [1986-01-06 CLERK]"]);
}

#[test]
fn a_missing_start_is_the_first_snapshot_date_and_stays_it() {
    let mut ada = Worker::default();

    ada.full("2012-06-30", &[row("parks", "", "CLERK")]);
    let later = ada.full("2013-06-30", &[row("parks", "", "CLERK")]);

    assert_eq!(later, None);
    assert_eq!(ada.told(), ["parks 2012-06-30.. [2012-06-30 CLERK]"]);
}

#[test]
fn the_same_file_again_is_no_news() {
    let mut ada = Worker::default();
    let rows = [row("parks", "1986-01-06", "CLERK"), row("pools", "1986-01-06", "GUARD")];
    ada.full("2012-06-30", &rows);
    let before = ada.told();

    assert_eq!(ada.full("2012-06-30", &rows), None);
    assert_eq!(ada.full("2012-06-30", &[rows[1].clone(), rows[0].clone()]), None);
    assert_eq!(ada.told(), before);
}

#[test]
fn a_changed_attribute_holds_from_the_snapshot_date() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);

    let change = ada.full("2013-06-30", &[row("parks", "1986-01-06", "CHIEF")]);

    assert_eq!(change, Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 1986-01-06.. [1986-01-06 CLERK, 2013-06-30 CHIEF]"]);
}

#[test]
fn a_second_file_of_one_day_replaces_what_the_first_said() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.full("2013-06-30", &[row("parks", "1986-01-06", "CHEF")]);

    ada.full("2013-06-30", &[row("parks", "1986-01-06", "CHIEF")]);
    assert_eq!(ada.told(), ["parks 1986-01-06.. [1986-01-06 CLERK, 2013-06-30 CHIEF]"]);

    ada.full("2013-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    assert_eq!(ada.told(), ["parks 1986-01-06.. [1986-01-06 CLERK]"]);
}

#[test]
fn a_future_start_is_kept_and_corrected_before_it_comes() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "2012-09-01", "CLERK")]);
    assert_eq!(ada.told(), ["parks 2012-09-01.. [2012-09-01 CLERK]"]);

    let change = ada.full("2012-07-31", &[row("parks", "2012-10-01", "CHIEF")]);

    assert_eq!(change, Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 2012-10-01.. [2012-10-01 CHIEF]"]);
}

#[test]
fn a_corrected_start_moves_the_first_slice() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "2012-01-01", "CLERK")]);
    ada.full("2012-07-31", &[row("parks", "2012-01-01", "CHIEF")]);

    ada.full("2012-08-31", &[row("parks", "2011-12-01", "CHIEF")]);
    assert_eq!(ada.told(), ["parks 2011-12-01.. [2011-12-01 CLERK, 2012-07-31 CHIEF]"]);

    ada.full("2012-08-31", &[row("parks", "2012-08-01", "CHIEF")]);
    assert_eq!(ada.told(), ["parks 2012-08-01.. [2012-08-01 CHIEF]"]);
}

#[test]
fn a_workers_only_engagement_goes_on_under_another_key() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);

    assert_eq!(ada.full("2013-06-30", &[row("pools", "1986-01-06", "CLERK")]), None, "a key alone");
    let moved = ada.full("2013-07-01", &[row("pools", "1986-01-06", "GUARD")]);

    assert_eq!(moved, Some(Change::Changed));
    assert_eq!(ada.told(), ["pools 1986-01-06.. [1986-01-06 CLERK, 2013-07-01 GUARD]"]);
    assert_eq!(ada.full("2014-06-30", &[row("pools", "1986-01-06", "GUARD")]), None);
}

#[test]
fn an_engagement_with_another_start_is_another_one() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);

    ada.full("2013-06-30", &[row("pools", "1985-03-01", "GUARD")]);

    assert_eq!(
        ada.told(),
        [
            "parks 1986-01-06..2013-06-29 [1986-01-06 CLERK]",
            "pools 2013-06-30.. [2013-06-30 GUARD]",
        ]
    );
    ada.full("2014-06-30", &[row("pools", "1985-03-02", "GUARD")]);
    assert_eq!(ada.told()[1], "pools 2013-06-30.. [2013-06-30 GUARD]");
}

#[test]
fn a_second_engagement_with_a_start_of_its_own_begins_on_it() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "2010-01-01", "CLERK")]);

    let rows = [row("parks", "2010-01-01", "CLERK"), row("pools", "2013-05-01", "GUARD")];
    ada.full("2013-06-30", &rows);

    assert_eq!(ada.told()[1], "pools 2013-05-01.. [2013-05-01 GUARD]");
}

#[test]
fn who_is_missing_from_a_full_file_worked_until_the_day_before() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);

    assert_eq!(ada.full("2013-06-30", &[]), Some(Change::Left));
    assert_eq!(ada.told(), ["parks 1986-01-06..2013-06-29 [1986-01-06 CLERK]"]);
    assert_eq!(ada.full("2014-06-30", &[]), None);
}

#[test]
fn who_is_missing_from_a_partial_file_is_unchanged() {
    let mut ada = Worker::default();
    let rows = [row("parks", "1986-01-06", "CLERK"), row("pools", "1986-01-06", "GUARD")];
    ada.full("2012-06-30", &rows);

    assert_eq!(ada.partial("2013-06-30", &[]), None);
    assert_eq!(ada.partial("2013-06-30", &rows[..1]), None);
    assert_eq!(
        ada.partial("2013-06-30", &[row("parks", "1986-01-06", "CHIEF")]),
        Some(Change::Changed)
    );
}

#[test]
fn two_engagements_end_one_at_a_time_and_the_person_leaves_with_the_last() {
    let mut ada = Worker::default();
    let rows = [row("parks", "1986-01-06", "CLERK"), row("pools", "1986-01-06", "GUARD")];
    ada.full("2012-06-30", &rows);
    let utc = TimeZone::UTC;
    let late: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();

    assert_eq!(ada.full("2013-06-30", &rows[1..]), Some(Change::Changed));
    assert_eq!(lane(&ada.timeline, late, &utc), Lane::Regular);
    assert_eq!(ada.full("2014-06-30", &[]), Some(Change::Left));
    assert_eq!(lane(&ada.timeline, late, &utc), Lane::Leaver);

    assert_eq!(
        ada.told(),
        [
            "parks 1986-01-06..2013-06-29 [1986-01-06 CLERK]",
            "pools 1986-01-06..2014-06-29 [1986-01-06 GUARD]",
        ]
    );
}

#[test]
fn a_rehire_is_another_engagement_and_the_history_stays() {
    let mut ada = Worker::default();
    let clerk = row("parks", "1986-01-06", "CLERK");
    ada.full("2012-06-30", std::slice::from_ref(&clerk));
    ada.full("2013-06-30", &[]);

    let change = ada.full("2014-06-30", &[row("parks", "1986-01-06", "CHIEF")]);

    assert_eq!(change, Some(Change::Rehired));
    assert_eq!(
        ada.told(),
        [
            "parks 1986-01-06..2013-06-29 [1986-01-06 CLERK]",
            "parks 2014-06-30.. [2014-06-30 CHIEF]",
        ]
    );
    let engagements = &ada.timeline.engagements;
    assert_ne!(engagements[0].id, engagements[1].id);
    assert_eq!(ada.full("2015-06-30", &[row("parks", "1986-01-06", "CHIEF")]), None);
    assert_eq!(ada.full("2016-06-30", &[]), Some(Change::Left));
    assert_eq!(ada.told()[1], "parks 2014-06-30..2016-06-29 [2014-06-30 CHIEF]");
}

#[test]
fn a_rehire_with_a_start_of_its_own_begins_on_it() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.full("2013-06-30", &[]);

    assert_eq!(
        ada.full("2014-06-30", &[row("pools", "2014-03-01", "GUARD")]),
        Some(Change::Rehired)
    );
    assert_eq!(ada.told()[1], "pools 2014-03-01.. [2014-03-01 GUARD]");
}

#[test]
fn a_corrected_file_of_the_same_day_withdraws_an_absence() {
    let mut ada = Worker::default();
    let rows = [row("parks", "1986-01-06", "CLERK")];
    ada.full("2012-06-30", &rows);
    let before = ada.timeline.clone();
    ada.full("2013-06-30", &[]);

    assert_eq!(ada.full("2013-06-30", &rows), Some(Change::Changed));
    assert_eq!(ada.timeline, before);
}

#[test]
fn a_joiner_who_vanishes_before_the_first_day_never_begins() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "2012-09-01", "CLERK")]);

    assert_eq!(ada.full("2012-07-31", &[]), Some(Change::Left));
    assert_eq!(ada.told(), ["parks 2012-09-01..2012-07-30 [2012-09-01 CLERK]"]);
}

#[test]
fn a_stated_end_is_taken_over_corrected_and_withdrawn() {
    let mut ada = Worker::default();
    let clerk = || row("parks", "2010-01-01", "CLERK");
    ada.full("2012-06-30", &[clerk()]);

    assert_eq!(ada.full("2012-07-31", &[ending(clerk(), "2012-09-30")]), Some(Change::Changed));
    ada.full("2012-08-31", &[ending(clerk(), "2012-08-31")]);
    assert_eq!(ada.told(), ["parks 2010-01-01..2012-08-31 [2010-01-01 CLERK]"]);
    assert_eq!(ada.full("2012-09-15", &[clerk()]), Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 2010-01-01.. [2010-01-01 CLERK]"]);
}

#[test]
fn who_is_listed_on_with_a_past_end_has_left_once() {
    let mut ada = Worker::default();
    let clerk = row("parks", "2010-01-01", "CLERK");
    ada.full("2012-06-30", std::slice::from_ref(&clerk));
    let left = ending(clerk, "2012-07-15");

    assert_eq!(ada.full("2012-07-31", std::slice::from_ref(&left)), Some(Change::Left));
    assert_eq!(ada.full("2012-08-31", std::slice::from_ref(&left)), None);
    assert_eq!(ada.full("2012-09-30", &[]), None);
    let back = row("parks", "2012-10-01", "CHIEF");
    assert_eq!(ada.full("2012-10-31", &[back]), Some(Change::Rehired));
    assert_eq!(
        ada.told(),
        [
            "parks 2010-01-01..2012-07-15 [2010-01-01 CLERK]",
            "parks 2012-10-01.. [2012-10-01 CHIEF]",
        ]
    );
}

#[test]
fn an_absence_is_corrected_by_the_last_day_that_a_later_file_states() {
    let mut ada = Worker::default();
    let clerk = row("parks", "2010-01-01", "CLERK");
    ada.full("2012-06-30", std::slice::from_ref(&clerk));
    ada.full("2012-07-31", &[]);

    assert_eq!(ada.full("2012-08-31", &[ending(clerk, "2012-07-10")]), Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 2010-01-01..2012-07-10 [2010-01-01 CLERK]"]);
}

#[test]
fn engagements_of_other_sources_and_workers_are_left_alone() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "2010-01-01", "CLERK")]);
    for (source, worker) in [("county", "ada"), ("city", "ada lovelace")] {
        let begun = Claim::Begun {
            source: source.to_owned(),
            worker_id: worker.to_owned(),
            quiet_through: None,
            supplement: false,
        };
        let start = Claim::Start { date: date("2010-01-01"), stated: None };
        let id = EngagementId(Uuid::from_u128(1_000 + u128::from(source == "city")));
        ada.say(id, vec![begun, Claim::Key("parks".to_owned()), start]);
    }

    assert_eq!(ada.full("2013-06-30", &[]), Some(Change::Changed));

    let ended: Vec<_> = ada.timeline.engagements.iter().map(|e| e.over_before(Date::MAX)).collect();
    assert_eq!(ended, [true, false, false]);
}

#[test]
fn beyond_two_hundred_slices_the_oldest_merge_away() {
    let mut ada = Worker::default();
    let mut day = date("2012-06-30");
    for count in 0..260 {
        let title = format!("CLERK {count}");
        ada.partial(&day.to_string(), &[row("parks", "1986-01-06", &title)]);
        day = day.tomorrow().unwrap();
    }
    let last = day.yesterday().unwrap().to_string();

    ada.assert_without_gaps();
    let slices = &ada.timeline.engagements[0].slices;
    assert_eq!(slices.len(), SLICES_MAX);
    assert_eq!(slices[0].attributes["title"], Value::Text("CLERK 60".to_owned()));
    assert_eq!(slices[199].attributes["title"], Value::Text("CLERK 259".to_owned()));
    assert_eq!(ada.partial(&last, &[row("parks", "1986-01-06", "CLERK 259")]), None);
}

#[test]
fn beyond_two_hundred_engagements_the_earliest_that_are_over_go() {
    let mut ada = Worker::default();
    let mut day = date("2012-06-30");
    for count in 0..250 {
        let day_text = day.to_string();
        ada.full(&day_text, &[row(&format!("job {count}"), &day_text, "CLERK")]);
        day = day.tomorrow().unwrap();
    }

    let engagements = &ada.timeline.engagements;
    assert_eq!(engagements.len(), SLICES_MAX);
    assert_eq!(engagements[0].key, "job 50");
    assert_eq!(engagements[199].last_working_day, None);
}

#[test]
fn the_lane_is_leaver_from_the_end_of_the_last_working_day_in_the_zone() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[ending(row("parks", "2010-01-01", "CLERK"), "2012-07-31")]);
    let zone = TimeZone::get("America/New_York").unwrap();
    let lane = |instant: &str| lane(&ada.timeline, instant.parse().unwrap(), &zone);

    assert_eq!(lane("2012-08-01T03:59:59Z"), Lane::Regular);
    assert_eq!(lane("2012-08-01T04:00:00Z"), Lane::Leaver);
    assert_eq!(super::lane(&Timeline::default(), Timestamp::MAX, &zone), Lane::Regular);
}

const NOBODYS: Kin = Kin { merged_into: None, merged: BTreeSet::new(), split: BTreeSet::new() };

fn announcement(timeline: &Timeline) -> Announcement<'_> {
    Announcement {
        person: PersonId(Uuid::from_u128(7)),
        version: Version { epoch: 1, counter: 3 },
        change: Change::Changed,
        lane: Lane::Regular,
        zone: "America/New_York",
        managers: const { &Managers::new() },
        recorded_at: "2013-06-30T12:00:00Z".parse().unwrap(),
        timeline,
        kin: const { &NOBODYS },
    }
}

#[test]
fn the_event_tells_the_whole_timeline() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.full("2013-06-30", &[ending(row("parks", "1986-01-06", "CHIEF"), "2013-12-31")]);

    let event = announcement(&ada.timeline).event("city", ["title"]).unwrap();

    let subject = proto::Event::subject(&event).unwrap();
    assert_eq!(subject.person, Some(PersonId(Uuid::from_u128(7))));
    assert_eq!(subject.version, Version { epoch: 1, counter: 3 });
    assert_eq!(event.change(), proto::hris::v1::ChangeKind::Changed);
    assert_eq!(event.zone, "America/New_York");
    let [engagement] = &event.engagements[..] else { panic!("{event:?}") };
    assert_eq!(engagement.last_working_day, Some(date("2013-12-31").into()));
    let [clerk, chief] = &event.slices[..] else { panic!("{event:?}") };
    assert_eq!(clerk.engagement_id, engagement.engagement_id);
    assert_eq!(clerk.until, Some(date("2013-06-30").into()));
    assert_eq!((chief.from, chief.until), (Some(date("2013-06-30").into()), None));
    assert_eq!(chief.attributes["title"], Value::Text("CHIEF".to_owned()).into());
}

#[test]
fn the_event_holds_published_attributes_only_and_joins_what_then_is_the_same() {
    let mut ada = Worker::default();
    for (day, salary) in [("2012-06-30", 1), ("2013-06-30", 2)] {
        let mut row = row("parks", "1986-01-06", "CLERK");
        row.attributes.insert("salary".to_owned(), Value::Integer(salary));
        ada.full(day, &[row]);
    }

    let event = announcement(&ada.timeline).event("city", ["title"]).unwrap();

    assert_eq!(event.slices.len(), 1);
    assert!(event.slices[0].until.is_none());
    assert_eq!(event.slices[0].attributes.keys().collect::<Vec<_>>(), ["title"]);
}

#[test]
fn an_event_that_would_be_too_large_loses_its_oldest_slices() {
    let mut ada = Worker::default();
    let mut day = date("2012-06-30");
    for count in 0..150 {
        let title = format!("{count} {}", "x".repeat(4_000));
        ada.partial(&day.to_string(), &[row("parks", "1986-01-06", &title)]);
        day = day.tomorrow().unwrap();
    }

    let event = announcement(&ada.timeline).event("city", ["title"]).unwrap();

    assert!(event.encoded_len() <= EVENT_BYTES_MAX);
    assert_eq!(event.slices.len(), 50);
    assert_eq!(event.slices[0].from, Some(date("1986-01-06").into()));
    let newest = &ada.timeline.engagements[0].slices[149].attributes["title"];
    assert_eq!(event.slices[49].attributes["title"], newest.clone().into());
}

#[test]
fn what_holds_at_present_is_never_cut_to_fit() {
    let mut ada = Worker::default();
    let title = "x".repeat(4_000);
    let rows: Vec<_> = (0..100)
        .map(|count| ending(row(&format!("job {count}"), "", &title), "2013-12-31"))
        .collect();
    ada.full("2013-06-29", &rows);

    let event = announcement(&ada.timeline).event("city", ["title"]);

    assert_eq!(event.unwrap_err(), Error::TooLarge { person: PersonId(Uuid::from_u128(7)) });
}

#[test]
fn a_timeline_survives_being_stored() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.full("2013-06-30", &[]);
    let json = serde_json::to_string(&ada.timeline).unwrap();
    assert_eq!(serde_json::from_str::<Timeline>(&json).unwrap(), ada.timeline);
}

#[test]
fn another_manager_is_news_from_the_snapshot_date_on() {
    let mut ada = Worker::default();
    let reporting = |manager: &str| Row {
        manager: Some(manager.to_owned()),
        ..row("parks", "1986-01-06", "CLERK")
    };
    ada.full("2012-06-30", &[reporting("7")]);

    let change = ada.full("2013-06-30", &[reporting("8")]);

    assert_eq!(change, Some(Change::Changed));
    let slices = &ada.timeline.engagements[0].slices;
    let managers: Vec<_> = slices.iter().map(|slice| slice.manager.as_deref()).collect();
    assert_eq!(managers, [Some("7"), Some("8")]);
    assert_eq!(ada.full("2013-06-30", &[reporting("8")]), None);

    let boss = PersonId(Uuid::from_u128(99));
    let managers = Managers::from([(("city".to_owned(), "8".to_owned()), boss)]);
    let announcement = Announcement { managers: &managers, ..announcement(&ada.timeline) };
    let event = announcement.event("city", ["title"]).unwrap();
    let told: Vec<_> = event.slices.iter().map(|slice| slice.manager_person_id.as_str()).collect();
    assert_eq!(told, ["", &boss.to_string()]);
}

#[test]
fn nobody_is_told_to_be_their_own_manager() {
    let mut ada = Worker::default();
    let own = Row { manager: Some("ada".to_owned()), ..row("parks", "1986-01-06", "CLERK") };
    ada.full("2012-06-30", &[own]);

    let this = PersonId(Uuid::from_u128(7));
    let managers = Managers::from([(("city".to_owned(), "ada".to_owned()), this)]);
    let announcement = Announcement { managers: &managers, ..announcement(&ada.timeline) };

    let event = announcement.event("city", ["title"]).unwrap();
    assert_eq!(event.slices[0].manager_person_id, "");
    assert_eq!(ada.timeline.engagements[0].slices[0].manager.as_deref(), Some("ada"));
}

#[test]
fn what_begins_with_a_quiet_file_stays_quiet_and_what_begins_later_is_told() {
    let mut ada = Worker { quiet: true, ..Worker::default() };
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.quiet = false;

    ada.full("2013-06-30", &[row("parks", "1986-01-06", "CHIEF"), row("pools", "", "GUARD")]);

    let quiet: Vec<_> = ada.timeline.engagements.iter().map(|one| one.quiet_through).collect();
    assert_eq!(quiet, [Some(date("2012-06-30")), None]);
}

#[test]
fn a_hire_and_a_leave_ahead_change_nothing_today_and_can_be_taken_back() {
    let mut ada = Worker::default();

    let ahead = ada.full("2012-06-30", &[row("parks", "2012-07-05", "CLERK")]);
    let moved = ada.full("2012-07-02", &[row("parks", "2012-07-16", "CLERK")]);
    assert_eq!((ahead, moved), (Some(Change::Joined), Some(Change::Changed)));
    assert_eq!(ada.told(), ["parks 2012-07-16.. [2012-07-16 CLERK]"]);

    let notice = ending(row("parks", "2012-07-16", "CLERK"), "2012-09-28");
    let notice = Row { termination_date: Some(date("2012-09-30")), ..notice };
    assert_eq!(ada.full("2012-08-01", &[notice]), Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 2012-07-16..2012-09-28 [2012-07-16 CLERK]"]);

    let rescinded = ada.full("2012-09-01", &[row("parks", "2012-07-16", "CLERK")]);
    assert_eq!(rescinded, Some(Change::Changed));
    assert_eq!(ada.told(), ["parks 2012-07-16.. [2012-07-16 CLERK]"]);
    assert_eq!(ada.timeline.engagements[0].termination_date, None);
}

#[test]
fn no_file_lifts_what_an_operator_ended() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    let now: Timestamp = "2012-07-02T09:00:00Z".parse().unwrap();
    ada.say(ada.timeline.engagements[0].id, vec![Claim::EndsAt(Some(now))]);
    let zone = TimeZone::get("America/New_York").unwrap();

    ada.full("2012-07-03", &[row("parks", "1986-01-06", "CHIEF")]);

    assert_eq!(ada.timeline.engagements[0].ends_at, Some(now));
    assert_eq!(lane(&ada.timeline, now, &zone), Lane::Leaver);
    let event = announcement(&ada.timeline).event("city", ["title"]).unwrap();
    assert_eq!(event.engagements[0].ends_at, Some(now.into()));

    // A rehire after the leave that HR states is another engagement, which nobody ended.
    ada.full("2012-07-04", &[]);
    ada.full("2012-08-01", &[row("parks", "2012-08-01", "CLERK")]);
    let ends: Vec<_> = ada.timeline.engagements.iter().map(|one| one.ends_at).collect();
    assert_eq!(ends, [Some(now), None]);
}

#[test]
fn a_persons_zone_is_that_of_the_engagement_at_work_then_of_the_next_then_of_the_last() {
    let mut ada = Worker::default();
    let at = |key: &str, start: &str, last: &str, zone: &str| Row {
        zone: Some(zone.to_owned()),
        ..ending(row(key, start, "CLERK"), last)
    };
    ada.full(
        "2012-01-01",
        &[
            at("parks", "2012-02-01", "2012-03-31", "Asia/Tokyo"),
            at("pools", "2012-05-01", "2012-06-30", "Europe/Berlin"),
        ],
    );

    let zone = |day: &str| zone_name(&ada.timeline, date(day), "UTC");

    assert_eq!(zone("2012-01-15"), "Asia/Tokyo");
    assert_eq!(zone("2012-03-31"), "Asia/Tokyo");
    assert_eq!(zone("2012-04-01"), "Europe/Berlin");
    assert_eq!(zone("2012-09-01"), "Europe/Berlin");
    assert_eq!(zone_name(&Timeline::default(), date("2012-01-15"), "UTC"), "UTC");
}
