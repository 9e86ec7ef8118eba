//! `tenure person merge` and `split`: shown first, done under the hash that was shown, taken back.

use serde_json::json;

use crate::mesh::Mesh;

const DOCUMENT: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Number, Name, First]
  key: [number]
  start_date: first
  zone: America/New_York
  fields:
    number: {column: Number}
    display_name: {column: Name}
    first: {column: First, type: date}
  attributes: [display_name, worker_id]
";

const STAFF: &str = "\
Number,Name,First
E-1,Ada Lovelace,2020-01-06
E-2,Augusta King,2021-01-04
";

#[test]
fn two_ids_of_one_human_are_shown_merged_and_split_again() {
    let mesh = Mesh::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("source.yaml"), DOCUMENT).unwrap();
    std::fs::write(path("staff.csv"), STAFF).unwrap();
    mesh.succeed(&["up", "--detach"]);
    let (document, file) = (path("source.yaml"), path("staff.csv"));
    let day = ["--contract", "full", "--snapshot-date", "2026-03-02"];
    mesh.succeed(&[&["import", &file, "--mapping", &document], day.as_slice()].concat());
    let person = |query: &str| mesh.succeed(&["person", "show", query])["person"].clone();
    let (ada, twin) = (person("E-1"), person("E-2"));

    let merge = ["person", "merge", "Ada Lovelace", "E-2"];
    let seen = mesh.succeed(&merge);
    let shown = mesh.command(&merge).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();

    assert_eq!((&seen["people"][0]["person"], &seen["people"][1]["person"]), (&ada, &twin));
    assert_eq!(seen["people"][0]["engagements"][1]["worker_id"], "E-2");
    assert_eq!(seen["people"][0]["engagements"][1]["moves"], true);
    assert_eq!(seen["people"][1]["engagements"], json!([]));
    let hash = seen["hash"].as_str().unwrap();
    assert!(shown.contains(&format!("say the same with --hash {hash}")), "{shown}");
    assert_eq!(person("E-2"), twin, "nothing is changed by looking");
    let wrong = mesh.run(&[merge.as_slice(), &["--hash", "0", "--as", "grace"]].concat());
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("look again"));

    let said = ["--hash", hash, "--as", "grace", "--note", "same passport"];
    let done = mesh.succeed(&[merge.as_slice(), &said].concat());
    assert_eq!((&done["person"], &done["other"], &done["engagements"]), (&ada, &twin, &json!(1)));
    let twin = twin.as_str().unwrap();
    let one = mesh.succeed(&["person", "show", twin]);
    assert_eq!((&one["person"], &one["timeline"]["merged"]), (&ada, &json!([twin])));

    let split = ["person", "split", "E-1", "--merged", twin];
    let seen = mesh.succeed(&split);
    let said = ["--hash", seen["hash"].as_str().unwrap(), "--as", "grace"];
    mesh.succeed(&[split.as_slice(), &said].concat());
    assert_eq!(person("E-2"), twin);

    let nobody = mesh.run(&["person", "split", "E-1", "--worker", "E-1"]);
    assert_eq!(nobody.status.code(), Some(2), "a worker is named with its source");
}
