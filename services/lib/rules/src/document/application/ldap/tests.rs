use expect_test::expect;

use super::super::super::{Spec, load};
use super::*;

const APPLICATION: &str = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector:
    kind: ldap
    url: ldaps://ldap.city.example
    ldap:
      bind_dn: cn=tenure,ou=services,dc=city,dc=example
      password: file:/run/secrets/directory
      accounts_base: ou=people,dc=city,dc=example
      groups_base: ou=groups,dc=city,dc=example
  account:
    login: slug(person.name)
    attributes: {cn: person.name, sn: person.family_name, mail: person.mail}
  entitlements: [{name: police}]
";

fn settings(text: &str) -> Ldap {
    let documents = load("directory.yaml", text).unwrap();
    let Spec::Application(application) = documents[0].spec.clone() else { panic!("not one") };
    application.connector.ldap.unwrap()
}

fn problems(text: &str) -> String {
    let found = load("d.yaml", text).unwrap_err();
    found.iter().map(|problem| format!("{}: {}\n", problem.field, problem.message)).collect()
}

#[test]
fn what_is_not_written_is_as_openldap_has_it() {
    let layout = settings(APPLICATION).layout();

    assert_eq!((layout.login.as_str(), layout.rdn.as_str()), ("uid", "uid"));
    assert_eq!((layout.id.as_str(), layout.correlation.as_str()), ("entryUUID", "employeeNumber"));
    assert_eq!(layout.account_class, "inetOrgPerson");
    assert_eq!((layout.member.as_str(), layout.never_empty), ("member", true));
    assert_eq!(layout.mandatory(), ["cn", "sn"]);
    let locked = LdapDisabled::Value { disabled: "000001010000Z".to_owned(), enabled: None };
    assert_eq!((layout.switch.as_str(), layout.disable), ("pwdAccountLockedTime", locked));
}

#[test]
fn active_directory_has_habits_of_its_own() {
    let text = APPLICATION
        .replace("    ldap:\n", "    ldap:\n      schema: active_directory\n")
        .replace("cn: person.name", "displayName: person.name");
    let layout = settings(&text).layout();

    assert_eq!((layout.login.as_str(), layout.rdn.as_str()), ("sAMAccountName", "cn"));
    assert_eq!((layout.id.as_str(), layout.account_class.as_str()), ("objectGUID", "user"));
    assert_eq!((layout.create_groups, layout.never_empty), (false, false));
    assert_eq!(layout.disable, LdapDisabled::Bit { bit: 2, fresh: 512 });
}

#[test]
fn what_is_written_comes_before_the_habits() {
    let text = APPLICATION.replace(
        "    ldap:\n",
        "    ldap:\n      disable: {attribute: loginShell, disabled: /usr/sbin/nologin, enabled: /bin/sh}\n\
         \x20     group_classes: [posixGroup]\n      correlation_attribute: employeeType\n",
    );
    let layout = settings(&text).layout();

    assert_eq!(
        (layout.switch.as_str(), layout.correlation.as_str()),
        ("loginShell", "employeeType")
    );
    assert!(layout.holds_logins() && !layout.never_empty);
}

#[test]
fn a_directory_is_checked_for_itself() {
    let cases = [
        ("an attribute that is mandatory", APPLICATION.replace(", sn: person.family_name", "")),
        ("the login", APPLICATION.replace("cn: person.name", "cn: person.name, uid: person.name")),
        ("the person's id", APPLICATION.replace("mail:", "employeeNumber:")),
        ("a secret", APPLICATION.replace("mail:", "userPassword:")),
        (
            "the password in the document",
            APPLICATION.replace("file:/run/secrets/directory", "hunter2"),
        ),
        ("in the clear", APPLICATION.replace("ldaps://", "ldap://")),
        ("another protocol", APPLICATION.replace("ldaps://", "https://")),
        ("no address", APPLICATION.replace("    url: ldaps://ldap.city.example\n", "")),
        ("secured twice", APPLICATION.replace("    ldap:\n", "    ldap:\n      starttls: true\n")),
        ("no base", APPLICATION.replace("ou=people,dc=city,dc=example", "people")),
        ("no groups", APPLICATION.replace("      groups_base: ou=groups,dc=city,dc=example\n", "")),
        (
            "two ways to close",
            APPLICATION.replace(
                "    ldap:\n",
                "    ldap:\n      disable: {attribute: a, disabled: b, bit: 3}\n",
            ),
        ),
        ("a token", APPLICATION.replace("    ldap:\n", "    token: env:TOKEN\n    ldap:\n")),
        ("a directory for scim", APPLICATION.replace("kind: ldap", "kind: scim")),
    ];
    let mut table = String::new();
    for (case, text) in cases {
        table.push_str(&format!("{case}\n  {}", problems(&text)));
    }

    expect![[r#"
        an attribute that is mandatory
          spec.account.attributes.sn: missing; the directory refuses an account of these object classes without it
        the login
          spec.account.attributes.uid: is the login; write it under spec.account.login
        the person's id
          spec.account.attributes.employeeNumber: carries the person's id; choose another correlation_attribute
        a secret
          spec.account.attributes.userPassword: is not for documents to map; remove it
        the password in the document
          : a secret never stands in a document; write env:NAME or file:PATH to say where it is kept
        in the clear
          spec.connector.url: would send the password in the clear; write ldaps://, or add starttls: true
        another protocol
          spec.connector.url: begins with neither ldap:// nor ldaps://
        no address
          spec.connector.url: missing; ldap needs the directory's address, such as ldaps://ldap.example.org
        secured twice
          spec.connector.url: ldaps:// is secured already; remove starttls, or write ldap://
        no base
          spec.connector.ldap.accounts_base: not the name of an entry; write for instance ou=people,dc=example,dc=org
        no groups
          spec.connector.ldap.groups_base: missing; entitlements are groups below that entry
        two ways to close
          spec.connector.ldap.disable: either disabled or bit; remove one
        a token
          spec.connector.token: is for scim; ldap signs in with ldap.password
        a directory for scim
          spec.connector.ldap: is for connectors of kind ldap; remove it
    "#]].assert_eq(&table);
}

#[test]
fn a_directory_without_settings_says_which_are_needed() {
    let text = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: ldap, url: \"ldap://localhost\"}
  account: {login: person.name}
";

    expect![[r#"
        spec.connector.ldap: missing; ldap needs bind_dn, password and accounts_base
    "#]]
    .assert_eq(&problems(text));
}

#[test]
fn a_password_crosses_no_network_in_the_clear() {
    for url in ["ldap://127.0.0.1:389", "ldap://localhost", "ldap://[::1]:10389"] {
        assert!(check_address(url, false).is_ok(), "{url}");
    }
    for url in ["ldap://10.0.0.1", "ldap://localhost.example.org", "ldap://", "ldaps:", "x"] {
        assert!(check_address(url, false).is_err(), "{url}");
    }
    assert!(check_address("ldap://ldap.example.org", true).is_ok());
}
