//! Nobody is left without an administrator: who holds the last of an application's administrative entitlements
//! in an account that can be used keeps it until somebody else holds it, too. Pure, but for `table`.

pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountState, PersonId, Timestamp};
use rules::document::{Application, Privilege};

use crate::account::Account;
use crate::action::Action;
use crate::plan::Kind;

/// The administrative entitlements that people would lose, by person.
pub(crate) type Losing = BTreeMap<PersonId, BTreeSet<String>>;

/// The administrative entitlements of an application.
pub(crate) fn administrative(spec: &Application) -> BTreeSet<&str> {
    let listed = spec.entitlements.iter();
    let administrative = listed.filter(|one| one.privilege == Privilege::Admin);
    administrative.map(|one| one.name.as_str()).collect()
}

/// Returns which of these entitlements a person would lose with what is open.
pub(crate) fn lost<'a>(
    administrative: &BTreeSet<&str>,
    account: Option<&Account>,
    open: impl Iterator<Item = &'a Action>,
) -> BTreeSet<String> {
    // What nobody can use is no way in.
    let Some(account) = account.filter(|account| account.state == AccountState::Active) else {
        return BTreeSet::new();
    };
    let mut closes = false;
    let mut revoked = BTreeSet::new();
    for action in open {
        match action.step.kind {
            Kind::DisableAccount => closes = true,
            Kind::Revoke => {
                revoked.insert(action.step.entitlement.as_str());
            }
            Kind::CreateAccount | Kind::UpdateAccount | Kind::EnableAccount | Kind::Grant => {}
        }
    }
    let held = account.entitlements.iter().filter(|held| administrative.contains(held.as_str()));
    held.filter(|held| closes || revoked.contains(held.as_str())).cloned().collect()
}

/// What somebody was found to hold without anybody having asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unasked {
    pub(crate) person: PersonId,
    pub(crate) entitlement: String,
    /// When that ended: with the plan that takes it away, or because somebody asked for it at last.
    pub(crate) until: Option<Timestamp>,
}

/// Leaves out what was never theirs to administer with: what nobody had asked for when the plan was made that
/// takes it away.
pub(crate) fn by_right(
    mut losing: Losing,
    unasked: &[Unasked],
    planned_at: &BTreeMap<PersonId, Timestamp>,
) -> Losing {
    for Unasked { person, entitlement, until } in unasked {
        let planned = planned_at.get(person);
        let was_by_right = until.zip(planned).is_some_and(|(until, planned)| until < *planned);
        if let Some(lost) = losing.get_mut(person).filter(|_| !was_by_right) {
            lost.remove(entitlement);
        }
    }
    losing.retain(|_person, lost| !lost.is_empty());
    losing
}

/// Returns what each of them keeps: of those who would lose the last of something, one keeps it.
pub(crate) fn kept(losing: &Losing, others: &BTreeMap<String, i64>) -> Losing {
    let mut kept = Losing::new();
    let all: BTreeSet<&String> = losing.values().flatten().collect();
    for entitlement in all {
        if others.get(entitlement).is_some_and(|count| *count > 0) {
            continue;
        }
        let holder = losing.iter().find(|(_person, lost)| lost.contains(entitlement));
        if let Some((person, _lost)) = holder {
            kept.entry(*person).or_default().insert(entitlement.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn losing(people: &[(u128, &[&str])]) -> Losing {
        let person = |(number, lost): &(u128, &[&str])| {
            let lost = lost.iter().map(|one| (*one).to_owned()).collect();
            (PersonId(Uuid::from_u128(*number)), lost)
        };
        people.iter().map(person).collect()
    }

    #[test]
    fn what_nobody_had_asked_for_makes_nobody_an_administrator() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let planned = BTreeMap::from([(PersonId(Uuid::from_u128(1)), at(10))]);
        for (until, left) in [(None, false), (Some(at(10)), false), (Some(at(9)), true)] {
            let person = PersonId(Uuid::from_u128(1));
            let unasked = [Unasked { person, entitlement: "root".to_owned(), until }];
            let losing = by_right(losing(&[(1, &["root"])]), &unasked, &planned);
            assert_eq!(!losing.is_empty(), left, "{until:?}");
        }
    }

    #[test]
    fn of_those_who_would_lose_the_last_of_something_one_keeps_it() {
        let all = losing(&[(1, &["root"]), (2, &["billing", "root"]), (3, &["billing"])]);
        let others = |counts: &[(&str, i64)]| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };

        assert_eq!(kept(&all, &others(&[])), losing(&[(1, &["root"]), (2, &["billing"])]));
        assert_eq!(kept(&all, &others(&[("root", 1)])), losing(&[(2, &["billing"])]));
        assert_eq!(kept(&all, &others(&[("root", 1), ("billing", 2)])), Losing::new());
    }
}
