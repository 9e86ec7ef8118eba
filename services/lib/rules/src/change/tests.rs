use std::fmt::Write as _;

use domain::{Date, EngagementId, Timestamp, Value};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::document::load;
use crate::release::tests::DOCUMENTS;
use crate::timeline::{Engagement, Slice};
use crate::{Access, desired, desired_after};

#[test]
fn a_changed_bundle_affects_those_whose_policies_grant_it() {
    let (old, new) = (release(DOCUMENTS), release(&DOCUMENTS.replace("[{application: directory, entitlement: all-staff}]", "[{application: directory, entitlement: all-staff}, {application: directory, entitlement: police}]")));

    let change = Change::between(&old, &new);

    assert_eq!(change.policies().collect::<Vec<_>>(), ["everybody"]);
    assert!(change.may_affect(&person("Fire", "DRIVER")));
}

#[test]
fn an_application_affects_who_has_an_account_there() {
    let (old, new) = (
        release(DOCUMENTS),
        release(&DOCUMENTS.replace(
            "connector: {kind: inprocess}\n  account: {login: slug(person.display_name)}",
            "connector: {kind: inprocess}\n  account: {login: slug(person.title)}",
        )),
    );

    let change = Change::between(&old, &new);

    let expected =
        [Difference { kind: Kind::Application, name: "records".to_owned(), how: How::Changed }];
    assert_eq!(change.documents(), expected);
    assert!(change.may_affect(&person("Police", "OFFICER")));
    assert!(!change.may_affect(&person("Fire", "DRIVER")));
}

#[test]
fn another_way_to_ask_for_the_same_people_affects_nobody() {
    let (old, new) = (
        release(DOCUMENTS),
        release(&DOCUMENTS.replace("agency == \"Police\" &&", "agency in [\"Police\"] &&")),
    );

    let change = Change::between(&old, &new);

    assert_eq!(change.policies().collect::<Vec<_>>(), ["police-birthright"]);
    for agency in ["Police", "Fire"] {
        assert!(!change.may_affect(&person(agency, "OFFICER")), "{agency}");
    }
}

#[test]
fn who_cannot_be_asked_may_be_affected() {
    let (old, new) = (release(DOCUMENTS), release(&DOCUMENTS.replace("P3D", "P4D")));
    let mut unknown = person("Police", "OFFICER");
    unknown.slices[0].attributes.remove("agency");

    assert!(Change::between(&old, &new).may_affect(&unknown));
    assert!(!Change::between(&old, &new).may_affect(&person("Fire", "DRIVER")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn who_is_not_affected_has_the_same_access_at_any_instant(
        old in documents(), edits in prop::collection::vec(edit(), 1..3), who in timeline(),
        days in prop::collection::vec(-30_i64..400, 4),
    ) {
        let mut new = old.clone();
        for edit in edits {
            new.apply(edit);
        }
        let (old, new) = (release(&old.text()), release(&new.text()));
        let change = Change::between(&old, &new);
        if change.may_affect(&who) {
            return Ok(());
        }
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut before = Access::default();
        for day in days {
            let now = begin + jiff::SignedDuration::from_hours(24 * day + 7);
            let (was, is) = (
                desired(&who, &old, &TimeZone::UTC, now),
                desired(&who, &new, &TimeZone::UTC, now),
            );
            prop_assert_eq!(&was, &is);
            prop_assert_eq!(
                desired_after(&before, &who, &old, &TimeZone::UTC, now),
                desired_after(&before, &who, &new, &TimeZone::UTC, now)
            );
            before = was.access;
        }
    }
}

const CONDITIONS: [&str; 6] = [
    "true",
    "person.agency == \"Police\"",
    "person.agency != \"Police\"",
    "person.agency in [\"Fire\", \"Police\"] && person.title.startsWith(\"O\")",
    "has(person.title) || person.agency == \"Fire\"",
    "!(person.title == \"OFFICER\")",
];
const STARTS: [&str; 3] = ["P0D", "P5D", "P20D"];
const MAPPINGS: [&str; 3] =
    ["slug(person.agency)", "slug(person.title)", "slug(person.display_name)"];

/// A small world of documents: each number picks one of a few possibilities.
#[derive(Debug, Clone)]
struct Documents {
    /// Of each policy: condition, bundle, lead, what is done about unknowns; absent: no policy.
    policies: [Option<(usize, usize, usize, bool)>; 3],
    /// Of each bundle: which of the four entitlements, as bits.
    bundles: [u8; 3],
    logins: [usize; 2],
    separation: Option<(u8, u8, bool)>,
    is_absent: bool,
}

#[derive(Debug, Clone)]
enum Edit {
    Policy(usize, Option<(usize, usize, usize, bool)>),
    Bundle(usize, u8),
    Login(usize, usize),
    Separation(Option<(u8, u8, bool)>),
    Plan,
}

fn policy() -> impl Strategy<Value = Option<(usize, usize, usize, bool)>> {
    prop::option::weighted(0.8, (0..CONDITIONS.len(), 0..3_usize, 0..STARTS.len(), any::<bool>()))
}

fn separation() -> impl Strategy<Value = Option<(u8, u8, bool)>> {
    prop::option::of((0..4_u8, 1..4_u8, any::<bool>()))
        .prop_map(|made| made.map(|(left, step, prevent)| (left, (left + step) % 4, prevent)))
}

fn documents() -> impl Strategy<Value = Documents> {
    ([policy(), policy(), policy()], [1..16_u8, 1..16, 1..16], [0..3_usize, 0..3], separation())
        .prop_map(|(policies, bundles, logins, separation)| Documents {
            policies,
            bundles,
            logins,
            separation,
            is_absent: false,
        })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => (0..3_usize, policy()).prop_map(|(index, policy)| Edit::Policy(index, policy)),
        3 => (0..3_usize, 1..16_u8).prop_map(|(index, bits)| Edit::Bundle(index, bits)),
        2 => (0..2_usize, 0..3_usize).prop_map(|(index, login)| Edit::Login(index, login)),
        2 => separation().prop_map(Edit::Separation),
        1 => Just(Edit::Plan),
    ]
}

impl Documents {
    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Policy(index, policy) => self.policies[index] = policy,
            Edit::Bundle(index, bits) => self.bundles[index] = bits,
            Edit::Login(index, login) => self.logins[index] = login,
            Edit::Separation(separation) => self.separation = separation,
            Edit::Plan => self.is_absent = !self.is_absent,
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "apiVersion: tenure.dev/v1\nkind: AttributeSchema\nmetadata: {name: a}\nspec: \
             {attributes: {agency: {type: string}, title: {type: string}, \
             display_name: {type: string}}}\n",
        );
        let mut add = |kind: &str, name: &str, spec: &str| {
            write!(
                text,
                "---\napiVersion: tenure.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n\
                 spec: {spec}\n"
            )
            .unwrap();
        };
        for (index, login) in self.logins.iter().enumerate() {
            let login = MAPPINGS[*login];
            let spec = format!(
                "{{connector: {{kind: inprocess}}, account: {{login: {login}}}, entitlements: \
                 [{{name: e0}}, {{name: e1}}]}}"
            );
            add("Application", &format!("app{index}"), &spec);
        }
        for (index, bits) in self.bundles.iter().enumerate() {
            let parts: Vec<String> =
                (0..4).filter(|bit| bits & (1 << bit) != 0).map(entitlement).collect();
            add(
                "Bundle",
                &format!("b{index}"),
                &format!("{{entitlements: [{}]}}", parts.join(",")),
            );
        }
        for (index, policy) in self.policies.iter().enumerate() {
            let Some((condition, bundle, lead, hold)) = policy else { continue };
            let (condition, lead) = (CONDITIONS[*condition], STARTS[*lead]);
            let unknown = if *hold { "hold" } else { "deny" };
            let spec = format!(
                "{{condition: '{condition}', grants: [{{bundle: b{bundle}}}], lead: {lead}, \
                 overlap: P2D, onUnknown: {unknown}}}"
            );
            add("AccessPolicy", &format!("p{index}"), &spec);
        }
        if let Some((left, right, prevent)) = self.separation {
            let mode = if prevent { "prevent" } else { "detect" };
            let spec = format!(
                "{{left: {}, right: {}, mode: {mode}}}",
                entitlement(left),
                entitlement(right)
            );
            add("SeparationOfDuties", "apart", &spec);
        }
        if self.is_absent {
            add("LifecyclePlan", "plan", "{condition: 'true', leaving: {open: [app0], for: P9D}}");
        }
        text
    }
}

fn entitlement(number: u8) -> String {
    format!("{{application: app{}, entitlement: e{}}}", number / 2, number % 2)
}

fn timeline() -> impl Strategy<Value = Timeline> {
    let attribute =
        prop::option::weighted(0.8, prop::sample::select(vec!["Police", "Fire", "OFFICER"]));
    let slice = (0_i64..200, attribute.clone(), attribute);
    let ends = prop::option::of(60_i64..300);
    (prop::collection::vec(slice, 1..4), ends).prop_map(|(slices, ends)| {
        let start: Date = "2026-01-01".parse().unwrap();
        let day = |days: i64| start.checked_add(jiff::Span::new().days(days)).unwrap();
        let mut slices: Vec<_> = slices
            .into_iter()
            .enumerate()
            .map(|(index, (from, agency, title))| {
                let mut attributes = Attributes::new();
                let mut put = |name: &str, value: Option<&str>| {
                    if let Some(value) = value {
                        attributes.insert(name.to_owned(), Value::Text(value.to_owned()));
                    }
                };
                put("agency", agency);
                put("title", title);
                put("display_name", Some("Ada"));
                let from = if index == 0 { start } else { day(from) };
                Slice { engagement: engagement(), from, until: None, attributes, manager: None }
            })
            .collect();
        slices.sort_by_key(|slice| slice.from);
        let mut made = person("Police", "OFFICER");
        made.slices = slices;
        made.engagements[0].last_working_day = ends.map(day);
        made
    })
}

fn engagement() -> EngagementId {
    "018f0000-0000-7000-9000-000000000001".parse().unwrap()
}

fn person(agency: &str, title: &str) -> Timeline {
    let start: Date = "2026-01-01".parse().unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    Timeline {
        zone: None,
        held_since: None,
        kin: domain::Kin::default(),
        engagements: vec![Engagement {
            id: engagement(),
            start,
            last_working_day: None,
            termination_date: None,
            ends_at: None,
            quiet_through: None,
        }],
        slices: vec![Slice {
            engagement: engagement(),
            from: start,
            until: None,
            attributes: Attributes::from([
                ("agency".to_owned(), text(agency)),
                ("title".to_owned(), text(title)),
                ("display_name".to_owned(), text("Ada")),
            ]),
            manager: None,
        }],
    }
}

fn release(documents: &str) -> Release {
    Release::compile(0, load("documents.yaml", documents).unwrap()).unwrap()
}
