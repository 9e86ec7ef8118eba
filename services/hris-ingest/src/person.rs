//! A person as told last: the whole timeline and its version.

pub(crate) mod reports;
pub(crate) mod table;

use std::collections::BTreeSet;

use domain::{Kin, PersonId, Version};

use crate::facts::{Managers, Timeline};

/// The attribute by which operators find a person.
const DISPLAY_NAME: &str = "display_name";

/// What is known of a person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) version: Version,
    /// What is known of them, as their facts come to it.
    pub(crate) timeline: Timeline,
    /// What is told of them where several sources speak: of each attribute what the highest says.
    pub(crate) composed: Option<Timeline>,
    /// Under which other ids they are known.
    pub(crate) kin: Kin,
}

/// Whom a source states as manager of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) person: PersonId,
    pub(crate) source: String,
    /// The manager's worker id.
    pub(crate) manager: String,
    /// Who that is, if it is somebody known and not the person.
    pub(crate) manager_person: Option<PersonId>,
}

impl Person {
    /// Somebody of whom nothing is known.
    pub(crate) fn nobody(id: PersonId) -> Self {
        Self {
            id,
            version: Version::default(),
            timeline: Timeline::default(),
            composed: None,
            kin: Kin::default(),
        }
    }

    /// What is told of them.
    pub(crate) const fn told(&self) -> &Timeline {
        match &self.composed {
            Some(composed) => composed,
            None => &self.timeline,
        }
    }

    /// Gives what is told of them what operators say: the ends of engagements, and who is held no more.
    pub(crate) fn take_operators_word(&mut self) {
        if let Some(composed) = &mut self.composed {
            composed.held_since = self.timeline.held_since;
        }
        for told in self.composed.iter_mut().flat_map(|composed| &mut composed.engagements) {
            let known = self.timeline.engagements.iter().find(|known| known.id == told.id);
            told.ends_at = known.and_then(|known| known.ends_at);
        }
    }

    /// The managers whom sources state, past ones included, by source and worker id.
    pub(crate) fn managers(&self) -> BTreeSet<(String, String)> {
        let engagements = self.told().engagements.iter();
        engagements
            .flat_map(|engagement| {
                let managers = engagement.slices.iter().filter_map(|slice| slice.manager.clone());
                managers.map(|manager| (engagement.source.clone(), manager))
            })
            .collect()
    }

    /// Whether a source knows the person by several worker ids.
    pub(crate) fn has_several_workers(&self, source: &str) -> bool {
        let mut of_source = self.timeline.engagements.iter().filter(|one| one.source == source);
        let first = of_source.next();
        first.is_some_and(|first| of_source.any(|other| other.worker_id != first.worker_id))
    }

    /// Whom the person reports to.
    pub(crate) fn reports(&self, managers: &Managers) -> Vec<Report> {
        let report = |(source, manager): (String, String)| {
            let known = managers.get(&(source.clone(), manager.clone())).copied();
            let manager_person = known.filter(|known| *known != self.id);
            Report { person: self.id, source, manager, manager_person }
        };
        self.managers().into_iter().map(report).collect()
    }

    /// The name that holds last.
    pub(crate) fn display_name(&self) -> Option<&str> {
        self.told().engagements.iter().rev().find_map(|engagement| {
            engagement.slices.last()?.attributes.get(DISPLAY_NAME)?.as_text()
        })
    }
}
