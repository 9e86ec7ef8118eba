use domain::{Lane, PersonId, Version};

use crate::catalogue::{self, EventRow};
use crate::convert::{self, Invalid};
use crate::{common, hris, notification, policy, provisioning, upstream};

/// A message of the catalogue: a fact about one subject.
pub trait Event: prost::Message + Default + Clone + 'static {
    /// The full protobuf name: the event's `ce-type`.
    const TYPE: &'static str;

    /// What the fact is about.
    ///
    /// # Errors
    /// When the message lacks what every event needs; such a message parks.
    fn subject(&self) -> Result<Subject, Invalid>;

    /// The event's row in the catalogue.
    #[must_use]
    fn row() -> &'static EventRow {
        catalogue::EVENTS
            .iter()
            .find(|row| row.event == Self::TYPE)
            .expect("tests hold every Event against the catalogue")
    }
}

/// What an event is about, and in which of its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The last token of the NATS subject: unique among the subjects of this event, no personal data.
    pub id: String,
    /// The state's version; a lower one than was seen is old.
    pub version: Version,
    /// The lane the publisher chose.
    pub lane: Lane,
    /// The person concerned, if there is one: every stored payload is deleted by it.
    pub person: Option<PersonId>,
}

impl Subject {
    /// Returns the NATS subject of the event about this subject.
    #[must_use]
    pub fn address(&self, row: &EventRow) -> String {
        row.address(self.lane, &self.id)
    }
}

macro_rules! person_events {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        impl Event for $type {
            const TYPE: &'static str = $name;

            fn subject(&self) -> Result<Subject, Invalid> {
                let person: PersonId = convert::id("person_id", &self.person_id)?;
                Ok(Subject {
                    id: person.to_string(),
                    version: convert::version("version", self.version.as_ref())?,
                    lane: lane(self.lane)?,
                    person: Some(person),
                })
            }
        }
    )+};
}

person_events! {
    hris::v1::PersonUpdated = "tenure.hris.v1.PersonUpdated",
    policy::v1::DesiredAccessChanged = "tenure.policy.v1.DesiredAccessChanged",
    policy::v1::DesiredAccessConfirmed = "tenure.policy.v1.DesiredAccessConfirmed",
    policy::v1::LifecycleChanged = "tenure.policy.v1.LifecycleChanged",
    provisioning::v1::PersonSettled = "tenure.provisioning.v1.PersonSettled",
}

impl Event for provisioning::v1::AccountChanged {
    const TYPE: &'static str = "tenure.provisioning.v1.AccountChanged";

    fn subject(&self) -> Result<Subject, Invalid> {
        let person: PersonId = convert::id("person_id", &self.person_id)?;
        Ok(Subject {
            id: format!("{}-{person}", self.application),
            version: convert::version("version", self.version.as_ref())?,
            lane: lane(self.lane)?,
            person: Some(person),
        })
    }
}

impl Event for provisioning::v1::ActionFinished {
    const TYPE: &'static str = "tenure.provisioning.v1.ActionFinished";

    fn subject(&self) -> Result<Subject, Invalid> {
        let action: domain::ActionId = convert::id("action_id", &self.action_id)?;
        Ok(Subject {
            id: action.to_string(),
            version: convert::version("version", self.version.as_ref())?,
            lane: lane(self.lane)?,
            person: Some(convert::id("person_id", &self.person_id)?),
        })
    }
}

macro_rules! drift_events {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        impl Event for $type {
            const TYPE: &'static str = $name;

            fn subject(&self) -> Result<Subject, Invalid> {
                let drift: domain::DriftId = convert::id("drift_id", &self.drift_id)?;
                let person = Some(self.person_id.as_str()).filter(|person| !person.is_empty());
                let person = person.map(|person| convert::id("person_id", person)).transpose()?;
                Ok(Subject {
                    id: drift.to_string(),
                    version: convert::version("version", self.version.as_ref())?,
                    lane: Lane::Regular,
                    person,
                })
            }
        }
    )+};
}

drift_events! {
    provisioning::v1::DriftFound = "tenure.provisioning.v1.DriftFound",
    provisioning::v1::DriftChanged = "tenure.provisioning.v1.DriftChanged",
}

impl Event for provisioning::v1::TaskChanged {
    const TYPE: &'static str = "tenure.provisioning.v1.TaskChanged";

    fn subject(&self) -> Result<Subject, Invalid> {
        let task: domain::TaskId = convert::id("task_id", &self.task_id)?;
        Ok(Subject {
            id: task.to_string(),
            version: convert::version("version", self.version.as_ref())?,
            lane: lane(self.lane)?,
            person: Some(convert::id("person_id", &self.person_id)?),
        })
    }
}

impl Event for provisioning::v1::ApplicationRead {
    const TYPE: &'static str = "tenure.provisioning.v1.ApplicationRead";

    fn subject(&self) -> Result<Subject, Invalid> {
        let reading: domain::ReadingId = convert::id("reading_id", &self.reading_id)?;
        Ok(Subject {
            id: reading.to_string(),
            version: convert::version("version", self.version.as_ref())?,
            lane: Lane::Regular,
            person: None,
        })
    }
}

macro_rules! notice_events {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        impl Event for $type {
            const TYPE: &'static str = $name;

            fn subject(&self) -> Result<Subject, Invalid> {
                let notice: domain::NoticeId = convert::id("notice_id", &self.notice_id)?;
                Ok(Subject {
                    id: notice.to_string(),
                    version: convert::version("version", self.version.as_ref())?,
                    lane: lane(self.lane)?,
                    person: Some(convert::id("person_id", &self.person_id)?),
                })
            }
        }
    )+};
}

notice_events! {
    notification::v1::NoticeSent = "tenure.notification.v1.NoticeSent",
    notification::v1::NoticeFailed = "tenure.notification.v1.NoticeFailed",
}

impl Event for hris::v1::SourceRunFinished {
    const TYPE: &'static str = "tenure.hris.v1.SourceRunFinished";

    fn subject(&self) -> Result<Subject, Invalid> {
        let run: domain::RunId = convert::id("run_id", &self.run_id)?;
        Ok(Subject {
            id: run.to_string(),
            version: convert::version("version", self.version.as_ref())?,
            lane: Lane::Regular,
            person: None,
        })
    }
}

/// Facts of people, and the field that says of whom.
macro_rules! person_facts {
    ($($type:ty = $name:literal, $person:ident);+ $(;)?) => {$(
        impl Event for $type {
            const TYPE: &'static str = $name;

            fn subject(&self) -> Result<Subject, Invalid> {
                let person: PersonId = convert::id(stringify!($person), &self.$person)?;
                Ok(Subject {
                    id: person.to_string(),
                    version: convert::version("version", self.version.as_ref())?,
                    lane: Lane::Regular,
                    person: Some(person),
                })
            }
        }
    )+};
}

person_facts! {
    hris::v1::PersonMatched = "tenure.hris.v1.PersonMatched", person_id;
    hris::v1::PersonsMerged = "tenure.hris.v1.PersonsMerged", survivor_person_id;
    hris::v1::PersonSplit = "tenure.hris.v1.PersonSplit", person_id;
}

macro_rules! case_events {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        impl Event for $type {
            const TYPE: &'static str = $name;

            fn subject(&self) -> Result<Subject, Invalid> {
                let case: domain::CaseId = convert::id("case_id", &self.case_id)?;
                let person = Some(self.person_id.as_str()).filter(|person| !person.is_empty());
                let person = person.map(|person| convert::id("person_id", person)).transpose()?;
                Ok(Subject {
                    id: case.to_string(),
                    version: convert::version("version", self.version.as_ref())?,
                    lane: Lane::Regular,
                    person,
                })
            }
        }
    )+};
}

case_events! {
    hris::v1::CaseOpened = "tenure.hris.v1.CaseOpened",
    hris::v1::CaseClosed = "tenure.hris.v1.CaseClosed",
}

impl Event for hris::v1::IntakeReceived {
    const TYPE: &'static str = "tenure.hris.v1.IntakeReceived";

    /// Its source is a token of its own, so that a publisher hears of what it sent and of nothing else.
    fn subject(&self) -> Result<Subject, Invalid> {
        let receipt: domain::ReceiptId = convert::id("receipt_id", &self.receipt_id)?;
        if !upstream::is_source_name(&self.source) {
            return Err(Invalid::field("source", "not a name of a source"));
        }
        Ok(Subject {
            id: format!("{}.{receipt}", self.source),
            version: convert::version("version", self.version.as_ref())?,
            lane: Lane::Regular,
            person: None,
        })
    }
}

impl Event for policy::v1::DocumentReleased {
    const TYPE: &'static str = "tenure.policy.v1.DocumentReleased";

    fn subject(&self) -> Result<Subject, Invalid> {
        Ok(Subject {
            id: format!("{}-{}-{}", self.release, self.kind.to_lowercase(), self.name),
            version: convert::version("version", self.version.as_ref())?,
            lane: Lane::Regular,
            person: None,
        })
    }
}

impl Event for policy::v1::ReleaseActivated {
    const TYPE: &'static str = "tenure.policy.v1.ReleaseActivated";

    fn subject(&self) -> Result<Subject, Invalid> {
        Ok(Subject {
            id: self.release.to_string(),
            version: convert::version("version", self.version.as_ref())?,
            lane: Lane::Regular,
            person: None,
        })
    }
}

fn lane(wire: i32) -> Result<Lane, Invalid> {
    common::v1::Lane::try_from(wire)
        .map_err(|_unknown| Invalid::field("lane", "unknown enum value"))?
        .try_into()
}
