//! One mail to one recipient, with one notice or, as a digest, with several.

pub(crate) mod table;

use domain::Lane;
use uuid::Uuid;

use crate::milestone::Recipient;
use crate::recipient::Addressee;

/// A message that is to be written.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: Uuid,
    /// The Message-ID.
    pub(crate) header: String,
    pub(crate) digest: bool,
    pub(crate) told: Addressee,
    pub(crate) lane: Lane,
}

/// A message in hand.
#[derive(Debug, Clone)]
pub(crate) struct Leased {
    pub(crate) id: Uuid,
    pub(crate) header: String,
    pub(crate) digest: bool,
    pub(crate) told: Addressee,
    /// This one included.
    pub(crate) attempts: i32,
    /// Attempts before this one of which nobody knows what became.
    pub(crate) unknown: i32,
}

/// The Message-ID of a message: its id and the configured domain, so that it is the same however
/// often it is sent.
pub(crate) fn header(id: Uuid, domain: &str) -> String {
    format!("<{}@{domain}>", id.hyphenated())
}

const MANAGER: &str = "manager";
const OWNER: &str = "owner";
const LAST_RESORT: &str = "last_resort";
const ASSIGNEE: &str = "assignee";

/// How a recipient stands in a row.
pub(crate) fn recipient_columns(recipient: &Recipient) -> (&'static str, String) {
    match recipient {
        Recipient::Manager(manager) => {
            (MANAGER, manager.map(|manager| manager.to_string()).unwrap_or_default())
        }
        Recipient::Owner(application) => (OWNER, application.clone()),
    }
}

pub(crate) fn recipient(kind: &str, recipient: &str) -> Option<Recipient> {
    match kind {
        MANAGER if recipient.is_empty() => Some(Recipient::Manager(None)),
        MANAGER => recipient.parse().ok().map(|manager| Recipient::Manager(Some(manager))),
        OWNER => Some(Recipient::Owner(recipient.to_owned())),
        _ => None,
    }
}

/// How an addressee stands in a row.
pub(crate) fn addressee_columns(addressee: &Addressee) -> (&'static str, String) {
    match addressee {
        Addressee::Manager(manager) => (MANAGER, manager.to_string()),
        Addressee::Owner(application) => (OWNER, application.clone()),
        Addressee::LastResort => (LAST_RESORT, String::new()),
        Addressee::Assignee(address) => (ASSIGNEE, address.clone()),
    }
}

pub(crate) fn addressee(kind: &str, told: &str) -> Option<Addressee> {
    match kind {
        MANAGER => told.parse().ok().map(Addressee::Manager),
        OWNER => Some(Addressee::Owner(told.to_owned())),
        LAST_RESORT => Some(Addressee::LastResort),
        ASSIGNEE => Some(Addressee::Assignee(told.to_owned())),
        _ => None,
    }
}
