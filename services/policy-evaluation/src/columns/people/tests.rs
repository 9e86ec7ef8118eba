//! Counting people who are several things at once, or of whom little is known.

use domain::Version;
use rules::{Access, DesiredGrant, Reason, Release, document};

use super::*;

#[test]
fn whoever_matches_in_one_of_several_engagements_matches() {
    let mut people = People::default();
    people.replace(
        &changed(1, &[]),
        &[profile(&[("agency", "Fire")]), profile(&[("agency", "Police")])],
    );
    people.replace(&changed(2, &[]), &[profile(&[("agency", "Fire")]), profile(&[])]);
    people.replace(&changed(3, &[]), &[profile(&[("agency", "Fire")])]);
    people.replace(&changed(4, &[]), []);

    let found = people.matching(&condition("person.agency == \"Police\""));

    assert_eq!(found, Matched { people: 3, matched: vec![id(1)], unknown: 1 });
}

#[test]
fn values_are_counted_once_for_each_person() {
    let mut people = People::default();
    let fire = profile(&[("agency", "Fire")]);
    people.replace(&changed(1, &[]), &[fire.clone(), fire.clone()]);
    people.replace(&changed(2, &[]), &[fire, profile(&[("agency", "Police")])]);
    people.replace(&changed(3, &[]), &[profile(&[])]);

    let found = people.values("agency");

    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(found.unknown, 1);
    assert_eq!(found.people, BTreeMap::from([(text("Fire"), 2), (text("Police"), 1)]));
}

#[test]
fn a_policy_agrees_where_all_it_grants_is_held_for_other_reasons() {
    let mut people = People::default();
    let police = profile(&[("agency", "Police"), ("department", "Patrol")]);
    let clerk = profile(&[("agency", "Police"), ("department", "Office")]);
    people.replace(&changed(1, &[("badge", "old"), ("radio", "old")]), [&police]);
    people.replace(&changed(2, &[("badge", "old"), ("radio", "draft")]), [&police]);
    people.replace(&changed(3, &[("badge", "old")]), [&clerk]);
    people.replace(&changed(4, &[]), &[profile(&[("department", "Office")])]);
    people.replace(&changed(5, &[]), &[profile(&[("agency", "Fire")])]);
    let granted = BTreeSet::from([("directory", "badge"), ("directory", "radio")]);

    let condition = condition("person.agency == \"Police\"");
    let found = people.agreement("draft", |one| condition.holds(one), &granted, "department");

    let group = |name: &str| found.groups[&Some(Value::Text(name.to_owned()))];
    assert_eq!(group("Patrol"), Count { matched: 2, agreeing: 1, unknown: 0 });
    assert_eq!(group("Office"), Count { matched: 1, agreeing: 0, unknown: 1 });
    assert_eq!(found.groups.len(), 2);
    let radio = ("directory".to_owned(), "radio".to_owned());
    assert_eq!(found.gains, BTreeMap::from([(radio, 2)]));
}

fn condition(text: &str) -> Condition {
    let schema = "apiVersion: tenure.dev/v1\nkind: AttributeSchema\nmetadata: {name: city}\n\
                  spec: {attributes: {agency: {type: string}}}\n";
    let release = Release::compile(1, document::load("city.yaml", schema).unwrap()).unwrap();
    Condition::compile(text, release.schema()).unwrap()
}

fn profile(said: &[(&str, &str)]) -> Attributes {
    said.iter()
        .map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned())))
        .collect()
}

/// A person who holds entitlements of the directory through policies.
fn changed(number: u128, held: &[(&str, &str)]) -> Changed {
    let grants = held.iter().map(|(entitlement, policy)| DesiredGrant {
        application: "directory".to_owned(),
        entitlement: (*entitlement).to_owned(),
        reasons: vec![Reason {
            policy: (*policy).to_owned(),
            bundle: "bundle".to_owned(),
            engagement: uuid::Uuid::nil().into(),
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            until: None,
            kept: false,
        }],
    });
    let access = Some(Access { grants: grants.collect(), ..Access::default() });
    Changed { key: (id(number), Version::default()), changed_in: 1, access }
}

fn id(number: u128) -> PersonId {
    PersonId(uuid::Uuid::from_u128(number))
}
