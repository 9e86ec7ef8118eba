use super::*;
use crate::document::load;

/// A shop in which who orders must not pay.
pub(crate) const SHOP: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: shop}
spec:
  attributes:
    department: {type: string}
    level: {type: integer}
    location: {type: string}
    country: {type: string}
    display_name: {type: string}
  facts:
    - {if: person.location == "Lyon", then: person.country == "FR"}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: erp}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements: [{name: order}, {name: pay}, {name: read}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: ordering}
spec: {entitlements: [{application: erp, entitlement: order}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: paying}
spec: {entitlements: [{application: erp, entitlement: pay}]}
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: reading}
spec: {entitlements: [{application: erp, entitlement: read}]}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: clerks}
spec:
  condition: person.department == "Orders" && person.level < 5
  grants: [{bundle: ordering}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: payers}
spec:
  condition: person.department == "Accounts" || person.location == "Lyon" && person.country == "DE"
  grants: [{bundle: paying}]
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: order-and-pay}
spec: {left: {bundle: ordering}, right: {bundle: paying}, mode: prove}
"#;

/// One more policy.
pub(crate) fn policy(name: &str, condition: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: tenure.dev/v1\nkind: AccessPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         condition: '{condition}'\n  {rest}\n"
    )
}

pub(crate) fn release(more: &str) -> Release {
    let documents = load("shop.yaml", &format!("{SHOP}{more}")).unwrap();
    Release::compile(1, documents).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn a_release_without_flaws_has_no_findings_and_its_separations_are_proved() {
    let report = verify(&release(""));

    assert_eq!(report.findings, []);
    assert_eq!(report.undecided, []);
    assert!(!report.facts_contradict);
    assert_eq!(report.separations.len(), 1);
    let said = report.separations[0].said();
    assert_eq!(said, "nobody can be given both by what one engagement is at one time");
    assert_eq!(report.problems().count(), 0);
}

#[test]
fn duties_that_come_together_are_a_problem_with_somebody_to_show() {
    let more = policy("seniors", "person.level >= 3", "grants: [{bundle: paying}]");

    let report = verify(&release(&more));

    let problems: Vec<_> = report.problems().map(SeparationAnswer::said).collect();
    assert_eq!(problems, ["department=Orders, level=3 can hold erp/order + erp/pay"]);
}

#[test]
fn what_has_to_be_asked_for_counts_as_held() {
    let grants = "grants: [{bundle: paying, mode: requestable}]";
    let more = policy("askers", "person.department == \"Orders\"", grants);

    let report = verify(&release(&more));

    assert_eq!(report.problems().count(), 1);
}

#[test]
fn a_policy_that_is_only_watched_gives_nothing_to_anybody() {
    let everywhere =
        policy("seniors", "person.level >= 3", "grants: [{bundle: paying}]\n  observe: {}");
    let orders = "grants: [{bundle: paying}]\n  observe: {departments: [Orders]}";
    let there = policy("seniors", "person.level >= 3", orders);

    assert_eq!(verify(&release(&everywhere)).problems().count(), 0);
    assert_eq!(verify(&release(&there)).problems().count(), 0);
}

#[test]
fn dead_superfluous_and_all_embracing_policies_are_found() {
    let reading = "grants: [{bundle: reading}]";
    let more = [
        policy("dead", "person.location == \"Lyon\" && person.country == \"DE\"", reading),
        policy("everybody", "person.level > 3 || person.level <= 3", reading),
        policy("high", "person.level > 7", reading),
        policy("high-early", "person.level > 7", "grants: [{bundle: reading}]\n  lead: P5D"),
    ];

    let report = verify(&release(&more.concat()));

    let by = BTreeSet::from(["everybody".to_owned()]);
    assert_eq!(
        report.findings,
        [
            Finding::Dead { policy: "dead".to_owned() },
            Finding::Everybody { policy: "everybody".to_owned() },
            Finding::Shadowed { policy: "high".to_owned(), by },
        ]
    );
}

#[test]
fn facts_that_leave_nobody_are_told() {
    let broken = SHOP.replace(
        "{if: person.location == \"Lyon\", then: person.country == \"FR\"}",
        "{if: \"true\", then: person.level > 3 && person.level < 3}",
    );
    let documents = load("shop.yaml", &broken).unwrap();

    let report = verify(&Release::compile(1, documents).unwrap());

    assert!(report.facts_contradict);
}
