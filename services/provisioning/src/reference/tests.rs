//! What references come to.

use std::collections::BTreeSet;

use domain::{AccountState, Timestamp, Version};
use uuid::Uuid;

use super::*;

#[test]
fn a_value_is_the_id_the_login_or_an_attribute_of_an_account_that_is_there() {
    let mail = account(AccountState::Active);
    let gone = account(AccountState::None);

    let found = resolve(&slice(), ADA, |_key| Some(&mail));
    let lost = resolve(&slice(), ADA, |_key| Some(&gone));
    let never = resolve(&slice(), ADA, |_key| None);

    let text = |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()));
    assert_eq!(
        found.attributes,
        [text("email", "ada@city.example"), text("manager", "17"), text("nickname", "ada")].into()
    );
    assert_eq!(found.missing.keys().collect::<Vec<_>>(), ["phone"]);
    assert!(lost.attributes.is_empty());
    assert_eq!(lost, never);
    assert_eq!(never.missing["manager"], (BOSS, "directory".to_owned()));
    assert_eq!(never.missing["email"], (ADA, "mail".to_owned()));
}

#[test]
fn every_account_that_is_referred_to_is_named_once() {
    let ada = slice();

    let named = targets([(ADA, &ada), (BOSS, &ada)]);

    let key = |person, application: &str| (person, application.to_owned());
    assert_eq!(
        named,
        [key(ADA, "mail"), key(BOSS, "directory"), key(BOSS, "mail")].into_iter().collect()
    );
}

#[test]
fn what_was_looked_for_is_known_also_when_it_was_not_found() {
    let (found, absent) = ((ADA, "mail".to_owned()), (BOSS, "mail".to_owned()));
    let mut referred = Referred::default();

    referred.extend(
        [found.clone(), absent.clone()].into(),
        [(found.clone(), account(AccountState::Active))].into(),
    );

    assert!(referred.knows(&found) && referred.knows(&absent));
    assert!(referred.account(&found).is_some() && referred.account(&absent).is_none());
    assert!(!referred.knows(&(ADA, "wiki".to_owned())));
}

const ADA: PersonId = PersonId(Uuid::from_u128(1));
const BOSS: PersonId = PersonId(Uuid::from_u128(2));

fn slice() -> Slice {
    let reference = |person, application: &str, attribute: &str| Reference {
        person,
        application: application.to_owned(),
        attribute: attribute.to_owned(),
    };
    Slice {
        state: AccountState::Active,
        attributes: Attributes::new(),
        references: [
            ("email".to_owned(), reference(None, "mail", "address")),
            ("manager".to_owned(), reference(Some(BOSS), "directory", ACCOUNT_ID)),
            ("nickname".to_owned(), reference(None, "mail", LOGIN)),
            ("phone".to_owned(), reference(None, "mail", "phone")),
        ]
        .into(),
        grants: BTreeSet::new(),
    }
}

fn account(state: AccountState) -> Account {
    let address = Value::Text("ada@city.example".to_owned());
    Account {
        account_id: Some("17".to_owned()),
        login: "ada".to_owned(),
        state,
        attributes: [("address".to_owned(), address)].into(),
        entitlements: BTreeSet::new(),
        linked: None,
        version: Version::default(),
        observed_at: Timestamp::UNIX_EPOCH,
    }
}
