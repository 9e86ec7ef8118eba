use serde_json::json;

use super::*;

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: okta}
spec:
  format: scim
  key: [login]
  zone: UTC
  fields:
    login: {column: userName}
    mail: {column: emails.work, optional: true}
    home: {column: 'emails[type eq \"home\"].value', optional: true}
    given: {column: name.givenName}
    country: {column: addresses.work.country, optional: true}
    manager: {column: manager, optional: true}
    grade: {column: 'urn:example:2.0:User:grade', type: integer, optional: true}
    vip: {column: 'urn:example:2.0:User:vip', type: boolean, optional: true}
  attributes: [given]
";

pub(crate) fn source() -> Source {
    Source::parse(MAPPING).unwrap()
}

fn read(user: &Value) -> Result<Written, Error> {
    Offer::new(&source()).read(user)
}

#[test]
fn one_place_is_written_in_one_way() {
    for (written, column) in [
        ("USERNAME", "userName"),
        ("emails.work", "emails[type eq \"work\"].value"),
        ("Emails[type eq \"WORK\"]", "emails[type eq \"work\"].value"),
        ("phoneNumbers.mobile", "phoneNumbers[type eq \"mobile\"].value"),
        ("addresses.work.country", "addresses[type eq \"work\"].country"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "name.givenName"),
        ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
        ("manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ),
        ("urn:example:2.0:User:grade", "urn:example:2.0:User:grade"),
    ] {
        let place = Place::parse(written).unwrap();
        assert_eq!(place.column(), column, "{written}");
        assert_eq!(Place::parse(column).unwrap(), place, "{column}");
    }
    for wrong in
        ["", "password", "groups", "emails", "emails.moon", "name", "name.nick", "id", "a b"]
    {
        assert!(Place::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn everything_wrong_with_a_scim_document_is_told() {
    let wrong = MAPPING
        .replace("{column: userName}", "{column: password}")
        .replace("  key: [login]", "  columns: [userName]\n  engagement: given\n  key: [login]");
    let problems = Source::parse(&wrong).unwrap_err().problems;

    for problem in [
        "spec.fields.login: \"password\" is no attribute of a SCIM user that can be mapped",
        "spec.columns: a SCIM source has those that its fields name",
        "spec.fields: one must be of the column userName, which every user has",
        "spec.engagement: a SCIM user is one engagement",
    ] {
        assert!(problems.iter().any(|told| told == problem), "{problem}\nnot in {problems:?}");
    }
}

#[test]
fn a_user_is_read_as_far_as_it_is_on_offer_and_written_again() {
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "USERNAME": "ada",
        "name": {"givenName": "Ada", "familyName": "dropped"},
        "emails": [{"value": "a@work"}, {"value": "a@home", "type": "Home"}, {"value": "x", "type": "other"}],
        "addresses": [{"type": "work", "country": "GB", "region": "dropped"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": "7"},
        "urn:example:2.0:User": {"grade": "5", "vip": "True", "salary": 1},
        "password": "dropped",
    });

    let written = read(&user).unwrap();

    let offer = Offer::new(&source());
    assert_eq!(
        Value::Object(offer.render(&written)),
        json!({
            "userName": "ada",
            "name": {"givenName": "Ada"},
            "emails": [{"type": "home", "value": "a@home"}, {"type": "work", "value": "a@work"}],
            "addresses": [{"type": "work", "country": "GB"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "7"}},
            "urn:example:2.0:User": {"grade": 5, "vip": true},
        })
    );
    assert_eq!(offer.texts(&written).len(), 8);
    assert!(!format!("{written:?}").contains("dropped"));
}

#[test]
fn what_has_another_shape_is_refused_without_repeating_it() {
    for (user, detail) in [
        (json!([]), "the body is not a JSON object"),
        (json!({"userName": ""}), "userName is missing"),
        (json!({"userName": {"secret": 1}}), "userName is not a text"),
        (json!({"userName": "a", "name": "secret"}), "name is not an object"),
        (json!({"userName": "a", "emails": ["secret"]}), "a value of emails is not an object"),
        (json!({"userName": "a", "active": "secret"}), "active is not a boolean"),
        (
            json!({"userName": "a", "urn:example:2.0:User": {"grade": "secret"}}),
            "urn:example:2.0:User:grade is not a whole number",
        ),
        (
            json!({"userName": "a", "urn:example:2.0:User": "secret"}),
            "an extension is not an object",
        ),
        (
            json!({"userName": "a", "schemas": ["urn:secret"]}),
            "schemas does not name urn:ietf:params:scim:schemas:core:2.0:User",
        ),
        (json!({"userName": "x".repeat(4_097)}), "userName is longer than 4096 bytes"),
    ] {
        let error = read(&user).unwrap_err();
        assert_eq!((error.status, error.detail.as_str()), (400, detail));
    }
}
