//! Questions about everybody, answered from the columns of this replica.

use std::sync::Arc;

use domain::{Timestamp, Value};
use proto::policy::v1::{
    self as wire, AttributeValues, ConditionProblem, EntitlementGain, Freshness, ListValuesRequest,
    ListValuesResponse, MatchPeopleRequest, MatchPeopleResponse, ObservePoliciesRequest,
    ObservePoliciesResponse, PolicyAgreement, ValueCount,
};
use rules::document::DEPARTMENT;
use rules::{Condition, Finding, Release};

use super::{Error, PolicyEvaluation, count};
use crate::columns::{Agreement, Cache, Count, Values};
use crate::{observe, release};

const SAMPLE_DEFAULT: u32 = 10;
const SAMPLE_MAX: u32 = 100;
const VALUES_DEFAULT: u32 = 50;
const VALUES_MAX: u32 = 1000;
/// Policies whose agreement is counted for one question.
const POLICIES_MAX: usize = 200;

impl PolicyEvaluation {
    pub(super) async fn matching(
        &self,
        request: MatchPeopleRequest,
    ) -> Result<MatchPeopleResponse, Error> {
        let release = self.active().await?;
        let cache = self.columns.fresh(&self.store, &self.zone).await?;
        let freshness = Some(self.freshness(&cache));
        let condition = match Condition::compile(&request.condition, release.schema()) {
            Ok(condition) => condition,
            Err(findings) => {
                let problems = findings.iter().map(|finding| problem(finding, false)).collect();
                return Ok(MatchPeopleResponse { problems, freshness, ..Default::default() });
            }
        };
        let found = cache.people.matching(&condition);
        let size = limited(request.sample_size, SAMPLE_DEFAULT, SAMPLE_MAX);
        Ok(MatchPeopleResponse {
            people: found.people,
            matched: found.matched.len() as u64,
            unknown: found.unknown,
            sample_person_ids: found.matched.iter().take(size).map(ToString::to_string).collect(),
            problems: condition.warnings().iter().map(|one| problem(one, true)).collect(),
            freshness,
        })
    }

    pub(super) async fn values(
        &self,
        request: ListValuesRequest,
    ) -> Result<ListValuesResponse, Error> {
        let release = self.active().await?;
        let declared = &release.schema().attributes;
        let names = match request.attributes.is_empty() {
            true => declared.keys().cloned().collect(),
            false => request.attributes,
        };
        if let Some(name) = names.iter().find(|name| !declared.contains_key(*name)) {
            return Err(Error::Undeclared(name.clone()));
        }
        let limit = limited(request.limit, VALUES_DEFAULT, VALUES_MAX);
        let cache = self.columns.fresh(&self.store, &self.zone).await?;
        let attributes = names
            .into_iter()
            .map(|name| {
                let found = cache.people.values(&name);
                counted(name, found, limit)
            })
            .collect();
        Ok(ListValuesResponse { attributes, freshness: Some(self.freshness(&cache)) })
    }

    pub(super) async fn agreement(
        &self,
        request: ObservePoliciesRequest,
    ) -> Result<ObservePoliciesResponse, Error> {
        let release = self.active().await?;
        let mut chosen = Vec::new();
        for policy in release.policies() {
            let named = request.policies.iter().any(|wanted| wanted == policy.name());
            if named || (request.policies.is_empty() && policy.observe().is_some()) {
                chosen.push(policy);
            }
        }
        let missing = |wanted: &&String| chosen.iter().all(|policy| policy.name() != *wanted);
        if let Some(missing) = request.policies.iter().find(missing) {
            return Err(Error::NoPolicy(missing.clone()));
        }
        if chosen.len() > POLICIES_MAX {
            return Err(Error::TooManyPolicies);
        }
        let by = match request.attribute.as_str() {
            "" => DEPARTMENT,
            attribute => attribute,
        };
        let cache = self.columns.fresh(&self.store, &self.zone).await?;
        let policies = chosen
            .into_iter()
            .map(|policy| {
                let found = observe::agreement(&cache.people, &release, policy, by);
                agreement(policy.name(), policy.observe().is_some(), found)
            })
            .collect();
        Ok(ObservePoliciesResponse { policies, freshness: Some(self.freshness(&cache)) })
    }

    async fn active(&self) -> Result<Arc<Release>, Error> {
        let mut tx = self.store.begin().await?;
        let number = release::table::active(&mut tx).await?.ok_or(Error::NoRelease)?;
        Ok(self.compiled.release(&mut tx, number).await?)
    }

    fn freshness(&self, cache: &Cache) -> Freshness {
        let now = self.store.clock().now();
        let age =
            |read_at: Timestamp| now.as_microsecond().saturating_sub(read_at.as_microsecond());
        Freshness {
            sequence: cache.sequence.unsigned_abs(),
            read_at: cache.read_at.map(Into::into),
            age_micros: cache.read_at.map_or(0, |at| u64::try_from(age(at)).unwrap_or_default()),
        }
    }
}

fn problem(finding: &Finding, warning: bool) -> ConditionProblem {
    ConditionProblem {
        message: finding.message.clone(),
        line: count(finding.line),
        column: count(finding.column),
        warning,
    }
}

fn limited(asked: u32, default: u32, most: u32) -> usize {
    let limit = if asked == 0 { default } else { asked.min(most) };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn counted(attribute: String, found: Values, limit: usize) -> AttributeValues {
    let distinct = found.people.len() as u64;
    let mut values: Vec<(Value, u64)> = found.people.into_iter().collect();
    values.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    values.truncate(limit);
    AttributeValues {
        attribute,
        unknown: found.unknown,
        distinct,
        values: values
            .into_iter()
            .map(|(value, people)| ValueCount { value: Some(value.into()), people })
            .collect(),
    }
}

fn agreement(policy: &str, observed: bool, found: Agreement) -> PolicyAgreement {
    let mut total = Count::default();
    let mut groups = Vec::new();
    for (value, count) in found.groups {
        total.matched += count.matched;
        total.agreeing += count.agreeing;
        total.unknown += count.unknown;
        groups.push(group(value.map(|value| value.to_string()).unwrap_or_default(), count));
    }
    PolicyAgreement {
        policy: policy.to_owned(),
        observed,
        total: Some(group(String::new(), total)),
        groups,
        gains: found
            .gains
            .into_iter()
            .map(|((application, entitlement), people)| EntitlementGain {
                application,
                entitlement,
                people,
            })
            .collect(),
    }
}

fn group(value: String, count: Count) -> wire::Agreement {
    let Count { matched, agreeing, unknown } = count;
    wire::Agreement { value, matched, agreeing, unknown }
}
