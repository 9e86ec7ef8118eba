use std::collections::BTreeMap;

use super::*;
use crate::mapping::{Authority, Role};

const TODAY: &str = "2026-06-01";

/// A day, and what holds from then on.
type From<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// An engagement of a source from a day on, with attributes from each of some days on.
fn engagement(id: u128, source: &str, slices: &[From<'_>]) -> Engagement {
    let untils = slices.iter().skip(1).map(|(from, _)| Some(date(from))).chain([None]);
    let slice = |((from, attributes), until): (&From<'_>, Option<Date>)| Slice {
        from: date(from),
        until,
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned())))
            .collect(),
        manager: None,
    };
    Engagement {
        id: EngagementId(Uuid::from_u128(id)),
        source: source.to_owned(),
        worker_id: "ada".to_owned(),
        key: String::new(),
        start_date: date(slices[0].0),
        stated_start: None,
        last_working_day: None,
        termination_date: None,
        absent_since: None,
        quiet_through: None,
        ends_at: None,
        zone: None,
        supplement: false,
        locked: false,
        held_since: None,
        slices: slices.iter().zip(untils).map(slice).collect(),
    }
}

fn supplement(id: u128, source: &str, slices: &[From<'_>]) -> Engagement {
    Engagement { supplement: true, ..engagement(id, source, slices) }
}

fn personal(rank: u16, names: &[&str]) -> Authority {
    let personal = names.iter().map(|name| (*name).to_owned()).collect();
    Authority { rank, personal, ..Authority::default() }
}

fn supplementing(rank: u16) -> Authority {
    Authority { role: Role::Supplement, rank, ..Authority::default() }
}

fn authorities(said: &[(&str, Authority)]) -> Authorities {
    said.iter().map(|(source, says)| ((*source).to_owned(), says.clone())).collect()
}

/// What is told when nothing was before.
fn composed(engagements: &[Engagement], said: &[(&str, Authority)]) -> Composed {
    again(engagements, said, &Timeline::default())
}

fn again(engagements: &[Engagement], said: &[(&str, Authority)], before: &Timeline) -> Composed {
    let timeline = Timeline::of(engagements.to_vec());
    compose(&timeline, &authorities(said), before, date(TODAY)).expect("several sources speak")
}

/// What is told of an attribute in each employment: from when on, and what.
fn told(composed: &Composed, name: &str) -> Vec<Vec<(String, Option<String>)>> {
    let value = |slice: &Slice| slice.attributes.get(name).map(ToString::to_string);
    let slices = |one: &Engagement| {
        one.slices.iter().map(|slice| (slice.from.to_string(), value(slice))).collect()
    };
    composed.timeline.engagements.iter().map(slices).collect()
}

fn said(from: &str, value: &str) -> (String, Option<String>) {
    (from.to_owned(), Some(value.to_owned()))
}

#[test]
fn what_a_single_source_says_is_told_as_it_is() {
    let timeline = Timeline::of(vec![engagement(1, "hr", &[(TODAY, &[("a", "1")])])]);
    let told = Timeline::default();
    assert_eq!(compose(&timeline, &authorities(&[]), &told, date(TODAY)), None);
}

#[test]
fn a_supplement_says_what_no_employer_says_and_employs_nobody() {
    let hr = engagement(1, "hr", &[("2026-01-01", &[("title", "clerk")])]);
    let desk = supplement(2, "desk", &[("2026-03-01", &[("floor", "7"), ("title", "CLERK II")])]);
    let composed = composed(&[hr, desk], &[("hr", personal(1, &[])), ("desk", supplementing(50))]);
    assert_eq!(composed.timeline.engagements.len(), 1);
    assert_eq!(
        told(&composed, "floor"),
        [[("2026-01-01".to_owned(), None), said("2026-03-01", "7")]]
    );
    let titles = &told(&composed, "title")[0];
    assert!(titles.iter().all(|(_, title)| title.as_deref() == Some("clerk")), "{titles:?}");
    assert!(composed.conflicts.is_empty(), "{:?}", composed.conflicts);
}

#[test]
fn a_higher_source_counts_for_the_attributes_for_which_it_is_higher() {
    let hr = engagement(1, "hr", &[("2026-01-01", &[("mail", "old@x"), ("name", "Ada")])]);
    let idp = supplement(2, "idp", &[("2026-01-01", &[("mail", "new@x"), ("name", "ada l.")])]);
    let idp_says =
        Authority { attributes: BTreeMap::from([("mail".to_owned(), 1)]), ..supplementing(90) };
    let composed = composed(&[hr, idp], &[("hr", personal(10, &[])), ("idp", idp_says)]);
    assert_eq!(told(&composed, "mail"), [[said("2026-01-01", "new@x")]]);
    assert_eq!(told(&composed, "name"), [[said("2026-01-01", "Ada")]]);
}

#[test]
fn peers_in_conflict_keep_the_last_value_on_which_they_agreed() {
    let ranks = [("hr", personal(10, &["name"])), ("payroll", personal(10, &["name"]))];
    let hr = |name: &'static str| engagement(1, "hr", &[("2026-01-01", &[("name", name)])]);
    let payroll =
        |name: &'static str| engagement(2, "payroll", &[("2026-01-01", &[("name", name)])]);
    let agreed = composed(&[hr("Ada King"), payroll("Ada King")], &ranks);
    assert!(agreed.conflicts.is_empty());

    let disputed = again(&[hr("Ada King"), payroll("Ada Byron")], &ranks, &agreed.timeline);
    assert_eq!(disputed.timeline, agreed.timeline);
    let conflict = &disputed.conflicts["name"];
    assert_eq!(conflict.kept, Some(Value::Text("Ada King".to_owned())));
    assert_eq!(conflict.from, date(TODAY));
    assert_eq!(conflict.values.keys().collect::<Vec<_>>(), ["hr", "payroll"]);

    // What neither says any more is still what was told last.
    let further = again(&[hr("A. King"), payroll("Ada Byron")], &ranks, &disputed.timeline);
    assert_eq!(further.timeline, agreed.timeline);

    let settled = again(&[hr("Ada Byron"), payroll("Ada Byron")], &ranks, &further.timeline);
    assert!(settled.conflicts.is_empty());
    assert_eq!(told(&settled, "name"), vec![vec![said("2026-01-01", "Ada Byron")]; 2]);
}

#[test]
fn peers_that_never_agreed_say_nothing() {
    let ranks = [("hr", personal(10, &["name"])), ("payroll", personal(10, &["name"]))];
    let hr = engagement(1, "hr", &[("2026-01-01", &[("name", "Ada")])]);
    let payroll = engagement(2, "payroll", &[("2026-01-01", &[("name", "Eda")])]);
    let composed = composed(&[hr, payroll], &ranks);
    assert_eq!(told(&composed, "name"), vec![vec![("2026-01-01".to_owned(), None)]; 2]);
    assert_eq!(composed.conflicts["name"].kept, None);
}

#[test]
fn attributes_that_are_not_of_the_human_stay_with_their_own_engagement() {
    let hr = engagement(1, "hr", &[("2026-01-01", &[("department", "labs")])]);
    let agency = engagement(2, "agency", &[("2026-01-01", &[("department", "night shift")])]);
    let composed = composed(
        &[hr, agency],
        &[("hr", personal(1, &["name"])), ("agency", personal(2, &["name"]))],
    );
    assert_eq!(
        told(&composed, "department"),
        [[said("2026-01-01", "labs")], [said("2026-01-01", "night shift")]]
    );
    assert!(composed.conflicts.is_empty());
}

#[test]
fn a_source_that_has_ended_its_engagement_says_nothing_of_the_days_after_it() {
    let hr = engagement(1, "hr", &[("2026-01-01", &[("title", "clerk")])]);
    let desk = supplement(2, "desk", &[("2026-01-01", &[("floor", "7")])]);
    let desk = Engagement { last_working_day: Some(date("2026-04-30")), ..desk };
    let composed = composed(&[hr, desk], &[("desk", supplementing(50))]);
    assert_eq!(
        told(&composed, "floor"),
        [[said("2026-01-01", "7"), ("2026-05-01".to_owned(), None)]]
    );
}

#[test]
fn a_change_ahead_disputed_by_a_peer_is_a_conflict_from_its_day_on() {
    let ranks = [("hr", personal(10, &["name"])), ("payroll", personal(10, &["name"]))];
    let hr = engagement(
        1,
        "hr",
        &[("2026-01-01", &[("name", "Ada")]), ("2026-09-01", &[("name", "Ada K.")])],
    );
    let payroll = engagement(2, "payroll", &[("2026-01-01", &[("name", "Ada")])]);
    let before = composed(
        &[engagement(1, "hr", &[("2026-01-01", &[("name", "Ada")])]), payroll.clone()],
        &ranks,
    );
    let composed = again(&[hr, payroll], &ranks, &before.timeline);
    assert_eq!(composed.conflicts["name"].from, date("2026-09-01"));
    assert_eq!(told(&composed, "name"), vec![vec![said("2026-01-01", "Ada")]; 2]);
}

#[test]
fn a_person_with_a_supplement_alone_has_no_employment() {
    let desk = supplement(2, "desk", &[("2026-01-01", &[("floor", "7")])]);
    let composed = composed(&[desk], &[("desk", supplementing(50))]);
    assert!(composed.timeline.engagements.is_empty());
}
