//! A connector to a directory, and changes that tests ask it for.

use std::num::NonZeroUsize;

use domain::{AccountState, Lane, PersonId, Value};
use provisioning::connectors::{
    AccountChange, Connector, Ldap, LdapSettings, Limits, MembershipChange, ObservedAccount,
    Outcome, Secret, Timeouts,
};
use rules::document::Spec;
use testkit::Slapd;
use uuid::Uuid;

/// A connector with the default settings for OpenLDAP.
pub(crate) fn connect(slapd: &Slapd) -> Connector {
    connect_with(slapd, "")
}

/// A connector with another line in the document's settings.
pub(crate) fn connect_with(slapd: &Slapd, line: &str) -> Connector {
    connector(settings(slapd, line))
}

/// A connector with these settings.
pub(crate) fn connector(settings: LdapSettings) -> Connector {
    Connector::Ldap(Box::new(Ldap::try_new(settings).unwrap()))
}

/// Settings as the service takes them from a document.
pub(crate) fn settings(slapd: &Slapd, line: &str) -> LdapSettings {
    let text = document(slapd, line);
    let documents = rules::document::load("directory.yaml", &text).unwrap();
    let Spec::Application(application) = documents[0].spec.clone() else { panic!("not one") };
    LdapSettings {
        application: "directory".to_owned(),
        url: slapd.url(),
        starttls: false,
        ca: None,
        bind_dn: slapd.bind_dn().to_owned(),
        password: Secret::new(slapd.password().to_owned()),
        layout: application.connector.ldap.unwrap().layout(),
        managed: application.account.attributes.keys().cloned().collect(),
        limits: Limits {
            changes_per_request: NonZeroUsize::new(100).unwrap(),
            ..Limits::default()
        },
        timeouts: Timeouts::default(),
        egress: provisioning::connectors::Egress::loopback(),
        budget: None,
    }
}

/// An application that is this directory.
pub(crate) fn document(slapd: &Slapd, line: &str) -> String {
    format!(
        "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {{name: directory}}
spec:
  connector:
    kind: ldap
    url: {}
    ldap:
      bind_dn: {}
      password: {}
      accounts_base: {}
      groups_base: {}
      {line}
  account:
    login: person.name
    attributes:
      cn: person.name
      sn: person.family_name
      displayName: person.name
      title: person.title
      mail: person.mail
      departmentNumber: person.department
  entitlements: [{{name: police}}, {{name: fire}}]
",
        slapd.url(),
        slapd.bind_dn(),
        slapd.password_reference(),
        slapd.accounts_base(),
        slapd.groups_base(),
    )
}

/// The person with this number.
pub(crate) fn person(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(number))
}

/// An active account that may be made.
pub(crate) fn hire(number: u128, login: &str) -> AccountChange {
    let text = |name: &str, value: String| (name.to_owned(), Value::Text(value));
    AccountChange {
        person: person(number),
        lane: Lane::Regular,
        account_id: None,
        login: login.to_owned(),
        state: AccountState::Active,
        attributes: [
            text("cn", format!("Person {number}")),
            text("sn", format!("Family {number}")),
            text("displayName", format!("Person {number}")),
            text("title", "Officer".to_owned()),
            text("mail", format!("p{number}@city.example")),
            text("departmentNumber", "Police".to_owned()),
        ]
        .into(),
        create: true,
    }
}

/// A change of a group.
pub(crate) fn membership(
    number: u128,
    account_id: &str,
    group: &str,
    held: bool,
) -> MembershipChange {
    MembershipChange {
        person: person(number),
        lane: Lane::Regular,
        account_id: account_id.to_owned(),
        entitlement: group.to_owned(),
        held,
    }
}

/// The account of a single change that was made.
pub(crate) fn done(outcomes: Vec<Outcome<ObservedAccount>>) -> ObservedAccount {
    match outcomes.as_slice() {
        [Outcome::Done(account)] => account.clone(),
        other => panic!("not done: {other:?}"),
    }
}
