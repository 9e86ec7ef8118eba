use super::*;
use crate::intake::structured::written;

const ATTRIBUTES: [(&str, &str); 4] =
    [("specversion", "1.0"), ("id", "e1"), ("source", "/hr"), ("type", "worker.changed")];
const RECORD: &str = r#"{"id":"1"}"#;

fn message(headers: &[(&str, &str)], payload: impl Into<Bytes>) -> Incoming {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        all.entry((*name).to_owned()).or_default().push((*value).to_owned());
    }
    let subject = "tenure.submit.payroll".to_owned();
    Incoming { subject, headers: all, payload: payload.into(), sequence: 0 }
}

/// In binary mode, with some headers beside those that every event has.
fn binary(more: &[(&str, &str)], payload: impl Into<Bytes>) -> Event {
    let names = ATTRIBUTES.map(|(name, value)| (format!("ce-{name}"), value));
    let mut headers: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    headers.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    headers.extend(more);
    read(&message(&headers, payload), "payroll")
}

fn structured(text: &str) -> Event {
    let kind = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    read(&message(&kind, text.to_owned()), "payroll")
}

fn said(event: &Event) -> Vec<(&str, Option<u64>)> {
    let said = event.records.as_ref().unwrap().iter().map(Said::as_record);
    said.map(|record| (record.json, record.sequence)).collect()
}

fn code(event: &Event) -> &'static str {
    event.records.as_ref().map_or_else(Refusal::code, |_said| "taken")
}

#[test]
fn an_event_says_the_same_in_every_mode() {
    let json = |data: &str| {
        let attributes = r#""specversion":"1.0","id":"e1","source":"/hr","type":"worker.changed""#;
        format!(r#"{{{attributes},"sequence":"7",{data}}}"#)
    };
    let expected = binary(&[("ce-sequence", "7")], RECORD);
    assert_eq!(said(&expected), [(RECORD, Some(7))]);
    assert_eq!(expected.identity, Identity { source: "/hr".to_owned(), id: "e1".to_owned() });

    let with_type = [("ce-sequence", "7"), ("ce-datacontenttype", "application/json")];
    assert_eq!(binary(&with_type, RECORD), expected);
    let plain = [("ce-sequence", "7"), ("content-type", "application/json")];
    assert_eq!(binary(&plain, RECORD), expected);
    assert_eq!(structured(&json(&format!(r#""data":{RECORD}"#))), expected);
    assert_eq!(structured(&json(&format!(r#""data":[{RECORD}]"#))), expected);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, RECORD);
    assert_eq!(structured(&json(&format!(r#""data_base64":"{encoded}""#))), expected);
    // Without any header, as the command line of NATS sends it.
    let bare = message(&[], json(&format!(r#""data":{RECORD}"#)));
    assert_eq!(read(&bare, "payroll"), expected);
    let attributes = [&ATTRIBUTES[..], &[("sequence", "7")]].concat();
    let protobuf = written(&attributes, RECORD.as_bytes());
    let kind = [("content-type", "Application/CloudEvents+Protobuf")];
    assert_eq!(read(&message(&kind, protobuf), "payroll"), expected);
}

#[test]
fn a_submission_in_protobuf_keeps_the_sequence_of_each_record() {
    let record = |sequence| proto::hris::v1::SubmittedRecord { json: RECORD.to_owned(), sequence };
    let submission = |source: &str| {
        let records = vec![record(Some(3)), record(None)];
        SubmitRequest { source: source.to_owned(), records }.encode_to_vec()
    };
    let kind = ("ce-datacontenttype", "application/protobuf");

    for source in ["", "payroll"] {
        let event = binary(&[kind, ("ce-sequence", "9")], submission(source));
        assert_eq!(said(&event), [(RECORD, Some(3)), (RECORD, Some(9))]);
        assert_eq!(event.encoding, Encoding::Protobuf);
    }
    assert_eq!(code(&binary(&[kind], submission("other"))), "HRIS-104");
    assert_eq!(code(&binary(&[kind], "no protobuf")), "HRIS-104");
}

#[test]
fn what_is_no_event_is_refused_and_named_as_far_as_it_can_be() {
    for (header, value) in
        [("ce-specversion", "0.3"), ("ce-type", ""), ("ce-id", ""), ("ce-source", "")]
    {
        assert_eq!(code(&binary(&[(header, value)], RECORD)), "HRIS-101", "{header}");
    }
    let twice = binary(&[("ce-id", "e1"), ("ce-id", "e2")], RECORD);
    assert_eq!(code(&twice), "HRIS-101");
    let untyped = binary(&[("ce-type", "")], RECORD);
    assert_eq!((untyped.identity.id.as_str(), untyped.identity.source.as_str()), ("e1", "/hr"));
    for bad in ["", "[]", "{", "{}", "\u{0}", r#"{"specversion":"1.0"}"#] {
        assert_eq!(code(&structured(bad)), "HRIS-101", "{bad:?}");
    }
    let batch = [("content-type", "application/cloudevents-batch+json")];
    assert_eq!(code(&read(&message(&batch, "[]"), "payroll")), "HRIS-101");
    assert_eq!(code(&binary(&[("ce-id", &"x".repeat(513))], RECORD)), "HRIS-101");
    assert_eq!(code(&binary(&[("ce-sequence", "soon")], RECORD)), "HRIS-101");
    assert_eq!(code(&binary(&[("ce-id", "a%00b")], RECORD)), "HRIS-101");
}

#[test]
fn data_that_are_no_records_are_refused() {
    for data in ["", "1", "\"text\"", "{", "null", "secret"] {
        let event = binary(&[], data.to_owned());
        assert_eq!(code(&event), "HRIS-104", "{data:?}");
        assert!(!event.records.unwrap_err().to_string().contains("secret"));
    }
    assert_eq!(code(&binary(&[("ce-datacontenttype", "text/csv")], RECORD)), "HRIS-104");
    assert_eq!(code(&binary(&[], format!("[{}1]", "1,".repeat(RECORDS_MAX)))), "HRIS-103");
    assert_eq!(code(&binary(&[], vec![b' '; EVENT_BYTES_MAX + 1])), "HRIS-103");
}

#[test]
fn header_values_are_decoded_as_the_binding_says() {
    for (value, expected) in [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c"),
        ("%65%7a", "ez"),
        ("100%", "100%"),
    ] {
        assert_eq!(binary(&[("ce-id", value)], RECORD).identity.id, expected);
    }
    assert_eq!(code(&binary(&[("ce-id", "%C0%A0")], RECORD)), "HRIS-101");
}
