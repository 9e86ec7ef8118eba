//! Policies that grant nothing and are only looked at.

use rules::document::AccessPolicy;

/// Whether a policy is only observed.
pub(crate) fn is_observed(_policy: &AccessPolicy) -> bool {
    false
}
