pub(crate) mod agreement;
mod positions;
mod soup;

use domain::{Attributes, Value};
use expect_test::expect;

use super::*;
use crate::document::AttributeSchema;

#[test]
fn a_condition_is_true_false_or_unknown() {
    let cases = [
        ("person.agency == \"Police\"", Some(true)),
        ("person.agency != \"Police\"", Some(false)),
        ("person.agency in [\"Fire\", \"Police\"]", Some(true)),
        ("person.agency.startsWith(\"Pol\") && person.agency.endsWith(\"ice\")", Some(true)),
        ("person.agency.contains(\"fire\")", Some(false)),
        ("person.level >= 3 && person.level < 5", Some(true)),
        ("\"b\" in person.teams && !(\"z\" in person.teams)", Some(true)),
        ("size(person.teams) == 2", Some(true)),
        ("person.hired < \"2020-02-01\"", Some(true)),
        ("person.hired == \"2020-01-31\"", Some(true)),
        ("person.remote ? person.level == 4 : false", Some(true)),
        ("person.agency + \"!\" == \"Police!\"", Some(true)),
        ("slug(person.agency) == \"police\"", Some(true)),
        ("has(person.agency) && !has(person.title)", Some(true)),
        ("person.title == \"x\"", None),
        ("person.title != \"x\"", None),
        ("!(person.title == \"x\")", None),
        ("person.title == \"x\" || person.level == 4", Some(true)),
        ("person.level == 4 || person.title == \"x\"", Some(true)),
        ("person.title == \"x\" || person.level == 5", None),
        ("person.title == \"x\" && person.level == 5", Some(false)),
        ("person.title == \"x\" && person.level == 4", None),
        ("has(person.title) && person.title == \"x\"", Some(false)),
    ];
    let schema = schema();
    let attributes = attributes();
    let person = Person::new(&attributes, &schema);
    let context = context(&person);

    for (text, expected) in cases {
        let condition = Expression::compile(text, &schema, &[Shape::Boolean]).unwrap();

        assert_eq!(condition.holds(&context), expected, "{text}");
        let condition = Condition::compile(text, &schema).unwrap();
        assert_eq!(condition.holds(&attributes), expected, "{text}");
    }
}

#[test]
fn a_value_of_another_type_than_declared_is_unknown() {
    let schema = schema();
    let attributes = Attributes::from([("level".to_owned(), Value::Text("4".to_owned()))]);
    let person = Person::new(&attributes, &schema);
    let context = context(&person);
    let holds = |text| {
        let interpreted = Expression::compile(text, &schema, &[Shape::Boolean]).unwrap();
        let condition = Condition::compile(text, &schema).unwrap();
        assert_eq!(condition.holds(&attributes), interpreted.holds(&context));
        condition.holds(&attributes)
    };

    assert_eq!(holds("person.level != 4"), None);
    assert_eq!(holds("has(person.level)"), Some(false));
}

#[test]
fn what_makes_no_sense_is_refused_when_it_is_written() {
    let cases = [
        "person.agancy == \"Police\"",
        "has(person.agancy)",
        "agency == \"Police\"",
        "person == \"Police\"",
        "person.agency",
        "person.agency == 5",
        "person.level == \"5\"",
        "person.level == 5.0",
        "person.title == null",
        "person.hired < \"31.01.2026\"",
        "person.hired < person.title",
        "person.remote < true",
        "person.agency in \"Police\"",
        "person.level in [\"1\"]",
        "person.level in [1, \"2\"]",
        "person.teams.contains(\"a\")",
        "person.teams.all(team, team == \"a\")",
        "person.teams.exists(team, team.startsWith(\"a\"))",
        "person.agency.exists(team, team == \"a\")",
        "person.teams.exists(t, t == (person.teams.exists(u, u == \"a\") ? \"a\" : \"b\"))",
        "person.hired in [\"2020-01-31\", \"yesterday\"]",
        "person.agency.startWith(\"P\")",
        "person.agency.matches(\"P.*\")",
        "person[\"agency\"] == \"Police\"",
        "person.?agency == \"Police\"",
        "person.agency && person.remote",
        "person.agency == ",
        "person.title == \"x\" && person.titel == \"x\" && person.lvel == 3",
    ];
    let schema = schema();
    let mut table = String::new();
    for text in cases {
        let problems = Condition::compile(text, &schema).unwrap_err();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        table.push_str(&format!("{text}\n  {}\n", problems.join("\n  ")));
    }

    expect![[r#"
        person.agancy == "Police"
          uses person.agancy, which the AttributeSchema does not declare; did you mean `agency`? (line 1, column 1 of it)
        has(person.agancy)
          uses person.agancy, which the AttributeSchema does not declare; did you mean `agency`? (line 1, column 1 of it)
        agency == "Police"
          uses `agency`, which is nothing a condition sees; attributes are written person.<name>, texts stand in quotes (line 1, column 1 of it)
        person == "Police"
          uses `person` as a whole; name an attribute, as in person.title (line 1, column 1 of it)
        person.agency
          gives a text, and a yes or no is needed (line 1, column 1 of it)
        person.agency == 5
          puts a text beside a whole number with `==` (line 1, column 1 of it)
        person.level == "5"
          puts a whole number beside a text with `==` (line 1, column 1 of it)
        person.level == 5.0
          uses a literal that no attribute can equal; write texts, whole numbers, true or false (line 1, column 17 of it)
        person.title == null
          uses null; ask whether an attribute is known with has(person.title) (line 1, column 17 of it)
        person.hired < "31.01.2026"
          puts a date beside a text that is none; write it as "2026-01-31" (line 1, column 1 of it)
        person.hired < person.title
          puts a date beside a text that is none; write it as "2026-01-31" (line 1, column 1 of it)
        person.remote < true
          orders a yes or no with `<`, which is for texts, numbers and dates (line 1, column 1 of it)
        person.agency in "Police"
          looks with `in` into a text, which is no list (line 1, column 1 of it)
        person.level in ["1"]
          looks for a whole number in a list that cannot have it (line 1, column 1 of it)
        person.level in [1, "2"]
          mixes texts and numbers in one list (line 1, column 17 of it)
        person.teams.contains("a")
          asks a list with `contains`; write "x" in person.teams (line 1, column 1 of it)
        person.teams.all(team, team == "a")
          uses a loop that policies do not know; ask for one element with `in`, as in "x" in person.teams, or for one of several with person.teams.exists(team, team in ["x", "y"]) (line 1, column 1 of it)
        person.teams.exists(team, team.startsWith("a"))
          uses a loop that policies do not know; ask for one element with `in`, as in "x" in person.teams, or for one of several with person.teams.exists(team, team in ["x", "y"]) (line 1, column 1 of it)
        person.agency.exists(team, team == "a")
          uses `exists` on a text, and it is for lists (line 1, column 1 of it)
        person.teams.exists(t, t == (person.teams.exists(u, u == "a") ? "a" : "b"))
          uses one `exists` inside another; ask for each on its own (line 1, column 30 of it)
        person.hired in ["2020-01-31", "yesterday"]
          puts a date beside a text that is none; write it as "2026-01-31" (line 1, column 1 of it)
        person.agency.startWith("P")
          uses `startWith` in a way that policies do not know; did you mean `startsWith`? (line 1, column 1 of it)
        person.agency.matches("P.*")
          uses `matches` in a way that policies do not know; there are == != < <= > >= && || ! ?: + - in, has(), size(), slug(), string(), startsWith(), endsWith(), contains() and exists() (line 1, column 1 of it)
        person["agency"] == "Police"
          uses `[]` in a way that policies do not know; there are == != < <= > >= && || ! ?: + - in, has(), size(), slug(), string(), startsWith(), endsWith(), contains() and exists() (line 1, column 1 of it)
        person.?agency == "Police"
          uses `.?` in a way that policies do not know; there are == != < <= > >= && || ! ?: + - in, has(), size(), slug(), string(), startsWith(), endsWith(), contains() and exists() (line 1, column 1 of it)
        person.agency && person.remote
          gives a text to `&&`, which needs a yes or no (line 1, column 1 of it)
        person.agency == 
          is not CEL: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} (line 1, column 18 of it)
        person.title == "x" && person.titel == "x" && person.lvel == 3
          uses person.titel, which the AttributeSchema does not declare; did you mean `title`? (line 1, column 24 of it)
          uses person.lvel, which the AttributeSchema does not declare; did you mean `level`? (line 1, column 47 of it)
    "#]].assert_eq(&table);
}

#[test]
fn a_mapping_gives_values_of_every_type() {
    let schema = schema();
    let attributes = attributes();
    let person = Person::new(&attributes, &schema);
    let context = context(&person);
    let wanted = [Shape::Text, Shape::Integer, Shape::Boolean, Shape::Date, Shape::Texts];
    let value = |text| Expression::compile(text, &schema, &wanted).unwrap().value(&context);

    assert_eq!(value("person.agency"), Some(Value::Text("Police".to_owned())));
    assert_eq!(value("person.level + 1"), Some(Value::Integer(5)));
    assert_eq!(value("person.remote"), Some(Value::Boolean(true)));
    assert_eq!(value("person.hired"), Some(Value::Date("2020-01-31".parse().unwrap())));
    assert_eq!(value("person.teams"), Some(Value::List(vec!["a".to_owned(), "b".to_owned()])));
    assert_eq!(value("string(person.level)"), Some(Value::Text("4".to_owned())));
    assert_eq!(value("person.title"), None);
}

#[test]
fn a_slug_is_ascii_with_single_dots() {
    let cases = [
        ("Chantria A Aaron", "chantria.a.aaron"),
        ("  O'Neil-Smith,  Jr. ", "o.neil.smith.jr"),
        ("Renée Müller", "renee.muller"),
        ("Łukasz Żółć", "lukasz.zolc"),
        ("Bjørn Straße", "bjorn.strasse"),
        ("Nguyễn Văn Đức", "nguyen.van.duc"),
        ("Ren\u{e9}e = Rene\u{301}e", "renee.renee"),
        ("Room 42b", "room.42b"),
        ("李小龙", "person"),
        ("---", "person"),
        ("", "person"),
    ];
    for (text, expected) in cases {
        assert_eq!(slug(text), expected, "{text}");
    }
}

pub(crate) fn schema() -> AttributeSchema {
    let json = r#"{"attributes": {
        "agency": {"type": "string"}, "title": {"type": "string"}, "level": {"type": "integer"},
        "remote": {"type": "boolean"}, "hired": {"type": "date"}, "teams": {"type": "list"}
    }}"#;
    serde_json::from_str(json).unwrap()
}

fn attributes() -> Attributes {
    [
        ("agency", Value::Text("Police".to_owned())),
        ("level", Value::Integer(4)),
        ("remote", Value::Boolean(true)),
        ("hired", Value::Date("2020-01-31".parse().unwrap())),
        ("teams", Value::List(vec!["a".to_owned(), "b".to_owned()])),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[test]
fn a_value_that_is_not_among_the_only_ones_is_unknown() {
    let schema: AttributeSchema = serde_json::from_value(serde_json::json!({"attributes": {
        "level": {"type": "string", "values": ["junior", "senior"]},
        "teams": {"type": "list", "values": ["a", "b"]},
    }}))
    .unwrap();
    let holds = |text: &str, value: Value| {
        let name = if matches!(value, Value::List(_)) { "teams" } else { "level" };
        let condition = Condition::compile(text, &schema).unwrap();
        condition.holds(&[(name.to_owned(), value)].into())
    };
    let text = |text: &str| Value::Text(text.to_owned());

    assert_eq!(holds("person.level != \"junior\"", text("senior")), Some(true));
    assert_eq!(holds("person.level != \"junior\"", text("Senior")), None);
    assert_eq!(holds("has(person.level)", text("Senior")), Some(false));
    assert_eq!(holds("size(person.level) > 3", text("Senior")), None);
    let list = |items: [&str; 2]| Value::List(items.map(str::to_owned).to_vec());
    assert_eq!(holds("\"a\" in person.teams", list(["a", "b"])), Some(true));
    assert_eq!(holds("\"a\" in person.teams", list(["a", "c"])), None);
}
