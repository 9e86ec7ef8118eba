//! Policies that grant nothing and are only watched.

use std::collections::BTreeSet;

use domain::Attributes;
use rules::{Policy, Release};

use crate::columns::{Agreement, People};

/// Returns how far a policy of a release gives what people hold for other reasons.
///
/// Where a policy is only watched for some people, only they are counted; where for none, all are.
pub(crate) fn agreement(
    people: &People,
    release: &Release,
    policy: &Policy,
    by: &str,
) -> Agreement {
    let granted: BTreeSet<(&str, &str)> = policy
        .birthrights()
        .flat_map(|offer| &offer.entitlements)
        .map(|one| (release.application_of(one), one.name.as_str()))
        .collect();
    let counts = |profile: &Attributes| match policy.observe() {
        Some(_) if !policy.is_observed_for(profile) => Some(false),
        Some(_) | None => policy.condition().holds(profile),
    };
    people.agreement(policy.name(), counts, &granted, by)
}
