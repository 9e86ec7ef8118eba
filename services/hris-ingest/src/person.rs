//! A person as told last: the whole timeline and its version.

pub(crate) mod table;

use domain::{PersonId, Version};

use crate::facts::Timeline;

/// The attribute by which operators find a person.
const DISPLAY_NAME: &str = "display_name";

/// What is known of a person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) version: Version,
    pub(crate) timeline: Timeline,
}

impl Person {
    /// The name that holds last.
    pub(crate) fn display_name(&self) -> Option<&str> {
        self.timeline.engagements.iter().rev().find_map(|engagement| {
            engagement.slices.last()?.attributes.get(DISPLAY_NAME)?.as_text()
        })
    }
}
