//! Prints the JSON Schema of policy documents.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{:#}", rules::document::json_schema())
}
