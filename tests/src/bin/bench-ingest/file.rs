//! A file as an HR system writes it, without anybody real in it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// What the file's columns mean.
pub(crate) const MAPPING: &str = "
apiVersion: tenure.dev/v1
kind: Source
metadata: {name: payroll}
spec:
  format: csv
  columns: [Id, Given, Family, Title, Department, Location, Grade, CostCentre, Start, LastDay]
  key: [id]
  start_date: start
  last_working_day: last_day
  zone: America/New_York
  fields:
    id: {column: Id}
    given_name: {column: Given}
    family_name: {column: Family}
    title: {column: Title}
    department: {column: Department}
    location: {column: Location}
    grade: {column: Grade, type: integer}
    cost_centre: {column: CostCentre}
    start: {column: Start, type: date}
    last_day: {column: LastDay, type: date, optional: true}
  attributes: [given_name, family_name, title, department, location, grade, cost_centre, worker_id]
";

const GIVEN: [&str; 8] = ["Ada", "Grace", "Alan", "Emmy", "Marie", "Edsger", "Barbara", "Donald"];
const FAMILY: [&str; 7] = ["Lovelace", "Hopper", "Turing", "Noether", "Curie", "Liskov", "Knuth"];
const TITLES: [&str; 6] = ["Engineer", "Analyst", "Clerk", "Manager", "Technician", "Counsel"];
const DEPARTMENTS: [&str; 5] = ["Research", "Sales", "Finance, Treasury", "Operations", "Legal"];
const LOCATIONS: [&str; 4] = ["Baltimore", "Sydney", "Berlin", "Kathmandu"];

/// Writes a file in which so many people of a thousand have another title; returns how many.
pub(crate) fn write(path: &Path, people: u32, changed_per_mille: u32) -> anyhow::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "Id,Given,Family,Title,Department,Location,Grade,CostCentre,Start,LastDay")?;
    let mut changed = 0;
    for number in 0..people {
        let is_changed = number % 1_000 < changed_per_mille;
        changed += u64::from(is_changed);
        writeln!(
            file,
            "P{number:08},{},{}-{},{}{},\"{}\",{},{},CC-{:04},20{:02}-{:02}-{:02},",
            of(&GIVEN, number),
            of(&FAMILY, number / 8),
            number % 9_973,
            if is_changed { "Senior " } else { "" },
            of(&TITLES, number / 3),
            of(&DEPARTMENTS, number / 11),
            of(&LOCATIONS, number / 5),
            number % 12,
            number % 700,
            number % 25,
            1 + number % 12,
            1 + number % 28,
        )?;
    }
    file.flush()?;
    Ok(changed)
}

fn of(words: &[&'static str], number: u32) -> &'static str {
    let place = usize::try_from(number).unwrap_or_default() % words.len();
    words[place]
}
