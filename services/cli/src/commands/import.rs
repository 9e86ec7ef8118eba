//! `tenure import`.

use std::process::ExitCode;

use anyhow::Context as _;
use proto::hris::v1::{FileContract, HeldRun, ImportSummary};
use serde::{Serialize, Serializer};

use super::settle::settle;
use super::source::held;
use crate::arguments::{Contract, Import};
use crate::client::{self, Mesh};
use crate::launcher::StateDir;
use crate::output::{Output, grouped, section, table};
use crate::progress::Progress;

/// The exit code of a file that is held.
const HELD: u8 = 3;

/// What came of a file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Imported {
    pub(crate) run: String,
    pub(crate) rows: u64,
    pub(crate) people: u64,
    pub(crate) joined: u64,
    pub(crate) changed: u64,
    pub(crate) left: u64,
    pub(crate) unchanged: u64,
    pub(crate) rejected: u64,
    pub(crate) managers_unknown: u64,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) settled: Option<u64>,
    /// What the file would change, if that is held.
    #[serde(serialize_with = "difference", skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<HeldRun>,
}

/// A row that was left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reject {
    line: u64,
    column: String,
    reason: String,
}

pub(crate) async fn run(
    import: &Import,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mapping = std::fs::read_to_string(&import.mapping)
        .with_context(|| format!("read {}", import.mapping.display()))?;
    let mesh = state.mesh()?;
    let file = client::Import {
        mapping: &mapping,
        file: &import.file,
        contract: match import.contract {
            Contract::Full => FileContract::Full,
            Contract::Partial => FileContract::Partial,
        },
        snapshot_date: import.snapshot_date,
        author: import.author.as_deref(),
        notify: import.notify,
    };
    let mut imported = send(&mesh, file).await?;
    if import.wait && imported.held.is_none() {
        imported.settled = Some(settle(&mesh).await?.rest.settled);
    }
    output.print(&imported, tables)?;
    Ok(match imported.held {
        None => ExitCode::SUCCESS,
        Some(_held) => ExitCode::from(HELD),
    })
}

/// Sends a file in sight of whoever waits.
pub(crate) async fn send(mesh: &Mesh, file: client::Import<'_>) -> anyhow::Result<Imported> {
    let mut progress = Progress::new();
    let name = file.file.display().to_string();
    let summary = mesh
        .import(file, |step| progress.show(&step.stage, step.done, step.total, ""))
        .await
        .with_context(|| format!("import {name}"))?;
    progress.finish();
    Ok(Imported::from(summary))
}

impl From<ImportSummary> for Imported {
    fn from(summary: ImportSummary) -> Self {
        let rejects = summary.rejects.into_iter().map(|reject| Reject {
            line: reject.line,
            column: reject.column,
            reason: reject.reason,
        });
        Self {
            run: summary.run_id,
            rows: summary.rows,
            people: summary.people,
            joined: summary.joined,
            changed: summary.changed,
            left: summary.left,
            unchanged: summary.unchanged,
            rejected: summary.rejected,
            managers_unknown: summary.managers_unknown,
            rejects: rejects.collect(),
            settled: None,
            held: summary.held,
        }
    }
}

fn difference<S: Serializer>(held: &Option<HeldRun>, to: S) -> Result<S::Ok, S::Error> {
    held.as_ref().map(held::difference).serialize(to)
}

fn tables(imported: &Imported) -> String {
    let counts = [
        ("rows", imported.rows),
        ("rejected", imported.rejected),
        ("people", imported.people),
        ("joined", imported.joined),
        ("changed", imported.changed),
        ("left", imported.left),
        ("unchanged", imported.unchanged),
    ];
    // Of what is held, nothing has happened yet.
    let counts = counts.into_iter().filter(|(name, _)| match (&imported.held, *name) {
        (None, _) | (Some(_), "rows" | "rejected" | "people") => true,
        (Some(_), _) => false,
    });
    let managers = (imported.managers_unknown > 0)
        .then_some(("with a manager who is nobody known", imported.managers_unknown));
    let settled = imported.settled.map(|settled| ("settled", settled));
    let rows = counts
        .into_iter()
        .chain(managers)
        .chain(settled)
        .map(|(name, count)| vec![name.to_owned(), grouped(count)]);
    let mut text =
        section(&format!("run {}", imported.run), "", false, || table(&["", "number "], rows));
    if imported.rejected > 0 {
        text += &section("rejected rows", "", false, || {
            let rows = imported.rejects.iter().map(|reject| {
                let column = if reject.column.is_empty() { "-" } else { &reject.column };
                vec![reject.line.to_string(), column.to_owned(), reject.reason.clone()]
            });
            table(&["line ", "column", "reason"], rows)
        });
        let listed = u64::try_from(imported.rejects.len()).unwrap_or(u64::MAX);
        if imported.rejected > listed {
            text += &format!("and {} more\n", grouped(imported.rejected - listed));
        }
    }
    if let Some(held) = &imported.held {
        text += &held::tables(&imported.run, held, true);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_rows_are_listed_with_their_place_and_reason() {
        let reject = |line, column: &str, reason: &str| proto::hris::v1::Reject {
            line,
            column: column.to_owned(),
            reason: reason.to_owned(),
        };
        let summary = ImportSummary {
            rows: 16_049,
            rejects: vec![reject(7, "HireDate", "not a date"), reject(9, "", "too few columns")],
            rejected: 1_002,
            ..ImportSummary::default()
        };

        let text = tables(&Imported::from(summary));

        assert!(text.contains("16,049"), "{text}");
        assert!(text.contains("   7  HireDate  not a date"), "{text}");
        assert!(text.contains("   9  -         too few columns"), "{text}");
        assert!(text.ends_with("and 1,000 more\n"), "{text}");
    }
}
