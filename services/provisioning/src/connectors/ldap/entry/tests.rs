use std::collections::HashMap;

use domain::{Lane, PersonId};
use rules::document::{Ldap, LdapSchema, SecretReference, Setting};

use super::*;

const GUID: [u8; 16] = [
    0x5b, 0xad, 0x8f, 0x0f, 0xcb, 0xd9, 0x9f, 0x46, 0xa1, 0x65, 0x70, 0x86, 0x77, 0x28, 0x95, 0x0e,
];
const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

#[test]
fn ids_of_active_directory_are_bytes_that_begin_in_the_other_order() {
    let layout = layout(LdapSchema::ActiveDirectory);
    let entry = active_directory(&[]);

    assert_eq!(entry.id(&layout).as_deref(), Some(ID));
    assert_eq!(
        id_filter(&layout, ID).as_deref(),
        Some("(objectGUID=\\5b\\ad\\8f\\0f\\cb\\d9\\9f\\46\\a1\\65\\70\\86\\77\\28\\95\\0e)")
    );
    assert_eq!(id_filter(&layout, "no id of that kind"), None);
}

#[test]
fn an_account_of_active_directory_is_closed_by_one_bit_of_the_number_that_was_read() {
    let layout = layout(LdapSchema::ActiveDirectory);
    let change = change(AccountState::Suspended, &[]);
    let wanted = Wanted::try_new(&change, &layout).unwrap();
    let entry = active_directory(&[("userAccountControl", "66048")]);

    let values = |text: &str| HashSet::from([text.as_bytes().to_vec()]);
    assert_eq!(
        wanted.switching(&entry),
        [
            Mod::Delete(b"userAccountControl".to_vec(), values("66048")),
            Mod::Add(b"userAccountControl".to_vec(), values("66050")),
        ]
    );
    assert!(wanted.switching(&active_directory(&[("userAccountControl", "514")])).is_empty());
    let made: BTreeMap<_, _> = wanted.entry().into_iter().collect();
    assert_eq!(made[b"userAccountControl".as_slice()], values("514"));
    assert_eq!(
        (&made[b"cn".as_slice()], &made[b"sAMAccountName".as_slice()]),
        (&values("ada"), &values("ada"))
    );
}

#[test]
fn only_what_differs_is_written() {
    let layout = layout(LdapSchema::Openldap);
    let attributes = [
        ("cn", Value::Text("Ada".to_owned())),
        ("sn", Value::Text("Byron".to_owned())),
        ("title", Value::Text(String::new())),
        ("ou", Value::List(vec!["a".to_owned(), "b".to_owned()])),
        ("mail", Value::Text("ada@city.example".to_owned())),
    ];
    let change = change(AccountState::Active, &attributes);
    let wanted = Wanted::try_new(&change, &layout).unwrap();
    let person = change.person.to_string();
    let entry = openldap(&[
        ("CN", "Ada"),
        ("sn", "byron"),
        ("ou", "b"),
        ("ou", "a"),
        ("mail", "ada@city.example"),
        ("mail", "old@city.example"),
        ("employeeNumber", &person),
    ]);

    assert_eq!(wanted.differences(&entry), ["mail", "sn"]);
    assert_eq!(wanted.changes(&entry).len(), 2);
    assert!(wanted.switching(&entry).is_empty());
}

#[test]
fn a_lock_of_another_kind_is_not_ours_to_undo() {
    let layout = layout(LdapSchema::Openldap);
    let entry = openldap(&[("pwdAccountLockedTime", "20260302090000Z"), ("uid", "ada")]);
    let active = change(AccountState::Active, &[]);
    let suspended = change(AccountState::Suspended, &[]);

    assert!(Wanted::try_new(&active, &layout).unwrap().switching(&entry).is_empty());
    let closes = Wanted::try_new(&suspended, &layout).unwrap().switching(&entry);
    let value = HashSet::from([b"000001010000Z".to_vec()]);
    assert_eq!(closes, [Mod::Replace(b"pwdAccountLockedTime".to_vec(), value)]);
}

#[test]
fn a_login_is_escaped_in_a_name() {
    let layout = layout(LdapSchema::Openldap);
    let change =
        AccountChange { login: " a,b+c=\"d\" ".to_owned(), ..change(AccountState::Active, &[]) };
    let wanted = Wanted::try_new(&change, &layout).unwrap();

    assert_eq!(wanted.dn(), "uid=\\20a\\2cb\\2bc\\3d\\22d\\22\\20,ou=people,dc=example");
}

fn change(state: AccountState, attributes: &[(&str, Value)]) -> AccountChange {
    AccountChange {
        person: PersonId(Uuid::from_u128(1)),
        lane: Lane::Regular,
        account_id: None,
        login: "ada".to_owned(),
        state,
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        create: true,
    }
}

fn openldap(pairs: &[(&str, &str)]) -> Entry {
    let mut attrs: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in pairs {
        attrs.entry((*name).to_owned()).or_default().push((*value).to_owned());
    }
    let bin_attrs = HashMap::new();
    Entry::read(SearchEntry { dn: "uid=ada,ou=people,dc=example".to_owned(), attrs, bin_attrs })
}

fn active_directory(pairs: &[(&str, &str)]) -> Entry {
    let mut entry = openldap(pairs);
    entry.values.insert("objectguid".to_owned(), vec![GUID.to_vec()]);
    entry
}

fn layout(schema: LdapSchema) -> LdapLayout {
    let settings = Ldap {
        schema,
        starttls: false,
        ca: None,
        bind_dn: Setting::Literal("cn=tenure".to_owned()),
        password: SecretReference::Env("PASSWORD".to_owned()),
        accounts_base: "ou=people,dc=example".to_owned(),
        groups_base: None,
        account_classes: None,
        login_attribute: None,
        rdn_attribute: None,
        id_attribute: None,
        correlation_attribute: None,
        disable: None,
        group_classes: None,
        member_attribute: None,
        create_groups: None,
        placeholder_member: None,
    };
    settings.layout()
}
