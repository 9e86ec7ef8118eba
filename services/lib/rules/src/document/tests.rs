use expect_test::expect;

use super::*;

const POLICY: &str = "\
apiVersion: tenure.dev/v1
kind: AccessPolicy
metadata: {name: police-birthright, labels: {owner: it}}
spec:
  description: Members of the police department
  condition: person.agency == \"Police Department\"
  grants: [{bundle: police-core}]
  lead: P5D
  overlap: P0D
";

#[test]
fn a_file_holds_several_documents_and_each_knows_its_line() {
    let text = format!(
        "{POLICY}---\napiVersion: tenure.dev/v1\nkind: Bundle\nmetadata: {{name: police-core}}\n\
         spec:\n  entitlements:\n    - {{application: directory, entitlement: police}}\n"
    );

    let documents = load("policies/police.yaml", &text).unwrap();

    let listed: Vec<_> = documents
        .iter()
        .map(|document| format!("{} {} {}", document.place, document.kind(), document.name()))
        .collect();
    assert_eq!(
        listed,
        [
            "policies/police.yaml:1:1 AccessPolicy police-birthright",
            "policies/police.yaml:11:1 Bundle police-core"
        ]
    );
}

#[test]
fn equal_documents_have_one_canonical_form() {
    let shuffled = "\
spec:
  lead: \"P5D\"
  grants:
    - bundle: police-core
  condition: 'person.agency == \"Police Department\"'
  description: Members of the police department
metadata:
  labels: {owner: it}
  name: police-birthright
kind: AccessPolicy
apiVersion: tenure.dev/v1
";
    let one = load("a.yaml", POLICY).unwrap().remove(0);
    let other = load("b.yaml", shuffled).unwrap().remove(0);

    assert_eq!(one.digest(), other.digest());
    expect![[r#"{"apiVersion":"tenure.dev/v1","kind":"AccessPolicy","metadata":{"labels":{"owner":"it"},"name":"police-birthright"},"spec":{"condition":"person.agency == \"Police Department\"","description":"Members of the police department","grants":[{"bundle":"police-core"}],"lead":"P5D"}}"#]]
    .assert_eq(&one.canonical());
}

#[test]
fn a_document_is_rebuilt_from_its_canonical_json() {
    let files = [("all.yaml", crate::release::tests::DOCUMENTS)];
    for document in load_all(files).unwrap() {
        let rebuilt = Document::from_json(document.canonical().as_bytes()).unwrap();

        assert_eq!(rebuilt.digest(), document.digest());
        assert_eq!(rebuilt.spec, document.spec);
    }
}

#[test]
fn a_stored_document_is_checked_like_a_written_one() {
    let json = br#"{"apiVersion":"tenure.dev/v1","kind":"Bundle","metadata":{"name":"a"},
        "spec":{"entitlements":[]}}"#;

    assert!(Document::from_json(json).is_err());
    assert!(Document::from_json(b"{}").is_err());
}

#[test]
fn a_kind_and_name_are_used_once_over_all_files() {
    let problems = load_all([("a.yaml", POLICY), ("b.yaml", POLICY)]).unwrap_err();

    expect!["b.yaml:3:18: AccessPolicy police-birthright: metadata.name: is already defined at a.yaml:1:1; rename or remove one"]
    .assert_eq(&told(&problems));
}

#[test]
fn every_problem_names_its_place_and_says_what_to_do() {
    let cases = [
        ("an unknown key", POLICY.replace("condition:", "conditon:")),
        ("a bad name", POLICY.replace("name: police-birthright", "name: Police_Birthright")),
        ("a bad duration", POLICY.replace("lead: P5D", "lead: 5 days")),
        ("a key that is missing", POLICY.replace("  grants: [{bundle: police-core}]\n", "")),
        ("another version", POLICY.replace("tenure.dev/v1", "tenure.dev/v2")),
        ("an unknown kind", POLICY.replace("kind: AccessPolicy", "kind: Policy")),
        ("nothing granted", POLICY.replace("[{bundle: police-core}]", "[]")),
        ("broken YAML", POLICY.replace("{name: police", "{name: [police")),
        ("a list where a text belongs", POLICY.replace("condition: ", "condition: [1] #")),
        ("a key twice", POLICY.replace("  lead: P5D", "  lead: P5D\n  lead: P6D")),
    ];
    let mut table = String::new();
    for (case, text) in cases {
        let problems = load("p.yaml", &text).unwrap_err();
        table.push_str(&format!("{case}\n  {}\n", told(&problems)));
    }

    expect![[r#"
        an unknown key
          p.yaml:6:3: unknown field `conditon`, expected one of description, condition, onUnknown, observe, grants, lead, overlap, tests
        a bad name
          p.yaml:3:18: `Police_Birthright` is not a name; use 1 to 63 lower-case letters, digits and `-`, beginning and ending with a letter or digit
        a bad duration
          p.yaml:8:9: `5 days` is not a number of days; write for instance P5D, at most P3660D
        a key that is missing
          p.yaml:8:3: missing field `grants`
        another version
          p.yaml:1:13: unknown variant `tenure.dev/v2`, expected one of tenure.dev/v1
        an unknown kind
          p.yaml:2:7: unknown variant `Policy`, expected one of AttributeSchema, Application, Bundle, AccessPolicy, SeparationOfDuties, LifecyclePlan, Breaker
        nothing granted
          p.yaml:7:11: AccessPolicy police-birthright: spec.grants: empty; name at least one bundle, or remove the policy
        broken YAML
          p.yaml:3:18: expected string scalar
        a list where a text belongs
          p.yaml:6:14: expected string scalar
        a key twice
          p.yaml:9:3: duplicate mapping key `lead` is not allowed here
    "#]].assert_eq(&table);
}

#[test]
fn a_bad_document_does_not_hide_the_problems_of_the_next() {
    let text = format!(
        "{}---\n{}",
        POLICY.replace("lead: P5D", "lead: soon"),
        POLICY.replace("grants:", "grant:")
    );

    assert_eq!(load("p.yaml", &text).unwrap_err().len(), 2);
}

#[test]
fn an_application_keeps_its_token_outside_of_the_document() {
    let text = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: scim, url: \"http://localhost:8080/scim\", token: hunter2}
  account: {login: slug(person.display_name)}
";

    let problems = told(&load("app.yaml", text).unwrap_err());

    assert!(problems.contains("env:NAME or file:PATH"), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn an_application_is_checked_for_itself() {
    let text = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: scim}
  limits: {concurrency: 2, leaver_reserve: 2, changes_per_request: 0}
  owner: {name: \" IT\", mail: it at city.example}
  account: {login: \"\", attributes: {userName: person.worker_id}}
  entitlements: [{name: a}, {name: a}, {name: \" b\"}]
";

    expect![[r#"
        app.yaml:5:14: Application directory: spec.connector.url: missing; scim needs the application's address
        app.yaml:6:44: Application directory: spec.limits.leaver_reserve: must be less than concurrency, or nothing but leavers would ever be served
        app.yaml:6:68: Application directory: spec.limits.changes_per_request: must be at least 1
        app.yaml:8:20: Application directory: spec.account.login: empty; write for instance slug(person.name)
        app.yaml:8:47: Application directory: spec.account.attributes.userName: is the login; write it under spec.account.login
        app.yaml:7:17: Application directory: spec.owner.name: not a name; use 1 to 255 bytes without white space around them
        app.yaml:7:30: Application directory: spec.owner.mail: not a mail address; write for instance it@city.example
        app.yaml:9:36: Application directory: spec.entitlements[1].name: `a` is listed twice; remove one
        app.yaml:9:47: Application directory: spec.entitlements[2].name: not a name; use 1 to 255 bytes without white space around them"#]].assert_eq(&told(&load("app.yaml", text).unwrap_err()));
}

#[test]
fn an_application_names_its_owner() {
    let text = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  owner: {name: Identity team, mail: identity@city.example}
  connector: {kind: inprocess}
  account: {login: slug(person.display_name)}
";

    let documents = load("app.yaml", text).unwrap();

    let Spec::Application(application) = &documents[0].spec else { panic!("not an application") };
    let owner = application.owner.as_ref().unwrap();
    let (name, mail) = ("Identity team", "identity@city.example");
    assert_eq!((owner.name.as_str(), owner.mail.as_str()), (name, mail));
    let unknown = load("app.yaml", &text.replace("mail:", "phone:")).unwrap_err();
    assert!(told(&unknown).contains("unknown field `phone`"), "{unknown:?}");
}

#[test]
fn limits_that_are_not_written_are_the_defaults() {
    let text = "\
apiVersion: tenure.dev/v1
kind: Application
metadata: {name: directory}
spec:
  connector: {kind: inprocess}
  limits: {concurrency: 4}
  account: {login: slug(person.display_name)}
";

    let documents = load("app.yaml", text).unwrap();

    let Spec::Application(application) = &documents[0].spec else { panic!("not an application") };
    let limits = Limits { concurrency: 4, ..Limits::default() };
    assert_eq!(application.limits, limits);
    assert_eq!(application.connector.kind, ConnectorKind::InProcess);
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
