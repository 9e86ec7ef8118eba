//! `docs/access.md`, read as tables.

use std::collections::{BTreeMap, BTreeSet};

/// Rows of a table by their first cell; each further cell as the set of what it lists.
pub(crate) type Table = BTreeMap<String, Vec<BTreeSet<String>>>;

/// The table below a heading.
pub(crate) fn table(heading: &str) -> Table {
    let page = include_str!("../../../docs/access.md");
    let (_before, section) = page.split_once(&format!("## {heading}\n")).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    lines
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(cell);
            (cells.next().unwrap().into_iter().next().unwrap(), cells.collect())
        })
        .collect()
}

fn cell(text: &str) -> BTreeSet<String> {
    text.split("<br>")
        .map(|entry| entry.trim().trim_matches('`').to_owned())
        .filter(|entry| entry != "nothing")
        .collect()
}

/// Writes a table as the page does, to be looked at beside it.
pub(crate) fn show(title: &str, table: &Table) {
    println!("{title}");
    for (row, cells) in table {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.iter().cloned().collect::<Vec<_>>().join(", ")).collect();
        println!("| {row} | {} |", cells.join(" | "));
    }
}
