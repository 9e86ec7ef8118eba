use std::collections::BTreeMap;

use domain::PersonId;
use telemetry::{Description, Role, Traced};

/// Under which trace contexts a transaction's events are caused, by the person they concern.
///
/// A transaction handles what concerns many people. What it publishes about one of them was caused
/// by what arrived about that one; whatever concerns nobody else by the transaction as a whole.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    by_person: BTreeMap<PersonId, String>,
    /// Spans that end with the transaction.
    begun: Vec<Traced>,
}

impl Causes {
    pub(crate) fn set(&mut self, person: PersonId, traceparent: String) {
        self.by_person.insert(person, traceparent);
    }

    /// Begins a trace, linked to the current span, as the cause of what concerns a person.
    pub(crate) fn begin(&mut self, person: PersonId) {
        let begun = telemetry::begin(Role::Internal, None, || Description {
            name: "change person".into(),
            attributes: vec![("person.id", person.to_string().into())],
        });
        if let Some(begun) = begun {
            self.set(person, begun.traceparent());
            self.begun.push(begun);
        }
    }

    pub(crate) fn of(&self, person: Option<PersonId>) -> Option<String> {
        let own = person.and_then(|person| self.by_person.get(&person));
        own.cloned().or_else(telemetry::traceparent)
    }
}
