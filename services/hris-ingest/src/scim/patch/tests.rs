use serde_json::json;

use super::*;
use crate::scim::offer::tests::source;

fn ada() -> Value {
    json!({
        "userName": "ada",
        "name": {"givenName": "Ada"},
        "emails": [{"type": "work", "value": "a@work"}, {"type": "home", "value": "a@home"}],
        "urn:example:2.0:User": {"grade": 5, "vip": true},
    })
}

fn patched(operations: Value) -> Result<Value, Error> {
    let source = source();
    let offer = Offer::new(&source);
    let mut written = offer.read(&ada()).unwrap();
    apply(&offer, &mut written, &json!({"Operations": operations}))?;
    Ok(Value::Object(offer.render(&written)))
}

/// Ada with some members changed; null: without it.
fn with(changes: Value) -> Value {
    let mut user = ada();
    // As they are rendered: in the order of the source's columns.
    user["emails"] =
        json!([{"type": "home", "value": "a@home"}, {"type": "work", "value": "a@work"}]);
    for (name, value) in changes.as_object().unwrap() {
        user[name] = value.clone();
        if value.is_null() {
            user.as_object_mut().unwrap().remove(name);
        }
    }
    user
}

#[test]
fn operations_do_what_the_rfc_says() {
    let home = json!([{"type": "home", "value": "a@home"}]);
    for (operation, changes) in [
        (json!({"op": "add", "path": "active", "value": true}), json!({"active": true})),
        (
            json!({"op": "add", "value": {"name": {"givenName": "A"}, "active": false}}),
            json!({"name": {"givenName": "A"}, "active": false}),
        ),
        (json!({"op": "remove", "path": "emails"}), json!({"emails": null})),
        (json!({"op": "remove", "path": "emails[type eq \"work\"]"}), json!({"emails": home})),
        (
            json!({"op": "remove", "path": "emails[value sw \"a@w\"].value"}),
            json!({"emails": home}),
        ),
        (json!({"op": "remove", "path": "emails[value eq \"none\"]"}), json!({})),
        (
            json!({"op": "replace", "path": "emails", "value": [{"type": "home", "value": "a@home"}]}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [{"type": "home", "value": "x"}]}),
            json!({"emails": [{"type": "home", "value": "x"}, {"type": "work", "value": "a@work"}]}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "x"}}),
            json!({"emails": [{"type": "home", "value": "a@home"}, {"type": "work", "value": "x"}]}),
        ),
        (
            json!({"op": "replace", "path": "emails.value", "value": "x"}),
            json!({"emails": [{"type": "home", "value": "x"}, {"type": "work", "value": "x"}]}),
        ),
        (
            json!({"op": "replace", "path": "urn:example:2.0:User:grade", "value": 6}),
            json!({"urn:example:2.0:User": {"grade": 6, "vip": true}}),
        ),
        (
            json!({"op": "add", "path": "urn:example:2.0:User", "value": {"vip": false}}),
            json!({"urn:example:2.0:User": {"grade": 5, "vip": false}}),
        ),
        (
            json!({"op": "remove", "path": "urn:example:2.0:User"}),
            json!({"urn:example:2.0:User": null}),
        ),
    ] {
        assert_eq!(patched(json!([operation])), Ok(with(changes)), "{operation}");
    }
}

#[test]
fn what_entra_and_okta_write_is_understood() {
    let address = json!([{"type": "work", "country": "GB"}]);
    for (operation, changes) in [
        (json!({"op": "Replace", "path": "active", "value": "False"}), json!({"active": false})),
        (json!({"OP": "Add", "PATH": "ACTIVE", "VALUE": [true]}), json!({"active": true})),
        (
            json!({"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "GB"}),
            json!({"addresses": address}),
        ),
        (
            json!({"op": "replace", "value": {"name.givenName": "A", "schemas": [], "id": "x"}}),
            json!({"name": {"givenName": "A"}}),
        ),
        (
            json!({"op": "replace", "value": {"emails[type eq \"work\"].value": "x"}}),
            json!({"emails": [{"type": "home", "value": "a@home"}, {"type": "work", "value": "x"}]}),
        ),
        (
            json!({"op": "Remove", "path": "emails", "value": [{"value": "a@home"}]}),
            json!({"emails": [{"type": "work", "value": "a@work"}]}),
        ),
        (
            json!({"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": [{"value": "7"}]}),
            json!({"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "7"}}}),
        ),
    ] {
        assert_eq!(patched(json!([operation])), Ok(with(changes)), "{operation}");
    }
}

#[test]
fn what_is_not_on_offer_is_dropped() {
    for operation in [
        json!({"op": "add", "path": "nickName", "value": "x"}),
        json!({"op": "remove", "path": "nickName"}),
        json!({"op": "add", "path": "emails[type eq \"other\"].value", "value": "x"}),
        json!({"op": "add", "path": "name.familyName", "value": "x"}),
        json!({"op": "add", "path": "photos", "value": [{"value": "x"}]}),
        json!({"op": "add", "value": {"nickName": "x", "a b": 1, "urn:none:User": {"x": 1}}}),
    ] {
        assert_eq!(patched(json!([operation])), Ok(with(json!({}))), "{operation}");
    }
}

#[test]
fn what_cannot_be_done_refuses_the_request() {
    for (operation, kind) in [
        (json!({"op": "move", "path": "active"}), "invalidSyntax"),
        (json!({"path": "active"}), "invalidSyntax"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "replace", "path": "emails[value eq \"none\"]", "value": {}}), "noTarget"),
        (json!({"op": "add", "path": "active"}), "invalidValue"),
        (json!({"op": "add", "value": true}), "invalidValue"),
        (json!({"op": "add", "path": "active", "value": "perhaps"}), "invalidValue"),
        (json!({"op": "add", "path": "a b", "value": 1}), "invalidPath"),
        (json!({"op": "add", "path": 1, "value": 1}), "invalidPath"),
        (json!({"op": "replace", "path": "meta.created", "value": 1}), "mutability"),
        (json!({"op": "replace", "path": "id", "value": 1}), "mutability"),
        (json!({"op": "remove", "path": "userName"}), "invalidValue"),
    ] {
        let error = patched(json!([operation])).unwrap_err();
        assert_eq!((error.status, error.kind), (400, Some(kind)), "{operation}");
    }
    let many: Vec<Value> = vec![json!({"op": "remove", "path": "active"}); 101];
    assert_eq!(patched(many.into()).unwrap_err().status, 413);
}
