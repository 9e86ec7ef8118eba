use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Defines one id: a UUID that cannot be mistaken for the id of something else.
macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

id! {
    /// One change in one application.
    ActionId,
    /// One thing that a human must decide.
    CaseId,
    /// One difference between an application and what it shall hold.
    DriftId,
    /// One employment or contract of a person in one source.
    EngagementId,
    /// One event on the mesh; a UUID version 7, so that its day can be read from it.
    EventId,
    /// One thing that one recipient is told about one person.
    NoticeId,
    /// A human known to a source; never changes.
    PersonId,
    /// One reading of an application as a whole.
    ReadingId,
    /// One answer to an event of a publisher outside of the mesh.
    ReceiptId,
    /// One read of a source.
    RunId,
    /// One thing that a human is to do in one application for one person.
    TaskId,
}
