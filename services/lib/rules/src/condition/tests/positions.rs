//! Where things stand in a text, what is warned of, and what is refused in time.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use expect_test::expect;

use super::super::check::{Facts, PERSON};
use super::*;
use crate::formula::{Atom, Formula, Node};

#[test]
fn every_part_knows_the_text_that_says_it() {
    let text = "has(person.title) && person.agency.startsWith(\"Pé(\") && !(person.level in [-5, 2])\n\
                || (person.teams).exists(t, t in [\"a\", 'b'])  && - 5 <= person.level\n\
                || (size( person.agency ) == 2 ? person.remote : \"a\" in person.teams)";
    let condition = Condition::compile(text, &schema()).unwrap();
    let mut lines = Vec::new();

    said(condition.formula(), text, 0, &mut lines);

    expect![[r#"
        any: has(person.title) && person.agency.startsWith("Pé(") && !(person.level in [-5, 2])\n|| (person.teams).exists(t, t in ["a", 'b'])  && - 5 <= person.level\n|| (size( person.agency ) == 2 ? person.remote : "a" in person.teams)
          all: has(person.title) && person.agency.startsWith("Pé(") && !(person.level in [-5, 2])
            atom: has(person.title)
            atom: person.agency.startsWith("Pé(")
            not: !(person.level in [-5, 2])
              atom: person.level in [-5, 2]
          all: (person.teams).exists(t, t in ["a", 'b'])  && - 5 <= person.level
            any: (person.teams).exists(t, t in ["a", 'b'])
              atom: "a"
              atom: 'b'
            atom: - 5 <= person.level
          opaque: size( person.agency ) == 2 ? person.remote : "a" in person.teams"#]].assert_eq(&lines.join("\n"));
}

fn said(formula: &Formula, text: &str, depth: usize, lines: &mut Vec<String>) {
    let kind = match &formula.node {
        Node::Constant(_) => "constant",
        Node::Atom(Atom::Opaque(_)) => "opaque",
        Node::Atom(_) => "atom",
        Node::Not(_) => "not",
        Node::All(_) => "all",
        Node::Any(_) => "any",
    };
    let part = text[formula.span.clone()].replace('\n', "\\n");
    lines.push(format!("{:depth$}{kind}: {part}", ""));
    match &formula.node {
        Node::Constant(_) | Node::Atom(_) => {}
        Node::Not(part) => said(part, text, depth + 2, lines),
        Node::All(parts) | Node::Any(parts) => {
            for part in parts {
                said(part, text, depth + 2, lines);
            }
        }
    }
}

#[test]
fn a_formula_has_one_text() {
    let cases = [
        "person.agency == 'Police' || person.agency == \"Fire\" || person.level == 3",
        "(person.agency == \"a\" && (person.level > 2 && person.level <= 5)) || !person.remote",
        "!(person.agency in [\"b\", \"a\"]) && person.agency != \"c\" && !has(person.title)",
        "person.hired > \"2020-01-31\" && \"2021-01-01\" > person.hired",
        "person.level > 9223372036854775807 || person.level >= -9223372036854775808",
        "person.teams.exists(t, t == \"a\" || \"b\" == t) && !(\"c\" in person.teams)",
        "1 + 1 == 2 && person.level == 1 + 2 && person.agency in []",
        "person.agency.contains(\"\\\"\\\\ \\n é\") && size(person.teams) > 1",
        "person.remote == true && person.remote != false",
        "person.level > 3 ? person.remote : false",
        "!(person.remote || person.level == 1)",
    ];
    let schema = schema();
    let mut table = String::new();
    for text in cases {
        let condition = Condition::compile(text, &schema).unwrap();
        let printed = condition.formula().to_string();
        let again = Condition::compile(&printed, &schema).unwrap().formula().to_string();

        assert_eq!(again, printed);
        table.push_str(&format!("{text}\n  {printed}\n"));
    }

    expect![[r#"
        person.agency == 'Police' || person.agency == "Fire" || person.level == 3
          person.agency in ["Fire", "Police"] || person.level == 3
        (person.agency == "a" && (person.level > 2 && person.level <= 5)) || !person.remote
          (person.agency == "a" && person.level >= 3 && person.level < 6) || !person.remote
        !(person.agency in ["b", "a"]) && person.agency != "c" && !has(person.title)
          !(person.agency in ["a", "b"]) && person.agency != "c" && !has(person.title)
        person.hired > "2020-01-31" && "2021-01-01" > person.hired
          person.hired >= "2020-02-01" && person.hired < "2021-01-01"
        person.level > 9223372036854775807 || person.level >= -9223372036854775808
          person.level in [] || person.level >= -9223372036854775808
        person.teams.exists(t, t == "a" || "b" == t) && !("c" in person.teams)
          ("a" in person.teams || "b" in person.teams) && !("c" in person.teams)
        1 + 1 == 2 && person.level == 1 + 2 && person.agency in []
          true && person.level == 3 && person.agency in []
        person.agency.contains("\"\\ \n é") && size(person.teams) > 1
          person.agency.contains("\"\\ \n é") && (size(person.teams) > 1)
        person.remote == true && person.remote != false
          person.remote && person.remote
        person.level > 3 ? person.remote : false
          person.level > 3 ? person.remote : false
        !(person.remote || person.level == 1)
          !(person.remote || person.level == 1)
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_value_that_is_not_listed_and_a_question_without_a_guard_are_noticed() {
    static AGENCIES: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| ["Fire", "Police"].map(str::to_owned).into());
    let facts = Facts {
        subject: PERSON,
        values: |attribute| (attribute.description == "listed").then_some(&*AGENCIES),
        optional: |attribute| attribute.description == "optional",
    };
    let mut schema = schema();
    schema.attributes.get_mut("agency").unwrap().description = "listed".to_owned();
    schema.attributes.get_mut("title").unwrap().description = "optional".to_owned();
    let wrong = [
        "person.agency == \"Polcie\"",
        "\"Polcie\" != person.agency",
        "person.level == 1 && person.agency in [\"Fire\", \"Polcie\"]",
    ];
    let unguarded = [
        "person.title == \"x\"",
        "has(person.title) && person.title == \"x\"",
        "person.title == \"x\" && has(person.title)",
        "!has(person.title) || !(person.title == \"x\")",
        "person.level == 1 && (person.title in [\"x\"] || person.title.startsWith(\"y\"))",
    ];
    let mut table = String::new();
    for text in wrong {
        for found in Condition::with_facts(text, &schema, facts).unwrap_err() {
            table.push_str(&format!("{text}\n  {found}\n"));
        }
    }
    for text in unguarded {
        table.push_str(&format!("{text}\n"));
        for found in Condition::with_facts(text, &schema, facts).unwrap().warnings() {
            table.push_str(&format!("  {found}\n"));
        }
    }

    expect![[r#"
        person.agency == "Polcie"
          asks for a value that person.agency never has by the AttributeSchema; did you mean `Police`? (line 1, column 18 of it)
        "Polcie" != person.agency
          asks for a value that person.agency never has by the AttributeSchema; did you mean `Police`? (line 1, column 1 of it)
        person.level == 1 && person.agency in ["Fire", "Polcie"]
          asks for a value that person.agency never has by the AttributeSchema; did you mean `Police`? (line 1, column 48 of it)
        person.title == "x"
          asks about person.title, which may stay unknown for good, and then so does the answer; write has(person.title) && ... (line 1, column 1 of it)
        has(person.title) && person.title == "x"
        person.title == "x" && has(person.title)
        !has(person.title) || !(person.title == "x")
        person.level == 1 && (person.title in ["x"] || person.title.startsWith("y"))
          asks about person.title, which may stay unknown for good, and then so does the answer; write has(person.title) && ... (line 1, column 23 of it)
          asks about person.title, which may stay unknown for good, and then so does the answer; write has(person.title) && ... (line 1, column 48 of it)
    "#]].assert_eq(&table);
}

#[test]
fn huge_and_nested_conditions_are_refused_on_a_small_stack() {
    let elements = vec!["1"; 1_001].join(",");
    let loops = "person.teams.exists(t, t == (";
    let texts = [
        format!("{}true{}", "(".repeat(97), ")".repeat(97)),
        "[".repeat(8_000),
        format!("{}true", "!".repeat(8_000)),
        format!("{}1 == 1", "1+".repeat(3_500)),
        format!("{}1 == 1", "-".repeat(8_000)),
        format!("person{} == 1", ".a".repeat(4_000)),
        format!("{}true", "true ? true : ".repeat(500)),
        format!("{}true", "true == ".repeat(1_000)),
        format!("true{}", ".f(1,1)".repeat(1_000)),
        format!("person{}", "[0]".repeat(2_000)),
        format!("person.level in [{elements}]"),
        format!("{}\"a\"{}", loops.repeat(200), "))".repeat(200)),
        vec!["size(person.agency) == 1"; 17].join(" || "),
        format!("{}true", "!person.remote||".repeat(511)),
        "\"".repeat(8_000),
        "a".repeat(9_000),
    ];
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let refusals = small
        .spawn(move || {
            let schema = schema();
            let refused = |text: &String| Condition::compile(text, &schema).unwrap_err();
            texts.iter().map(|text| refused(text)[0].message.len()).collect::<Vec<_>>()
        })
        .unwrap()
        .join()
        .unwrap();

    assert!(refusals.iter().all(|length| *length > 10), "{refusals:?}");
}

#[test]
fn what_is_within_the_limits_is_compiled_on_a_small_stack() {
    let many = (0..300).map(|n| format!("person.level == {n}")).collect::<Vec<_>>();
    let texts = [
        many.join(" || "),
        format!("{}person.remote{}", "(".repeat(90), ")".repeat(90)),
        format!("{}person.remote", "!".repeat(90)),
        format!("person.level == 1{}", " + 1".repeat(80)),
    ];
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let run = small.spawn(move || {
        for text in texts {
            let condition = Condition::compile(&text, &schema()).unwrap();
            assert!(condition.holds(&attributes()).is_some());
        }
    });

    run.unwrap().join().unwrap();
}
