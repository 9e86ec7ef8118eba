use std::collections::BTreeMap;

use async_nats::HeaderMap;
use bytes::Bytes;
use domain::Timestamp;
use proto::catalogue::EventRow;
use store::outbox::Pending;
use store::parked::Parked;
use uuid::Uuid;

/// An event on the wire: CloudEvents 1.0 in binary mode, the payload protobuf.
#[derive(Debug, Clone)]
pub struct Message {
    /// `ce-id`, if it is there and a UUID.
    pub id: Option<Uuid>,
    /// `ce-type`: the full protobuf name.
    pub kind: String,
    /// `ce-source`.
    pub source: String,
    /// `ce-subject`: what the event is about.
    pub about: String,
    /// `ce-time`, if it is there and an instant.
    pub occurred_at: Option<Timestamp>,
    /// The NATS subject.
    pub subject: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The place in the stream it was delivered from; zero when it was not delivered by one.
    pub stream_sequence: u64,
    /// The serialized event, unchanged.
    pub payload: Bytes,
}

const SPEC_VERSION: &str = "ce-specversion";
const ID: &str = "ce-id";
const TYPE: &str = "ce-type";
const SOURCE: &str = "ce-source";
const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";
const CONTENT_TYPE: &str = "ce-datacontenttype";
const TRACEPARENT: &str = "traceparent";

impl Message {
    /// Reads what a stream delivered. Absent headers are left empty: the consumer decides.
    #[must_use]
    pub fn received(message: &async_nats::Message, stream_sequence: u64) -> Self {
        let empty = HeaderMap::new();
        let headers = message.headers.as_ref().unwrap_or(&empty);
        let text = |name: &str| headers.get(name).map(|value| decode(value.as_str()));
        Self {
            id: text(ID).and_then(|id| Uuid::parse_str(&id).ok()),
            kind: text(TYPE).unwrap_or_default(),
            source: text(SOURCE).unwrap_or_default(),
            about: text(SUBJECT).unwrap_or_default(),
            occurred_at: text(TIME).and_then(|time| time.parse().ok()),
            subject: message.subject.to_string(),
            traceparent: text(TRACEPARENT),
            stream_sequence,
            payload: message.payload.clone(),
        }
    }

    /// Returns what the relay publishes for an event of the outbox.
    #[must_use]
    pub fn outgoing(event: Pending, source: &str) -> Self {
        Self {
            id: Some(event.id),
            kind: event.kind,
            source: source.to_owned(),
            about: event.subject_id,
            occurred_at: Some(event.occurred_at),
            subject: event.subject,
            traceparent: event.traceparent,
            stream_sequence: 0,
            payload: event.payload.into(),
        }
    }

    /// The headers it travels with.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.named() {
            headers.insert(name, value.as_str());
        }
        if let Some(id) = self.id {
            headers.insert(async_nats::header::NATS_MESSAGE_ID, id.to_string().as_str());
        }
        headers
    }

    /// The subject as the catalogue has it, without the subject's id: a name of few values.
    #[must_use]
    pub fn destination(&self) -> String {
        match EventRow::named(&self.kind) {
            Some(row) => format!("tenure.{}.v1.{}.{}", row.stream().token, row.noun, row.verb),
            None => "unknown".to_owned(),
        }
    }

    /// Returns what the parked table keeps of it.
    #[must_use]
    pub fn parked(&self, consumer: &str, reason: String) -> Parked {
        Parked {
            consumer: consumer.to_owned(),
            event_id: self.identity(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            headers: self
                .named()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            payload: self.payload.to_vec(),
            reason,
        }
    }

    /// Reads a message back from the parked table.
    #[must_use]
    pub fn replayed(parked: &Parked) -> Self {
        let text = |name: &str| parked.headers.get(name).map(|value| decode(value));
        Self {
            id: Some(parked.event_id),
            kind: text(TYPE).unwrap_or_default(),
            source: text(SOURCE).unwrap_or_default(),
            about: text(SUBJECT).unwrap_or_default(),
            occurred_at: text(TIME).and_then(|time| time.parse().ok()),
            subject: parked.subject.clone(),
            traceparent: text(TRACEPARENT),
            stream_sequence: 0,
            payload: parked.payload.clone().into(),
        }
    }

    /// The id, or for a message without one an id that the same message always gets.
    #[must_use]
    pub fn identity(&self) -> Uuid {
        self.id.unwrap_or_else(|| {
            let place = format!("{}#{}", self.subject, self.stream_sequence);
            Uuid::new_v5(&Uuid::NAMESPACE_URL, place.as_bytes())
        })
    }

    fn named(&self) -> BTreeMap<&'static str, String> {
        let mut named = BTreeMap::from([
            (SPEC_VERSION, "1.0".to_owned()),
            (TYPE, encode(&self.kind)),
            (SOURCE, encode(&self.source)),
            (SUBJECT, encode(&self.about)),
            (CONTENT_TYPE, "application/protobuf".to_owned()),
        ]);
        if let Some(id) = self.id {
            named.insert(ID, id.to_string());
        }
        if let Some(time) = self.occurred_at {
            named.insert(TIME, time.to_string());
        }
        if let Some(traceparent) = &self.traceparent {
            named.insert(TRACEPARENT, traceparent.clone());
        }
        named
    }
}

/// Percent-encodes what the CloudEvents NATS binding does not allow in a header value.
fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(value: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = value.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_survives_the_wire() {
        for value in ["plain", "with space", "per%cent", "quote\"d", "ümlaut", "100%", ""] {
            assert_eq!(decode(&encode(value)), value);
        }
        assert_eq!(encode("a b"), "a%20b");
    }
}
