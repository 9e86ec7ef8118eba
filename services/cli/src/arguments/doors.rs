//! What lets a source push, and how its files are tried.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::Date;

use super::Contract;

/// Shows what a file would change, read by a document, and changes nothing
///
/// The file is read, compared and held against the source's limits as `tenure import` does it. Shown are
/// what rows become, who would join, change and leave, with what they have before and after, which rows
/// cannot be used and why, and values that no value map lists. Rows that say what the source said last, read
/// by the same document, are counted and not read. To see what another document changes, try it with the
/// file that was imported last.
///
/// It ends with 3 if the file would be held, and with 1 if it would be refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenure source try source.yaml staff.csv --snapshot-date 2026-03-01
  tenure source try source.yaml hires.csv --contract partial --snapshot-date 2026-03-04
  tenure source try source.yaml staff.csv --snapshot-date 2026-03-01 -o json | jq '.changes'
")]
pub(crate) struct SourceTry {
    /// Document of kind Source that says what the columns mean.
    pub(crate) document: PathBuf,
    /// The file.
    pub(crate) file: PathBuf,
    /// What the file's silence about a person means.
    #[arg(long, value_enum, default_value_t = Contract::Full)]
    pub(crate) contract: Contract,
    /// Day for which the file speaks.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) snapshot_date: Date,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourceToken {
    /// Makes a token and shows it this once
    ///
    /// A source has two valid tokens at most: the one in use, and the one that replaces it.
    #[command(after_help = "Examples:\n  tenure source token create okta\n")]
    Create {
        /// The source.
        source: String,
    },
    /// Lists the valid tokens of a source, by how they begin
    #[command(after_help = "Examples:\n  tenure source token list okta\n")]
    List {
        /// The source.
        source: String,
    },
    /// Ends a token at once
    #[command(
        after_help = "Examples:\n  tenure source token revoke okta 01980a5e-6ad1-7c3e-9a4b-2f6d3c1b0a99\n"
    )]
    Revoke {
        /// The source.
        source: String,
        /// The token's id, as `list` shows it.
        id: uuid::Uuid,
    },
}
