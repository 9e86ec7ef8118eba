//! The LDAP connector against Debian's OpenLDAP, whose state is read with OpenLDAP's own clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "connectors/directory.rs"]
mod directory;

#[path = "connectors/reading.rs"]
mod reading;

#[path = "ldap/groups.rs"]
mod groups;
#[path = "ldap/reading.rs"]
mod readings;
#[path = "ldap/secure.rs"]
mod secure;
#[path = "ldap/trouble.rs"]
mod trouble;

use domain::{AccountState, Lane, Value};
use provisioning::connectors::{AccountChange, Outcome};
use testkit::Slapd;

use directory::{connect, done, hire, person};

#[tokio::test]
async fn a_hire_gets_an_account_that_carries_the_persons_id() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);

    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let again = directory.ensure_accounts(&[hire(1, "ada")]).await;

    let entry = slapd.account("ada").await;
    assert_eq!(entry.dn, "uid=ada,ou=people,dc=city,dc=example");
    assert_eq!(entry.one("entryUUID"), ada.account_id);
    assert_eq!(entry.one("employeeNumber"), person(1).to_string());
    assert_eq!((entry.one("cn"), entry.one("sn")), ("Person 1", "Family 1"));
    assert_eq!((entry.one("title"), entry.one("mail")), ("Officer", "p1@city.example"));
    assert_eq!(entry.one("pwdAccountLockedTime"), "");
    assert_eq!(ada.state, AccountState::Active);
    assert_eq!(ada.attributes["title"], Value::Text("Officer".to_owned()));
    assert_eq!(again, [Outcome::Already(ada)]);
    assert_eq!(slapd.accounts().await.len(), 1);
}

#[tokio::test]
async fn an_account_is_found_by_the_persons_id_when_its_own_is_not_known() {
    let slapd = Slapd::start().await;
    let ada = done(connect(&slapd).ensure_accounts(&[hire(1, "ada")]).await);

    // Somebody who has forgotten everything asks for another login.
    let again = connect(&slapd).ensure_accounts(&[hire(1, "ada.l")]).await;

    assert_eq!(again, [Outcome::Already(ada)]);
    assert_eq!(slapd.accounts().await.len(), 1);
}

#[tokio::test]
async fn a_leaver_cannot_sign_in_and_keeps_the_account() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let dn = slapd.account("ada").await.dn;
    slapd.set_password(&dn, "pass-word").await;
    assert!(slapd.can_sign_in(&dn, "pass-word").await);

    let leaver = leaver(1, "ada", &ada.account_id);
    let suspended = done(directory.ensure_accounts(std::slice::from_ref(&leaver)).await);
    let again = directory.ensure_accounts(&[leaver]).await;

    assert!(!slapd.can_sign_in(&dn, "pass-word").await);
    let entry = slapd.account("ada").await;
    assert_eq!(entry.one("pwdAccountLockedTime"), "000001010000Z");
    assert_eq!(entry.one("entryUUID"), ada.account_id);
    assert_eq!(suspended.state, AccountState::Suspended);
    // What was not asked for stays as it was.
    assert_eq!(suspended.attributes["title"], Value::Text("Officer".to_owned()));
    assert_eq!(again, [Outcome::Already(suspended)]);
}

#[tokio::test]
async fn a_rehire_gets_the_same_account_enabled_again() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let dn = slapd.account("ada").await.dn;
    slapd.set_password(&dn, "pass-word").await;
    done(directory.ensure_accounts(&[leaver(1, "ada", &ada.account_id)]).await);

    let known = AccountChange { account_id: Some(ada.account_id.clone()), ..hire(1, "ada") };
    let back = done(directory.ensure_accounts(&[known]).await);

    assert_eq!(back, ada);
    assert!(slapd.can_sign_in(&dn, "pass-word").await);
    assert_eq!(slapd.accounts().await.len(), 1);
}

#[tokio::test]
async fn an_account_that_is_early_is_made_closed() {
    let slapd = Slapd::start().await;
    let early = AccountChange { state: AccountState::Suspended, ..hire(1, "ada") };

    let made = done(connect(&slapd).ensure_accounts(&[early]).await);

    assert_eq!(made.state, AccountState::Suspended);
    assert_eq!(slapd.account("ada").await.one("pwdAccountLockedTime"), "000001010000Z");
}

#[tokio::test]
async fn a_rename_changes_names_and_mail_in_place() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    let before = slapd.account("ada").await;

    let mut married = AccountChange { account_id: Some(ada.account_id.clone()), ..hire(1, "ada") };
    let names = [
        ("cn", "Ada Lovelace, Countess"),
        ("sn", "Lovelace"),
        ("displayName", "Ada Ł. (Lovelace)*"),
        ("mail", "ada.lovelace@city.example"),
        ("title", ""),
        ("manager", "uid=babbage,ou=people,dc=city,dc=example"),
    ];
    for (name, value) in names {
        married.attributes.insert(name.to_owned(), Value::Text(value.to_owned()));
    }
    let renamed = done(directory.ensure_accounts(std::slice::from_ref(&married)).await);
    let again = directory.ensure_accounts(&[married]).await;

    let after = slapd.account("ada").await;
    assert_eq!(after.dn, before.dn);
    assert_eq!(after.one("entryUUID"), before.one("entryUUID"));
    for (name, value) in names {
        assert_eq!(after.one(name), value, "{name}");
    }
    assert_eq!(after.one("departmentNumber"), before.one("departmentNumber"));
    assert!(matches!(again.as_slice(), [Outcome::Already(_)]), "{again:?}");
    assert_eq!((renamed.account_id, renamed.login), (ada.account_id, ada.login));
}

#[tokio::test]
async fn two_people_of_one_name_get_two_accounts() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let mut other = hire(2, "john.smith");
    other.attributes.clone_from(&hire(1, "john.smith").attributes);

    let one = done(directory.ensure_accounts(&[hire(1, "john.smith")]).await);
    let taken = directory.ensure_accounts(std::slice::from_ref(&other)).await;
    other.login = "John.Smith2".to_owned();
    let two = done(directory.ensure_accounts(&[other]).await);

    assert_eq!(taken, [Outcome::LoginTaken]);
    assert_ne!(one.account_id, two.account_id);
    let entries = slapd.accounts().await;
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.one("cn") == "Person 1"));
}

#[tokio::test]
async fn a_login_of_somebody_who_is_not_ours_is_taken() {
    let slapd = Slapd::start().await;
    slapd
        .change(
            "dn: uid=root,ou=people,dc=city,dc=example\nchangetype: add\n\
             objectClass: inetOrgPerson\nuid: root\ncn: Root\nsn: Root\n",
        )
        .await;

    let outcomes = connect(&slapd).ensure_accounts(&[hire(1, "ROOT")]).await;

    assert_eq!(outcomes, [Outcome::LoginTaken]);
    assert_eq!(slapd.account("root").await.one("employeeNumber"), "");
}

#[tokio::test]
async fn a_login_with_signs_of_the_protocol_is_a_login() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    for (number, login) in (1..).zip(["a*", "b,c=d", "#e+f", "g\\h(i)", " j;\"k\" ", "łukasz"]) {
        let made = done(directory.ensure_accounts(&[hire(number, login)]).await);
        let again = directory.ensure_accounts(&[hire(number, login)]).await;

        assert_eq!(made.login, login);
        assert_eq!(again, [Outcome::Already(made)]);
    }
    assert_eq!(slapd.accounts().await.len(), 6);
}

#[tokio::test]
async fn an_account_that_is_gone_is_made_anew_only_when_asked() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    slapd.change("dn: uid=ada,ou=people,dc=city,dc=example\nchangetype: delete\n").await;

    let gone = directory.ensure_accounts(&[leaver(1, "ada", &ada.account_id)]).await;
    let known = AccountChange { account_id: Some(ada.account_id.clone()), ..hire(1, "ada") };
    let anew = done(directory.ensure_accounts(&[known]).await);

    assert_eq!(gone, [Outcome::Gone]);
    assert_ne!(anew.account_id, ada.account_id);
}

#[tokio::test]
async fn an_account_linked_to_another_person_is_left_alone() {
    let slapd = Slapd::start().await;
    let directory = connect(&slapd);
    let grace = done(directory.ensure_accounts(&[hire(2, "grace")]).await);
    let crossed = AccountChange { account_id: Some(grace.account_id), ..hire(1, "ada") };

    let outcomes = directory.ensure_accounts(&[crossed]).await;

    assert!(matches!(outcomes.as_slice(), [Outcome::Failed { code: "PROV-103", .. }]));
    assert_eq!(slapd.account("grace").await.one("employeeNumber"), person(2).to_string());
}

#[tokio::test]
async fn an_attribute_of_ones_own_choice_closes_accounts() {
    let slapd = Slapd::start().await;
    let shell = "disable: {attribute: employeeType, disabled: left, enabled: works}";
    let directory = directory::connect_with(&slapd, shell);

    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    assert_eq!(slapd.account("ada").await.one("employeeType"), "works");
    done(directory.ensure_accounts(&[leaver(1, "ada", &ada.account_id)]).await);

    assert_eq!(slapd.account("ada").await.one("employeeType"), "left");
}

#[tokio::test]
async fn a_bit_of_a_number_closes_accounts_and_leaves_the_other_bits() {
    let slapd = Slapd::start().await;
    let bit = "disable: {attribute: employeeType, bit: 2, enabled: \"512\"}";
    let directory = directory::connect_with(&slapd, bit);
    let ada = done(directory.ensure_accounts(&[hire(1, "ada")]).await);
    assert_eq!(slapd.account("ada").await.one("employeeType"), "512");
    slapd
        .change(
            "dn: uid=ada,ou=people,dc=city,dc=example\nchangetype: modify\n\
             replace: employeeType\nemployeeType: 66048\n",
        )
        .await;

    done(directory.ensure_accounts(&[leaver(1, "ada", &ada.account_id)]).await);
    assert_eq!(slapd.account("ada").await.one("employeeType"), "66050");
    let known = AccountChange { account_id: Some(ada.account_id), ..hire(1, "ada") };
    done(directory.ensure_accounts(&[known]).await);

    assert_eq!(slapd.account("ada").await.one("employeeType"), "66048");
}

pub(crate) fn leaver(number: u128, login: &str, account_id: &str) -> AccountChange {
    AccountChange {
        account_id: Some(account_id.to_owned()),
        lane: Lane::Leaver,
        state: AccountState::Suspended,
        attributes: [].into(),
        create: false,
        ..hire(number, login)
    }
}
