//! Results on standard output, as tables for people or as JSON for programs.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table, presets};
use domain::Timestamp;
use serde::Serialize;

/// What results look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON value, for programs.
    Json,
}

/// Where results go.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints a result in the form that was asked for.
    pub(crate) fn print<T: Serialize>(
        &self,
        result: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Table => write(&table(result)),
            Format::Json => write(&serde_json::to_string_pretty(result).context("write JSON")?),
        }
    }

    /// Prints what went wrong.
    pub(crate) fn complain(&self, error: &anyhow::Error) {
        let text = match self.format {
            Format::Table => format!("error: {error:#}"),
            Format::Json => serde_json::json!({ "error": format!("{error:#}") }).to_string(),
        };
        tell(&text);
    }
}

/// Prints a line for people on standard error.
#[expect(clippy::print_stderr, reason = "this is where people are told")]
pub(crate) fn tell(text: &str) {
    eprintln!("{text}");
}

fn write(text: &str) -> anyhow::Result<()> {
    // Colours are for terminals, and nobody's where NO_COLOR is set.
    let mut out = anstream::stdout().lock();
    match out.write_all(text.trim_end().as_bytes()).and_then(|()| out.write_all(b"\n")) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write to standard output"),
    }
}

/// A table with a header; columns whose header ends in a space are aligned to the right.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|text| text.trim_end().to_uppercase()));
    let align = |(index, text): (usize, String)| {
        let right = header.get(index).is_some_and(|header| header.ends_with(' '));
        let alignment = if right { CellAlignment::Right } else { CellAlignment::Left };
        Cell::new(text).set_alignment(alignment)
    };
    table.add_rows(
        rows.into_iter()
            .map(|row| Row::from(row.into_iter().enumerate().map(align).collect::<Vec<_>>())),
    );
    table.trim_fmt()
}

/// A table of cells that have their looks already; colours are for terminals alone.
pub(crate) fn styled(header: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|text| {
        let right = text.ends_with(' ');
        let alignment = if right { CellAlignment::Right } else { CellAlignment::Left };
        Cell::new(text.trim_end().to_uppercase()).set_alignment(alignment)
    }));
    table.add_rows(rows.into_iter().map(Row::from));
    table.trim_fmt()
}

/// A heading with what stands under it, or a word in its place when there is nothing.
pub(crate) fn section(
    title: &str,
    nothing: &str,
    empty: bool,
    body: impl FnOnce() -> String,
) -> String {
    match empty {
        true => format!("{title}: {nothing}\n\n"),
        false => format!("{title}\n{}\n\n", indented(&body())),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// An instant to the second, in UTC; a dash stands for none.
pub(crate) fn instant(instant: Option<Timestamp>) -> String {
    instant.map_or_else(
        || "-".to_owned(),
        |instant| instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

/// A value that may be absent; a dash stands for none.
pub(crate) fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Bytes in mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// A number with its thousands apart: 16,049.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(16_049), "16,049");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn memory_is_told_in_mebibytes() {
        assert_eq!(mebibytes(0), "0.0 MiB");
        assert_eq!(mebibytes(24 * 1024 * 1024 + 600 * 1024), "24.5 MiB");
    }

    #[test]
    fn numbers_stand_to_the_right_below_their_header() {
        let rows =
            [vec!["hris".to_owned(), "7".to_owned()], vec!["a".to_owned(), "16,049".to_owned()]];

        let text = table(&["stream", "events "], rows);

        assert_eq!(text, " STREAM  EVENTS\n hris         7\n a       16,049");
    }
}
