//! `tenure person show` at another instant, or as somebody else.

use std::process::ExitCode;

use anyhow::Context as _;
use domain::Timestamp;
use proto::hris::v1::GetTimelineRequest;
use proto::policy::v1::{EntitlementName, EvaluateAccessRequest, GetDesiredAccessResponse};
use serde_json::json;

use super::{basis_json, of_person, refused, resting_on};
use crate::arguments::At;
use crate::client::Mesh;
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
    let mesh = state.mesh()?;
    let Some(found) = find_one(&mesh, query, output).await? else { return Ok(ExitCode::FAILURE) };
    let request = EvaluateAccessRequest { person: Some(of_person(&found.person, at)) };
    let answer = mesh.policy()?.evaluate_access(request).await.map_err(refused)?.into_inner();
    let basis = answer.basis.unwrap_or_default();
    let access = view::access(&GetDesiredAccessResponse {
        desired_access: answer.desired_access,
        next_boundary: answer.next_boundary,
    })?;
    let timeline = match at.known_at {
        Some(known_at) => Some(known(&mesh, &found.person, known_at).await?),
        None => None,
    };
    let (gained, lost) = (names(&answer.gained), names(&answer.lost));
    let mut result = json!({
        "person": found.person,
        "display_name": found.display_name,
        "worker_id": found.worker_id,
        "basis": basis_json(&basis),
        "access": access,
    });
    if let Some((fields, timeline)) = result.as_object_mut().zip(timeline.as_ref()) {
        fields.insert("timeline".to_owned(), json!(timeline));
    }
    if let Some(fields) = result.as_object_mut().filter(|_fields| !at.assume.is_empty()) {
        fields.insert("gained".to_owned(), json!(gained));
        fields.insert("lost".to_owned(), json!(lost));
    }
    output.print(&result, |_result| {
        let mut text = format!("{}\n{}\n\n", found.display_name, resting_on(&basis, at));
        if let Some(timeline) = &timeline {
            text += &view::of_timeline(timeline);
        }
        text += &view::of_access(&access);
        if !at.assume.is_empty() {
            text += &section("gained", "nothing", gained.is_empty(), || gained.join("\n"));
            text += &section("lost", "nothing", lost.is_empty(), || lost.join("\n"));
        }
        text.trim_end().to_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The person's timeline as it was known at an instant.
async fn known(mesh: &Mesh, person: &str, known_at: Timestamp) -> anyhow::Result<view::Timeline> {
    let request =
        GetTimelineRequest { person_id: person.to_owned(), known_at: Some(known_at.into()) };
    let answer = mesh.hris()?.get_timeline(request).await.context("ask for the timeline")?;
    view::timeline(&answer.into_inner().person_updated)
}

fn names(entitlements: &[EntitlementName]) -> Vec<String> {
    let name = |one: &EntitlementName| format!("{}/{}", one.application, one.entitlement);
    entitlements.iter().map(name).collect()
}
