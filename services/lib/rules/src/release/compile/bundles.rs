//! Roles: bundles, and the bundles in them.

use std::collections::{BTreeMap, BTreeSet};

use super::Sorted;
use crate::Problem;
use crate::document::Name;
use crate::release::Entitlement;
use crate::suggest::did_you_mean;

/// What is in each bundle, nested ones included.
pub(super) type Bundles<'a> = BTreeMap<&'a str, BTreeSet<Entitlement>>;

/// How deep bundles may lie in bundles.
const DEPTH_MAX: usize = 16;

impl<'a> Sorted<'a> {
    pub(super) fn compile_bundles(&self, problems: &mut Vec<Problem>) -> Bundles<'a> {
        let mut own = Bundles::new();
        for (name, (document, bundle)) in &self.bundles {
            let mut entitlements = BTreeSet::new();
            for (index, member) in bundle.entitlements.iter().enumerate() {
                let field = format!("spec.entitlements[{index}]");
                let fields = (format!("{field}.application"), format!("{field}.entitlement"));
                entitlements.extend(self.entitlement(
                    document,
                    (&fields.0, &fields.1),
                    member.application.as_str(),
                    &member.entitlement,
                    problems,
                ));
            }
            for (index, inner) in bundle.bundles.iter().enumerate() {
                if !self.bundles.contains_key(inner.as_str()) {
                    let hint = did_you_mean(inner.as_str(), self.bundles.keys().copied());
                    let message = format!("there is no Bundle `{inner}`{hint}");
                    problems.push(document.problem(&format!("spec.bundles[{index}]"), message));
                }
            }
            own.insert(*name, entitlements);
        }
        let names = self.bundles.keys();
        names.map(|name| (*name, self.unfold(name, &own, problems))).collect()
    }

    /// Returns everything in a bundle; one that is in itself is a problem.
    fn unfold(
        &self,
        name: &'a str,
        own: &Bundles<'a>,
        problems: &mut Vec<Problem>,
    ) -> BTreeSet<Entitlement> {
        let mut all = BTreeSet::new();
        let mut seen = BTreeSet::from([name]);
        let mut level = vec![name];
        for _depth in 0..=DEPTH_MAX {
            let mut next = Vec::new();
            for bundle in level {
                all.extend(own.get(bundle).into_iter().flatten().cloned());
                for inner in self.bundles.get(bundle).into_iter().flat_map(|known| &known.1.bundles)
                {
                    if inner.as_str() == name {
                        self.circle(name, bundle, inner, problems);
                    } else if seen.insert(inner.as_str()) {
                        next.push(inner.as_str());
                    }
                }
            }
            if next.is_empty() {
                return all;
            }
            level = next;
        }
        if let Some((document, _)) = self.bundles.get(name) {
            let message = format!("lie more than {DEPTH_MAX} deep in each other; flatten them");
            problems.push(document.problem("spec.bundles", message));
        }
        all
    }

    fn circle(&self, name: &str, through: &str, inner: &Name, problems: &mut Vec<Problem>) {
        let Some((document, bundle)) = self.bundles.get(name) else { return };
        let index =
            bundle.bundles.iter().position(|known| known == inner || known.as_str() == through);
        let field = index.map_or("spec.bundles".to_owned(), |at| format!("spec.bundles[{at}]"));
        let message = match through == name {
            true => "contains itself; remove it".to_owned(),
            false => format!("contains itself by way of `{through}`; break the circle"),
        };
        problems.push(document.problem(&field, message));
    }
}
