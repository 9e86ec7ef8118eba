//! References as they are written, and what is said about those that lead nowhere.

use expect_test::expect;

use super::*;
use crate::Release;
use crate::document::load;

const DOCUMENTS: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec: {attributes: {display_name: {type: string}}}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  account:
    login: slug(person.display_name)
    attributes: {email: accounts.city-mail.address, manager: manager.accounts.directory.id}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: city-mail}
spec:
  connector: {kind: inprocess}
  account:
    login: slug(person.display_name)
    attributes: {address: person.display_name}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: wiki}
spec:
  connector: {kind: inprocess}
  account:
    login: slug(person.display_name)
    attributes: {email: accounts.directory.login}
"#;

#[test]
fn only_what_is_meant_as_a_reference_is_one() {
    assert_eq!(parse("person.title"), None);
    assert_eq!(parse("\"accounts.mail.id\""), None);
    assert_eq!(
        parse(" accounts.city-mail.primaryAddress "),
        Some(Ok(Pointer {
            whose: Whose::Own,
            application: "city-mail".to_owned(),
            attribute: "primaryAddress".to_owned(),
        }))
    );
    for odd in [
        "accounts.mail",
        "accounts.mail.address.first",
        "accounts.mail.address + \"x\"",
        "manager.title",
        "manager.accounts.mail",
        "manager.manager.accounts.mail.id",
    ] {
        assert!(matches!(parse(odd), Some(Err(_))), "{odd}");
    }
}

#[test]
fn a_managers_reference_needs_a_manager() {
    let own = parse("accounts.mail.id").unwrap().unwrap();
    let superior = parse("manager.accounts.mail.id").unwrap().unwrap();
    let manager: PersonId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();

    assert_eq!(own.of(Some(manager)).unwrap().person, None);
    assert_eq!(superior.of(Some(manager)).unwrap().person, Some(manager));
    assert_eq!(superior.of(None), None);
}

#[test]
fn references_to_other_accounts_and_to_a_managers_account_of_the_same_kind_compile() {
    assert!(compile(DOCUMENTS).is_ok());
}

#[test]
fn a_reference_that_leads_nowhere_is_a_problem_that_says_what_was_meant() {
    let wrong = DOCUMENTS
        .replace("accounts.city-mail.address", "accounts.citymail.address")
        .replace("manager.accounts.directory.id", "manager.accounts.directory.emial")
        .replace("accounts.directory.login", "accounts.wiki.login");

    expect![[r#"
        city.yaml:14:25: Application directory: spec.account.attributes.email: there is no Application `citymail`; did you mean `city-mail`?
        city.yaml:14:61: Application directory: spec.account.attributes.manager: Application directory maps no attribute `emial`; did you mean `email`?
        city.yaml:32:25: Application wiki: spec.account.attributes.email: refers to the very account it belongs to; name another application"#]]
    .assert_eq(&compile(&wrong).unwrap_err());
    let odd = DOCUMENTS.replace("accounts.directory.login", "accounts.directory");
    expect!["city.yaml:32:25: Application wiki: spec.account.attributes.email: is not a reference; one stands alone and is written accounts.<application>.<attribute> or manager.accounts.<application>.<attribute>"]
    .assert_eq(&compile(&odd).unwrap_err());
}

#[test]
fn accounts_that_wait_for_each_other_are_a_problem_that_names_the_circle() {
    let circle = DOCUMENTS.replace("address: person.display_name", "address: accounts.wiki.email");

    expect!["city.yaml:23:17: Application city-mail: spec.account.attributes: accounts wait for each other in a circle: city-mail -> wiki -> directory -> city-mail; take one of the references out"]
    .assert_eq(&compile(&circle).unwrap_err());
}

#[test]
fn managers_make_no_circle() {
    let mutual = DOCUMENTS
        .replace("accounts.directory.login", "manager.accounts.directory.id")
        .replace("address: person.display_name", "address: manager.accounts.wiki.id");

    assert!(compile(&mutual).is_ok());
}

#[test]
fn an_attribute_never_takes_its_value_from_itself() {
    let own =
        DOCUMENTS.replace("manager.accounts.directory.id", "manager.accounts.directory.manager");

    expect!["city.yaml:14:17: Application directory: spec.account.attributes: an attribute takes its value from itself: directory.manager -> directory.manager; take one of the references out"]
    .assert_eq(&compile(&own).unwrap_err());
    let around = DOCUMENTS
        .replace("manager.accounts.directory.id", "manager.accounts.wiki.email")
        .replace("accounts.directory.login", "manager.accounts.directory.manager");
    expect!["city.yaml:14:17: Application directory: spec.account.attributes: an attribute takes its value from itself: directory.manager -> wiki.email -> directory.manager; take one of the references out"]
    .assert_eq(&compile(&around).unwrap_err());
}

fn compile(text: &str) -> Result<Release, String> {
    Release::compile(1, load("city.yaml", text).unwrap())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
