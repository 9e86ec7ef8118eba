//! A person as told last: the whole timeline and its version.

pub(crate) mod reports;
pub(crate) mod table;

use std::collections::BTreeSet;

use domain::{PersonId, Version};

use crate::facts::{Managers, Timeline};

/// The attribute by which operators find a person.
const DISPLAY_NAME: &str = "display_name";

/// What is known of a person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) version: Version,
    pub(crate) timeline: Timeline,
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
    /// The managers whom sources state, past ones included, by source and worker id.
    pub(crate) fn managers(&self) -> BTreeSet<(String, String)> {
        let engagements = self.timeline.engagements.iter();
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
        self.timeline.engagements.iter().rev().find_map(|engagement| {
            engagement.slices.last()?.attributes.get(DISPLAY_NAME)?.as_text()
        })
    }
}
