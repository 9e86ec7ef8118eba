//! Who publishes what, in which stream, under which subject, and who consumes it.
//!
//! Streams, durable consumers and every service's NATS permissions are made from these tables. A
//! test holds them against what the services register, so a new arrow between services is always a
//! reviewed change of this file.

use std::fmt;

use domain::Lane;

use crate::upstream;

/// A service of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Reads HR systems.
    HrisIngest,
    /// Decides who shall hold what.
    PolicyEvaluation,
    /// Makes applications agree.
    Provisioning,
    /// Tells managers and owners of applications.
    Notification,
    /// Records everything.
    Audit,
}

impl Service {
    /// Every service, in the order of the flow.
    pub const ALL: [Self; 5] = [
        Self::HrisIngest,
        Self::PolicyEvaluation,
        Self::Provisioning,
        Self::Notification,
        Self::Audit,
    ];

    /// The service's name: crate, binary, image, consumer prefix.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HrisIngest => "hris-ingest",
            Self::PolicyEvaluation => "policy-evaluation",
            Self::Provisioning => "provisioning",
            Self::Notification => "notification",
            Self::Audit => "audit",
        }
    }

    /// The name of its database and of its PostgreSQL role.
    #[must_use]
    pub const fn database(self) -> &'static str {
        match self {
            Self::HrisIngest => "hris_ingest",
            Self::PolicyEvaluation => "policy_evaluation",
            Self::Provisioning => "provisioning",
            Self::Notification => "notification",
            Self::Audit => "audit",
        }
    }

    /// Returns the service of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.as_str() == name)
    }

    /// The prefix under which the service receives replies; no other account may use it.
    #[must_use]
    pub fn inbox_prefix(self) -> String {
        format!("_INBOX_{}", self.database())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The events of one publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRow {
    /// JetStream's name of the stream.
    pub name: &'static str,
    /// The one service that may publish to it.
    pub publisher: Service,
    /// The second token of its subjects.
    pub token: &'static str,
    /// How long the stream keeps an event. The outbox keeps it a week longer, the inbox eight days.
    pub max_age_days: u16,
}

/// One kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow {
    /// The full protobuf name.
    pub event: &'static str,
    /// The stream it is published to.
    pub stream: &'static str,
    /// What the fact is about; a subject token.
    pub noun: &'static str,
    /// What happened; a subject token.
    pub verb: &'static str,
    /// The event carries its subject's whole state: of several waiting ones only the newest counts.
    pub state: bool,
}

/// One durable consumer: a service that reacts to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerRow {
    /// `<service>-<what it does>`; equals the handler's file and type.
    pub name: &'static str,
    /// Who consumes.
    pub service: Service,
    /// The stream it reads.
    pub stream: &'static str,
    /// The event it reads; `None` reads every event of the stream in its order, through one
    /// consumer for both lanes.
    pub event: Option<&'static str>,
}

/// Every stream.
pub const STREAMS: &[StreamRow] = &[
    StreamRow { name: "HRIS", publisher: Service::HrisIngest, token: "hris", max_age_days: 7 },
    StreamRow {
        name: "POLICY",
        publisher: Service::PolicyEvaluation,
        token: "policy",
        max_age_days: 7,
    },
    StreamRow {
        name: "PROVISIONING",
        publisher: Service::Provisioning,
        token: "provisioning",
        max_age_days: 7,
    },
    StreamRow {
        name: "NOTIFICATION",
        publisher: Service::Notification,
        token: "notification",
        max_age_days: 7,
    },
];

/// Every event.
pub const EVENTS: &[EventRow] = &[
    state("tenure.hris.v1.PersonUpdated", "HRIS", "person", "updated"),
    fact("tenure.hris.v1.SourceRunFinished", "HRIS", "run", "finished"),
    fact("tenure.hris.v1.PersonMatched", "HRIS", "person", "matched"),
    fact("tenure.hris.v1.PersonsMerged", "HRIS", "person", "merged"),
    fact("tenure.hris.v1.PersonSplit", "HRIS", "person", "split"),
    fact("tenure.hris.v1.CaseOpened", "HRIS", "case", "opened"),
    fact("tenure.hris.v1.CaseClosed", "HRIS", "case", "closed"),
    fact("tenure.hris.v1.IntakeReceived", "HRIS", "intake", "received"),
    state("tenure.policy.v1.DesiredAccessChanged", "POLICY", "access", "changed"),
    state("tenure.policy.v1.DesiredAccessConfirmed", "POLICY", "access", "confirmed"),
    state("tenure.policy.v1.LifecycleChanged", "POLICY", "lifecycle", "changed"),
    fact("tenure.policy.v1.DocumentReleased", "POLICY", "document", "released"),
    fact("tenure.policy.v1.ReleaseActivated", "POLICY", "release", "activated"),
    fact("tenure.provisioning.v1.ActionFinished", "PROVISIONING", "action", "finished"),
    state("tenure.provisioning.v1.AccountChanged", "PROVISIONING", "account", "changed"),
    state("tenure.provisioning.v1.PersonSettled", "PROVISIONING", "person", "settled"),
    fact("tenure.provisioning.v1.DriftFound", "PROVISIONING", "drift", "found"),
    fact("tenure.provisioning.v1.DriftChanged", "PROVISIONING", "drift", "changed"),
    fact("tenure.provisioning.v1.TaskChanged", "PROVISIONING", "task", "changed"),
    fact("tenure.provisioning.v1.ApplicationRead", "PROVISIONING", "application", "read"),
    fact("tenure.notification.v1.NoticeSent", "NOTIFICATION", "notice", "sent"),
    fact("tenure.notification.v1.NoticeFailed", "NOTIFICATION", "notice", "failed"),
];

/// Every consumer.
pub const CONSUMERS: &[ConsumerRow] = &[
    ConsumerRow {
        name: "policy-evaluation-evaluate-people",
        service: Service::PolicyEvaluation,
        stream: "HRIS",
        event: Some("tenure.hris.v1.PersonUpdated"),
    },
    ConsumerRow {
        name: "provisioning-plan-access",
        service: Service::Provisioning,
        stream: "POLICY",
        event: Some("tenure.policy.v1.DesiredAccessChanged"),
    },
    ConsumerRow {
        name: "provisioning-confirm-access",
        service: Service::Provisioning,
        stream: "POLICY",
        event: Some("tenure.policy.v1.DesiredAccessConfirmed"),
    },
    ConsumerRow {
        name: "provisioning-receive-documents",
        service: Service::Provisioning,
        stream: "POLICY",
        event: Some("tenure.policy.v1.DocumentReleased"),
    },
    ConsumerRow {
        name: "provisioning-activate-release",
        service: Service::Provisioning,
        stream: "POLICY",
        event: Some("tenure.policy.v1.ReleaseActivated"),
    },
    ConsumerRow {
        name: "notification-track-lifecycle",
        service: Service::Notification,
        stream: "POLICY",
        event: Some("tenure.policy.v1.LifecycleChanged"),
    },
    ConsumerRow {
        name: "notification-receive-documents",
        service: Service::Notification,
        stream: "POLICY",
        event: Some("tenure.policy.v1.DocumentReleased"),
    },
    ConsumerRow {
        name: "notification-activate-release",
        service: Service::Notification,
        stream: "POLICY",
        event: Some("tenure.policy.v1.ReleaseActivated"),
    },
    ConsumerRow {
        name: "notification-track-settlement",
        service: Service::Notification,
        stream: "PROVISIONING",
        event: Some("tenure.provisioning.v1.PersonSettled"),
    },
    ConsumerRow {
        name: "notification-track-accounts",
        service: Service::Notification,
        stream: "PROVISIONING",
        event: Some("tenure.provisioning.v1.AccountChanged"),
    },
    ConsumerRow {
        name: "notification-track-tasks",
        service: Service::Notification,
        stream: "PROVISIONING",
        event: Some("tenure.provisioning.v1.TaskChanged"),
    },
    ConsumerRow { name: "audit-record-hris", service: Service::Audit, stream: "HRIS", event: None },
    ConsumerRow {
        name: "audit-record-policy",
        service: Service::Audit,
        stream: "POLICY",
        event: None,
    },
    ConsumerRow {
        name: "audit-record-provisioning",
        service: Service::Audit,
        stream: "PROVISIONING",
        event: None,
    },
    ConsumerRow {
        name: "audit-record-notification",
        service: Service::Audit,
        stream: "NOTIFICATION",
        event: None,
    },
];

const fn state(
    event: &'static str,
    stream: &'static str,
    noun: &'static str,
    verb: &'static str,
) -> EventRow {
    EventRow { event, stream, noun, verb, state: true }
}

const fn fact(
    event: &'static str,
    stream: &'static str,
    noun: &'static str,
    verb: &'static str,
) -> EventRow {
    EventRow { event, stream, noun, verb, state: false }
}

impl StreamRow {
    /// The subjects of the stream.
    #[must_use]
    pub fn subjects(&self) -> String {
        format!("tenure.{}.v1.>", self.token)
    }

    /// Returns the stream of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        STREAMS.iter().find(|row| row.name == name)
    }
}

impl EventRow {
    /// The stream's row.
    #[must_use]
    pub fn stream(&self) -> &'static StreamRow {
        StreamRow::named(self.stream).expect("tests hold every event's stream against STREAMS")
    }

    /// `tenure.<publisher>.v1.<noun>.<verb>.<lane>.<id>`.
    #[must_use]
    pub fn address(&self, lane: Lane, id: &str) -> String {
        format!("tenure.{}.v1.{}.{}.{lane}.{id}", self.stream().token, self.noun, self.verb)
    }

    /// Returns the row of an event by its full protobuf name.
    #[must_use]
    pub fn named(event: &str) -> Option<&'static Self> {
        EVENTS.iter().find(|row| row.event == event)
    }
}

/// A consumer as JetStream knows it: one per lane, or one for all of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durable {
    /// JetStream's name of the consumer.
    pub name: String,
    /// The stream it reads.
    pub stream: &'static str,
    /// The subjects it reads.
    pub filter: String,
    /// The lane it serves; `None`: both, in the stream's order.
    pub lane: Option<Lane>,
}

impl ConsumerRow {
    /// Returns the consumer of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CONSUMERS.iter().find(|row| row.name == name)
    }

    /// The durable consumers that serve this row, the urgent lane first.
    #[must_use]
    pub fn durables(&self) -> Vec<Durable> {
        let Some(event) = self.event.and_then(EventRow::named) else {
            let stream = StreamRow::named(self.stream);
            return vec![Durable {
                name: self.name.to_owned(),
                stream: self.stream,
                filter: stream.map(StreamRow::subjects).unwrap_or_default(),
                lane: None,
            }];
        };
        Lane::ALL
            .into_iter()
            .map(|lane| Durable {
                name: format!("{}-{lane}", self.name),
                stream: self.stream,
                filter: event.address(lane, ">"),
                lane: Some(lane),
            })
            .collect()
    }
}

/// Returns the stream a service publishes to, if it publishes at all.
#[must_use]
pub fn stream_of(service: Service) -> Option<&'static StreamRow> {
    STREAMS.iter().find(|row| row.publisher == service)
}

/// Returns the consumers of a service.
pub fn consumers_of(service: Service) -> impl Iterator<Item = &'static ConsumerRow> {
    CONSUMERS.iter().filter(move |row| row.service == service)
}

/// Returns everything that a service pulls, what comes from outside of the mesh included.
#[must_use]
pub fn durables_of(service: Service) -> Vec<Durable> {
    let own = consumers_of(service).flat_map(ConsumerRow::durables);
    let outside = if service == upstream::SERVICE { upstream::durables() } else { Vec::new() };
    own.chain(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_refers_to_rows_that_exist() {
        for event in EVENTS {
            assert!(StreamRow::named(event.stream).is_some(), "{} has no stream", event.event);
        }
        for consumer in CONSUMERS {
            assert!(StreamRow::named(consumer.stream).is_some(), "{}", consumer.name);
            assert!(consumer.name.starts_with(consumer.service.as_str()), "{}", consumer.name);
            if let Some(event) = consumer.event {
                assert_eq!(EventRow::named(event).map(|row| row.stream), Some(consumer.stream));
            }
        }
    }

    #[test]
    fn every_event_message_of_the_protos_is_in_the_catalogue() {
        use prost::Message as _;
        let files = prost_types::FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap();
        for file in &files.file {
            if !file.name().ends_with("/events.proto") {
                continue;
            }
            for message in &file.message_type {
                let versioned = message.field.iter().any(|field| field.name() == "version");
                let name = format!("{}.{}", file.package(), message.name());
                assert_eq!(versioned, EventRow::named(&name).is_some(), "{name}");
            }
        }
    }
}
