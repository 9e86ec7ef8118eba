mod known;

use std::io::{Cursor, Read};
use std::path::Path;

use domain::Value;

use super::*;
use crate::mapping::tests::{CITY, city};

const HEADER: &str = "SurveyYear,Name,JobTitle,AgencyID,Agency,HireDate\n";

fn snapshot_date() -> Date {
    "2012-06-30".parse().unwrap()
}

fn read_with(source: &Source, bytes: &[u8]) -> Result<Vec<Line>, Error> {
    Reader::try_new(source, snapshot_date(), Cursor::new(bytes))?.collect()
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Vec<Line>, Error> {
    read_with(&city(), bytes.as_ref())
}

fn rows(lines: Vec<Line>) -> Vec<Row> {
    lines
        .into_iter()
        .map(|line| match line {
            Line::Row(row) => row,
            Line::Reject(reject) => panic!("{reject:?}"),
        })
        .collect()
}

/// The rejects as `line column: reason`.
fn rejects(lines: Vec<Line>) -> Vec<String> {
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Row(_) => None,
            Line::Reject(reject) => {
                Some(format!("{} {}: {}", reject.line, reject.column, reject.reason))
            }
        })
        .collect()
}

/// The message of the error that refuses the file.
fn refusal(bytes: impl AsRef<[u8]>) -> String {
    read(bytes).unwrap_err().to_string()
}

#[test]
fn a_real_citys_workforce_is_read_without_a_reject() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample/city-workforce/FY2012.csv");
    let source = city();

    let reader =
        Reader::try_new(&source, snapshot_date(), std::fs::File::open(path).unwrap()).unwrap();
    let rows = rows(reader.collect::<Result<_, _>>().unwrap());

    assert_eq!(rows.len(), 16_049);
    assert_eq!(rows.last().unwrap().line, 16_050);
    assert_eq!(rows[0].worker_id, "Aaron,Chantria A|1986-01-06");
    assert_eq!(rows[0].attributes["display_name"], Value::Text("Chantria A Aaron".to_owned()));
    assert_eq!(rows[0].attributes["agency"], Value::Text("Fire Department".to_owned()));
    assert_eq!(rows[0].attributes["worker_id"], Value::Text(rows[0].worker_id.clone()));
    let undated: Vec<_> = rows.iter().filter(|row| row.start_date.is_none()).collect();
    assert_eq!(undated.len(), 96);
    assert!(undated.iter().all(|row| row.worker_id.ends_with('|')));
    let starts = rows.iter().filter_map(|row| row.start_date);
    assert!(starts.clone().max() <= Some(snapshot_date()));
    assert_eq!(starts.min().map(|start| start.year()), Some(1952));
}

#[test]
fn a_row_says_what_its_columns_say() {
    let source = city();
    let lines = read_with(
        &source,
        format!("{HEADER}2012,\"Aaron,  Chantria A\",FIREFIGHTER,A64133,Fire Department ,1/6/86\n")
            .as_bytes(),
    );

    let row = &rows(lines.unwrap())[0];

    assert_eq!((row.line, row.worker_id.as_str()), (2, "Aaron, Chantria A|1986-01-06"));
    assert_eq!(row.engagement_key, "A64133");
    assert_eq!(row.start_date.unwrap().to_string(), "1986-01-06");
    assert_eq!((row.last_working_day, row.termination_date), (None, None));
    let names: Vec<_> = row.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["agency", "agency_id", "display_name", "title", "worker_id"]);
}

#[test]
fn line_ends_marks_and_quotes_change_nothing() {
    let plain = format!("{HEADER}2012,Ada,CLERK,A1,Parks,1/6/86\n2012,Bob,CLERK,A1,Parks,1/6/86\n");
    let expected = read(&plain).unwrap();
    let windows = plain.replace('\n', "\r\n");
    let quoted = plain.replace("CLERK", "\"CLERK\"");

    assert_eq!(expected.len(), 2);
    assert_eq!(read(&windows).unwrap(), expected);
    assert_eq!(read(windows.trim_end()).unwrap(), expected);
    assert_eq!(read(format!("\u{feff}{plain}")).unwrap(), expected);
    assert_eq!(read(quoted).unwrap(), expected);
}

#[test]
fn a_file_that_arrives_byte_by_byte_reads_the_same() {
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }
    let file = format!("\u{feff}{HEADER}2012,\"A \"\"da\"\"\",CLERK,A1,Parks\u{e9},1/6/86\r\n");
    let source = city();

    let mut reader = Reader::try_new(&source, snapshot_date(), Drip(file.as_bytes())).unwrap();
    let lines: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();

    assert_eq!(lines, read(&file).unwrap());
    assert_eq!(rows(lines)[0].worker_id, "A \"da\"|1986-01-06");
    assert_eq!(reader.bytes_read(), u64::try_from(file.len()).unwrap());
}

#[test]
fn rows_are_numbered_by_the_line_they_begin_on() {
    for line_end in ["\n", "\r\n"] {
        let file = format!(
            "{HEADER}\n2012,\"Ada\nLovelace\",CLERK,A1,Parks,1/6/86\n\n2012,Bob,CLERK,A1,Parks,bad\n"
        );
        let lines = read(file.replace('\n', line_end)).unwrap();
        assert!(matches!(&lines[0], Line::Row(row) if row.line == 3
            && row.worker_id == "Ada Lovelace|1986-01-06"));
        assert!(matches!(&lines[1], Line::Reject(reject) if reject.line == 6));
    }
}

#[test]
fn a_bad_row_is_rejected_with_its_line_column_and_reason_and_the_others_are_read() {
    let long = "x".repeat(FIELD_BYTES_MAX + 1);
    let file = format!(
        "{HEADER}\
         2012,Ada,CLERK,A1,Parks,1/6/86\n\
         2012,Ada,CLERK,A1\n\
         2012,Bob,CLERK,A1,Parks,31/12/86\n\
         2012,Eve,,A1,Parks,1/6/86\n\
         2012,,CLERK,A1,Parks,1/6/86\n\
         2012,A|B,CLERK,A1,Parks,1/6/86\n\
         2012,Dan,CL\u{0}ERK,A1,Parks,1/6/86\n\
         {long},Fay,CLERK,A1,Parks,1/6/86\n\
         2012,Gus,CLERK,A1,Parks,\n"
    );

    let lines = read(file).unwrap();

    assert_eq!(lines.iter().filter(|line| matches!(line, Line::Row(_))).count(), 2);
    assert_eq!(
        rejects(lines),
        [
            "3 : has 4 columns and should have 6",
            "4 HireDate: is not a day of the calendar written as M/D/YY",
            "5 JobTitle: is empty, and title is not optional",
            "6 Name: is empty, and name is not optional",
            "7 Name: holds '|', which joins the key's parts",
            "8 JobTitle: holds a control character",
            "9 SurveyYear: is longer than 4096 bytes",
        ]
    );
}

#[test]
fn a_reject_says_whose_row_it_is_when_the_key_is_sound() {
    let lines = read(format!("{HEADER}2012,Eve,,A1,Parks,1/6/86\n2012,Eve,CLERK,A1,Parks,x\n"));
    let workers: Vec<_> = lines
        .unwrap()
        .into_iter()
        .map(|line| match line {
            Line::Row(row) => Some(row.worker_id),
            Line::Reject(reject) => reject.worker_id,
        })
        .collect();
    assert_eq!(workers, [Some("Eve|1986-01-06".to_owned()), None]);
}

#[test]
fn a_second_row_of_one_engagement_is_rejected_and_another_engagement_is_not() {
    let file = format!(
        "{HEADER}\
         2012,Ada,CLERK,A1,Parks,1/6/86\n\
         2012,Ada,CLERK,A2,Parks,1/6/86\n\
         2012, Ada ,COOK,A1,Parks,01/06/86\n\
         2012,Ada,CLERK,A1,Parks,1/7/86\n"
    );

    let lines = read(file).unwrap();

    assert!(matches!(&lines[2], Line::Reject(reject)
        if reject.worker_id.as_deref() == Some("Ada|1986-01-06")));
    assert_eq!(
        rejects(lines),
        ["4 AgencyID: is the same engagement of the same worker as in line 2"]
    );
}

#[test]
fn numbers_and_answers_are_read_by_their_types() {
    let yaml = CITY
        .replace("title: {column: JobTitle}", "title: {column: JobTitle, type: boolean}")
        .replace("agency: {column: Agency}", "agency: {column: Agency, type: integer}");
    let source = Source::parse(&yaml).unwrap();
    let file =
        format!("{HEADER}2012,Ada,Yes,A1, -7 ,\n2012,Bob,perhaps,A1,7,\n2012,Eve,n,A1,7.0,\n");

    let lines = read_with(&source, file.as_bytes()).unwrap();

    let Line::Row(row) = &lines[0] else { panic!("{lines:?}") };
    assert_eq!(row.attributes["title"], Value::Boolean(true));
    assert_eq!(row.attributes["agency"], Value::Integer(-7));
    assert_eq!(
        rejects(lines),
        [
            "3 JobTitle: is none of true, yes, y, 1, false, no, n, 0",
            "4 Agency: is not a whole number of 64 bits",
        ]
    );
}

#[test]
fn a_termination_without_a_last_working_day_is_the_last_working_day() {
    let yaml = CITY
        .replace("termination_date: null", "termination_date: ended")
        .replace("last_working_day: null", "last_working_day: worked_until")
        .replace(
            "    title: {column: JobTitle}",
            "    title: {column: Name}\n    \
             worked_until: {column: SurveyYear, type: date, optional: true}\n    \
             ended: {column: JobTitle, type: date, optional: true}",
        );
    let source = Source::parse(&yaml).unwrap();
    let file = format!(
        "{HEADER},Ada,2012-07-31,A1,Parks,\n2012-06-01,Bob,2012-07-31,A1,Parks,\n,Eve,,A1,Parks,\n"
    );

    let rows = rows(read_with(&source, file.as_bytes()).unwrap());

    let ends: Vec<_> = rows
        .iter()
        .map(|row| row.last_working_day.map(|date| date.to_string()).unwrap_or_default())
        .collect();
    assert_eq!(ends, ["2012-07-31", "2012-06-01", ""]);
}

#[test]
fn an_empty_file_is_refused_and_a_header_alone_is_a_file_of_no_rows() {
    for empty in ["", "\n\r\n", "\u{feff}"] {
        assert_eq!(refusal(empty), "the file is empty: not even a header is in it");
    }
    assert_eq!(read(HEADER).unwrap(), []);
    assert_eq!(read(HEADER.trim_end()).unwrap(), []);
}

#[test]
fn a_wrong_header_is_refused_with_what_was_expected_and_found() {
    let expected = "SurveyYear, Name, JobTitle, AgencyID, Agency, HireDate";
    let prefix = "the header is not the one the mapping names";
    assert_eq!(
        refusal("SurveyYear,Name,Title,AgencyID,Agency\n"),
        format!(
            "{prefix}: column 3 should be \"JobTitle\" and is \"Title\"; \
             column 6 should be \"HireDate\" and is missing; expected {expected}"
        )
    );
    assert_eq!(
        refusal(format!("{},Salary\n", HEADER.trim_end())),
        format!("{prefix}: column 7 should not be there: \"Salary\"; expected {expected}")
    );
}

#[test]
fn a_file_without_a_header_is_refused_without_repeating_a_person() {
    let message = refusal("2012,Ada,CLERK,A1,Parks,1/6/86\n");
    assert!(message.contains("none of them is among the 6 columns of the first line"), "{message}");
    assert!(!message.contains("Ada"));
}

#[test]
fn another_encoding_is_refused_with_the_line_and_what_to_do() {
    let to_do = "is not UTF-8: convert the file to UTF-8 and import it again";
    let mut latin = format!("{HEADER}2012,Ada,CLERK,A1,Parks,1/6/86\n2012,Ren").into_bytes();
    latin.extend(b"\xe9,CLERK,A1,Parks,1/6/86\n");
    assert_eq!(refusal(&latin), format!("line 3 {to_do}"));

    let utf16: Vec<u8> = "\u{feff}SurveyYear".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refusal(&utf16), format!("line 1 {to_do}"));

    let mut split = format!("{HEADER}2012,A").into_bytes();
    split.extend(b"\xc3,\xa9,A1,Parks,1/6/86\n");
    assert_eq!(refusal(&split), format!("line 2 {to_do}"));
}

#[test]
fn a_quote_that_is_never_closed_is_refused_and_swallows_nobody() {
    let file = format!(
        "{HEADER}2012,Ada,CLERK,A1,Parks,1/6/86\n2012,Bob,CLERK,A1,Parks,\"1/6/86\n2012,Eve,,,,\n"
    );
    assert_eq!(refusal(&file), "the row at line 3 opens a quote that is never closed");

    let rest = "2012,Eve,CLERK,A1,Parks,1/6/86\n".repeat(10_000);
    assert_eq!(
        refusal(format!("{file}{rest}")),
        "the row at line 3 is longer than 65536 bytes: is a quote not closed?"
    );
}

#[test]
fn nothing_is_read_after_a_fatal_error() {
    let mut file = HEADER.as_bytes().to_vec();
    file.extend(b"2012,Ren\xe9,CLERK,A1,Parks,1/6/86\n2012,Ada,CLERK,A1,Parks,1/6/86\n");
    let source = city();

    let mut reader = Reader::try_new(&source, snapshot_date(), Cursor::new(file)).unwrap();

    assert!(matches!(reader.next(), Some(Err(Error::Encoding { line: 2 }))));
    assert!(reader.next().is_none());
}

#[test]
fn a_row_survives_being_stored() {
    let line = read(format!("{HEADER}2012,Ada,CLERK,A1,Parks,1/6/86\n")).unwrap();
    let row = &rows(line)[0];
    let json = serde_json::to_string(row).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), *row);
}

#[test]
fn columns_are_parted_by_what_the_document_states() {
    let row = "2012,\"Lovelace,Ada\",Engineer; first,A1,Works,1/6/10\n";
    let expected = read(format!("{HEADER}{row}")).map(rows).unwrap();
    let tsv = CITY.replace("format: csv", "format: tsv");
    let bars = CITY.replace("format: csv", "format: csv\n  delimiter: \"|\"");

    for (document, delimiter) in [(tsv, "\t"), (bars, "|")] {
        let source = Source::parse(&document).unwrap();
        let row = "2012,'Lovelace\u{1f},Ada',Engineer; first,A1,Works,1/6/10\n";
        let file = format!("{HEADER}{row}")
            .replace("\u{1f},", "\u{1f}")
            .replace(',', delimiter)
            .replace('\u{1f}', ",")
            .replace('\'', "\"");
        let mut read = read_with(&source, file.as_bytes()).map(rows).unwrap();
        // What a row is known by depends on the document.
        read[0].marks = expected[0].marks;
        assert_eq!(read, expected);
    }
    let wrong = Source::parse(&CITY.replace("format: csv", "format: tsv")).unwrap();
    assert!(read_with(&wrong, format!("{HEADER}{row}").as_bytes()).is_err());
}
