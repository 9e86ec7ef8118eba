//! Why a person holds an entitlement or not.

use std::collections::BTreeMap;

use domain::Value;
use proto::policy::v1::{
    ConjunctExplanation, DutyConflict, EngagementExplanation, EntitlementName,
    ExplainAccessRequest, ExplainAccessResponse, GrantWindow, PolicyExplanation, PolicyOutcome,
    Truth,
};
use rules::explain::{Explanation, Needed, Part};
use rules::{Condition, Conflict, Course, Outcome, Trace};

use super::access::stated;
use super::{Error, PolicyEvaluation, count};
use crate::history::Basis;

impl PolicyEvaluation {
    pub(super) async fn explain(
        &self,
        request: ExplainAccessRequest,
    ) -> Result<ExplainAccessResponse, Error> {
        let basis = self.basis(request.person).await?;
        let asked = (request.application.as_str(), request.entitlement.as_str());
        let evaluation = basis.evaluate(&self.zone);
        let (timeline, access) = (basis.timeline(), &evaluation.access);
        let traces =
            rules::trace(timeline, &basis.release, &self.zone, basis.as_of, asked, access)?;
        let concerns = |conflict: &&Conflict| {
            let sides = [&conflict.left, &conflict.right];
            sides.iter().any(|side| (side.0.as_str(), side.1.as_str()) == asked)
        };
        Ok(ExplainAccessResponse {
            basis: Some(stated(&basis)),
            held: !access.reasons(asked.0, asked.1).is_empty(),
            policies: traces.into_iter().map(|trace| policy(&basis, trace)).collect(),
            conflicts: evaluation.conflicts.iter().filter(concerns).map(conflict).collect(),
        })
    }
}

fn conflict(conflict: &Conflict) -> DutyConflict {
    let name = |(application, entitlement): &(String, String)| EntitlementName {
        application: application.clone(),
        entitlement: entitlement.clone(),
    };
    DutyConflict {
        separation: conflict.separation.clone(),
        left: Some(name(&conflict.left)),
        right: Some(name(&conflict.right)),
        prevented: conflict.prevented,
    }
}

fn policy(basis: &Basis, trace: Trace) -> PolicyExplanation {
    let condition = basis.release.policy(&trace.policy).map(rules::Policy::condition);
    PolicyExplanation {
        condition: condition.map(Condition::text).unwrap_or_default().to_owned(),
        engagements: trace
            .engagements
            .iter()
            .map(|course| engagement(basis, condition, course))
            .collect(),
        policy: trace.policy,
        bundle: trace.bundle,
    }
}

fn engagement(
    basis: &Basis,
    condition: Option<&Condition>,
    course: &Course,
) -> EngagementExplanation {
    let slice = course.slice.and_then(|index| basis.timeline().slices.get(index));
    let explained = condition
        .zip(slice)
        .map(|(condition, slice)| Explanation::of(condition, &slice.attributes));
    let (outcome, at) = match course.outcome {
        Outcome::Granted => (PolicyOutcome::Granted, None),
        Outcome::Later(at) => (PolicyOutcome::Later, Some(at)),
        Outcome::Over(at) => (PolicyOutcome::Over, Some(at)),
        Outcome::Refused => (PolicyOutcome::Refused, None),
        Outcome::Unknown => (PolicyOutcome::Unknown, None),
        Outcome::Kept => (PolicyOutcome::Kept, None),
        Outcome::Observed => (PolicyOutcome::Observed, None),
        Outcome::Requestable => (PolicyOutcome::Requestable, None),
    };
    EngagementExplanation {
        engagement_id: course.engagement.to_string(),
        outcome: outcome.into(),
        outcome_at: at.map(Into::into),
        truth: truth(course.truth).into(),
        changes: explained.as_ref().map(changes).unwrap_or_default(),
        conjuncts: explained
            .into_iter()
            .flat_map(|explained| explained.conjuncts)
            .map(conjunct)
            .collect(),
        windows: course
            .windows
            .iter()
            .map(|window| GrantWindow {
                from: Some(window.from.into()),
                until: window.until.map(Into::into),
            })
            .collect(),
    }
}

fn conjunct(part: Part) -> ConjunctExplanation {
    let mut known = BTreeMap::new();
    values(&part, &mut known);
    let unknown = known.iter().filter(|(_name, value)| value.is_none());
    ConjunctExplanation {
        truth: truth(part.holds).into(),
        unknown: unknown.map(|(name, _value)| name.clone()).collect(),
        values: known.into_iter().filter_map(|(name, value)| Some((name, value?.into()))).collect(),
        line: count(part.place.line),
        column: count(part.place.column),
        text: part.place.text,
    }
}

/// Gathers what is known of the attributes that a part and its parts read.
fn values(part: &Part, known: &mut BTreeMap<String, Option<Value>>) {
    known.extend(part.values.iter().map(|(name, value)| (name.clone(), value.clone())));
    part.parts.iter().for_each(|part| values(part, known));
}

/// Returns what would have to be otherwise, in the shortest way, each as a sentence.
fn changes(explained: &Explanation) -> Vec<String> {
    match &explained.needed {
        Some(needed) => needed.iter().map(change).collect(),
        None => vec!["the condition can hold for nobody".to_owned()],
    }
}

fn change(needed: &Needed) -> String {
    let known = needed.values.iter().map(|(name, value)| match value {
        Some(value) => format!("person.{name} is {}", quoted(value)),
        None => format!("person.{name} is unknown"),
    });
    let known: Vec<String> = known.collect();
    let wanted = if needed.needs { "true" } else { "false" };
    format!("`{}` has to be {wanted}: {}", needed.place.text, known.join(", "))
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => format!("{items:?}"),
        Value::Integer(_) | Value::Boolean(_) | Value::Date(_) => value.to_string(),
    }
}

fn truth(truth: Option<bool>) -> Truth {
    match truth {
        Some(true) => Truth::True,
        Some(false) => Truth::False,
        None => Truth::Unknown,
    }
}
