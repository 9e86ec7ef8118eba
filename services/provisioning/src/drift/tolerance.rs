//! What drift that is left as it is means for a plan. Pure.

use domain::AccountState;
use rules::document::DriftKind;

use super::{Drift, State};
use crate::account::Account;
use crate::plan::Target;

/// Returns what a plan may make of an account; none: nothing at all.
///
/// What was found before somebody left is superseded by then, so that nothing here keeps a leaver's account
/// open.
pub(crate) fn tolerate<'a>(
    mut target: Target,
    observed: Option<&Account>,
    drift: impl Iterator<Item = &'a Drift>,
) -> Option<Target> {
    let exists = observed.is_some_and(Account::exists);
    for drift in drift.filter(|drift| drift.is_left()) {
        let item = &drift.finding.item;
        let adopted = drift.state == State::Adopted;
        match drift.finding.kind {
            DriftKind::UnmanagedAccount | DriftKind::SeveralPeople => return None,
            // Whose is which is not known; another one would only be one more.
            DriftKind::MissingAccount | DriftKind::SeveralAccounts if !exists => return None,
            DriftKind::MissingAccount | DriftKind::SeveralAccounts | DriftKind::OrphanedAccount => {
            }
            // What somebody adopted is so, also where it is not so yet.
            DriftKind::WronglyEnabled if adopted && exists => target.state = AccountState::Active,
            DriftKind::WronglyDisabled if adopted && exists => {
                target.state = AccountState::Suspended;
            }
            DriftKind::WronglyEnabled | DriftKind::WronglyDisabled => {
                if let Some(observed) = observed.filter(|account| account.exists()) {
                    target.state = observed.state;
                }
            }
            DriftKind::UnmanagedGrant => {
                let held = observed.is_some_and(|account| account.entitlements.contains(item));
                if held || adopted {
                    target.grants.insert(item.clone());
                }
            }
            DriftKind::MissingGrant => {
                target.grants.remove(item);
            }
            DriftKind::AttributeDiffers => match &drift.finding.observed {
                Some(observed) if adopted => {
                    target.attributes.insert(item.clone(), observed.clone());
                }
                Some(_) | None => {
                    target.attributes.remove(item);
                }
            },
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests;
