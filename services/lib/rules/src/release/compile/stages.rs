//! Lifecycle plans, separations of duties, the breaker, and facts.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Sorted;
use super::bundles::Bundles;
use crate::Problem;
use crate::document::{Breaker, Days, Document, Duty, Name};
use crate::release::{Entitlement, Plan, Separation};
use crate::suggest::did_you_mean;

impl Sorted<'_> {
    /// Compiles the plans, the one that counts first.
    pub(super) fn compile_plans(&self, problems: &mut Vec<Problem>) -> Vec<Plan> {
        let mut compiled = Vec::new();
        for (name, (document, spec)) in &self.plans {
            for (field, application) in spec.applications() {
                self.application(document, &field, application.as_str(), problems);
            }
            let condition = self.condition(document, "spec.condition", &spec.condition, problems);
            let absence = spec.absence.as_ref().map(|absence| {
                let field = "spec.absence.condition";
                let condition = self.condition(document, field, &absence.condition, problems);
                (condition, self.indexes(&absence.open))
            });
            let Some(condition) = condition else { continue };
            let plan = Plan {
                condition,
                joining: self.indexes(spec.joining.iter().flat_map(|stage| &stage.open)),
                absence: absence.and_then(|(condition, open)| Some((condition?, open))),
                leaving: self.indexes(spec.leaving.iter().flat_map(|stage| &stage.open)),
                leaving_days: spec.leaving.as_ref().map_or_else(Days::default, |stage| stage.days),
                bridge: spec.bridge,
            };
            compiled.push((Reverse(spec.priority), *name, plan));
        }
        compiled.sort_by_key(|(priority, name, _plan)| (*priority, *name));
        compiled.into_iter().map(|(_priority, _name, plan)| plan).collect()
    }

    fn indexes<'n>(&self, names: impl IntoIterator<Item = &'n Name>) -> BTreeSet<usize> {
        let names = names.into_iter();
        names
            .filter_map(|name| self.applications.keys().position(|known| *known == name.as_str()))
            .collect()
    }

    pub(super) fn compile_separations(
        &self,
        bundles: &Bundles<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Separation> {
        let mut compiled = Vec::new();
        for (name, (document, spec)) in &self.separations {
            let left = self.duty(document, "spec.left", &spec.left, bundles, problems);
            let right = self.duty(document, "spec.right", &spec.right, bundles, problems);
            if let Some(both) = left.intersection(&right).next() {
                let message = format!(
                    "has `{}` in common with the left side; nobody could hold it at all",
                    both.name
                );
                problems.push(document.problem("spec.right", message));
            }
            compiled.push(Separation { name: (*name).to_owned(), mode: spec.mode, left, right });
        }
        compiled
    }

    fn duty(
        &self,
        document: &Document,
        field: &str,
        duty: &Duty,
        bundles: &Bundles<'_>,
        problems: &mut Vec<Problem>,
    ) -> BTreeSet<Entitlement> {
        if let Some(bundle) = &duty.bundle {
            let Some(entitlements) = bundles.get(bundle.as_str()) else {
                let hint = did_you_mean(bundle.as_str(), self.bundles.keys().copied());
                let message = format!("there is no Bundle `{bundle}`{hint}");
                problems.push(document.problem(&format!("{field}.bundle"), message));
                return BTreeSet::new();
            };
            return entitlements.clone();
        }
        let (Some(application), Some(entitlement)) = (&duty.application, &duty.entitlement) else {
            return BTreeSet::new();
        };
        let fields = (format!("{field}.application"), format!("{field}.entitlement"));
        let fields = (fields.0.as_str(), fields.1.as_str());
        let found = self.entitlement(document, fields, application.as_str(), entitlement, problems);
        found.into_iter().collect()
    }

    pub(super) fn breaker(&self, problems: &mut Vec<Problem>) -> Option<Breaker> {
        for (document, _) in self.breakers.iter().skip(1) {
            let message = "is one Breaker too many; a release has at most one";
            problems.push(document.problem("", message));
        }
        self.breakers.first().map(|(_, breaker)| (*breaker).clone())
    }

    pub(super) fn check_facts(&self, problems: &mut Vec<Problem>) {
        let (Some(schema), Some(document)) = (self.schema, self.schema_document) else { return };
        for (index, fact) in schema.facts.iter().enumerate() {
            for (part, text) in [("if", &fact.condition), ("then", &fact.then)] {
                self.condition(document, &format!("spec.facts[{index}].{part}"), text, problems);
            }
        }
    }
}
