//! `tenure explain`.

use std::process::ExitCode;

use proto::policy::v1::{
    ConjunctExplanation, DutyConflict, EngagementExplanation, EntitlementName,
    ExplainAccessRequest, ExplainAccessResponse, GrantWindow, PolicyExplanation, PolicyOutcome,
    Truth,
};
use serde_json::{Value, json};

use super::{basis_json, of_person, refused, resting_on, text, time, value_json};
use crate::arguments::Explain;
use crate::commands::person::find_one;
use crate::launcher::StateDir;
use crate::output::{Output, instant, section, table};

pub(crate) async fn run(
    explain: &Explain,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let Some(found) = find_one(&mesh, &explain.person, output).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let (application, entitlement) = explain.entitlement.clone();
    let person = Some(of_person(&found.person, &explain.at));
    let request = ExplainAccessRequest { person, application, entitlement };
    let answer = mesh.policy()?.explain_access(request).await.map_err(refused)?.into_inner();
    let result = json!({
        "person": found.person,
        "held": answer.held,
        "basis": answer.basis.as_ref().map(basis_json),
        "policies": answer.policies.iter().map(policy_json).collect::<Vec<_>>(),
        "conflicts": answer.conflicts.iter().map(conflict_json).collect::<Vec<_>>(),
    });
    output.print(&result, |_result| rendered(&found.display_name, explain, &answer))?;
    Ok(ExitCode::SUCCESS)
}

fn rendered(name: &str, explain: &Explain, answer: &ExplainAccessResponse) -> String {
    let (application, entitlement) = &explain.entitlement;
    let holds = if answer.held { "holds" } else { "does not hold" };
    let mut lines = format!("{name} {holds} {application}/{entitlement}\n");
    if let Some(basis) = &answer.basis {
        lines += &resting_on(basis, &explain.at);
        lines += "\n\n";
    }
    for conflict in &answer.conflicts {
        lines += &apart(conflict);
    }
    if answer.policies.is_empty() {
        lines += "no policy grants it";
    }
    for policy in &answer.policies {
        let title = format!("policy {} through {}", policy.policy, policy.bundle);
        let none = policy.engagements.is_empty();
        lines += &section(&title, "no engagement is known", none, || {
            policy.engagements.iter().map(engagement).collect::<Vec<_>>().join("\n")
        });
    }
    lines.trim_end().to_owned()
}

fn apart(conflict: &DutyConflict) -> String {
    let name = |side: Option<&EntitlementName>| {
        side.map(|one| format!("{}/{}", one.application, one.entitlement)).unwrap_or_default()
    };
    let back = if conflict.prevented { ": one of them is kept back" } else { "" };
    format!(
        "{} wants {} and {} apart{back}\n\n",
        conflict.separation,
        name(conflict.left.as_ref()),
        name(conflict.right.as_ref())
    )
}

fn engagement(one: &EngagementExplanation) -> String {
    let at = instant(time(one.outcome_at.as_ref()));
    let outcome = match one.outcome() {
        PolicyOutcome::Granted => "granted".to_owned(),
        PolicyOutcome::Later => format!("not granted before {at}"),
        PolicyOutcome::Over => format!("not granted any more since {at}"),
        PolicyOutcome::Refused => "not granted: the condition does not hold".to_owned(),
        PolicyOutcome::Unknown => "not granted: what it rests on is unknown".to_owned(),
        PolicyOutcome::Kept => "kept, because what it rests on is unknown".to_owned(),
        PolicyOutcome::Observed => "not granted: the policy is only watched here".to_owned(),
        PolicyOutcome::Requestable => "not granted by itself: it can be asked for".to_owned(),
        PolicyOutcome::Unspecified => "unknown".to_owned(),
    };
    let mut lines = vec![format!("engagement {}: {outcome}", one.engagement_id)];
    let conjuncts = one.conjuncts.iter().map(|part| {
        let place = format!("{}:{}", part.line, part.column);
        vec![place, word(part.truth()).to_owned(), part.text.clone(), known(part)]
    });
    if !one.conjuncts.is_empty() {
        lines.push(table(&["place", "", "condition", "because"], conjuncts));
    }
    for window in &one.windows {
        let until = time(window.until.as_ref());
        let until = until
            .map_or_else(|| "on".to_owned(), |until| format!("until {}", instant(Some(until))));
        lines.push(format!("grants from {} {until}", instant(time(window.from.as_ref()))));
    }
    lines.extend(one.changes.iter().map(|change| format!("to change: {change}")));
    lines.join("\n") + "\n"
}

fn known(part: &ConjunctExplanation) -> String {
    let values =
        part.values.iter().map(|(name, value)| format!("{name}: {}", text(&value_json(value))));
    let unknown = part.unknown.iter().map(|name| format!("{name}: unknown"));
    let mut known: Vec<String> = values.chain(unknown).collect();
    known.sort();
    known.join(", ")
}

fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown | Truth::Unspecified => "unknown",
    }
}

fn policy_json(policy: &PolicyExplanation) -> Value {
    json!({
        "policy": policy.policy,
        "bundle": policy.bundle,
        "condition": policy.condition,
        "engagements": policy.engagements.iter().map(engagement_json).collect::<Vec<_>>(),
    })
}

fn engagement_json(one: &EngagementExplanation) -> Value {
    let outcome = match one.outcome() {
        PolicyOutcome::Granted => "granted",
        PolicyOutcome::Later => "later",
        PolicyOutcome::Over => "over",
        PolicyOutcome::Refused => "refused",
        PolicyOutcome::Kept => "kept",
        PolicyOutcome::Observed => "observed",
        PolicyOutcome::Requestable => "requestable",
        PolicyOutcome::Unknown | PolicyOutcome::Unspecified => "unknown",
    };
    let window = |window: &GrantWindow| json!({ "from": time(window.from.as_ref()), "until": time(window.until.as_ref()) });
    json!({
        "engagement": one.engagement_id,
        "outcome": outcome,
        "outcome_at": time(one.outcome_at.as_ref()),
        "truth": word(one.truth()),
        "conjuncts": one.conjuncts.iter().map(conjunct_json).collect::<Vec<_>>(),
        "windows": one.windows.iter().map(window).collect::<Vec<_>>(),
        "changes": one.changes,
    })
}

fn conflict_json(conflict: &DutyConflict) -> Value {
    let name = |side: Option<&EntitlementName>| {
        side.map(|one| json!({ "application": one.application, "entitlement": one.entitlement }))
    };
    json!({
        "separation": conflict.separation,
        "left": name(conflict.left.as_ref()),
        "right": name(conflict.right.as_ref()),
        "prevented": conflict.prevented,
    })
}

fn conjunct_json(part: &ConjunctExplanation) -> Value {
    let values: serde_json::Map<String, Value> =
        part.values.iter().map(|(name, value)| (name.clone(), value_json(value))).collect();
    json!({
        "text": part.text,
        "truth": word(part.truth()),
        "values": values,
        "unknown": part.unknown,
        "line": part.line,
        "column": part.column,
    })
}
