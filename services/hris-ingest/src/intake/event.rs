//! From a NATS message to an event: which it is, and which records it holds. Pure.
//!
//! CloudEvents 1.0 in the binary and the structured mode of its NATS binding. Types and times are not
//! looked at: what an event says is its data, and which of two is newer its `sequence`.

use std::collections::BTreeMap;

use bus::Incoming;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use proto::hris::v1::SubmitRequest;
use proto::prost::Message as _;
use serde_json::Value;

use super::refusal::Refusal;
use super::structured;
use crate::push::records::{self, RECORDS_MAX, Record, Unusable};

/// The longest payload of an event: half of what a NATS server lets through unless told otherwise.
pub(crate) const EVENT_BYTES_MAX: usize = 512 * 1024;
/// The longest attributes by which events are told apart.
const IDENTITY_BYTES_MAX: usize = 512;
/// Headers with the attributes of an event in binary mode.
const PREFIX: &str = "ce-";
/// The full name of a submission, as an event of protobuf data names it.
const SUBMISSION: &str = "tenure.hris.v1.SubmitRequest";

/// An event as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty where it could not be read.
    pub(crate) identity: Identity,
    pub(crate) records: Result<Vec<Said>, Refusal>,
    /// It is answered likewise.
    pub(crate) encoding: Encoding,
}

/// Two events of one source are the same when these are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The attribute `source`: who of the source's systems published it.
    pub(crate) source: String,
    /// The attribute `id`.
    pub(crate) id: String,
}

/// A record of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    json: String,
    sequence: Option<u64>,
}

/// How an event's data are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

/// An event's attributes and its data, whatever its mode.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) data: Data,
}

/// What an event carries.
#[derive(Debug, Default)]
pub(super) enum Data {
    #[default]
    Nothing,
    Bytes(Bytes),
    Json(Value),
    /// A protobuf message and its full name.
    Message(String, Bytes),
}

impl Said {
    pub(crate) fn as_record(&self) -> Record<'_> {
        Record { json: &self.json, sequence: self.sequence }
    }
}

/// Reads what a source has sent.
pub(crate) fn read(message: &Incoming, source: &str) -> Event {
    let parts = parts(message);
    let encoding = parts.as_ref().map_or(Encoding::Json, Parts::encoding);
    let identity = parts.as_ref().map(Parts::identity).unwrap_or_default();
    let records = parts.and_then(|parts| {
        if message.payload.len() > EVENT_BYTES_MAX {
            let reason = format!("the event is larger than {EVENT_BYTES_MAX} bytes");
            return Err(Refusal::TooLarge(reason));
        }
        parts.check()?;
        parts.records(source)
    });
    Event { identity, records, encoding }
}

fn parts(message: &Incoming) -> Result<Parts, Refusal> {
    let kind = header(message, "content-type")?.unwrap_or_default();
    let binary = message.headers.keys().any(|name| name.starts_with(PREFIX));
    match structured::Format::of(&kind) {
        Some(format) => structured::parts(format?, &message.payload),
        // Without any header it cannot be in binary mode.
        None if !binary && kind.is_empty() => {
            structured::parts(structured::Format::Json, &message.payload)
        }
        None => {
            let mut attributes = attributes(message)?;
            if !kind.is_empty() {
                attributes.entry(DATA_CONTENT_TYPE.to_owned()).or_insert(kind);
            }
            Ok(Parts { attributes, data: Data::Bytes(message.payload.clone()) })
        }
    }
}

/// The attributes of an event in binary mode.
fn attributes(message: &Incoming) -> Result<BTreeMap<String, String>, Refusal> {
    let mut attributes = BTreeMap::new();
    for name in message.headers.keys() {
        let Some(attribute) = name.strip_prefix(PREFIX) else { continue };
        let value = header(message, name)?.unwrap_or_default();
        attributes.insert(attribute.to_owned(), value);
    }
    Ok(attributes)
}

/// The attributes of a message that has no other header.
pub(super) fn binary_attributes(message: &Incoming) -> Option<BTreeMap<String, String>> {
    let binary = message.headers.keys().all(|name| name.starts_with(PREFIX));
    attributes(message).ok().filter(|attributes| binary && !attributes.is_empty())
}

const DATA_CONTENT_TYPE: &str = "datacontenttype";

/// Returns the value of a header, which quotes and percent signs may hide.
fn header(message: &Incoming, name: &str) -> Result<Option<String>, Refusal> {
    let value = match message.headers.get(name).map(Vec::as_slice) {
        None | Some([]) => return Ok(None),
        Some([value]) => unquoted(value.trim()),
        Some([_, _, ..]) => {
            return Err(Refusal::Unreadable(format!("the header {} stands twice", shown(name))));
        }
    };
    let decoded = percent_decode_str(&value).decode_utf8();
    let decoded = decoded.map_err(|_error| {
        Refusal::Unreadable(format!("the header {} is not UTF-8", shown(name)))
    })?;
    Ok(Some(decoded.into_owned()))
}

/// A header's name if it is one of ours to know; no other is repeated.
fn shown(name: &str) -> &str {
    const KNOWN: [&str; 7] = [
        "ce-datacontenttype",
        "ce-id",
        "ce-sequence",
        "ce-source",
        "ce-specversion",
        "ce-type",
        "content-type",
    ];
    if KNOWN.contains(&name) { name } else { "of an extension" }
}

/// Without the double quotes around it and the backslashes in between, as RFC 7230, 3.2.6 has it.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return value.to_owned() };
    let (mut text, mut escaped) = (String::with_capacity(inner.len()), false);
    for character in inner.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            text.push(character);
        }
    }
    text
}

/// A media type without its parameters, in lower case.
pub(super) fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl Parts {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn identity(&self) -> Identity {
        let short = |name| {
            let value = self.attribute(name);
            let usable = value.len() <= IDENTITY_BYTES_MAX && !value.contains('\0');
            if usable { value.to_owned() } else { String::new() }
        };
        Identity { source: short("source"), id: short("id") }
    }

    /// What the specification demands of every event.
    fn check(&self) -> Result<(), Refusal> {
        if self.attribute("specversion") != "1.0" {
            return Err(Refusal::Unreadable("specversion must be 1.0".to_owned()));
        }
        for name in ["id", "source", "type"] {
            let value = self.attribute(name);
            if value.is_empty() {
                return Err(Refusal::Unreadable(format!("the attribute {name} is missing")));
            }
            if value.len() > IDENTITY_BYTES_MAX || value.contains('\0') {
                let reason = format!("{name} must be a text of at most {IDENTITY_BYTES_MAX} bytes");
                return Err(Refusal::Unreadable(reason));
            }
        }
        Ok(())
    }

    fn encoding(&self) -> Encoding {
        const PROTOBUF: [&str; 3] =
            ["application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf"];
        let kind = media_type(self.attribute(DATA_CONTENT_TYPE));
        match self.data {
            Data::Message(..) => Encoding::Protobuf,
            Data::Nothing | Data::Bytes(_) | Data::Json(_) if PROTOBUF.contains(&kind.as_str()) => {
                Encoding::Protobuf
            }
            Data::Nothing | Data::Bytes(_) | Data::Json(_) => Encoding::Json,
        }
    }

    fn records(self, source: &str) -> Result<Vec<Said>, Refusal> {
        let sequence = match self.attribute("sequence") {
            "" => None,
            text => Some(text.parse().map_err(|_error| {
                let reason = "the attribute sequence must be a whole number of 64 bits";
                Refusal::Unreadable(reason.to_owned())
            })?),
        };
        let encoding = self.encoding();
        let kind = media_type(self.attribute(DATA_CONTENT_TYPE));
        let is_json = kind.is_empty() || kind.ends_with("/json") || kind.ends_with("+json");
        match (encoding, self.data) {
            (Encoding::Protobuf, Data::Bytes(bytes)) => submission(source, &bytes, sequence),
            (Encoding::Protobuf, Data::Message(name, bytes)) if name == SUBMISSION => {
                submission(source, &bytes, sequence)
            }
            (Encoding::Protobuf, Data::Message(..) | Data::Json(_)) => {
                Err(Refusal::Data(format!("the data are no {SUBMISSION}")))
            }
            (Encoding::Json, Data::Bytes(_) | Data::Json(_)) if !is_json => Err(Refusal::Data(
                "datacontenttype must be application/json or application/protobuf".to_owned(),
            )),
            (Encoding::Json, Data::Bytes(bytes)) => {
                let value = serde_json::from_slice(&bytes);
                objects(value.map_err(|_error| unusable(Unusable::NotJson))?, sequence)
            }
            (Encoding::Json, Data::Json(value)) => objects(value, sequence),
            (Encoding::Json, Data::Message(..)) | (_, Data::Nothing) => {
                Err(Refusal::Data("the event has no data".to_owned()))
            }
        }
    }
}

fn objects(value: Value, sequence: Option<u64>) -> Result<Vec<Said>, Refusal> {
    let texts = records::texts(value).map_err(unusable)?;
    Ok(texts.into_iter().map(|json| Said { json, sequence }).collect())
}

fn submission(source: &str, bytes: &[u8], sequence: Option<u64>) -> Result<Vec<Said>, Refusal> {
    let request = SubmitRequest::decode(bytes)
        .map_err(|_error| Refusal::Data(format!("the data are no {SUBMISSION}")))?;
    if !request.source.is_empty() && request.source != source {
        let reason = "the submission names another source than the subject it was sent to";
        return Err(Refusal::Data(reason.to_owned()));
    }
    if request.records.len() > RECORDS_MAX {
        return Err(unusable(Unusable::TooMany));
    }
    let said = request.records.into_iter();
    Ok(said
        .map(|record| Said { json: record.json, sequence: record.sequence.or(sequence) })
        .collect())
}

fn unusable(why: Unusable) -> Refusal {
    match why {
        Unusable::NotJson | Unusable::NoRecords => Refusal::Data(format!("the data {why}")),
        Unusable::TooMany => Refusal::TooLarge(format!("the data {why}")),
    }
}

#[cfg(test)]
mod tests;
