//! Reads payloads by their descriptors, so that audit knows no event type by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use domain::PersonId;
use prost_reflect::{DescriptorPool, DynamicMessage};
use proto::prost::bytes::Buf;
use proto::prost::encoding::{DecodeContext, WireType, decode_key, skip_field, string};

/// The field by which every event that concerns a person names it.
const PERSON: &str = "person_id";

/// What is known about the shape of payloads.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pool: DescriptorPool,
    person_tags: Arc<BTreeMap<String, u32>>,
}

impl Content {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).context("read the event types")?;
        let person_tags = pool
            .all_messages()
            .filter_map(|message| {
                let field = message.get_field_by_name(PERSON)?;
                Some((message.full_name().to_owned(), field.number()))
            })
            .collect();
        Ok(Self { pool, person_tags: Arc::new(person_tags) })
    }

    /// Returns whom a payload concerns, without decoding the rest of it.
    pub(crate) fn person(&self, kind: &str, payload: &[u8]) -> Option<PersonId> {
        let wanted = *self.person_tags.get(kind)?;
        let mut rest = payload;
        while rest.has_remaining() {
            let (tag, wire_type) = decode_key(&mut rest).ok()?;
            if tag == wanted && wire_type == WireType::LengthDelimited {
                let mut text = String::new();
                string::merge(wire_type, &mut text, &mut rest, DecodeContext::default()).ok()?;
                return text.parse().ok();
            }
            skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
        }
        None
    }

    /// Returns a payload as protobuf JSON; one of an unknown type as its length only.
    pub(crate) fn json(&self, kind: &str, payload: &[u8]) -> String {
        self.pool
            .get_message_by_name(kind)
            .and_then(|message| DynamicMessage::decode(message, payload).ok())
            .and_then(|message| serde_json::to_string(&message).ok())
            .unwrap_or_else(|| format!("{{\"undecodedBytes\":{}}}", payload.len()))
    }
}

#[cfg(test)]
mod tests {
    use proto::prost::Message as _;
    use proto::provisioning::v1::ActionFinished;

    use super::*;

    #[test]
    fn the_person_of_a_payload_is_found_wherever_its_field_stands() {
        let person = "0190b5a0-0000-7000-8000-000000000001";
        let event = ActionFinished {
            action_id: "0190b5a0-0000-7000-8000-000000000002".to_owned(),
            person_id: person.to_owned(),
            application: "directory".to_owned(),
            ..ActionFinished::default()
        };
        let content = Content::load().unwrap();
        let payload = event.encode_to_vec();

        let found = content.person("tenure.provisioning.v1.ActionFinished", &payload);

        assert_eq!(found.map(|found| found.to_string()), Some(person.to_owned()));
        assert_eq!(content.person("unknown.Type", &payload), None);
        assert_eq!(content.person("tenure.provisioning.v1.ActionFinished", b"\xff\xff"), None);
    }
}
