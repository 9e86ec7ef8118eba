//! `tenure release`.

use std::process::ExitCode;

use proto::convert;
use proto::policy::v1::ReleaseRecord;
use serde_json::{Value, json};

use crate::launcher::StateDir;
use crate::output::{Output, instant, table};

pub(crate) async fn list(
    limit: u32,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let releases = state.mesh()?.releases(limit).await?;
    let result: Vec<Value> = releases.iter().map(told).collect();
    output.print(&result, |_result| {
        table(
            &["release", "", "applied", "by", "approved by", "over", "from", "why", "content"],
            releases.iter().map(row),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn show(
    release: u64,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let found = state.mesh()?.release(release).await?;
    let record = found.record.unwrap_or_default();
    let result = json!({
        "record": told(&record),
        "documents": found.documents.iter().map(|document| json!({
            "kind": document.kind,
            "name": document.name,
            "digest": document.digest,
            "content": serde_json::from_str::<Value>(&document.content).unwrap_or_default(),
        })).collect::<Vec<_>>(),
    });
    output.print(&result, |_result| {
        let author = record.author.clone().unwrap_or_default();
        let approved = match record.approved_by.as_str() {
            "" => "needed no second person".to_owned(),
            name => format!("approved by {name}"),
        };
        let documents = found.documents.iter().map(|document| {
            vec![document.kind.clone(), document.name.clone(), document.digest.clone()]
        });
        format!(
            "release {}{}, over release {}\napplied {} by {}, {approved}\nfrom: {}\nwhy: \
             {}\ncontent: {}\n\n{}",
            record.release,
            if record.active { " is active" } else { "" },
            record.base_release,
            applied_at(&record),
            dash(&author.name),
            dash(&author.revision),
            dash(&author.message),
            record.content_hash,
            table(&["kind", "name", "digest"], documents),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn told(record: &ReleaseRecord) -> Value {
    let author = record.author.clone().unwrap_or_default();
    json!({
        "release": record.release,
        "active": record.active,
        "activated_at": applied_at(record),
        "applied_by": author.name,
        "message": author.message,
        "revision": author.revision,
        "base_release": record.base_release,
        "preview_hash": record.preview_hash,
        "approved_by": record.approved_by,
        "content_hash": record.content_hash,
    })
}

fn row(record: &ReleaseRecord) -> Vec<String> {
    let author = record.author.clone().unwrap_or_default();
    vec![
        record.release.to_string(),
        if record.active { "active".to_owned() } else { String::new() },
        applied_at(record),
        dash(&author.name),
        dash(&record.approved_by),
        record.base_release.to_string(),
        dash(&author.revision),
        dash(&author.message),
        record.content_hash.chars().take(12).collect(),
    ]
}

fn applied_at(record: &ReleaseRecord) -> String {
    instant(convert::instant("activated_at", record.activated_at.as_ref()).ok())
}

fn dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
