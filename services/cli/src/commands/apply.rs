//! `tenure apply`.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::Apply;
use crate::client::read_documents;
use crate::launcher::StateDir;
use crate::output::{Output, grouped};

pub(crate) async fn run(
    apply: &Apply,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &apply.paths {
        files.extend(read_documents(path)?);
    }
    let applied = state.running()?.mesh()?.apply(files).await?;
    let result = json!({
        "release": applied.release,
        "activated": applied.activated,
        "documents": applied.documents,
        "content_hash": applied.content_hash,
    });
    output.print(&result, |_result| match applied.activated {
        true => format!(
            "release {} is active: {} documents",
            applied.release,
            grouped(applied.documents.into())
        ),
        false => format!("release {} has this content and stays active", applied.release),
    })?;
    Ok(ExitCode::SUCCESS)
}
