//! Cedar: one request for each person over the whole set of policies.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression,
};
use domain::{Attributes, Value};

use crate::median;
use crate::workload::Workload;

/// Returns which policies hold for some people, and the time it takes without making the entities.
pub(crate) fn run(
    workload: &Workload,
    people: &[usize],
    repetitions: usize,
) -> anyhow::Result<(Vec<Vec<usize>>, Duration)> {
    let mut set = PolicySet::new();
    let mut places: HashMap<PolicyId, usize> = HashMap::new();
    for (place, policy) in workload.policies.iter().enumerate() {
        let text =
            format!("permit(principal, action, resource) when {{ {} }};", policy.question.cedar());
        let id = PolicyId::new(&policy.name);
        set.add(Policy::parse(Some(id.clone()), text)?)?;
        places.insert(id, place);
    }
    let action = EntityUid::from_str("Action::\"hold\"")?;
    let resource = EntityUid::from_str("Resource::\"any\"")?;
    let mut requests = Vec::new();
    for place in people {
        let (id, attributes) = workload.people.get(*place).context("a person of the sample")?;
        let uid = EntityUid::from_str(&format!("Person::\"{id}\""))?;
        let entity = Entity::new(uid.clone(), restricted(attributes), HashSet::new())?;
        let entities = Entities::from_entities([entity], None)?;
        let request = Request::new(uid, action.clone(), resource.clone(), Context::empty(), None)?;
        requests.push((request, entities));
    }
    let authorizer = Authorizer::new();
    let mut found = Vec::new();
    let time = median(repetitions, || {
        found = requests
            .iter()
            .map(|(request, entities)| {
                let response = authorizer.is_authorized(request, &set, entities);
                let reasons = response.diagnostics().reason();
                let mut held: Vec<usize> =
                    reasons.filter_map(|id| places.get(id).copied()).collect();
                held.sort_unstable();
                held
            })
            .collect();
    });
    Ok((found, time))
}

fn restricted(attributes: &Attributes) -> HashMap<String, RestrictedExpression> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    attributes
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Text(value) => text(value),
                Value::Integer(number) => RestrictedExpression::new_long(*number),
                Value::Boolean(answer) => RestrictedExpression::new_bool(*answer),
                Value::Date(date) => text(&date.to_string()),
                Value::List(items) => {
                    RestrictedExpression::new_set(items.iter().map(|item| text(item)))
                }
            };
            (name.clone(), value)
        })
        .collect()
}
