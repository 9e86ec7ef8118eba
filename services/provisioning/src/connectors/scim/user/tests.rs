//! Users as JSON, without an application.

use domain::{Attributes, Lane, PersonId};
use uuid::Uuid;

use super::*;

const PERSON: PersonId = PersonId(Uuid::from_u128(7));

#[test]
fn a_new_user_has_every_value_in_its_place() {
    let resource = wanted(&[
        ("displayName", "Ada Lovelace"),
        ("givenName", "Ada"),
        ("email", "ada@example.org"),
        ("department", "Engines"),
        ("title", ""),
    ])
    .resource();

    assert_eq!(
        resource,
        json!({
            "schemas": [CORE, ENTERPRISE],
            "externalId": PERSON.to_string(),
            "userName": "ada",
            "active": true,
            "displayName": "Ada Lovelace",
            "name": {"givenName": "Ada"},
            "emails": [{"value": "ada@example.org", "type": "work", "primary": true}],
            ENTERPRISE: {"department": "Engines"},
        })
    );
}

#[test]
fn a_user_just_made_differs_in_nothing() {
    let wanted = wanted(&[("displayName", "Ada"), ("email", "ada@example.org"), ("title", "")]);

    assert_eq!(wanted.differences(&wanted.resource()), Vec::<&str>::new());
}

#[test]
fn only_what_differs_is_patched_and_every_change_has_a_path() {
    let wanted = wanted(&[("displayName", "Ada"), ("department", "Engines"), ("title", "")]);
    let found = json!({
        "userName": "ADA", "active": "True", "displayName": "Ada", "title": "Countess",
        "nickName": "not ours", ENTERPRISE: {"department": "Looms"},
    });

    assert_eq!(wanted.differences(&found), ["department", "title"]);
    assert_eq!(
        wanted.patch(&found)["Operations"],
        json!([
            {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Engines"},
            {"op": "remove", "path": "title"},
        ])
    );
}

#[test]
fn a_new_work_address_keeps_the_others() {
    let wanted = wanted(&[("email", "ada@work.example")]);
    let home = json!({"value": "ada@home.example", "type": "home"});
    let old = json!({"value": "a@work.example", "type": "work"});
    let found = json!({"userName": "ada", "emails": [home, old]});

    assert_eq!(
        wanted.patch(&found)["Operations"],
        json!([{
            "op": "replace",
            "path": "emails",
            "value": [home, {"value": "ada@work.example", "type": "work"}],
        }])
    );
}

#[test]
fn a_manager_is_the_id_of_another_user() {
    let managed = wanted(&[("manager", "17")]);
    let free = wanted(&[("manager", "")]);
    let found = json!({
        "schemas": [CORE, ENTERPRISE], "userName": "ada", "active": true,
        ENTERPRISE: {"manager": {"value": "16", "displayName": "Babbage"}},
    });
    let path = format!("{ENTERPRISE}:manager");

    assert_eq!(managed.resource()[ENTERPRISE], json!({"manager": {"value": "17"}}));
    assert_eq!(managed.differences(&found), ["manager"]);
    assert_eq!(
        managed.patch(&found)["Operations"],
        json!([{"op": "replace", "path": path, "value": {"value": "17"}}])
    );
    assert_eq!(managed.merged_into(found.clone())[ENTERPRISE], json!({"manager": {"value": "17"}}));
    assert_eq!(free.patch(&found)["Operations"], json!([{"op": "remove", "path": path}]));
    assert_eq!(free.merged_into(found)["schemas"], json!([CORE]));
}

#[test]
fn a_replaced_user_keeps_what_is_not_ours() {
    let found = json!({
        "schemas": [CORE], "id": "1", "userName": "ada", "active": false, "nickName": "Countess",
        "meta": {"version": "1"}, "groups": [],
    });

    assert_eq!(
        wanted(&[("division", "North")]).merged_into(found),
        json!({
            "schemas": [CORE, ENTERPRISE], "id": "1", "userName": "ada", "active": true,
            "nickName": "Countess", ENTERPRISE: {"division": "North"},
        })
    );
}

#[test]
fn an_unknown_attribute_is_named() {
    let change = change(&[("shoeSize", "42")]);

    assert_eq!(Wanted::try_new(&change).unwrap_err(), Error::Attribute("shoeSize".to_owned()));
}

#[test]
fn an_account_can_only_be_made_active_or_suspended() {
    for state in [AccountState::None, AccountState::Deleted] {
        let change = AccountChange { state, ..change(&[]) };
        assert_eq!(Wanted::try_new(&change).unwrap_err(), Error::State(state));
    }
}

#[test]
fn what_is_observed_carries_the_names_documents_use() {
    let account = observed(&json!({
        "id": "1", "userName": "ada", "active": "False", "name": {"familyName": "Lovelace"},
        "emails": [{"value": "ada@example.org", "primary": true}], "title": "",
        ENTERPRISE: {"manager": {"value": "17"}},
    }))
    .unwrap();

    assert_eq!(account.state, AccountState::Suspended);
    let expected = [("email", "ada@example.org"), ("familyName", "Lovelace"), ("manager", "17")];
    assert_eq!(account.attributes, attributes(&expected));
}

fn wanted(values: &[(&str, &str)]) -> Wanted {
    Wanted::try_new(&change(values)).unwrap()
}

fn change(values: &[(&str, &str)]) -> AccountChange {
    AccountChange {
        person: PERSON,
        lane: Lane::Regular,
        account_id: None,
        login: "ada".to_owned(),
        state: AccountState::Active,
        attributes: attributes(values),
        create: true,
    }
}

fn attributes(values: &[(&str, &str)]) -> Attributes {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Attribute::Text((*value).to_owned())))
        .collect()
}
