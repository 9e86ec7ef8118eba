//! Conditions on their own: their conjuncts, their places, and what is wrong with them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use domain::{Attributes, Value};
use rules::document::{self, AttributeSchema};
use rules::{Condition, Release};

#[test]
fn a_conjunction_falls_apart_into_what_has_to_be_true() {
    let texts = |text: &str| {
        let condition = Condition::compile(text, &schema()).unwrap();
        let found = condition.conjuncts(&Attributes::new()).into_iter();
        found.map(|one| format!("{}:{} {}", one.line, one.column, one.text)).collect::<Vec<_>>()
    };

    assert_eq!(
        texts("person.agency == \"A && B\" &&\n  (person.level >= 3 && has(person.title))"),
        ["1:1 person.agency == \"A && B\"", "2:4 person.level >= 3", "2:25 has(person.title)"]
    );
    assert_eq!(
        texts("(person.level > 1 || person.level < 0) && !(person.level == 4)"),
        ["1:2 person.level > 1 || person.level < 0", "1:43 !(person.level == 4)"]
    );
    assert_eq!(
        texts("person.level > 1 && person.level < 9 || person.level == 12"),
        ["1:1 person.level > 1 && person.level < 9 || person.level == 12"]
    );
    assert_eq!(texts("(true) && (person.level > 1)"), ["1:2 true", "1:12 person.level > 1"]);
    assert_eq!(
        texts("person.title == r'\\' && person.title == '\\' && '"),
        ["1:1 person.title == r'\\'", "1:25 person.title == '\\' && '"]
    );
    assert_eq!(
        texts("person.level > 1 // && a comment\n && person.title.startsWith(\"(\")"),
        ["1:1 person.level > 1", "2:5 person.title.startsWith(\"(\")"]
    );
}

#[test]
fn a_conjunct_names_its_truth_and_the_values_it_rests_on() {
    let condition =
        Condition::compile("person.agency == \"Police\" && person.level >= 3", &schema()).unwrap();
    let ada = Attributes::from([("agency".to_owned(), Value::Text("Fire".to_owned()))]);

    let found = condition.conjuncts(&ada);

    assert_eq!(condition.holds(&ada), Some(false));
    assert_eq!(found[0].truth, Some(false));
    assert_eq!(found[0].attributes, [("agency".to_owned(), Some(Value::Text("Fire".to_owned())))]);
    assert_eq!(found[1].truth, None);
    assert_eq!(found[1].attributes, [("level".to_owned(), None)]);
}

#[test]
fn what_is_wrong_is_found_in_its_conjunct() {
    let wrong = |text: &str| {
        let findings = Condition::compile(text, &schema()).unwrap_err();
        findings
            .iter()
            .map(|one| format!("{}:{} {}", one.line, one.column, one.message))
            .collect::<Vec<_>>()
    };

    let attribute = wrong("person.level >= 3 &&\n  person.agancy == \"Police\"");
    let parse = wrong("person.level >= 3 &&\n  person.agency ==");
    let shape = wrong("person.title");

    assert!(attribute[0].starts_with("2:3 uses person.agancy"), "{attribute:?}");
    assert!(parse[0].starts_with("2:"), "{parse:?}");
    assert!(shape[0].starts_with("1:1 gives a text"), "{shape:?}");
}

/// A conjunction is true when every conjunct is, and false when one is, unknown or not.
#[test]
fn the_whole_is_what_its_conjuncts_say() {
    let parts = [
        "person.level >= 3",
        "(person.level == 2 || person.title == \"Chief\")",
        "person.agency != \"Fire\"",
        "has(person.title)",
    ];
    let text = |value: &str| Some(Value::Text(value.to_owned()));
    let levels = [None, Some(Value::Integer(2)), Some(Value::Integer(5))];
    let titles = [None, text("Chief"), text("Clerk")];
    let agencies = [None, text("Fire"), text("Police")];

    for chosen in 1..16_u8 {
        let chosen: Vec<&str> = parts
            .iter()
            .enumerate()
            .filter(|(index, _part)| chosen & (1 << index) != 0)
            .map(|(_index, part)| *part)
            .collect();
        let condition = Condition::compile(&chosen.join(" && "), &schema()).unwrap();
        for level in &levels {
            for title in &titles {
                for agency in &agencies {
                    let known = [("level", level), ("title", title), ("agency", agency)];
                    let person: Attributes = known
                        .into_iter()
                        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
                        .collect();
                    let truths: Vec<Option<bool>> =
                        condition.conjuncts(&person).iter().map(|one| one.truth).collect();
                    let expected = if truths.contains(&Some(false)) {
                        Some(false)
                    } else if truths.contains(&None) {
                        None
                    } else {
                        Some(true)
                    };
                    assert_eq!(truths.len(), chosen.len());
                    assert_eq!(condition.holds(&person), expected, "{chosen:?} of {person:?}");
                }
            }
        }
    }
}

fn schema() -> AttributeSchema {
    let text = "apiVersion: tenure.dev/v1\nkind: AttributeSchema\nmetadata: {name: city}\nspec:\n  \
                attributes:\n    agency: {type: string}\n    level: {type: integer}\n    title: \
                {type: string}\n";
    Release::compile(1, document::load("city.yaml", text).unwrap()).unwrap().schema().clone()
}
