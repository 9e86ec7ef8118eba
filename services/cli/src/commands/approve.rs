//! `tenure approve`.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::Approve;
use crate::launcher::StateDir;
use crate::output::Output;

pub(crate) async fn run(
    approve: &Approve,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let name = approve.name();
    let author = state.mesh()?.approve(&approve.hash, &name).await?;
    let result = json!({ "hash": approve.hash, "approved_by": name, "made_by": author.name });
    output.print(&result, |_result| {
        format!(
            "approved by {name}; {} applies it with\ntenure apply --preview {}",
            author.name, approve.hash
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
