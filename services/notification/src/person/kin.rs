//! Of people who are merged or split: what is told of whom, and whose a notice is. Pure.
//!
//! Both people of a merge say that they are one, and both of a split that they are not. Whichever is
//! heard of first counts at once; when the other's is heard of, it comes to the same.

use std::collections::BTreeMap;

use domain::{EngagementId, Kin, PersonId};

use super::Person;
use crate::standing::Standing;

/// Notices that go to another person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandedOver {
    pub(crate) from: PersonId,
    pub(crate) to: PersonId,
    /// Those about these engagements; absent: all.
    pub(crate) engagements: Option<Vec<EngagementId>>,
}

impl Person {
    /// Under which other ids the person is, or was, known.
    pub(crate) fn kin(&self) -> Option<&Kin> {
        self.standing.as_ref().map(|standing| &standing.kin)
    }

    /// Who the person is, if they go on under another id.
    pub(crate) fn survivor(&self) -> Option<PersonId> {
        let kin = self.kin();
        let denied = |other: &PersonId| kin.is_some_and(|kin| kin.split.contains(other));
        kin.and_then(|kin| kin.merged_into)
            .or_else(|| self.taken_in_by.filter(|other| !denied(other)))
    }

    /// Where the person stands as far as it is told of them: nowhere while they go on under another
    /// id, and not where somebody stands who was merged into them and says that they are not any more.
    pub(crate) fn told_standing(&self, others: &BTreeMap<PersonId, Self>) -> Option<Standing> {
        let mut standing = self.standing.clone()?;
        if self.survivor().is_some() {
            standing.engagements.clear();
        }
        let gone = standing.kin.merged.iter().filter_map(|other| others.get(other));
        let gone: Vec<EngagementId> =
            gone.filter(|other| parts(other, self.id)).flat_map(Self::engagements).collect();
        standing.engagements.retain(|engagement| !gone.contains(&engagement.id));
        Some(standing)
    }

    fn engagements(&self) -> impl Iterator<Item = EngagementId> + '_ {
        self.standing.iter().flat_map(|standing| &standing.engagements).map(|it| it.id)
    }
}

/// Returns the notices that go to other people, now that something new is known of a person.
pub(crate) fn handed_over(id: PersonId, people: &BTreeMap<PersonId, Person>) -> Vec<HandedOver> {
    let Some(person) = people.get(&id) else { return Vec::new() };
    let own = person.told_standing(people).map(|standing| standing.engagements);
    let own: Vec<EngagementId> =
        own.into_iter().flatten().map(|engagement| engagement.id).collect();
    let others = person.kin().into_iter().flat_map(Kin::all).filter_map(|other| people.get(&other));
    others
        .map(|other| {
            let all = |from: &Person, to: &Person| HandedOver {
                from: from.id,
                to: to.id,
                engagements: None,
            };
            match (are_one(person, other), are_one(other, person)) {
                (true, _) => all(other, person),
                (false, true) => all(person, other),
                (false, false) => {
                    HandedOver { engagements: Some(own.clone()), ..all(other, person) }
                }
            }
        })
        .collect()
}

/// Whether somebody goes on under a survivor's id, as far as either says so and neither denies it.
fn are_one(survivor: &Person, other: &Person) -> bool {
    match survivor.kin() {
        Some(kin) if kin.merged.contains(&other.id) => !parts(other, survivor.id),
        Some(kin) if kin.split.contains(&other.id) => false,
        Some(_) | None => other.kin().is_some_and(|kin| kin.merged_into == Some(survivor.id)),
    }
}

/// Whether a person says that they are not one with another any more.
fn parts(person: &Person, other: PersonId) -> bool {
    person.kin().is_some_and(|kin| kin.split.contains(&other) && kin.merged_into != Some(other))
}
