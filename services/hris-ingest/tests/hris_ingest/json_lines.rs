//! Files of JSON lines, and what they may not hold.

use tonic::Code;

use crate::service::{Ingest, LINES, Upload, line, lines};

#[tokio::test]
async fn a_file_of_json_lines_is_told_as_a_csv_file_is() {
    let ingest = Ingest::start().await;
    let file = lines(&[line("1", "Ada"), line("2", "Grace")]);

    let summary = ingest.import(Upload::lines("2026-03-01", file.clone())).await.unwrap();
    let again = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.rows, summary.joined, summary.rejected), (2, 2, 0));
    assert_eq!((again.joined, again.unchanged), (0, 2));
    let grace = ingest.told_last("2").await;
    let name = proto::common::v1::Value::from(domain::Value::Text("Grace".to_owned()));
    assert_eq!(grace.slices[0].attributes["display_name"], name);
    ingest.stop().await;
}

#[tokio::test]
async fn a_line_that_is_no_object_is_rejected_and_then_nobody_is_ended() {
    let ingest = Ingest::start().await;
    let five: Vec<_> = (1..=5).map(|id| line(&id.to_string(), "Name")).collect();
    ingest.import(Upload::lines("2026-02-01", lines(&five))).await.unwrap();

    // The file was cut off within the fourth line.
    let mut file = lines(&five[..4]);
    file.truncate(file.len() - 9);
    let summary = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap();

    assert_eq!((summary.unchanged, summary.left, summary.rejected), (3, 0, 1));
    let [told, reject] = summary.rejects.as_slice() else { panic!("{:?}", summary.rejects) };
    assert!(told.reason.starts_with("nobody was ended by this file"), "{}", told.reason);
    assert_eq!(reject.line, 4);
    assert_eq!(reject.reason, "is cut off: the line ends within its JSON object");
    ingest.stop().await;
}

#[tokio::test]
async fn what_the_mapping_does_not_name_rejects_its_row_by_path() {
    let ingest = Ingest::start().await;
    let salary = line("2", "Grace").replace("\"id\"", "\"pay\": {\"salary\": 1}, \"id\"");
    let file = lines(&[line("1", "Ada"), salary.clone()]);

    let summary = ingest.import(Upload::lines("2026-03-01", file.clone())).await.unwrap();

    assert_eq!((summary.joined, summary.rejected), (1, 1));
    let reject = &summary.rejects[0];
    assert_eq!((reject.line, reject.column.as_str()), (2, "pay"));
    assert_eq!(reject.reason, "is not among the mapping's columns");

    // A mapping that lists no columns asks for its fields' alone.
    let columns = LINES.lines().find(|line| line.contains("columns:")).unwrap();
    let mapping = LINES.replace(columns, "");
    let upload = Upload { mapping, ..Upload::lines("2026-03-01", file) };
    let summary = ingest.import(upload).await.unwrap();
    assert_eq!((summary.joined, summary.unchanged, summary.rejected), (1, 1, 0));
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_text_of_lines_is_refused_and_changes_nobody() {
    let ingest = Ingest::start().await;
    ingest.import(Upload::lines("2026-02-01", lines(&[line("1", "Ada")]))).await.unwrap();
    let state = ingest.state().await;
    let long = format!("{}\n{{\"id\": \"{}\"}}\n", line("1", "Ada"), "x".repeat(70_000));
    let mut latin = lines(&[line("1", "Ada")]);
    latin.extend(b"{\"id\": \"2\", \"name\": {\"display\": \"Ren\xe9\"}}\n");

    for (file, message) in [
        (Vec::new(), "the file is empty: there is not one line in it"),
        (b"\n\n".to_vec(), "the file has no rows"),
        (long.into_bytes(), "line 2 is longer than 65536 bytes"),
        (latin, "line 2 is not UTF-8"),
        (b"[1]\n\"2\"\n".to_vec(), "none of the file's 2 rows could be taken over; line 1"),
    ] {
        let status = ingest.import(Upload::lines("2026-03-01", file)).await.unwrap_err();
        assert!(status.message().contains(message), "{}\nshould say {message}", status.message());
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(ingest.state().await, state, "{message}");
    }
    ingest.stop().await;
}
