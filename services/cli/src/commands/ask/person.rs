//! `tenure person show` at another instant, or as somebody else.

use std::process::ExitCode;

use proto::policy::v1::{EntitlementName, EvaluateAccessRequest, GetDesiredAccessResponse};
use serde_json::json;

use super::{basis_json, of_person, refused, resting_on};
use crate::arguments::At;
use crate::commands::person::find_one;
use crate::launcher::StateDir;
use crate::output::{Output, section};
use crate::view;

pub(crate) async fn show(
    query: &str,
    at: &At,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.running()?.mesh()?;
    let Some(found) = find_one(&mesh, query, output).await? else { return Ok(ExitCode::FAILURE) };
    let request = EvaluateAccessRequest { person: Some(of_person(&found.person, at)) };
    let answer = mesh.policy()?.evaluate_access(request).await.map_err(refused)?.into_inner();
    let basis = answer.basis.unwrap_or_default();
    let access = view::access(&GetDesiredAccessResponse {
        desired_access: answer.desired_access,
        next_boundary: answer.next_boundary,
    })?;
    let (gained, lost) = (names(&answer.gained), names(&answer.lost));
    let mut result = json!({
        "person": found.person,
        "display_name": found.display_name,
        "worker_id": found.worker_id,
        "basis": basis_json(&basis),
        "access": access,
    });
    if let Some(fields) = result.as_object_mut().filter(|_fields| !at.assume.is_empty()) {
        fields.insert("gained".to_owned(), json!(gained));
        fields.insert("lost".to_owned(), json!(lost));
    }
    output.print(&result, |_result| {
        let mut text = format!("{}\n{}\n\n", found.display_name, resting_on(&basis, at));
        text += &view::of_access(&access);
        if !at.assume.is_empty() {
            text += &section("gained", "nothing", gained.is_empty(), || gained.join("\n"));
            text += &section("lost", "nothing", lost.is_empty(), || lost.join("\n"));
        }
        text.trim_end().to_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn names(entitlements: &[EntitlementName]) -> Vec<String> {
    let name = |one: &EntitlementName| format!("{}/{}", one.application, one.entitlement);
    entitlements.iter().map(name).collect()
}
