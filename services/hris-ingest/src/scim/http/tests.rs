use serde_json::json;

use super::*;

fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "id": "1",
        "userName": "ada",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"type": "work", "value": "a@work"}],
        ENTERPRISE: {"department": "Engines", "division": "Difference"},
    })
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_client_sees_what_it_chose_and_always_the_id() {
    let department = format!("{ENTERPRISE}:department");
    let only = names(&["USERNAME", "name.givenName", "emails.value", department.as_str(), "none"]);

    let shown = Choice::new(only, None).unwrap().show(ada());

    assert_eq!(
        shown,
        json!({
            "schemas": [USER, ENTERPRISE],
            "id": "1",
            "userName": "ada",
            "name": {"givenName": "Ada"},
            "emails": [{"value": "a@work"}],
            ENTERPRISE: {"department": "Engines"},
        })
    );
}

#[test]
fn a_client_does_not_see_what_it_left_out() {
    let department = format!("{ENTERPRISE}:department");
    let without = names(&["id", "userName", "name.givenName", department.as_str(), "emails"]);

    let shown = Choice::new(None, without).unwrap().show(ada());

    assert_eq!(
        shown,
        json!({
            "schemas": [USER, ENTERPRISE],
            "id": "1",
            "name": {"familyName": "Lovelace"},
            ENTERPRISE: {"division": "Difference"},
        })
    );
    let whole = Choice::new(None, names(&[ENTERPRISE])).unwrap().show(ada());
    assert_eq!((&whole[ENTERPRISE], &whole["userName"]), (&Value::Null, &"ada".into()));
    assert!(Choice::new(names(&["id"]), names(&["id"])).is_err());
    assert!(Choice::new(names(&["a b"]), None).is_err());
}
