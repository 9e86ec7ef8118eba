//! Why a person holds an entitlement or not.

use std::collections::BTreeMap;

use domain::Value;
use proto::policy::v1::{
    ConjunctExplanation, DutyConflict, EngagementExplanation, EntitlementName,
    ExplainAccessRequest, ExplainAccessResponse, GrantWindow, PolicyExplanation, PolicyOutcome,
    Truth,
};
use rules::{Condition, Conflict, Conjunct, Course, Outcome, Trace};

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
    let conjuncts = match (condition, slice) {
        (Some(condition), Some(slice)) => condition.conjuncts(&slice.attributes),
        _ => Vec::new(),
    };
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
        changes: changes(&conjuncts),
        conjuncts: conjuncts.into_iter().map(conjunct).collect(),
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

fn conjunct(conjunct: Conjunct) -> ConjunctExplanation {
    let mut values = BTreeMap::new();
    let mut unknown = Vec::new();
    for (name, value) in conjunct.attributes {
        match value {
            Some(value) => {
                values.insert(name, value.into());
            }
            None => unknown.push(name),
        }
    }
    ConjunctExplanation {
        text: conjunct.text,
        truth: truth(conjunct.truth).into(),
        values: values.into_iter().collect(),
        unknown,
        line: count(conjunct.line),
        column: count(conjunct.column),
    }
}

/// Returns what would have to be otherwise, each as a sentence.
fn changes(conjuncts: &[Conjunct]) -> Vec<String> {
    let otherwise = conjuncts.iter().filter(|one| one.truth != Some(true));
    otherwise
        .map(|one| {
            let known = one.attributes.iter().map(|(name, value)| match value {
                Some(value) => format!("person.{name} is {}", quoted(value)),
                None => format!("person.{name} is unknown"),
            });
            let known: Vec<String> = known.collect();
            match known.is_empty() {
                true => format!("`{}` is false for everybody", one.text),
                false => format!("`{}` has to be true: {}", one.text, known.join(", ")),
            }
        })
        .collect()
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
