//! Values that are computed, and those that a value map does not list.

use crate::service::{Ingest, Upload};

const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: staff}
spec:
  format: csv
  columns: [Country, Number, Given, Family, Team]
  key: [key]
  zone: America/New_York
  fields:
    country: {column: Country, default: US}
    number: {column: Number, type: integer}
    key: {cel: 'row.country + \"-\" + string(row.number)'}
    given_name: {column: Given, optional: true}
    family_name: {column: Family}
    display_name:
      cel: 'has(row.given_name) ? row.given_name + \" \" + row.family_name : row.family_name'
    department:
      column: Team
      values: {R&D: Research}
      unlisted: unknown
      optional: true
  attributes: [display_name, department, country, worker_id]
";

const FILE: &str = "Country,Number,Given,Family,Team\n,1,Ada,Lovelace,R&D\nGB,1,,Turing,Reserch\n";

fn upload(day: &str, unlisted: &str) -> Upload {
    let mapping = MAPPING.replace("unlisted: unknown", &format!("unlisted: {unlisted}"));
    Upload { mapping, ..Upload::full(day, FILE.as_bytes().to_vec()) }
}

async fn told(ingest: &Ingest, worker_id: &str, attribute: &str) -> Option<domain::Value> {
    let event = ingest.told_last(worker_id).await;
    let value = event.slices[0].attributes.get(attribute)?;
    Some(domain::Value::try_from(value.clone()).unwrap())
}

fn text(text: &str) -> Option<domain::Value> {
    Some(domain::Value::Text(text.to_owned()))
}

#[tokio::test]
async fn names_and_keys_are_computed_and_an_unlisted_value_is_unknown() {
    let ingest = Ingest::start().await;

    let summary = ingest.import(upload("2026-03-01", "unknown")).await.unwrap();
    let again = ingest.import(upload("2026-03-02", "unknown")).await.unwrap();

    assert_eq!((summary.joined, summary.rejected, again.unchanged), (2, 0, 2));
    assert_eq!(told(&ingest, "US-1", "display_name").await, text("Ada Lovelace"));
    assert_eq!(told(&ingest, "US-1", "department").await, text("Research"));
    assert_eq!(told(&ingest, "GB-1", "display_name").await, text("Turing"));
    assert_eq!(told(&ingest, "GB-1", "department").await, None);
    assert!(ingest.tables_with("Reserch").await.is_empty(), "what is unknown is kept nowhere");
    ingest.stop().await;
}

#[tokio::test]
async fn an_unlisted_value_rejects_its_row_where_the_mapping_says_so() {
    let ingest = Ingest::start().await;

    let summary = ingest.import(upload("2026-03-01", "reject")).await.unwrap();

    assert_eq!((summary.joined, summary.rejected), (1, 1));
    let reject = &summary.rejects[0];
    assert_eq!((reject.line, reject.column.as_str()), (3, "Team"));
    assert_eq!(reject.reason, "is not among the values that the mapping lists");
    ingest.stop().await;
}

#[tokio::test]
async fn an_unlisted_value_holds_its_file_until_two_people_release_it() {
    for is_full in [true, false] {
        let ingest = Ingest::start().await;
        let file = |day: &str| {
            let upload = upload(day, "hold");
            if is_full { upload } else { Upload::partial(day, upload.content.clone()) }
        };
        let mapping = upload("2026-03-01", "hold").mapping;
        let file = |day: &str| Upload { mapping: mapping.clone(), ..file(day) };

        let held = ingest.import(file("2026-03-01")).await.unwrap();
        assert_eq!(ingest.people().await, 0);
        let reasons = &held.held.as_ref().unwrap().exceeded;
        assert_eq!(
            reasons.as_slice(),
            ["rows with a value of department that its value map does not list: 1"]
        );
        let released = ingest.release_held(&held).await;

        assert_eq!((released.joined, ingest.people().await), (2, 2));
        assert_eq!(told(&ingest, "GB-1", "department").await, None);
        if is_full {
            let again = ingest.import(file("2026-03-02")).await.unwrap();
            assert!(again.held.is_none(), "what was released is known");
            assert_eq!(again.unchanged, 2);
        }
        ingest.stop().await;
    }
}
