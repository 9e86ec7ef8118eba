//! The analysable form and the CEL interpreter answer alike, in three values.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const CONDITIONS: u32 = 4_000;
const PEOPLE: u64 = 256;

#[test]
fn a_million_answers_are_those_of_the_interpreter() {
    let schema = schema();
    let people: Vec<_> = (0..PEOPLE).map(somebody).collect();
    let seen: Vec<_> = people.iter().map(|person| Person::new(person, &schema)).collect();
    let contexts: Vec<_> = seen.iter().map(context).collect();
    let (answers, unknown) = (Cell::new(0_u64), Cell::new(0_u64));
    let config = Config { cases: CONDITIONS, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, fixed());

    let outcome = runner.run(&condition(), |text| {
        let interpreted = Expression::compile(&text, &schema, &[Shape::Boolean]).unwrap();
        let condition = Condition::compile(&text, &schema).unwrap();
        let printed = Condition::compile(&condition.formula().to_string(), &schema).unwrap();
        for (person, context) in people.iter().zip(&contexts) {
            let expected = interpreted.holds(context);
            prop_assert_eq!(condition.holds(person), expected, "{:?}", person);
            prop_assert_eq!(printed.holds(person), expected, "{} {:?}", printed.text(), person);
            answers.set(answers.get() + 1);
            unknown.set(unknown.get() + u64::from(expected.is_none()));
        }
        Ok(())
    });

    outcome.unwrap();
    assert!(answers.get() > 1_000_000, "{} answers", answers.get());
    let share = unknown.get() * 100 / answers.get();
    assert!((5..60).contains(&share), "{share} % are unknown");
}

#[test]
fn learning_what_was_unknown_never_turns_an_answer_round() {
    let schema = schema();
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, fixed());

    let outcome = runner.run(&(analysable(), 0..1_000_u64), |(text, seed)| {
        let condition = Condition::compile(&text, &schema).unwrap();
        for known in (seed..seed + 20).map(somebody) {
            // Whether it is known is asked of `title` alone, which stays as it is.
            for name in known.keys().filter(|name| *name != "title") {
                let mut less = known.clone();
                less.remove(name);
                if let Some(answer) = condition.holds(&less) {
                    prop_assert_eq!(condition.holds(&known), Some(answer), "{} {:?}", name, known);
                }
            }
        }
        Ok(())
    });

    outcome.unwrap();
}

pub(crate) fn fixed() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}

/// Conditions of every form that the checker admits.
pub(crate) fn condition() -> impl Strategy<Value = String> {
    combined(prop_oneof![8 => question(), 2 => interpreted()].boxed(), true)
}

/// Conditions of which every part is analysable, and only `title` is asked whether it is known.
fn analysable() -> impl Strategy<Value = String> {
    let plain = question().prop_map(|text| {
        if text.starts_with("has(") { "has(person.title)".to_owned() } else { text }
    });
    combined(plain.boxed(), false)
}

fn combined(leaf: BoxedStrategy<String>, ternary: bool) -> impl Strategy<Value = String> {
    leaf.prop_recursive(4, 12, 3, move |inner| {
        let pair = (inner.clone(), inner.clone());
        let chain = proptest::collection::vec(inner.clone(), 1..4);
        let choice = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            3 => pair.clone().prop_map(|(left, right)| format!("({left} && {right})")),
            3 => pair.prop_map(|(left, right)| format!("({left} || {right})")),
            2 => inner.prop_map(|part| format!("!({part})")),
            2 => chain.prop_map(|parts| format!("({})", parts.join(" || "))),
            u32::from(ternary) => choice.prop_map(|(one, two, three)| {
                format!("({one} ? {two} : {three})")
            }),
        ]
    })
}

fn question() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec!["agency", "title"]);
    let order = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let equal = prop::sample::select(vec!["==", "!="]);
    let method = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
    let every = prop::sample::select(vec!["agency", "title", "level", "remote", "hired", "teams"]);
    let some_texts = || proptest::collection::vec(text(), 0..4).prop_map(|all| all.join(", "));
    prop_oneof![
        (attribute.clone(), equal.clone(), text())
            .prop_map(|(name, how, text)| format!("person.{name} {how} {text}")),
        (attribute.clone(), some_texts())
            .prop_map(|(name, texts)| format!("person.{name} in [{texts}]")),
        (attribute.clone(), some_texts())
            .prop_map(|(name, texts)| format!("!(person.{name} in [{texts}])")),
        (attribute, method, text())
            .prop_map(|(name, how, text)| format!("person.{name}.{how}({text})")),
        (order.clone(), number()).prop_map(|(how, number)| format!("person.level {how} {number}")),
        (number(), order.clone()).prop_map(|(number, how)| format!("{number} {how} person.level")),
        proptest::collection::vec(number(), 0..3)
            .prop_map(|all| format!("person.level in [{}]", all.join(", "))),
        (order, date()).prop_map(|(how, date)| format!("person.hired {how} {date}")),
        proptest::collection::vec(date(), 0..3)
            .prop_map(|all| format!("person.hired in [{}]", all.join(", "))),
        Just("person.remote".to_owned()),
        (equal, any::<bool>()).prop_map(|(how, answer)| format!("person.remote {how} {answer}")),
        text().prop_map(|text| format!("{text} in person.teams")),
        some_texts().prop_map(|texts| format!("person.teams.exists(t, t in [{texts}])")),
        text().prop_map(|text| format!("person.teams.exists(t, t == {text})")),
        every.prop_map(|name| format!("has(person.{name})")),
        any::<bool>().prop_map(|answer| answer.to_string()),
    ]
}

/// What is left to the interpreter.
fn interpreted() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "size(person.teams) > 1",
        "person.agency.size() == person.level",
        "person.agency == person.title",
        "person.agency < \"b\"",
        "person.level * 2 + 1 == 5",
        "100 / person.level > 20",
        "person.level + 9223372036854775807 > 0",
        "slug(person.agency) == \"a\"",
        "string(person.level) + person.title == \"1b\"",
        "person.title in person.teams",
        "person.title in [person.agency, \"b\"]",
        "(person.level == 1) == person.remote",
        "person.hired < (person.remote ? person.hired : person.hired)",
        "1 / 0 == 1",
        "\"a\" + \"b\" == \"ab\"",
        "person.teams == [\"a\"]",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["\"\"", "\"a\"", "'b'", "\"ab\"", "\"é\"", "\"q\\\"\\\\\""])
        .prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    let numbers = vec!["-1", "0", "1", "2", "1 + 1", "9223372036854775807", "-9223372036854775808"];
    prop::sample::select(numbers).prop_map(str::to_owned)
}

fn date() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["\"2020-01-31\"", "\"2020-02-01\"", "\"9999-12-31\""])
        .prop_map(str::to_owned)
}

/// One of many people: some attributes are missing, some are of another type than declared.
pub(crate) fn somebody(seed: u64) -> Attributes {
    let mut state = seed;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let texts = ["", "a", "b", "ab", "é", "q\"\\"];
    let numbers = [-1, 0, 1, 2, 3, i64::MAX, i64::MIN];
    let dates = ["2020-01-30", "2020-01-31", "2020-02-01", "9999-12-31"];
    let mut person = Attributes::new();
    for name in ["agency", "title", "level", "remote", "hired", "teams"] {
        let text = Value::Text(texts[draw(texts.len())].to_owned());
        let value = match name {
            "agency" | "title" => text.clone(),
            "level" => Value::Integer(numbers[draw(numbers.len())]),
            "remote" => Value::Boolean(draw(2) == 0),
            "hired" => Value::Date(dates[draw(dates.len())].parse().unwrap()),
            _ => {
                Value::List(texts.iter().filter(|_| draw(3) == 0).map(|&t| t.to_owned()).collect())
            }
        };
        match draw(20) {
            0..4 => {}
            4 if name != "agency" && name != "title" => {
                person.insert(name.to_owned(), text);
            }
            _ => {
                person.insert(name.to_owned(), value);
            }
        }
    }
    person
}
