use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::condition::tests::agreement::{condition, fixed, somebody};
use crate::condition::tests::schema;

#[test]
fn every_conjunct_is_told_with_its_truth_values_and_place() {
    let text = "person.agency in [\"Police\", \"Fire\"] && person.level >= 5\n  && \
                (person.title == \"x\" || !person.remote || \"z\" in person.teams)";
    let explanation = explain(text, &ada());
    let mut told = format!("{:?}\n", explanation.holds);
    for part in &explanation.conjuncts {
        let Quote { text, line, column, .. } = &part.place;
        let (holds, values) = (part.holds, &part.values);
        told.push_str(&format!("{line}:{column} {holds:?} {text} {values:?}\n"));
        for part in &part.parts {
            let Quote { text, line, column, .. } = &part.place;
            told.push_str(&format!("  {line}:{column} {:?} {:?} {text}\n", part.kind, part.holds));
        }
    }
    told.push_str(&needs(&explanation));

    expect![[r#"
        Some(false)
        1:1 Some(true) person.agency in ["Police", "Fire"] {"agency": Some(Text("Police"))}
        1:40 Some(false) person.level >= 5 {"level": Some(Integer(4))}
        2:7 None person.title == "x" || !person.remote || "z" in person.teams {}
          2:7 Question None person.title == "x"
          2:30 Not Some(false) !person.remote
          2:48 Question Some(false) "z" in person.teams
          needs true at 1:40 person.level >= 5 {"level": Some(Integer(4))}
          needs true at 2:7 person.title == "x" {"title": None}
    "#]]
    .assert_eq(&told);
}

#[test]
fn what_would_have_to_change_is_the_shortest_way() {
    let cases = [
        "person.level == 4",
        "person.level == 5 && person.agency == \"Fire\" && person.remote",
        "(person.level == 5 && person.agency == \"Fire\") || person.title == \"x\"",
        "person.level == 5 || person.level == 6",
        "!(person.level == 4 || person.remote)",
        "!(person.level == 4 && person.remote)",
        "person.level == 5 && false",
        "person.level == 5 || (person.remote && false)",
        "size(person.teams) > 5",
    ];
    let mut table = String::new();
    for text in cases {
        table.push_str(&format!("{text}\n{}", needs(&explain(text, &ada()))));
    }

    expect![[r#"
        person.level == 4
        person.level == 5 && person.agency == "Fire" && person.remote
          needs true at 1:1 person.level == 5 {"level": Some(Integer(4))}
          needs true at 1:22 person.agency == "Fire" {"agency": Some(Text("Police"))}
        (person.level == 5 && person.agency == "Fire") || person.title == "x"
          needs true at 1:51 person.title == "x" {"title": None}
        person.level == 5 || person.level == 6
          needs true at 1:1 person.level == 5 {"level": Some(Integer(4))}
        !(person.level == 4 || person.remote)
          needs false at 1:3 person.level == 4 {"level": Some(Integer(4))}
          needs false at 1:24 person.remote {"remote": Some(Boolean(true))}
        !(person.level == 4 && person.remote)
          needs false at 1:3 person.level == 4 {"level": Some(Integer(4))}
        person.level == 5 && false
          never
        person.level == 5 || (person.remote && false)
          needs true at 1:1 person.level == 5 {"level": Some(Integer(4))}
        size(person.teams) > 5
          needs true at 1:1 size(person.teams) > 5 {"teams": Some(List(["a"]))}
    "#]]
    .assert_eq(&table);
}

#[test]
fn an_explanation_is_data() {
    let json = serde_json::to_string_pretty(&explain("!(person.level < 3)", &ada())).unwrap();

    expect![[r#"
        {
          "holds": true,
          "conjuncts": [
            {
              "text": "!(person.level < 3)",
              "start": 0,
              "end": 19,
              "line": 1,
              "column": 1,
              "kind": "not",
              "holds": true,
              "parts": [
                {
                  "text": "person.level < 3",
                  "start": 2,
                  "end": 18,
                  "line": 1,
                  "column": 3,
                  "kind": "question",
                  "holds": false,
                  "values": {
                    "level": {
                      "integer": 4
                    }
                  }
                }
              ]
            }
          ],
          "needed": []
        }"#]]
    .assert_eq(&json);
}

#[test]
fn an_explanation_never_contradicts_the_decision() {
    let schema = schema();
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };

    let outcome = TestRunner::new_with_rng(config, fixed()).run(&condition(), |text| {
        let condition = Condition::compile(&text, &schema).unwrap();
        for person in (0..30).map(somebody) {
            let explanation = Explanation::of(&condition, &person);
            let truths: Vec<_> = explanation.conjuncts.iter().map(|part| part.holds).collect();
            let together = if truths.contains(&Some(false)) {
                Some(false)
            } else if truths.contains(&None) {
                None
            } else {
                Some(true)
            };

            prop_assert_eq!(explanation.holds, condition.holds(&person));
            prop_assert_eq!(together, explanation.holds);
            let nothing = explanation.needed.as_ref().is_some_and(Vec::is_empty);
            prop_assert_eq!(nothing, explanation.holds == Some(true));
        }
        Ok(())
    });

    outcome.unwrap();
}

fn explain(text: &str, person: &Attributes) -> Explanation {
    Explanation::of(&Condition::compile(text, &schema()).unwrap(), person)
}

fn needs(explanation: &Explanation) -> String {
    let Some(needed) = &explanation.needed else { return "  never\n".to_owned() };
    needed
        .iter()
        .map(|need| {
            let Quote { text, line, column, .. } = &need.place;
            format!("  needs {} at {line}:{column} {text} {:?}\n", need.needs, need.values)
        })
        .collect()
}

fn ada() -> Attributes {
    [
        ("agency", Value::Text("Police".to_owned())),
        ("level", Value::Integer(4)),
        ("remote", Value::Boolean(true)),
        ("teams", Value::List(vec!["a".to_owned()])),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
