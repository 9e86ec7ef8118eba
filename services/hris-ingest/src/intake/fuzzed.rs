//! What a fuzzer may feed: whatever is sent is read as an event or refused, and both modes say the same.

use std::collections::BTreeMap;

use bus::Incoming;
use domain::Date;
use serde_json::{Map, Value};

use super::event;
use crate::mapping::Source;
use crate::reader;

/// Reads a message, written as its headers, one a line, an empty line, and its payload; returns how many
/// records it holds that a source can use.
///
/// # Panics
/// When a refusal repeats what was sent, or the same event is another one in structured mode.
#[must_use]
pub fn message(source: &Source, input: &[u8]) -> usize {
    let message = incoming(input);
    let event = event::read(&message, source.name());
    let said = match &event.records {
        Ok(said) => said,
        Err(refusal) => {
            assert!(!refusal.to_string().contains(CANARY), "{refusal}");
            return 0;
        }
    };
    assert!(!event.identity.id.is_empty() && !event.identity.source.is_empty());
    if let Some(structured) = structured(&message) {
        let again = event::read(&structured, source.name());
        assert_eq!(again, event, "in structured mode it is another event");
    }
    let day = Date::constant(2026, 3, 2);
    let read = said.iter().map(|said| reader::object(source, day, 1, said.as_record().json));
    read.filter(Result::is_ok).count()
}

/// Stands in payloads of the corpus, and in no refusal.
const CANARY: &str = "canary";

fn incoming(input: &[u8]) -> Incoming {
    let end = input.windows(2).position(|two| two == b"\n\n");
    let (head, payload) = match end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[][..]),
    };
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        headers.entry(name.trim().to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    let subject = "tenure.submit.lines".to_owned();
    Incoming { subject, headers, payload: payload.to_vec().into(), sequence: 0 }
}

/// The same event in structured mode, if it is in binary mode and its data are JSON.
fn structured(message: &Incoming) -> Option<Incoming> {
    let attributes = event::binary_attributes(message)?;
    let data: Value = serde_json::from_slice(&message.payload).ok()?;
    // Fractions may be read as their neighbours.
    if serde_json::from_str::<Value>(&data.to_string()).ok()? != data {
        return None;
    }
    let mut members: Map<String, Value> = attributes
        .into_iter()
        .filter(|(name, _value)| !name.starts_with("data") || name == "datacontenttype")
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    members.insert("data".to_owned(), data);
    let kind = vec!["application/cloudevents+json; charset=UTF-8".to_owned()];
    let headers = BTreeMap::from([("content-type".to_owned(), kind)]);
    let payload = Value::Object(members).to_string().into();
    Some(Incoming { headers, payload, ..message.clone() })
}
