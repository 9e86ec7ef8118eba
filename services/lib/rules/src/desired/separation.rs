//! Duties that must stay apart, looked at on what will be held, overlaps included.

use domain::Timestamp;

use super::state::State;
use crate::access::Conflict;
use crate::document::SeparationMode;
use crate::release::{Entitlement, Release, Separation};

/// Finds duties that come together, and keeps back the later one where that is wanted.
pub(super) fn separate(release: &Release, state: &mut State<'_>) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for separation in release.separations() {
        let left = earliest(state, separation.left());
        let right = earliest(state, separation.right());
        let (Some((left_since, left)), Some((right_since, right))) = (left, right) else {
            continue;
        };
        let prevented = separation.mode() == SeparationMode::Prevent;
        conflicts.push(Conflict {
            separation: separation.name().to_owned(),
            left: named(release, left),
            right: named(release, right),
            prevented,
        });
        if prevented {
            withhold(separation, left_since <= right_since, state);
        }
    }
    conflicts
}

/// Takes away the side that came later.
fn withhold(separation: &Separation, left_stays: bool, state: &mut State<'_>) {
    let later = if left_stays { separation.right() } else { separation.left() };
    for entitlement in later {
        state.withhold(entitlement);
    }
}

fn earliest<'s>(
    state: &State<'_>,
    side: impl IntoIterator<Item = &'s Entitlement>,
) -> Option<(Timestamp, &'s Entitlement)> {
    let side = side.into_iter();
    side.filter_map(|entitlement| Some((state.held_since(entitlement)?, entitlement))).min()
}

fn named(release: &Release, entitlement: &Entitlement) -> (String, String) {
    (release.application_of(entitlement).to_owned(), entitlement.name.clone())
}
