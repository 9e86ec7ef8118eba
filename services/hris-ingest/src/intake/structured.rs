//! Events in structured mode: attributes and data in one payload. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use serde_json::{Map, Value};

use super::event::{Data, Parts, media_type};
use super::refusal::Refusal;

/// How such an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Protobuf,
}

impl Format {
    /// Returns the format that a content type names, if it names one of events.
    pub(super) fn of(kind: &str) -> Option<Result<Self, Refusal>> {
        let kind = media_type(kind);
        let format = kind.strip_prefix("application/cloudevents")?;
        Some(match format {
            "" | "+json" => Ok(Self::Json),
            "+protobuf" => Ok(Self::Protobuf),
            _ => Err(Refusal::Unreadable(
                "an event is written as application/cloudevents+json or …+protobuf".to_owned(),
            )),
        })
    }
}

/// Takes an event apart.
pub(super) fn parts(format: Format, payload: &Bytes) -> Result<Parts, Refusal> {
    match format {
        Format::Json => json(payload),
        Format::Protobuf => protobuf(payload),
    }
}

/// As the JSON event format has it.
fn json(payload: &[u8]) -> Result<Parts, Refusal> {
    let members: Map<String, Value> = serde_json::from_slice(payload)
        .map_err(|_error| Refusal::Unreadable("the payload is no JSON object".to_owned()))?;
    let mut parts = Parts::default();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("data" | "data_base64", Value::Null) => {}
            ("data", value) => parts.data = Data::Json(value),
            ("data_base64", Value::String(text)) => {
                let bytes = STANDARD.decode(text).map_err(|_error| {
                    Refusal::Unreadable("data_base64 is not base64".to_owned())
                })?;
                parts.data = Data::Bytes(bytes.into());
            }
            (_, Value::String(text)) => drop(parts.attributes.insert(name, text)),
            (_, Value::Number(number)) => {
                parts.attributes.insert(name, number.to_string());
            }
            (_, Value::Bool(answer)) => {
                parts.attributes.insert(name, answer.to_string());
            }
            // No attribute has such a value.
            (_, Value::Null | Value::Array(_) | Value::Object(_)) => {}
        }
    }
    Ok(parts)
}

/// `io.cloudevents.v1.CloudEvent`, as the specification's own `.proto` numbers it.
#[derive(Clone, PartialEq, prost::Message)]
struct CloudEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    spec_version: String,
    #[prost(string, tag = "4")]
    kind: String,
    #[prost(btree_map = "string, message", tag = "5")]
    attributes: BTreeMap<String, AttributeValue>,
    #[prost(oneof = "Content", tags = "6, 7, 8")]
    data: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Content {
    #[prost(bytes = "vec", tag = "6")]
    Binary(Vec<u8>),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    Message(Any),
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `CloudEvent.CloudEventAttributeValue`; what is looked at is a text or a number.
#[derive(Clone, PartialEq, prost::Message)]
struct AttributeValue {
    #[prost(oneof = "Attribute", tags = "2, 3, 5, 6")]
    value: Option<Attribute>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Attribute {
    #[prost(int32, tag = "2")]
    Integer(i32),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(string, tag = "5")]
    Uri(String),
    #[prost(string, tag = "6")]
    UriReference(String),
}

/// As the protobuf event format has it.
fn protobuf(payload: &[u8]) -> Result<Parts, Refusal> {
    let event = CloudEvent::decode(payload).map_err(|_error| {
        Refusal::Unreadable("the payload is no io.cloudevents.v1.CloudEvent".to_owned())
    })?;
    let text = |value: AttributeValue| match value.value? {
        Attribute::Integer(number) => Some(number.to_string()),
        Attribute::Text(text) | Attribute::Uri(text) | Attribute::UriReference(text) => Some(text),
    };
    let extensions = event.attributes.into_iter();
    let mut attributes: BTreeMap<String, String> =
        extensions.filter_map(|(name, value)| Some((name, text(value)?))).collect();
    attributes.extend([
        ("id".to_owned(), event.id),
        ("source".to_owned(), event.source),
        ("specversion".to_owned(), event.spec_version),
        ("type".to_owned(), event.kind),
    ]);
    let data = match event.data {
        None => Data::Nothing,
        Some(Content::Binary(bytes)) => Data::Bytes(bytes.into()),
        Some(Content::Text(text)) => Data::Bytes(text.into()),
        Some(Content::Message(Any { type_url, value })) => {
            let name = type_url.rsplit('/').next().unwrap_or_default().to_owned();
            Data::Message(name, value.into())
        }
    };
    Ok(Parts { attributes, data })
}

/// Writes an event, as its publishers do.
#[cfg(test)]
pub(super) fn written(attributes: &[(&str, &str)], data: &[u8]) -> Bytes {
    let mut event =
        CloudEvent { data: Some(Content::Binary(data.to_vec())), ..CloudEvent::default() };
    for (name, value) in attributes {
        let value = (*value).to_owned();
        match *name {
            "id" => event.id = value,
            "source" => event.source = value,
            "specversion" => event.spec_version = value,
            "type" => event.kind = value,
            extension => {
                let value = AttributeValue { value: Some(Attribute::Text(value)) };
                event.attributes.insert(extension.to_owned(), value);
            }
        }
    }
    event.encode_to_vec().into()
}
