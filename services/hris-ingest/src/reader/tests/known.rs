//! Rows that are known: whatever a file is made of, it reads as it would if nothing were known.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const KEYED: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: payroll}
spec:
  format: csv
  columns: [Id, Job]
  key: [id]
  zone: America/New_York
  fields:
    id: {column: Id}
    job: {column: Job, optional: true}
  attributes: [job]
";

fn read_all(source: &Source, file: &str, known: KnownRows) -> Option<(Vec<Line>, KnownRows, u64)> {
    let mut reader =
        Reader::try_new(source, snapshot_date(), file.as_bytes()).unwrap().knowing(known);
    let lines = reader.by_ref().collect::<Result<Vec<_>, _>>().ok()?;
    let (known, passed) = reader.into_known();
    Some((lines, known, passed.rows))
}

/// The rows of a file that was read before; those of them that are packed come first.
fn known(lines: &[Line], packed: usize) -> KnownRows {
    let marks: Vec<Marks> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Row(row) => row.marks,
            Line::Reject(_) => None,
        })
        .collect();
    let mut known = KnownRows::with_capacity(marks.len());
    let (packed, loose) = marks.split_at(packed.min(marks.len()));
    for (number, marks) in (0..).zip(packed) {
        known.push_packed(number, marks.raw, marks.filled, true);
    }
    let details =
        packed.iter().map(|marks| Details { digest: marks.digest, engagement: marks.engagement });
    let details: Vec<Details> = details.collect();
    let mut known = known.loading(Box::new(move || Ok(details)));
    for (number, marks) in (1_000..).zip(loose) {
        known.push(number, *marks, true);
    }
    known
}

fn written() -> impl Strategy<Value = String> {
    // Few keys and jobs, so that rows repeat; quotes and line ends where a parser minds them.
    let key =
        prop::sample::select(vec!["1", "2", "3", "\"4\"", "5\"5", "\"6\"\"6\"", "\"7\n7\"", ""]);
    let job =
        prop::sample::select(vec!["a", "b", "\"c,c\"", "\"d\r\nd\"", "", "e\"", "\u{e9}", "x,y"]);
    let end = prop::sample::select(vec!["\n", "\r\n", "\n\n"]);
    let row = (key, job, end).prop_map(|(key, job, end)| format!("{key},{job}{end}"));
    (prop::collection::vec(row, 0..12), any::<bool>()).prop_map(|(rows, is_closed)| {
        let file = format!("Id,Job\n{}", rows.concat());
        if is_closed { file } else { file.trim_end().to_owned() }
    })
}

proptest! {
    #[test]
    fn a_file_reads_the_same_whatever_is_known_but_for_what_is_passed_over(
        before in written(),
        after in written(),
        packed in 0_usize..12,
    ) {
        let source = Source::parse(KEYED).unwrap();
        let Some((listed, _, _)) = read_all(&source, &before, KnownRows::default()) else {
            return Ok(());
        };
        let digests: BTreeSet<Uuid> = listed
            .iter()
            .filter_map(|line| match line {
                Line::Row(row) => row.marks.map(|marks| marks.digest),
                Line::Reject(_) => None,
            })
            .collect();
        let plain = read_all(&source, &after, KnownRows::default());
        let knowing = read_all(&source, &after, known(&listed, packed));
        prop_assert_eq!(plain.is_some(), knowing.is_some());
        let (Some((plain, _, _)), Some((knowing, known, passed))) = (plain, knowing) else {
            return Ok(());
        };
        let by_line = |lines: &[Line]| -> BTreeMap<u64, Line> {
            let line = |line: &Line| match line {
                Line::Row(row) => row.line,
                Line::Reject(reject) => reject.line,
            };
            lines.iter().map(|one| (line(one), one.clone())).collect()
        };
        let (plain, knowing) = (by_line(&plain), by_line(&knowing));
        let mut expected = plain.clone();
        expected.retain(|_line, one| match one {
            Line::Row(row) => !digests.contains(&row.marks.unwrap().digest),
            Line::Reject(_) => true,
        });
        prop_assert_eq!(knowing, expected.clone());
        prop_assert_eq!(usize::try_from(passed).unwrap(), plain.len() - expected.len());
        prop_assert_eq!(known.seen_firsts(), passed);
        prop_assert_eq!(known.unseen().count(), known.len() - usize::try_from(passed).unwrap());
    }
}

#[test]
fn rows_in_another_order_and_in_other_quotes_are_known() {
    let source = Source::parse(KEYED).unwrap();
    let rows: Vec<String> = (0..200).map(|id| format!("{id},Job {id}\n")).collect();
    let file = format!("Id,Job\n{}", rows.concat());
    let (listed, _, _) = read_all(&source, &file, KnownRows::default()).unwrap();
    let mut backwards = rows.clone();
    backwards.reverse();
    let quoted = rows.iter().map(|row| row.replace("Job", "\"Job").replace('\n', "\"\r\n"));

    for other in [backwards.concat(), quoted.collect::<String>()] {
        let file = format!("Id,Job\n{other}");
        let (lines, known, passed) = read_all(&source, &file, known(&listed, 150)).unwrap();
        assert_eq!((lines.len(), passed, known.all_seen()), (0, 200, true));
    }
}

#[test]
fn details_that_cannot_be_had_refuse_the_file() {
    let source = Source::parse(KEYED).unwrap();
    let mut known = KnownRows::default();
    known.push_packed(1, Uuid::from_u128(1), 0, true);
    let known = known.loading(Box::new(|| Err(io::Error::other("gone"))));

    let mut reader = Reader::try_new(&source, snapshot_date(), "Id,Job\n1,a\n".as_bytes())
        .unwrap()
        .knowing(known);

    assert!(matches!(reader.next(), Some(Err(Error::Read(_)))));
}
