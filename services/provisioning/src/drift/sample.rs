//! Drift for tests.

use domain::{DriftId, PersonId, ReadingId, Timestamp, Version};
use rules::document::DriftKind;
use uuid::Uuid;

use super::{Drift, Finding, State};

/// Drift of the person with a number, about something of the account with that number.
pub(super) fn drift(number: u128, kind: DriftKind, item: &str, state: State) -> Drift {
    let reading = ReadingId(Uuid::nil());
    Drift {
        id: DriftId(Uuid::from_u128(number)),
        application: "directory".to_owned(),
        finding: Finding {
            item: item.to_owned(),
            ..Finding::of_account(kind, &number.to_string(), "ada")
        },
        person: Some(PersonId(Uuid::from_u128(number))),
        state,
        outcome: None,
        found_by: reading,
        found_at: Timestamp::UNIX_EPOCH,
        seen_by: reading,
        seen_at: Timestamp::UNIX_EPOCH,
        until: None,
        owner: String::new(),
        decided_by: String::new(),
        note: String::new(),
        closed_at: None,
        repaired_by: None,
        undoes: None,
        version: Version::default(),
    }
}
