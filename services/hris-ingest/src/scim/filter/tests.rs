use serde_json::json;

use super::*;

fn ada() -> Value {
    json!({
        "id": "A1",
        "userName": "ada@example.com",
        "active": true,
        "name": {"familyName": "Lovelace"},
        "emails": [
            {"type": "work", "value": "ada@example.com"},
            {"type": "home", "value": "ada@home.example"},
        ],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Engines"},
        "meta": {"created": "2026-03-02T09:00:00Z"},
    })
}

fn holds(filter: &str) -> bool {
    Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}")).matches(&ada())
}

#[test]
fn filters_hold_as_the_rfc_says() {
    for filter in [
        r#"userName eq "ADA@example.com""#,
        r#"USERNAME Eq "ada@example.com""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ada""#,
        r#"name.familyName co "love" and active eq true"#,
        r#"emails[type eq "home" and value ew ".example"]"#,
        r#"emails.type eq "work""#,
        r#"emails co "home.example""#,
        "title pr or active pr",
        "not (title pr)",
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Engines""#,
        r#"meta.created ge "2026-03-02T10:00:00+01:00""#,
        "title eq null",
        r#"title ne "x""#,
        r#"active eq "True""#,
        r#"(userName eq "x" or id eq "A1") and not (id eq "B1")"#,
    ] {
        assert!(holds(filter), "{filter}");
    }
    for filter in [
        r#"id eq "a1""#,
        r#"emails[type eq "home" and value co "ada@example.com"]"#,
        r#"userName ne "ada@example.com""#,
        r#"title eq "x""#,
        "active eq 1",
        r#"meta.created gt "2026-03-02T09:00:00Z""#,
        "userName eq null",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn and_binds_stronger_than_or() {
    assert!(holds(r#"id eq "A1" or id eq "x" and id eq "y""#));
    assert!(!holds(r#"(id eq "A1" or id eq "x") and id eq "y""#));
}

#[test]
fn what_is_no_filter_is_refused_without_repeating_it() {
    let deep = format!("{}a pr{}", "(".repeat(17), ")".repeat(17));
    let wide = vec!["a pr"; 65].join(" or ");
    let long = format!(r#"a eq "{}""#, "x".repeat(4_096));
    for (filter, reason) in [
        ("", "lacks the name of an attribute"),
        ("userName", "has an attribute without an operator"),
        ("userName is \"secret\"", "has an operator that does not exist"),
        ("userName eq", "has an operator without a value"),
        ("userName eq secret", "has a value that is no text in quotes, number, boolean or null"),
        ("userName eq \"secret", "has a quote that is not closed"),
        ("userName eq \"\\x\"", "has a text that is not written as in JSON"),
        ("(userName pr", "has a parenthesis that is not closed"),
        ("emails[type pr", "has a bracket that is not closed"),
        ("not userName pr", "has a not without a parenthesis"),
        ("userName pr userName", "goes on where it should end"),
        ("a:b pr", "has a colon outside the name of a schema"),
        ("ä pr", "has an attribute whose name is none"),
        ("userName eq 1x", "has a number that is none"),
        (deep.as_str(), "is nested more than 16 deep"),
        (wide.as_str(), "has more than 64 terms"),
        (long.as_str(), "is longer than 4096 bytes"),
    ] {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!(error.detail, format!("the filter {reason}"), "{filter}");
        assert_eq!((error.status, error.kind), (400, Some("invalidFilter")));
    }
}

#[test]
fn what_a_filter_demands_is_found_for_an_index() {
    let demands = |filter| {
        let filter = Filter::parse(filter).unwrap();
        filter.demands("userName").map(str::to_owned)
    };
    assert_eq!(demands(r#"active eq true and username eq "a""#), Some("a".to_owned()));
    assert_eq!(demands(r#"active eq true or userName eq "a""#), None);
    assert_eq!(demands(r#"not (userName eq "a")"#), None);
}

#[test]
fn paths_name_an_attribute_its_values_and_a_part_of_them() {
    let path = Path::parse(r#"emails[type eq "work"].value"#).unwrap();
    assert_eq!(
        (path.attribute.name.as_str(), path.attribute.sub.as_deref()),
        ("emails", Some("value"))
    );
    assert!(path.filter.is_some());
    let path = Path::parse("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName").unwrap();
    assert_eq!(
        path.attribute.schema.as_deref(),
        Some("urn:ietf:params:scim:schemas:core:2.0:User")
    );
    for wrong in ["", "a.b.c", "a[", "a[b pr", "a[b pr]c", "a.b[c pr]", "a[b pr].", "a b", "\"a\""]
    {
        assert_eq!(Path::parse(wrong).unwrap_err().kind, Some("invalidPath"), "{wrong}");
    }
}
