//! What a source's word is worth beside that of others.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The rank of a source whose mapping states none.
pub const RANK_DEFAULT: u16 = 100;

/// What a source's word is worth beside that of others who speak of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Whether it employs people, or only says something of those whom others employ.
    pub role: Role,
    /// Of what it says of a person; 1 is the highest.
    pub rank: u16,
    /// Other ranks, of single attributes.
    pub attributes: BTreeMap<String, u16>,
    /// What it says of the human, whatever the engagement. Other attributes are those of its own
    /// engagements alone.
    pub personal: BTreeSet<String>,
}

/// Whether a source employs people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Its engagements are what people have access for, and end with.
    Employer,
    /// It begins and ends nobody's access.
    Supplement,
}

impl Default for Authority {
    fn default() -> Self {
        Self {
            role: Role::Employer,
            rank: RANK_DEFAULT,
            attributes: BTreeMap::new(),
            personal: BTreeSet::new(),
        }
    }
}

impl Authority {
    /// The rank of what the source says of an attribute.
    #[must_use]
    pub fn rank_of(&self, attribute: &str) -> u16 {
        self.attributes.get(attribute).copied().unwrap_or(self.rank)
    }

    /// Whether what the source says of an attribute is said of the human.
    #[must_use]
    pub fn is_personal(&self, attribute: &str) -> bool {
        self.role.is_supplement() || self.personal.contains(attribute)
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Employer, Self::Supplement];

    /// The role's name in a mapping.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Employer => "employer",
            Self::Supplement => "supplement",
        }
    }

    /// Whether the source employs nobody.
    #[must_use]
    pub const fn is_supplement(self) -> bool {
        match self {
            Self::Employer => false,
            Self::Supplement => true,
        }
    }
}
