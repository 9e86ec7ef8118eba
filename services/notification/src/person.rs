//! What is known of a person: where they stand, and whether everything agrees with it.

mod kin;
pub(crate) mod table;

use domain::{PersonId, Timestamp, Version};

use crate::milestone::Settlement;
use crate::standing::Standing;

pub(crate) use kin::{HandedOver, handed_over};

/// A person of whom something was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) version: Version,
    pub(crate) standing: Option<Standing>,
    pub(crate) settlement: Option<Settlement>,
    pub(crate) watched_until: Option<Timestamp>,
    /// Who says that the person goes on under their id.
    pub(crate) taken_in_by: Option<PersonId>,
}

/// What an event is worth, compared with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Newer,
    /// The same again, or older.
    Known,
    /// The same version with another content.
    Conflict,
}

impl Person {
    /// Takes over a standing that is newer.
    pub(crate) fn stand(&mut self, version: Version, standing: Standing) -> Fence {
        if version > self.version {
            self.version = version;
            self.standing = Some(standing);
            return Fence::Newer;
        }
        if version == self.version && self.standing.as_ref() != Some(&standing) {
            return Fence::Conflict;
        }
        Fence::Known
    }

    /// Takes over a settlement that is newer.
    pub(crate) fn settle(&mut self, settlement: Settlement) -> Fence {
        match &self.settlement {
            Some(known) if known.version == settlement.version && *known != settlement => {
                Fence::Conflict
            }
            Some(known) if known.version >= settlement.version => Fence::Known,
            Some(_) | None => {
                self.settlement = Some(settlement);
                Fence::Newer
            }
        }
    }
}
