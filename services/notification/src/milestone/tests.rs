use std::fmt::Write as _;

use domain::{EngagementId, PersonId};
use expect_test::{Expect, expect};
use uuid::Uuid;

use super::*;
use crate::standing::{End, Engagement, Position};

const LEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A person, what was told, and the day on which one looks.
struct Case {
    standing: Standing,
    settlement: Option<Settlement>,
    accounts: BTreeMap<String, Held>,
    told: Vec<Told>,
}

fn at(text: &str) -> Timestamp {
    if text.contains('T') {
        text.parse().unwrap()
    } else {
        format!("{text}T00:00:00Z").parse().unwrap()
    }
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn manager(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn position(from: &str, title: &str, boss: u128) -> Position {
    Position {
        from: date(from),
        from_at: at(from),
        title: title.to_owned(),
        department: "Bridges".to_owned(),
        location: String::new(),
        manager: (boss > 0).then(|| manager(boss)),
    }
}

/// From a day on, under manager 7.
fn engagement(number: u128, start: &str) -> Engagement {
    Engagement {
        id: EngagementId(Uuid::from_u128(number)),
        start_date: date(start),
        starts_at: at(start),
        end: None,
        quiet_through: None,
        positions: vec![position(start, "Engineer", 7)],
    }
}

/// Until the end of a day.
fn until(last: &str) -> Option<End> {
    let last_working_day = date(last);
    let next = last_working_day.tomorrow().unwrap().to_string();
    Some(End { last_working_day, ends_at: at(&next) })
}

impl Case {
    fn of(engagements: Vec<Engagement>) -> Self {
        Self {
            standing: Standing {
                display_name: "Ada".to_owned(),
                mail: String::new(),
                person_version: Version { epoch: 1, counter: 1 },
                evaluated_at: at("2026-01-01"),
                lane: Lane::Regular,
                engagements,
                kin: domain::Kin::default(),
            },
            settlement: None,
            accounts: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn decide(&self, now: &str) -> Decision {
        let facts = Facts {
            standing: &self.standing,
            settlement: self.settlement.as_ref(),
            accounts: &self.accounts,
        };
        milestones(facts, &self.told, at(now), LEAD)
    }

    /// Looks on each of these days, and counts everything that is due as told.
    fn tell(&mut self, days: &[&str]) -> String {
        let mut table = String::new();
        for day in days {
            let decision = self.decide(day);
            for canceled in &decision.canceled {
                let told = self.told.iter_mut().find(|told| told.id == *canceled).unwrap();
                told.state = State::Canceled;
                writeln!(table, "{day} canceled {}", shown(&told.key)).unwrap();
            }
            for due in decision.due {
                let late = due.exposed_until.map(|until| format!(" exposed until {until}"));
                let quiet = if due.suppressed { " suppressed" } else { "" };
                let key = shown(&due.key);
                writeln!(table, "{day} {key}{quiet}{}", late.unwrap_or_default()).unwrap();
                let state = if due.suppressed { State::Suppressed } else { State::Sent };
                self.told.push(self.notice(due.key, state, day));
            }
        }
        table
    }

    fn notice(&self, key: Key, state: State, day: &str) -> Told {
        let id = Uuid::from_u128(u128::try_from(self.told.len()).unwrap());
        Told { id: NoticeId(id), key, state, at: at(day) }
    }

    fn settled(&mut self, person_counter: i64, open: u32) {
        let version = Version { epoch: 1, counter: 1 };
        let person_version = Version { epoch: 1, counter: person_counter };
        self.settlement = Some(Settlement { version, person_version, open, failed: 0, tasks: 0 });
    }

    fn holds(&mut self, application: &str) {
        self.accounts.insert(application.to_owned(), Held { closed_at: None, owned: true });
    }
}

fn shown(key: &Key) -> String {
    let recipient = match &key.recipient {
        Recipient::Manager(Some(manager)) => format!("manager {}", manager.0.as_u128()),
        Recipient::Manager(None) => "manager ?".to_owned(),
        Recipient::Owner(application) => format!("owner of {application}"),
    };
    let engagement = key.engagement.0.as_u128();
    format!("{} of {engagement} on {} to {recipient}", key.template, key.date)
}

#[track_caller]
fn check(case: &mut Case, days: &[&str], expected: Expect) {
    let table = case.tell(days);
    expected.assert_eq(&table);
    let last = days.last().unwrap();
    assert_eq!(case.tell(&[last]), "", "what was told is told once");
}

#[test]
fn a_hire_is_announced_within_the_lead_and_not_before() {
    let mut case = Case::of(vec![engagement(1, "2026-03-16")]);
    case.holds("crm");
    assert_eq!(case.decide("2026-02-01").next, Some(at("2026-03-02")));

    check(
        &mut case,
        &["2026-02-01", "2026-03-01", "2026-03-02", "2026-03-16"],
        expect![[r#"
        2026-03-02 joining of 1 on 2026-03-16 to manager 7
        2026-03-02 joining of 1 on 2026-03-16 to owner of crm
    "#]],
    );
}

#[test]
fn a_hire_entered_late_is_told_however_late() {
    let mut case = Case::of(vec![engagement(1, "2026-03-16")]);
    case.holds("crm");

    check(
        &mut case,
        &["2026-05-20"],
        expect![[r#"
        2026-05-20 joining of 1 on 2026-03-16 to manager 7
        2026-05-20 joining of 1 on 2026-03-16 to owner of crm
    "#]],
    );
}

#[test]
fn a_recipient_who_comes_after_the_lead_does_not_hear_of_old_news() {
    let mut case = Case::of(vec![engagement(1, "2026-03-16")]);
    check(
        &mut case,
        &["2026-03-10"],
        expect![[r#"
        2026-03-10 joining of 1 on 2026-03-16 to manager 7
    "#]],
    );

    case.holds("crm");
    check(
        &mut case,
        &["2026-03-20"],
        expect![[r#"
        2026-03-20 joining of 1 on 2026-03-16 to owner of crm
    "#]],
    );

    case.holds("wiki");
    check(&mut case, &["2026-04-01"], expect![""]);
}

#[test]
fn a_start_that_moved_is_told_anew_and_the_unsent_one_is_canceled() {
    let mut case = Case::of(vec![engagement(1, "2026-03-16")]);
    let due = case.decide("2026-03-10").due.remove(0);
    let pending = case.notice(due.key, State::Pending, "2026-03-10");
    case.told.push(pending);

    case.standing.engagements = vec![engagement(1, "2026-03-23")];
    check(
        &mut case,
        &["2026-03-11"],
        expect![[r#"
        2026-03-11 canceled joining of 1 on 2026-03-16 to manager 7
        2026-03-11 joining of 1 on 2026-03-23 to manager 7
    "#]],
    );

    case.standing.engagements = vec![engagement(1, "2026-03-16")];
    check(
        &mut case,
        &["2026-03-12"],
        expect![[r#"
        2026-03-12 joining of 1 on 2026-03-16 to manager 7
    "#]],
    );
}

#[test]
fn access_is_ready_once_everything_of_this_timeline_is_settled() {
    let mut case = Case::of(vec![engagement(1, "2026-03-16")]);
    case.tell(&["2026-03-10"]);

    case.settled(1, 2);
    check(&mut case, &["2026-03-10"], expect![""]);
    case.settled(0, 0);
    check(&mut case, &["2026-03-10"], expect![""]);
    case.settled(1, 0);
    check(
        &mut case,
        &["2026-02-10", "2026-03-10"],
        expect![[r#"
        2026-03-10 access_ready of 1 on 2026-03-16 to manager 7
    "#]],
    );
}

#[test]
fn a_move_is_told_to_the_old_and_the_new_manager_on_its_day() {
    let mut moved = engagement(1, "2020-01-01");
    moved.positions.push(position("2026-03-16", "Captain", 8));
    moved.positions.push(Position {
        location: "elsewhere".to_owned(),
        ..position("2026-04-16", "Captain", 8)
    });
    moved.positions.push(position("2026-05-16", "Major", 8));
    let mut case = Case::of(vec![moved]);
    case.tell(&["2020-01-01"]);
    assert_eq!(case.decide("2026-03-15").next, Some(at("2026-03-16")));

    check(
        &mut case,
        &["2026-03-15", "2026-03-16", "2026-04-20", "2026-05-16"],
        expect![[r#"
        2026-03-16 moved of 1 on 2026-03-16 to manager 7
        2026-03-16 moved of 1 on 2026-03-16 to manager 8
        2026-05-16 moved of 1 on 2026-05-16 to manager 8
    "#]],
    );
}

#[test]
fn a_leaver_is_told_ahead_and_when_it_is_over() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.holds("crm");
    case.tell(&["2020-01-01"]);
    case.standing.engagements[0].end = until("2026-03-31");
    assert_eq!(case.decide("2026-03-01").next, Some(at("2026-04-01")));

    check(
        &mut case,
        &["2026-03-01", "2026-03-31", "2026-04-01"],
        expect![[r#"
        2026-03-01 leaving of 1 on 2026-03-31 to manager 7
        2026-03-01 leaving of 1 on 2026-03-31 to owner of crm
        2026-04-01 left of 1 on 2026-03-31 to manager 7
        2026-04-01 left of 1 on 2026-03-31 to owner of crm
    "#]],
    );
    assert_eq!(case.decide("2026-04-01").next, None);
}

#[test]
fn a_leaver_recorded_late_is_told_with_the_time_of_exposure() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.tell(&["2020-01-01"]);
    case.standing.engagements[0].end = until("2026-03-31");
    case.standing.evaluated_at = at("2026-04-05T08:00:00Z");

    check(
        &mut case,
        &["2026-04-05T08:00:01Z"],
        expect![[r#"
        2026-04-05T08:00:01Z left of 1 on 2026-03-31 to manager 7 exposed until 2026-04-05T08:00:00Z
    "#]],
    );
}

#[test]
fn an_owner_whose_account_was_closed_with_the_leaver_is_told_and_one_of_long_ago_is_not() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.tell(&["2020-01-01"]);
    case.standing.engagements[0].end = until("2026-03-31");
    for (application, closed_at) in [("crm", "2026-04-01"), ("wiki", "2025-04-01")] {
        let held = Held { closed_at: Some(at(closed_at)), owned: true };
        case.accounts.insert(application.to_owned(), held);
    }

    check(
        &mut case,
        &["2026-04-01"],
        expect![[r#"
        2026-04-01 left of 1 on 2026-03-31 to manager 7
        2026-04-01 left of 1 on 2026-03-31 to owner of crm
    "#]],
    );
}

#[test]
fn owners_are_not_told_of_an_end_that_another_engagement_outlives() {
    let mut first = engagement(1, "2020-01-01");
    first.end = until("2026-03-31");
    let mut case = Case::of(vec![first, engagement(2, "2026-04-02")]);
    case.holds("crm");
    case.tell(&["2020-01-01"]);

    check(
        &mut case,
        &["2026-03-25"],
        expect![[r#"
        2026-03-25 joining of 2 on 2026-04-02 to manager 7
        2026-03-25 joining of 2 on 2026-04-02 to owner of crm
    "#]],
    );
}

#[test]
fn a_return_after_a_gap_is_a_rehire() {
    let mut first = engagement(1, "2020-01-01");
    first.end = until("2021-03-31");
    let mut case = Case::of(vec![first, engagement(2, "2026-03-16")]);
    case.tell(&["2021-05-01"]);

    check(
        &mut case,
        &["2026-03-10"],
        expect![[r#"
        2026-03-10 rehired of 2 on 2026-03-16 to manager 7
    "#]],
    );
    case.standing.engagements.remove(0);
    check(&mut case, &["2026-03-11"], expect![""]);
}

#[test]
fn an_end_that_is_withdrawn_is_told_to_whom_it_was_told() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.holds("crm");
    case.tell(&["2020-01-01"]);
    case.standing.engagements[0].end = until("2026-03-31");
    case.tell(&["2026-03-01"]);
    case.holds("wiki");

    case.standing.engagements[0].end = None;
    check(
        &mut case,
        &["2026-03-02"],
        expect![[r#"
        2026-03-02 leaving_withdrawn of 1 on 2026-03-31 to manager 7
        2026-03-02 leaving_withdrawn of 1 on 2026-03-31 to owner of crm
    "#]],
    );
}

#[test]
fn an_end_that_nobody_heard_of_is_withdrawn_in_silence() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.tell(&["2020-01-01"]);
    case.standing.engagements[0].end = until("2026-03-31");
    let due = case.decide("2026-03-01").due.remove(0);
    let pending = case.notice(due.key, State::Pending, "2026-03-01");
    case.told.push(pending);

    case.standing.engagements[0].end = None;
    check(
        &mut case,
        &["2026-03-02"],
        expect![[r#"
        2026-03-02 canceled leaving of 1 on 2026-03-31 to manager 7
    "#]],
    );
}

#[test]
fn a_last_working_day_that_moves_and_returns_is_told_each_time() {
    let mut case = Case::of(vec![engagement(1, "2020-01-01")]);
    case.tell(&["2020-01-01"]);
    let mut table = String::new();
    for (day, last) in [
        ("2026-03-01", "2026-03-31"),
        ("2026-03-02", "2026-04-30"),
        ("2026-03-03", "2026-03-31"),
        ("2026-03-04", "2026-03-31"),
    ] {
        case.standing.engagements[0].end = until(last);
        table += &case.tell(&[day]);
    }
    expect![[r#"
        2026-03-01 leaving of 1 on 2026-03-31 to manager 7
        2026-03-02 leaving of 1 on 2026-04-30 to manager 7
        2026-03-03 leaving_again of 1 on 2026-03-31 to manager 7
    "#]]
    .assert_eq(&table);
}

#[test]
fn history_that_was_taken_over_is_suppressed_and_what_follows_is_told() {
    let mut taken = engagement(1, "2020-01-01");
    taken.quiet_through = Some(date("2026-03-01"));
    taken.positions.push(position("2022-01-01", "Captain", 8));
    taken.positions.push(position("2026-03-16", "Major", 9));
    let mut case = Case::of(vec![taken]);
    case.holds("crm");
    case.settled(1, 0);

    check(
        &mut case,
        &["2026-03-02", "2026-03-16"],
        expect![[r#"
        2026-03-02 joining of 1 on 2020-01-01 to manager 7 suppressed
        2026-03-02 access_ready of 1 on 2020-01-01 to manager 7 suppressed
        2026-03-02 moved of 1 on 2022-01-01 to manager 7 suppressed
        2026-03-16 moved of 1 on 2026-03-16 to manager 8
        2026-03-16 moved of 1 on 2026-03-16 to manager 9
    "#]],
    );
}

#[test]
fn without_a_manager_the_notice_is_still_made() {
    let mut alone = engagement(1, "2026-03-16");
    alone.positions.clear();
    let mut case = Case::of(vec![alone]);

    check(
        &mut case,
        &["2026-03-10"],
        expect![[r#"
        2026-03-10 joining of 1 on 2026-03-16 to manager ?
    "#]],
    );
}
