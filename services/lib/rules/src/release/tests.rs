use std::sync::Arc;

use expect_test::expect;

use super::*;
use crate::document::load;

/// A small city: one schema, two applications, two bundles, two policies.
pub(crate) const DOCUMENTS: &str = r#"
apiVersion: tenure.dev/v1
kind: AttributeSchema
metadata: {name: city}
spec:
  attributes:
    agency: {type: string}
    title: {type: string, description: What it says on the door}
    display_name: {type: string}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory, labels: {owner: it}}
spec:
  description: The city's identity provider
  connector: {kind: scim, url: "env:DIRECTORY_URL", token: "file:/run/secrets/directory"}
  limits: {concurrency: 4}
  account:
    login: slug(person.display_name)
    attributes: {displayName: person.display_name, title: person.title}
  entitlements:
    - {name: all-staff, description: Everybody}
    - {name: police}
---
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: records}
spec:
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
  entitlements: [{name: case-files-read}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: staff}
spec:
  entitlements: [{application: directory, entitlement: all-staff}]
---
apiVersion: tenure.dev/v1
kind: Bundle
metadata: {name: police-core}
spec:
  description: What every member of the police department starts with
  entitlements:
    - {application: directory, entitlement: police}
    - {application: records, entitlement: case-files-read}
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: everybody}
spec:
  condition: "true"
  grants: [{bundle: staff}]
---
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police-birthright}
spec:
  condition: person.agency == "Police" && !person.title.startsWith("TRAINEE")
  grants: [{bundle: police-core}]
  lead: P5D
  overlap: P3D
"#;

#[test]
fn a_release_is_listed_in_order_and_found_by_name() {
    let release = Release::compile(7, load("city.yaml", DOCUMENTS).unwrap()).unwrap();

    let documents: Vec<_> = release
        .documents()
        .map(|(document, digest)| {
            assert_eq!(document.digest(), digest);
            format!("{} {}", document.kind(), document.name())
        })
        .collect();
    assert_eq!(
        documents,
        [
            "AttributeSchema city",
            "Application directory",
            "Application records",
            "Bundle police-core",
            "Bundle staff",
            "AccessPolicy everybody",
            "AccessPolicy police-birthright",
        ]
    );
    assert_eq!(release.number(), 7);
    let applications: Vec<_> = release.applications().map(Application::name).collect();
    assert_eq!(applications, ["directory", "records"]);
    let starts = |policy: &Policy| policy.offers()[0].schedule.start.days();
    let policies: Vec<_> =
        release.policies().map(|policy| (policy.name(), starts(policy))).collect();
    assert_eq!(policies, [("everybody", 0), ("police-birthright", -5)]);
    assert_eq!(release.application("records").unwrap().spec().entitlements.len(), 1);
    assert!(release.application("payroll").is_none());
}

#[test]
fn the_content_hash_depends_on_the_content_alone() {
    let documents = load("city.yaml", DOCUMENTS).unwrap();
    let mut reversed = documents.clone();
    reversed.reverse();
    let other = load("city.yaml", &DOCUMENTS.replace("lead: P5D", "lead: P6D")).unwrap();

    let hash =
        |number, documents| Release::compile(number, documents).unwrap().content_hash().to_owned();

    assert_eq!(hash(1, documents.clone()), hash(2, reversed));
    assert_ne!(hash(1, documents), hash(1, other));
}

#[test]
fn a_release_is_shared_between_threads() {
    fn shared<T: Send + Sync>(value: T) -> Arc<T> {
        Arc::new(value)
    }

    let release = shared(Release::compile(1, load("city.yaml", DOCUMENTS).unwrap()).unwrap());

    let other = Arc::clone(&release);
    let number = std::thread::spawn(move || other.number()).join().unwrap();
    assert_eq!(number, 1);
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = DOCUMENTS
        .replace("login: slug(person.display_name)\n", "login: slug(person.displayname)\n")
        .replace("title: person.title}", "title: [person.title] }")
        .replace("person.agency ==", "person.agancy ==")
        .replace("[{bundle: police-core}]", "[{bundle: polcie-core}, {bundle: fire}]")
        .replace(
            "{application: directory, entitlement: police}",
            "{application: directry, entitlement: police}",
        )
        .replace("entitlement: case-files-read", "entitlement: case-file-read")
        .replace("condition: \"true\"", "condition: person.title");
    // A list in YAML is no text: that one is found when the file is read.
    let text = text.replace("title: [person.title] }", "title: \"[person.title, 1]\"}");

    let problems = Release::compile(1, load("city.yaml", &text).unwrap()).unwrap_err();

    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        city.yaml:19:17: Application directory: spec.account.login: uses person.displayname, which the AttributeSchema does not declare; did you mean `display_name`?
        city.yaml:20:60: Application directory: spec.account.attributes.title: mixes texts and numbers in one list
        city.yaml:45:21: Bundle police-core: spec.entitlements[0].application: there is no Application `directry`; did you mean `directory`?
        city.yaml:46:43: Bundle police-core: spec.entitlements[1].entitlement: Application records has no entitlement `case-file-read`; did you mean `case-files-read`?
        city.yaml:52:14: AccessPolicy everybody: spec.condition: gives a text, and a yes or no is needed
        city.yaml:59:14: AccessPolicy police-birthright: spec.condition: uses person.agancy, which the AttributeSchema does not declare; did you mean `agency`?
        city.yaml:60:21: AccessPolicy police-birthright: spec.grants[0].bundle: there is no Bundle `polcie-core`; did you mean `police-core`?
        city.yaml:60:44: AccessPolicy police-birthright: spec.grants[1].bundle: there is no Bundle `fire`"#]].assert_eq(&told.join("\n"));
}

#[test]
fn a_release_has_exactly_one_attribute_schema() {
    let (schema, rest) = DOCUMENTS.split_once("---\n").unwrap();
    let none = Release::compile(1, load("city.yaml", rest).unwrap()).unwrap_err();
    let second = schema.replace("name: city", "name: town");
    let two = format!("{DOCUMENTS}---{second}");
    let two = Release::compile(1, load("city.yaml", &two).unwrap()).unwrap_err();

    assert!(none[0].message.starts_with("there is no AttributeSchema"), "{none:?}");
    assert_eq!(none.len(), 1);
    assert!(two[0].message.starts_with("is one AttributeSchema too many"), "{two:?}");
}

#[test]
fn a_document_given_twice_is_refused() {
    let mut documents = load("city.yaml", DOCUMENTS).unwrap();
    documents.extend(load("again.yaml", DOCUMENTS).unwrap());

    let problems = Release::compile(1, documents).unwrap_err();

    assert!(problems.iter().any(|problem| problem.field == "metadata.name"), "{problems:?}");
}

#[test]
fn a_bundle_in_itself_is_refused() {
    let text = DOCUMENTS
        .replace(
            "  entitlements: [{application: directory, entitlement: all-staff}]\n",
            "  bundles: [police-core]\n",
        )
        .replace(
            "  description: What every member",
            "  bundles: [staff]\n  description: What every member",
        );

    let problems = Release::compile(1, load("city.yaml", &text).unwrap()).unwrap_err();

    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        city.yaml:37:13: Bundle staff: spec.bundles[0]: contains itself by way of `police-core`; break the circle
        city.yaml:43:13: Bundle police-core: spec.bundles[0]: contains itself by way of `staff`; break the circle"#]].assert_eq(&told.join("\n"));
}

#[test]
fn a_policys_tests_are_asked_when_it_is_saved() {
    let tests = "overlap: P3D
  tests:
    - {person: {agency: Police, title: OFFICER}, expect: granted}
    - {person: {agency: Police}, expect: unknown}
    - {person: {agency: Fire, title: OFFICER}, expect: granted}
    - {person: {agenzy: Fire}, expect: denied}
    - {person: {agency: 7}, expect: denied}
";
    let text = DOCUMENTS.replace("overlap: P3D\n", tests);

    let problems = Release::compile(1, load("city.yaml", &text).unwrap()).unwrap_err();

    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        city.yaml:66:56: AccessPolicy police-birthright: spec.tests[2].expect: expects `granted`, and the condition says `denied`; correct the one or the other
        city.yaml:67:25: AccessPolicy police-birthright: spec.tests[3].person.agenzy: the AttributeSchema does not declare `agenzy`; did you mean `agency`?
        city.yaml:68:25: AccessPolicy police-birthright: spec.tests[4].person.agency: is not a text"#]].assert_eq(&told.join("\n"));
}

#[test]
fn plans_separations_and_breakers_name_what_there_is() {
    let more = "---
apiVersion: tenure.dev/v1
kind: LifecyclePlan
metadata: {name: staff}
spec:
  condition: person.titel == \"x\"
  leaving: {open: [records, mial], for: P3D}
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: apart}
spec: {left: {bundle: staf}, right: {application: records, entitlement: case-file}, mode: detect}
---
apiVersion: tenure.dev/v1
kind: SeparationOfDuties
metadata: {name: nonsense}
spec: {left: {bundle: staff, application: records}, right: {}, mode: detect}
---
apiVersion: tenure.dev/v1
kind: Breaker
metadata: {name: careful}
spec: {limits: [{of: loss}, {of: gain, percent: 200}]}
";
    let text = format!("{DOCUMENTS}{more}");
    let mut problems = load("city.yaml", &text).unwrap_err();
    let text = text.replace(
        "{bundle: staff, application: records}, right: {}",
        "{bundle: staff}, right: {bundle: police-core}",
    );
    let text = text.replace("[{of: loss}, {of: gain, percent: 200}]", "[{of: loss, count: 10}]");
    problems.extend(Release::compile(1, load("city.yaml", &text).unwrap()).unwrap_err());

    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        city.yaml:79:14: SeparationOfDuties nonsense: spec.left: names too much or too little; write {bundle: NAME}, or {application: NAME, entitlement: NAME}
        city.yaml:79:60: SeparationOfDuties nonsense: spec.right: names nothing; write {bundle: NAME}, or {application: NAME, entitlement: NAME}
        city.yaml:84:17: Breaker careful: spec.limits[0]: limits nothing; add count or percent
        city.yaml:84:49: Breaker careful: spec.limits[1].percent: more than 100 percent
        city.yaml:68:14: LifecyclePlan staff: spec.condition: uses person.titel, which the AttributeSchema does not declare; did you mean `title`?
        city.yaml:69:20: LifecyclePlan staff: spec.leaving.open[0]: there is no Application `mial`
        city.yaml:74:23: SeparationOfDuties apart: spec.left.bundle: there is no Bundle `staf`; did you mean `staff`?
        city.yaml:74:73: SeparationOfDuties apart: spec.right.entitlement: Application records has no entitlement `case-file`"#]].assert_eq(&told.join("\n"));
}
