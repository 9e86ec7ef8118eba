//! The table of `docs/connectors.md`: a row for each scenario, a column for each target.

const PAGE: &str = include_str!("../../../../docs/connectors.md");

/// The targets, as the head of the table names them.
pub(crate) fn columns() -> Vec<&'static str> {
    let head = lines().next().expect("the page has a table");
    head[1..].iter().map(|name| name.trim_matches('`')).collect()
}

/// The scenarios, in order.
pub(crate) fn rows() -> Vec<&'static str> {
    lines().skip(2).map(|cells| cells[0].trim_matches('`')).collect()
}

/// What the page says of a scenario and a target.
pub(crate) fn cell(scenario: &str, target: &str) -> &'static str {
    let column = columns().iter().position(|name| *name == target);
    let row = lines().skip(2).find(|cells| cells[0].trim_matches('`') == scenario);
    match (row, column) {
        (Some(cells), Some(column)) => cells[column + 1],
        _ => "there is no such cell",
    }
}

/// The table's lines as cells, the head and the line below it first.
fn lines() -> impl Iterator<Item = Vec<&'static str>> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with("| scenario"));
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}
