use domain::Value;
use proptest::prelude::*;

use super::normal::normal;
use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn features(said: &[(&str, Comparison, &str)]) -> Features {
    let mut features = Features::new();
    for (attribute, comparison, value) in said {
        let marks = features.entry((*attribute).to_owned()).or_default();
        marks.extend(mark(attribute, *comparison, &text(value)));
    }
    features.retain(|_, marks| !marks.is_empty());
    features
}

/// A name, a day of birth, two addresses and a telephone.
fn rules() -> Rules {
    let rule = |attribute: &str, comparison, agree, differ| Rule {
        field: 0,
        attribute: attribute.to_owned(),
        comparison,
        agree,
        differ,
    };
    Rules {
        rules: vec![
            rule("name", Comparison::Name, 30, 20),
            rule("born", Comparison::Date, 35, 60),
            rule("mail", Comparison::Mail, 45, 10),
            rule("phone", Comparison::Phone, 25, 5),
        ],
        automatic: 95,
        case: 60,
    }
}

fn ada(born: &str, mail: &str, phone: &str) -> Features {
    features(&[
        ("name", Comparison::Name, "Ada Lovelace"),
        ("born", Comparison::Date, born),
        ("mail", Comparison::Mail, mail),
        ("phone", Comparison::Phone, phone),
    ])
}

fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

fn candidate(number: u128, points: i32) -> Candidate {
    Candidate { person: person(number), score: Score { points, verdicts: Vec::new() } }
}

#[test]
fn values_are_compared_by_what_they_mean() {
    let same = |comparison, one: &str, other: &str| {
        let (one, other) = (normal(comparison, &text(one)), normal(comparison, &text(other)));
        one.is_some() && one == other
    };

    assert!(same(Comparison::Name, "Lovelace, Áda M.", "ada  LOVELACE"));
    assert!(same(Comparison::Name, "O’Neil", "o'neil"));
    assert!(!same(Comparison::Name, "Ada Lovelace", "Ida Lovelace"));
    assert!(same(Comparison::Name, "J", "j"));
    assert!(same(Comparison::Mail, "Ada@X.example", "ada@x.example"));
    assert!(!same(Comparison::Mail, "ada+hr@x.example", "ada@x.example"));
    assert!(same(Comparison::Phone, "+1 (212) 555-0100", "212 555 0100"));
    assert!(same(Comparison::Exact, "A-7", "A-7") && !same(Comparison::Exact, "A-7", "a7"));
}

#[test]
fn what_says_nothing_has_no_mark() {
    for (comparison, value) in [
        (Comparison::Name, "., -"),
        (Comparison::Mail, "none"),
        (Comparison::Mail, "@x.example"),
        (Comparison::Mail, "a@b@c"),
        (Comparison::Phone, "ext. 4711"),
        (Comparison::Exact, ""),
    ] {
        assert_eq!(mark("any", comparison, &text(value)), None, "{comparison:?} {value:?}");
    }
}

#[test]
fn an_attribute_of_another_name_is_another_mark() {
    let of = |attribute| mark(attribute, Comparison::Exact, &text("7"));
    assert_ne!(of("badge"), of("locker"));
}

#[test]
fn agreement_speaks_for_difference_against_and_silence_for_nothing() {
    let known = ada("1815-12-10", "ada@x.example", "212 555 0100");

    let score = rules().score(&ada("1815-12-10", "ada@y.example", ""), &known);

    assert_eq!(score.points, 30 + 35 - 10);
    let verdicts: Vec<Verdict> = score.verdicts.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(verdicts, [Verdict::Agrees, Verdict::Agrees, Verdict::Differs, Verdict::Unknown]);
    assert_eq!(rules().score(&Features::new(), &known).points, 0);
}

#[test]
fn the_points_decide_between_one_human_a_case_and_somebody_else() {
    let found = |points: &[i32]| {
        let candidates = (1..).zip(points).map(|(number, points)| candidate(number, *points));
        rules().find(candidates.collect::<Vec<_>>())
    };

    assert_eq!(found(&[]), Finding::Nobody);
    assert_eq!(found(&[59]), Finding::Nobody);
    assert_eq!(found(&[60]), Finding::Doubtful(vec![candidate(1, 60)]));
    assert_eq!(found(&[94]), Finding::Doubtful(vec![candidate(1, 94)]));
    assert_eq!(found(&[95, 59]), Finding::Certain(candidate(1, 95)));
    let both = vec![candidate(2, 100), candidate(1, 60)];
    assert_eq!(found(&[60, 100]), Finding::Doubtful(both), "a twin is nobody to guess about");
}

#[test]
fn nobody_is_found_by_a_name() {
    let rules = rules();
    let stated = ada("1815-12-10", "ada@x.example", "");

    let found: Vec<Uuid> = rules.finding(&stated).collect();

    assert_eq!(found.len(), 2);
    assert!(stated["name"].iter().all(|mark| !found.contains(mark)));
}

fn a_few() -> impl Strategy<Value = Features> {
    let marks = proptest::collection::btree_set(0_u128..4, 0..3);
    proptest::collection::vec(marks, 4).prop_map(|marks| {
        let names = ["name", "born", "mail", "phone"].map(str::to_owned);
        let marks = marks.into_iter().map(|marks| marks.into_iter().map(Uuid::from_u128).collect());
        let mut features: Features = names.into_iter().zip(marks).collect();
        features.retain(|_, marks: &mut BTreeSet<Uuid>| !marks.is_empty());
        features
    })
}

proptest! {
    #[test]
    fn a_score_is_the_same_from_either_side(one in a_few(), other in a_few()) {
        prop_assert_eq!(rules().score(&one, &other), rules().score(&other, &one));
    }

    #[test]
    fn what_one_side_does_not_say_counts_nothing(
        one in a_few(), other in a_few(), silent in 0_usize..4,
    ) {
        let rules = rules();
        let rule = &rules.rules[silent];
        let mut less = one.clone();
        less.remove(&rule.attribute);

        let (all, less) = (rules.score(&one, &other), rules.score(&less, &other));

        let counted = match all.verdicts[silent].1 {
            Verdict::Agrees => i32::from(rule.agree),
            Verdict::Differs => -i32::from(rule.differ),
            Verdict::Unknown => 0,
        };
        prop_assert_eq!(all.points - less.points, counted);
    }

    #[test]
    fn who_agrees_more_is_never_less_likely(one in a_few(), other in a_few(), more in 0_usize..4) {
        let rules = rules();
        let attribute = &rules.rules[more].attribute;
        let before = rules.score(&one, &other);
        let (mut one, mut other) = (one, other);
        for side in [&mut one, &mut other] {
            side.entry(attribute.clone()).or_default().insert(Uuid::from_u128(99));
        }

        prop_assert!(rules.score(&one, &other).points >= before.points);
    }

    #[test]
    fn whoever_is_plausible_shares_a_mark_by_which_they_are_found(
        one in a_few(), other in a_few(),
    ) {
        let rules = rules();
        let found: BTreeSet<Uuid> = rules.finding(&one).collect();
        let shares = rules.finding(&other).any(|mark| found.contains(&mark));

        prop_assert!(shares || !rules.is_plausible(&rules.score(&one, &other)));
    }

    #[test]
    fn the_order_of_candidates_decides_nothing(
        points in proptest::collection::vec(0_i32..130, 0..5), turn in 0_usize..5,
    ) {
        let candidates: Vec<Candidate> =
            (1..).zip(&points).map(|(number, points)| candidate(number, *points)).collect();
        let mut turned = candidates.clone();
        turned.rotate_left(turn.min(candidates.len()));

        prop_assert_eq!(rules().find(candidates), rules().find(turned));
    }
}
