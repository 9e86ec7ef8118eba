//! `tenure match`, `tenure values` and `tenure observe`.

use std::process::ExitCode;

use proto::policy::v1::{
    Agreement, AttributeValues, ListValuesRequest, MatchPeopleRequest, ObservePoliciesRequest,
    PolicyAgreement,
};
use serde_json::{Value, json};

use super::{age, freshness_json, refused, share, text, value_json};
use crate::arguments::{Match, Observe, Values};
use crate::launcher::StateDir;
use crate::output::{Output, grouped, table};

pub(crate) async fn matching(
    asked: &Match,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request =
        MatchPeopleRequest { condition: asked.condition.clone(), sample_size: asked.sample };
    let answer = mesh.policy()?.match_people(request).await.map_err(refused)?.into_inner();
    let problems: Vec<Value> = answer
        .problems
        .iter()
        .map(|one| {
            json!({
                "message": one.message,
                "line": one.line,
                "column": one.column,
                "warning": one.warning,
            })
        })
        .collect();
    let result = json!({
        "people": answer.people,
        "matched": answer.matched,
        "unknown": answer.unknown,
        "sample": answer.sample_person_ids,
        "problems": problems,
        "freshness": freshness_json(answer.freshness.as_ref()),
    });
    output.print(&result, |_result| {
        let mut lines: Vec<String> = answer
            .problems
            .iter()
            .map(|one| format!("{}:{}: {}", one.line, one.column, one.message))
            .collect();
        if lines.is_empty() {
            lines.push(format!(
                "{} of {} people match, {} are unknown; {}",
                grouped(answer.matched),
                grouped(answer.people),
                grouped(answer.unknown),
                age(answer.freshness.as_ref()),
            ));
            lines.extend(answer.sample_person_ids.iter().cloned());
        }
        lines.join("\n")
    })?;
    let fine = answer.problems.iter().all(|one| one.warning);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn values(
    asked: &Values,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request = ListValuesRequest { attributes: asked.attributes.clone(), limit: asked.limit };
    let answer = mesh.policy()?.list_values(request).await.map_err(refused)?.into_inner();
    let result = json!({
        "attributes": answer.attributes.iter().map(attribute_json).collect::<Vec<_>>(),
        "freshness": freshness_json(answer.freshness.as_ref()),
    });
    output.print(&result, |_result| {
        let rows = answer.attributes.iter().flat_map(|one| {
            let known = one.values.iter().map(|count| {
                let value = count.value.as_ref().map(value_json).unwrap_or_default();
                vec![one.attribute.clone(), text(&value), grouped(count.people)]
            });
            let shown = u64::try_from(one.values.len()).unwrap_or(u64::MAX);
            let more = one.distinct.saturating_sub(shown);
            let more = (more > 0).then(|| {
                vec![one.attribute.clone(), format!("and {} more", grouped(more)), String::new()]
            });
            let unknown = (one.unknown > 0)
                .then(|| vec![one.attribute.clone(), "unknown".to_owned(), grouped(one.unknown)]);
            known.chain(more).chain(unknown).collect::<Vec<_>>()
        });
        let rows = table(&["attribute", "value", "people "], rows);
        format!("{rows}\n\n{}", age(answer.freshness.as_ref()))
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn observe(
    asked: &Observe,
    state: &StateDir,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mesh = state.mesh()?;
    let request =
        ObservePoliciesRequest { policies: asked.policies.clone(), attribute: asked.by.clone() };
    let answer = mesh.policy()?.observe_policies(request).await.map_err(refused)?.into_inner();
    let result = json!({
        "policies": answer.policies.iter().map(policy_json).collect::<Vec<_>>(),
        "freshness": freshness_json(answer.freshness.as_ref()),
    });
    output.print(&result, |_result| match answer.policies.is_empty() {
        true => "no policy is observed; name a policy to see what rests on it alone".to_owned(),
        false => {
            let rows = answer.policies.iter().flat_map(rows);
            let header =
                ["policy", asked.by.as_str(), "match ", "hold all ", "agreement ", "unknown "];
            let agreement = table(&header, rows);
            let gains = answer.policies.iter().flat_map(|policy| {
                policy.gains.iter().map(|gain| {
                    let name = format!("{}/{}", gain.application, gain.entitlement);
                    vec![policy.policy.clone(), name, grouped(gain.people)]
                })
            });
            let gains = table(&["policy", "would be gained", "people "], gains);
            format!("{agreement}\n\n{gains}\n\n{}", age(answer.freshness.as_ref()))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn rows(policy: &PolicyAgreement) -> Vec<Vec<String>> {
    let row = |name: &str, value: &str, one: &Agreement| {
        vec![
            name.to_owned(),
            value.to_owned(),
            grouped(one.matched),
            grouped(one.agreeing),
            share(one.agreeing, one.matched),
            grouped(one.unknown),
        ]
    };
    let name = match policy.observed {
        true => format!("{} (observed)", policy.policy),
        false => policy.policy.clone(),
    };
    let total = policy.total.iter().map(|total| row(&name, "all", total));
    let groups = policy.groups.iter().map(|group| {
        let value = if group.value.is_empty() { "unknown" } else { group.value.as_str() };
        row("", value, group)
    });
    total.chain(groups).collect()
}

fn policy_json(policy: &PolicyAgreement) -> Value {
    let agreement = |one: &Agreement| {
        json!({
            "value": one.value,
            "matched": one.matched,
            "agreeing": one.agreeing,
            "unknown": one.unknown,
        })
    };
    json!({
        "policy": policy.policy,
        "observed": policy.observed,
        "total": policy.total.as_ref().map(agreement),
        "groups": policy.groups.iter().map(agreement).collect::<Vec<_>>(),
        "gains": policy.gains.iter().map(|gain| json!({
            "application": gain.application,
            "entitlement": gain.entitlement,
            "people": gain.people,
        })).collect::<Vec<_>>(),
    })
}

fn attribute_json(one: &AttributeValues) -> Value {
    json!({
        "attribute": one.attribute,
        "unknown": one.unknown,
        "distinct": one.distinct,
        "values": one.values.iter().map(|count| json!({
            "value": count.value.as_ref().map(value_json),
            "people": count.people,
        })).collect::<Vec<_>>(),
    })
}
