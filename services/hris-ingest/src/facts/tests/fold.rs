//! Any order, repetition and splitting of facts comes to the same, and nothing changes what was known.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

const ENGAGEMENTS: u128 = 3;
const TITLES: [&str; 4] = ["CLERK", "CHIEF", "GUARD", "COOK"];

fn day(offset: u8) -> Date {
    date("2020-01-01").saturating_add(jiff::Span::new().days(i64::from(offset)))
}

fn any_day() -> impl Strategy<Value = Date> {
    (0_u8..40).prop_map(day)
}

fn any_end() -> impl Strategy<Value = Option<Date>> {
    proptest::option::of(any_day())
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let text = || proptest::sample::select(&TITLES[..]).prop_map(str::to_owned);
    let value = || proptest::option::of(text().prop_map(Value::Text));
    let attributes = proptest::collection::btree_map(
        proptest::sample::select(&["title", "site", "grade"][..]).prop_map(str::to_owned),
        value(),
        0..3,
    );
    prop_oneof![
        text().prop_map(Claim::Key),
        (any_day(), any_end()).prop_map(|(date, stated)| Claim::Start { date, stated }),
        (any_end(), any_end(), any_end()).prop_map(|(last, termination, absent)| Claim::End {
            last_working_day: last,
            termination_date: termination,
            absent_since: absent,
        }),
        proptest::option::of(0_i64..9)
            .prop_map(|at| Claim::EndsAt(at.map(|at| Timestamp::from_second(at).unwrap()))),
        proptest::option::of(text()).prop_map(Claim::Zone),
        proptest::bool::ANY.prop_map(Claim::Locked),
        proptest::option::of(0_i64..9)
            .prop_map(|at| Claim::HeldSince(at.map(|at| Timestamp::from_second(at).unwrap()))),
        (any_day(), attributes).prop_map(|(from, attributes)| Claim::Profile { from, attributes }),
        (any_day(), proptest::option::of(text()))
            .prop_map(|(from, worker_id)| Claim::Manager { from, worker_id }),
    ]
}

/// Facts of a few engagements, in the order in which they became known, the first of each with its
/// beginning. Sequences and instants collide now and then.
fn any_facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = (0..ENGAGEMENTS, 0_i64..6, 0_i64..3, proptest::collection::vec(any_claim(), 1..4));
    proptest::collection::vec(fact, 1..24).prop_map(|facts| {
        let mut begun = BTreeSet::new();
        let mut second = 0;
        facts
            .into_iter()
            .zip(0..)
            .map(|((engagement, sequence, later, mut claims), number)| {
                second += later;
                if begun.insert(engagement) {
                    claims.push(Claim::Begun {
                        source: "city".to_owned(),
                        worker_id: "ada".to_owned(),
                        quiet_through: None,
                        supplement: false,
                    });
                    claims.push(Claim::Start { date: day(5), stated: None });
                }
                Fact {
                    engagement: EngagementId(Uuid::from_u128(engagement + 1)),
                    sequence,
                    recorded_at: Timestamp::from_second(second).unwrap(),
                    number,
                    claims,
                }
            })
            .collect()
    })
}

/// The fact in parts: claim by claim, and a profile name by name.
fn split(fact: &Fact) -> Vec<Fact> {
    let part = |claim: Claim| Fact { claims: vec![claim], ..fact.clone() };
    let parts = |claim: &Claim| match claim {
        Claim::Profile { from, attributes } if attributes.len() > 1 => attributes
            .iter()
            .map(|(name, value)| Claim::Profile {
                from: *from,
                attributes: BTreeMap::from([(name.clone(), value.clone())]),
            })
            .map(part)
            .collect(),
        whole @ (Claim::Begun { .. }
        | Claim::Key(_)
        | Claim::Start { .. }
        | Claim::End { .. }
        | Claim::EndsAt(_)
        | Claim::Zone(_)
        | Claim::Locked(_)
        | Claim::HeldSince(_)
        | Claim::Profile { .. }
        | Claim::Manager { .. }) => vec![part(whole.clone())],
    };
    fact.claims.iter().flat_map(parts).collect()
}

fn assert_consistent(timeline: &Timeline) {
    for engagement in &timeline.engagements {
        let slices = &engagement.slices;
        assert_eq!(slices[0].from, engagement.start_date, "{timeline:#?}");
        assert_eq!(slices.last().unwrap().until, None, "{timeline:#?}");
        for pair in slices.windows(2) {
            assert!(pair[0].from < pair[1].from, "{timeline:#?}");
            assert_eq!(pair[0].until, Some(pair[1].from), "{timeline:#?}");
            assert!(!pair[0].equals(&pair[1]), "{timeline:#?}");
        }
    }
}

proptest! {
    #[test]
    fn any_order_repetition_and_splitting_of_facts_comes_to_the_same(
        (facts, shuffled) in any_facts().prop_flat_map(|facts| {
            let parts: Vec<Fact> = facts.iter().flat_map(split).collect();
            let again = subsequence(parts.clone(), 0..=parts.len());
            let shuffled = again.prop_flat_map(move |again| {
                Just(parts.iter().cloned().chain(again).collect::<Vec<_>>()).prop_shuffle()
            });
            (Just(facts), shuffled)
        })
    ) {
        prop_assert_eq!(fold(&shuffled), fold(&facts));
    }

    #[test]
    fn every_prefix_of_the_facts_is_consistent(facts in any_facts()) {
        for known in 0..=facts.len() {
            assert_consistent(&fold(&facts[..known]));
        }
    }

    #[test]
    fn a_correction_never_rewrites_what_was_known_before(
        facts in any_facts(),
        known in any::<proptest::sample::Index>(),
    ) {
        let known_at = facts[known.index(facts.len())].recorded_at;
        let then: Vec<&Fact> = facts.iter().filter(|fact| fact.recorded_at <= known_at).collect();
        let told_then = fold(then.iter().copied());
        let corrected = Fact {
            recorded_at: known_at + jiff::SignedDuration::from_secs(1),
            sequence: i64::MAX,
            number: next_number(&facts),
            ..facts[0].clone()
        };
        let later = facts.iter().chain([&corrected]);
        let known_now = later.filter(|fact| fact.recorded_at <= known_at);
        prop_assert_eq!(fold(known_now), told_then);
    }
}

#[test]
fn a_late_event_of_earlier_days_changes_nothing_of_today() {
    let mut ada = Worker::default();
    ada.full("2012-06-30", &[row("parks", "1986-01-06", "CLERK")]);
    ada.full("2012-08-31", &[row("parks", "1986-01-06", "CHIEF")]);
    let from = date("2012-07-31");
    let title = ("title".to_owned(), Some(Value::Text("COOK".to_owned())));
    let late = Fact {
        engagement: ada.timeline.engagements[0].id,
        sequence: sequence_of_day(from),
        recorded_at: Timestamp::MAX,
        number: next_number(&ada.facts),
        claims: vec![Claim::Profile { from, attributes: [title].into() }],
    };

    let today = fold(&ada.facts);
    ada.facts.push(late);
    ada.timeline = fold(&ada.facts);

    let [engagement] = &ada.timeline.engagements[..] else { panic!("{ada:?}", ada = ada.told()) };
    assert_eq!(engagement.slices.last(), today.engagements[0].slices.last());
    assert_eq!(
        ada.told(),
        ["parks 1986-01-06.. [1986-01-06 CLERK, 2012-07-31 COOK, 2012-08-31 CHIEF]"]
    );
}

fn effective(row: Row, day: &str) -> Row {
    Row { effective_date: Some(date(day)), ..row }
}

#[test]
fn a_change_ahead_is_known_and_does_not_hold_before_its_day() {
    let mut ada = Worker::default();
    let clerk = || effective(row("parks", "2012-01-02", "CLERK"), "2012-01-02");
    let chief = || effective(row("parks", "2012-01-02", "CHIEF"), "2012-10-01");

    ada.full("2012-06-30", &[chief(), clerk()]);
    assert_eq!(ada.told(), ["parks 2012-01-02.. [2012-01-02 CLERK, 2012-10-01 CHIEF]"]);
    assert_eq!(ada.full("2012-07-31", &[clerk(), chief()]), None);

    ada.full("2012-08-31", &[clerk()]);
    assert_eq!(ada.told(), ["parks 2012-01-02.. [2012-01-02 CLERK]"], "taken back");
    assert_eq!(fold(&ada.facts), ada.timeline);
}

#[test]
fn a_correction_of_days_past_leaves_what_followed_them() {
    let mut ada = Worker::default();
    let at = |title: &str, day: &str| effective(row("parks", "2012-01-02", title), day);
    ada.partial("2012-03-01", &[at("CLERK", "2012-01-02")]);
    ada.partial("2012-06-01", &[at("CHIEF", "2012-06-01")]);

    ada.partial("2012-07-01", &[at("COOK", "2012-04-01")]);

    assert_eq!(
        ada.told(),
        ["parks 2012-01-02.. [2012-01-02 CLERK, 2012-04-01 COOK, 2012-06-01 CHIEF]"]
    );
    assert_eq!(fold(&ada.facts), ada.timeline);
}
