//! `tenure source try`: what a file would change is shown, and nothing is changed.

use serde_json::{Value, json};

use crate::mesh::Mesh;

const DOCUMENT: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Given, Family, Team, First]
  key: [number]
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    given_name: {column: Given}
    family_name: {column: Family}
    display_name: {cel: 'row.given_name + \" \" + row.family_name'}
    department:
      column: Team
      values: {R&D: Research, Ops: Operations}
      unlisted: unknown
      optional: true
    first: {column: First, type: date}
  attributes: [display_name, department, worker_id]
  limits: {changed_above: 0}
";

const STAFF: &str = "\
Number,Given,Family,Team,First
1,Ada,Lovelace,R&D,2020-01-06
2,Grace,Hopper,Ops,2020-01-06
3,Alan,Turing,R&D,2020-01-06
4,Emmy,Noether,R&D,2020-01-06
5,Marie,Curie,Research,2020-01-06
";

/// One joins, one moves, one leaves, one row is wrong, and of one the team is not known.
const LATER: &str = "\
Number,Given,Family,Team,First
1,Ada,Lovelace,Ops,2020-01-06
2,Grace,Hopper,Operatoins,2020-01-06
3,Alan,Turing,R&D,soon
5,Marie,Curie,Research,2020-01-06
6,Edsger,Dijkstra,R&D,2026-03-09
";

fn names(people: &Value, change: &str) -> Vec<String> {
    let people = people.as_array().unwrap().iter().filter(|one| one["change"] == change);
    people.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_that_is_tried_shows_what_it_would_change_and_changes_nothing() {
    let mesh = Mesh::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let document = write("source.yaml", DOCUMENT);
    let (staff, later) = (write("staff.csv", STAFF), write("later.csv", LATER));
    let on = |day| ["--contract", "full", "--snapshot-date", day];
    mesh.succeed(&["up", "--detach"]);
    let import = |file: &str, day| {
        mesh.succeed(&[&["import", file, "--mapping", &document], on(day).as_slice()].concat())
    };
    let tried = |document: &str, file: &str, day| {
        mesh.run(&[&["source", "try", document, file], on(day).as_slice()].concat())
    };
    let first = tried(&document, &staff, "2026-03-02");
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&first["totals"]["joining"], &first["rows"]), (&json!(5), &json!(5)));
    assert_eq!(mesh.succeed(&["source", "runs"]), json!([]));

    import(&staff, "2026-03-02");
    let runs = mesh.succeed(&["source", "runs"]);
    let output = tried(&document, &later, "2026-03-09");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(output.status.code(), Some(0), "{found:#}");
    assert_eq!(names(&found["people"], "joined"), ["Edsger Dijkstra"]);
    assert_eq!(names(&found["people"], "changed"), ["Ada Lovelace", "Grace Hopper"]);
    assert_eq!(names(&found["people"], "left"), ["Emmy Noether"]);
    assert_eq!((&found["rejected"], &found["unchanged"]), (&json!(1), &json!(2)));
    assert_eq!(found["rejects"][0]["line"], 4);
    let department =
        found["changes"].as_array().unwrap().iter().find(|one| one["name"] == "department");
    let pairs = json!([
        {"before": "Operations", "after": null, "people": 1},
        {"before": "Research", "after": "Operations", "people": 1},
    ]);
    assert_eq!(department.unwrap()["pairs"], pairs);
    let unlisted = json!([
        {"field": "department", "value": "Operatoins", "rows": 1, "becomes": "unknown"},
    ]);
    assert_eq!(found["unlisted"], unlisted);
    assert_eq!(found["sample"][0]["worker_id"], "1");
    assert_eq!(mesh.succeed(&["source", "runs"]), runs, "no run is left of a trial");

    // The same file read by another document: what that alone changes.
    let renamed = DOCUMENT.replace("R&D: Research", "R&D: Engineering");
    let renamed = write("renamed.yaml", &renamed);
    let found = tried(&renamed, &staff, "2026-03-02");
    assert_eq!(found.status.code(), Some(3), "more than half change");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["totals"]["changing"], 4, "three move, and one value is not listed any more");
    assert!(found["exceeded"].as_array().is_some_and(|all| all.len() == 1), "{found:#}");

    let imported = import(&later, "2026-03-09");
    let counts = ["joined", "changed", "left"].map(|count| imported[count].as_u64().unwrap());
    assert_eq!(counts, [1, 2, 1], "an import does what the trial has shown");
}

#[test]
fn a_trial_is_coloured_where_colours_are_wanted_and_says_why_a_file_would_be_refused() {
    let mesh = Mesh::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("source.yaml"), DOCUMENT).unwrap();
    std::fs::write(path("staff.csv"), STAFF).unwrap();
    std::fs::write(path("empty.csv"), "Number,Given,Family,Team,First\n").unwrap();
    mesh.succeed(&["up", "--detach"]);
    let day = "2026-03-02";
    let tried = |file: &str, variables: &[(&str, &str)]| {
        let (document, file) = (path("source.yaml"), path(file));
        let mut command =
            mesh.command(&["source", "try", &document, &file, "--snapshot-date", day]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };

    let (code, plain) = tried("staff.csv", &[]);
    let (_, coloured) = tried("staff.csv", &[("CLICOLOR_FORCE", "1")]);
    let (_, without) = tried("staff.csv", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);

    assert_eq!(code, Some(0), "{plain}");
    assert!(plain.contains("+ joined   1  Ada Lovelace"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(coloured.contains("\u{1b}[32m+ joined   1\u{1b}[0m"), "{coloured:?}");
    assert_eq!(without, plain);
    let (code, refused) = tried("empty.csv", &[]);
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("it would be refused: the file has no rows"), "{refused}");
}
