//! Access policies: conditions, what they grant and when, and the tests that stand beside them.

use domain::Attributes;

use super::Sorted;
use super::bundles::Bundles;
use crate::Problem;
use crate::condition::Condition;
use crate::document::{
    AccessPolicy, AttributeSchema, Document, End, EndAnchor, Expectation, Offset, PolicyGrant,
};
use crate::release::{Offer, Policy, Schedule};
use crate::suggest::did_you_mean;

impl Sorted<'_> {
    pub(super) fn compile_policies(
        &self,
        bundles: &Bundles<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Policy> {
        let mut compiled = Vec::new();
        for (name, (document, spec)) in &self.policies {
            let condition = self.condition(document, "spec.condition", &spec.condition, problems);
            let offers = self.offers(document, spec, bundles, problems);
            let Some(condition) = condition else { continue };
            if let Some(schema) = self.schema {
                check_tests(document, spec, &condition, schema, problems);
            }
            compiled.push(Policy {
                name: (*name).to_owned(),
                condition,
                on_unknown: spec.on_unknown,
                observe: spec.observe.clone(),
                offers,
            });
        }
        compiled
    }

    fn offers(
        &self,
        document: &Document,
        policy: &AccessPolicy,
        bundles: &Bundles<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Offer> {
        let mut offers = Vec::new();
        for (index, grant) in policy.grants.iter().enumerate() {
            let Some(entitlements) = bundles.get(grant.bundle.as_str()) else {
                let hint = did_you_mean(grant.bundle.as_str(), self.bundles.keys().copied());
                let message = format!("there is no Bundle `{}`{hint}", grant.bundle);
                problems.push(document.problem(&format!("spec.grants[{index}].bundle"), message));
                continue;
            };
            offers.push(Offer {
                bundle: grant.bundle.to_string(),
                mode: grant.mode,
                schedule: schedule(policy, grant),
                entitlements: entitlements.iter().cloned().collect(),
            });
        }
        offers
    }
}

fn schedule(policy: &AccessPolicy, grant: &PolicyGrant) -> Schedule {
    let plain = End { anchor: EndAnchor::LastWorkingDay, offset: Offset::default() };
    Schedule {
        start: grant.start.map_or_else(|| Offset::before(policy.lead), |start| start.offset),
        end: grant.end.unwrap_or(plain),
        overlap: grant.overlap.unwrap_or(policy.overlap),
        on_leave: grant.on_leave,
    }
}

/// Asks the condition about the people made up beside it.
fn check_tests(
    document: &Document,
    policy: &AccessPolicy,
    condition: &Condition,
    schema: &AttributeSchema,
    problems: &mut Vec<Problem>,
) {
    for (index, test) in policy.tests.iter().enumerate() {
        let field = format!("spec.tests[{index}]");
        let mut attributes = Attributes::new();
        let mut understood = true;
        for (name, value) in &test.person {
            let place = format!("{field}.person.{name}");
            let Some(attribute) = schema.attributes.get(name) else {
                let hint = did_you_mean(name, schema.attributes.keys().map(String::as_str));
                let message = format!("the AttributeSchema does not declare `{name}`{hint}");
                problems.push(document.problem(&place, message));
                understood = false;
                continue;
            };
            match value.typed(attribute.kind) {
                Some(value) => {
                    attributes.insert(name.clone(), value);
                }
                None => {
                    let message = format!("is not {}", attribute.kind.described());
                    problems.push(document.problem(&place, message));
                    understood = false;
                }
            }
        }
        let answer = Expectation::of(condition.holds(&attributes));
        if understood && answer != test.expect {
            let message = format!(
                "expects `{}`, and the condition says `{}`; correct the one or the other",
                test.expect.as_str(),
                answer.as_str()
            );
            problems.push(document.problem(&format!("{field}.expect"), message));
        }
    }
}
