use domain::Value;

use super::*;
use crate::condition::Condition;
use crate::document::AttributeSchema;
use crate::formula::Formula;

const SCHEMA: &str = "
attributes:
  department: {type: string}
  title: {type: string}
  employment: {type: string, values: [contractor, employee, intern]}
  location: {type: string}
  country: {type: string}
  level: {type: integer}
  hired: {type: date}
  remote: {type: boolean}
  teams: {type: list}
  zones: {type: list, values: [east, west]}
facts:
  - {if: person.location == \"Lyon\", then: person.country == \"FR\"}
  - {if: person.title.startsWith(\"Head\"), then: person.level >= 6}
";

#[test]
fn a_condition_that_nobody_can_meet_is_found() {
    let dead = [
        "person.department == \"Sales\" && person.department == \"Legal\"",
        "person.title.startsWith(\"Head\") && person.title.startsWith(\"Chief\")",
        "person.title.startsWith(\"ab\") && !person.title.contains(\"b\")",
        "person.title == \"Head of IT\" && !person.title.endsWith(\"IT\")",
        "person.level > 5 && person.level < 6",
        "person.level > 9223372036854775807",
        "person.level < -9223372036854775807 - 1",
        "person.hired < \"2020-01-02\" && person.hired > \"2020-01-01\"",
        "person.hired > \"9999-12-31\"",
        "!has(person.level) && person.level != 3",
        "person.remote && !person.remote",
        "\"a\" in person.teams && !(\"a\" in person.teams)",
        "person.teams.exists(team, team in []) || false",
        "person.employment != \"employee\" && person.employment != \"intern\" && \
         person.employment != \"contractor\"",
        "person.employment.startsWith(\"x\")",
        "person.location == \"Lyon\" && person.country == \"DE\"",
        "person.location == \"Lyon\" && !has(person.country)",
        "person.title == \"Head of IT\" && person.level == 5",
    ];

    for text in dead {
        let condition = condition(text);
        assert_eq!(prover().never_true(condition.formula()), Answer::Proved, "{text}");
    }
}

#[test]
fn somebody_is_named_who_meets_a_condition() {
    let living = [
        ("person.department == \"Sales\"", "department=Sales"),
        ("person.title.startsWith(\"Head\")", "level=6, title=Headx"),
        (
            "person.title.startsWith(\"ab\") && person.title.endsWith(\"bc\") && \
          !person.title.contains(\"x\") && person.title != \"abc\"",
            "title=abzbc",
        ),
        ("person.level > 9223372036854775806", "level=9223372036854775807"),
        ("person.hired < \"-009999-01-02\"", "hired=-009999-01-01"),
        ("person.level != 3 && person.level > 2 && person.level < 5", "level=4"),
        ("!has(person.level)", "nothing known"),
        ("!person.remote", "remote=false"),
        (
            "person.teams.exists(team, team in [\"a\", \"b\"]) && !(\"a\" in person.teams)",
            "teams=b",
        ),
        ("!(\"a\" in person.teams)", "teams="),
        (
            "person.employment != \"employee\" && person.employment != \"intern\"",
            "employment=contractor",
        ),
        ("person.employment.endsWith(\"ee\")", "employment=employee"),
        ("person.location == \"Lyon\"", "country=FR, location=Lyon"),
    ];

    for (text, expected) in living {
        let condition = condition(text);
        let answer = prover().never_true(condition.formula());
        let witness = answer.witness().unwrap_or_else(|| panic!("{text}: {answer:?}"));
        assert_eq!(witness.to_string(), expected, "{text}");
        assert!(!witness.possible, "{text}");
        assert_eq!(condition.holds(&witness.attributes), Some(true), "{text}");
    }
}

#[test]
fn true_and_false_leave_room_for_the_unknown() {
    let either = condition("person.level == 1 || person.level != 1");
    let told = condition("!has(person.level) || person.level == 1 || person.level != 1");
    let never = condition("has(person.level) && !has(person.level)");
    let prover = prover();

    assert_eq!(prover.always_true(told.formula()), Answer::Proved);
    assert_eq!(prover.never_false(either.formula()), Answer::Proved);
    let unknown = prover.always_true(either.formula());
    assert_eq!(unknown.witness().unwrap().to_string(), "nothing known");
    assert_eq!(prover.always_false(never.formula()), Answer::Proved);
    assert!(!prover.always_false(either.formula()).is_proved());
}

#[test]
fn complete_people_lack_nothing_that_is_not_optional() {
    let schema = schema();
    let either = condition("person.level == 1 || person.level != 1");
    let complete = Prover::new(Domain::of_complete(&schema), Vec::new(), Budget::default());

    assert_eq!(complete.always_true(either.formula()), Answer::Proved);
}

#[test]
fn duties_that_nobody_can_hold_together_are_proved_apart() {
    let (clerk, senior) = (condition("person.level < 3"), condition("person.level >= 3"));
    let sales = condition("person.department == \"Sales\"");
    let prover = prover();

    let apart = prover.apart(&[clerk.formula()], &[senior.formula()]);
    let together = prover.apart(&[clerk.formula(), sales.formula()], &[senior.formula()]);

    assert_eq!(apart, Answer::Proved);
    assert_eq!(together.witness().unwrap().to_string(), "department=Sales, level=3");
}

#[test]
fn a_change_that_only_removes_is_told_from_one_that_widens() {
    let old = condition("person.title.startsWith(\"Head\") || person.level > 7");
    let narrow = condition("person.title.startsWith(\"Head of\") || person.level >= 9");
    let wide = condition("person.title.contains(\"Head\")");
    let prover = prover();

    let removes = prover.covered(&[narrow.formula()], &[old.formula()]);
    let widens = prover.covered(&[wide.formula()], &[old.formula()]);

    assert_eq!(removes, Answer::Proved);
    let witness = widens.witness().unwrap();
    assert_ne!(old.holds(&witness.attributes), Some(true), "{witness}");
    assert_eq!(wide.holds(&witness.attributes), Some(true), "{witness}");
}

#[test]
fn the_same_said_otherwise_is_equivalent() {
    let one = condition("person.level >= 3 && (person.remote || \"a\" in person.teams)");
    let parts = [
        condition("person.level > 2 && person.remote"),
        condition("\"a\" in person.teams && !(person.level <= 2)"),
    ];
    let parts: Vec<&Formula> = parts.iter().map(Condition::formula).collect();
    let prover = prover();

    assert_eq!(prover.equivalent(&[one.formula()], &parts), Answer::Proved);
    assert!(!prover.equivalent(&[one.formula()], &parts[..1]).is_proved());
}

#[test]
fn what_only_the_interpreter_can_answer_makes_a_witness_possible() {
    let opaque = condition("person.department == \"Sales\" && size(person.title) > 3");
    let twice = condition("size(person.title) > 3 && !(size(person.title) > 3)");
    let prover = prover();

    let answer = prover.never_true(opaque.formula());

    let witness = answer.witness().unwrap();
    assert!(witness.possible);
    assert_eq!(witness.to_string(), "department=Sales, if it can be that size(person.title) > 3");
    assert_eq!(prover.never_true(twice.formula()), Answer::Proved);
}

#[test]
fn attributes_of_which_nothing_is_known_prove_nothing() {
    let mut other = schema();
    other.attributes.get_mut("level").unwrap().kind = crate::document::AttributeType::String;
    let domain = Domain::of_both(&schema(), &other);
    let level = condition("person.level > 5 && person.level < 3");
    let prover = Prover::new(domain, Vec::new(), Budget::default());

    let answer = prover.never_true(level.formula());

    assert!(answer.witness().unwrap().possible);
}

#[test]
fn a_question_that_is_too_large_is_undecided() {
    let budget = Budget { parts: 2, ..Budget::default() };
    let prover = Prover::new(Domain::of(&schema()), Vec::new(), budget);
    let three = condition("person.remote && person.level > 3 && person.title == \"x\"");

    assert_eq!(prover.never_true(three.formula()), Answer::Undecided(Why::Parts));
}

#[test]
fn facts_that_contradict_each_other_are_told() {
    let fact = |then: &str| Axiom {
        condition: condition("true").formula().clone(),
        then: condition(then).formula().clone(),
    };
    let axioms = vec![fact("person.level > 3"), fact("person.level < 3")];
    let broken = Prover::new(Domain::of(&schema()), axioms, Budget::default());

    assert_eq!(broken.facts_exclude_everybody(), Answer::Proved);
    assert!(!prover().facts_exclude_everybody().is_proved());
}

#[test]
fn many_texts_of_one_attribute_are_no_trouble() {
    let names: Vec<String> = (0..900).map(|n| format!("\"d{n}\"")).collect();
    let some = condition(&format!("person.department in [{}]", names.join(", ")));
    let none = condition(&format!(
        "person.department in [{}] && !(person.department.startsWith(\"d\"))",
        names.join(", ")
    ));
    let prover = prover();

    let answer = prover.never_true(some.formula());

    let department = &answer.witness().unwrap().attributes["department"];
    assert!(matches!(department, Value::Text(text) if names.contains(&format!("\"{text}\""))));
    assert_eq!(prover.never_true(none.formula()), Answer::Proved);
}

fn schema() -> AttributeSchema {
    serde_saphyr::from_str(SCHEMA).unwrap()
}

fn condition(text: &str) -> Condition {
    Condition::compile(text, &schema()).unwrap_or_else(|found| panic!("{text}: {found:?}"))
}

fn prover() -> Prover {
    let schema = schema();
    let compiled = |text: &str| Condition::compile(text, &schema).unwrap().formula().clone();
    let axioms = schema
        .facts
        .iter()
        .map(|fact| Axiom { condition: compiled(&fact.condition), then: compiled(&fact.then) });
    Prover::new(Domain::of(&schema), axioms.collect(), Budget::default())
}
