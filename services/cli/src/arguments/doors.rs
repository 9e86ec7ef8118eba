//! What lets a source push.

use clap::Subcommand;

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
