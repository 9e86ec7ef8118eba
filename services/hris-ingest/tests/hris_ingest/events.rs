//! Events that a source publishes over NATS, from outside of the mesh and under its own account.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, HeaderMap, Subscriber};
use domain::Lane;
use futures::StreamExt as _;
use hris_ingest::Config;
use proto::common::v1::Lane as WireLane;
use proto::hris::v1::{
    ChangeKind, EventAnswer, IntakeReceived, SubmitRequest, SubmittedOutcome, SubmittedRecord,
    SubmittedState,
};
use proto::prost::Message as _;
use proto::upstream;
use serde_json::{Value, json};

use crate::pushes::apply;
use crate::service::{Ingest, LINES, Upload, line, lines};

/// A source that publishes, and whose files the other doors read as well.
pub(crate) fn document() -> String {
    LINES.replace("  attributes:", "  accepts: [events]\n  attributes:")
}

/// The same, but what its columns do not name is no mistake.
fn lenient() -> String {
    let columns = document().lines().find(|line| line.contains("columns:")).unwrap().to_owned();
    document().replace(&columns, "").replace("match:", "zone: UTC\n  match:").replace(
        "  zone: {field: zone, values: {Sydney office: Australia/Sydney}, default: America/New_York}\n",
        "",
    )
}

async fn start() -> Ingest {
    let ingest = Ingest::start().await;
    apply(&ingest, &document()).await.unwrap();
    ingest
}

/// The headers of an event in binary mode.
fn headers(id: &str, kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "com.example.worker.changed"),
        ("ce-source", "/hr/lines"),
        ("ce-id", id),
        ("ce-datacontenttype", kind),
    ] {
        headers.insert(name, value);
    }
    headers
}

/// Asks as a source; returns the answer's headers and bytes.
async fn ask(client: &Client, headers: HeaderMap, data: impl Into<Vec<u8>>) -> async_nats::Message {
    let data: Vec<u8> = data.into();
    let request = client.request_with_headers(upstream::request("lines"), headers, data.into());
    request.await.unwrap()
}

/// Asks with an event whose data are JSON; returns the answer.
async fn submit(client: &Client, id: &str, data: &str) -> Value {
    let answer = ask(client, headers(id, "application/json"), data).await;
    serde_json::from_slice(&answer.payload).unwrap()
}

fn states(answer: &Value) -> Vec<&str> {
    let outcomes = answer["outcomes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    outcomes.iter().map(|outcome| outcome["state"].as_str().unwrap()).collect()
}

/// A publisher that keeps an event until it has seen its receipt.
struct Publisher {
    client: Client,
    receipts: Subscriber,
}

impl Publisher {
    async fn connect(ingest: &Ingest) -> Self {
        let client = ingest.broker().connect_source("lines").await;
        let receipts = client.subscribe(upstream::receipts("lines")).await.unwrap();
        client.flush().await.unwrap();
        Self { client, receipts }
    }

    /// Returns the place in the stream that the broker tells.
    async fn publish(&self, lane: Lane, headers: HeaderMap, data: &str) -> u64 {
        let subject = upstream::intake("lines", lane);
        let context = jetstream::new(self.client.clone());
        let sent = context.publish_with_headers(subject, headers, data.to_owned().into());
        sent.await.unwrap().await.unwrap().sequence
    }

    async fn receipt(&mut self) -> IntakeReceived {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.receipts.next());
        let message = waited.await.expect("a receipt comes").unwrap();
        IntakeReceived::decode(message.payload).unwrap()
    }
}

fn answered(receipt: &IntakeReceived) -> Vec<SubmittedState> {
    let answer = receipt.answer.as_ref().unwrap();
    assert_eq!(answer.refusal, None);
    answer.outcomes.iter().map(SubmittedOutcome::state).collect()
}

fn refused(receipt: &IntakeReceived) -> String {
    receipt.answer.as_ref().unwrap().refusal.as_ref().unwrap().code.clone()
}

fn ended(id: &str) -> String {
    line(id, "Name").replace("\"last\": null", "\"last\": \"2026-02-27\"")
}

#[tokio::test]
async fn an_event_is_told_before_it_is_answered_and_answered_the_same_again() {
    let ingest = start().await;
    let source = ingest.broker().connect_source("lines").await;
    let both = format!("[{}, {{\"id\": \"3\"}}]", line("1", "Ada"));

    let first = submit(&source, "e1", &both).await;
    assert_eq!(ingest.told().await.len(), 1);
    let again = submit(&source, "e1", &both).await;
    let other = submit(&source, "e2", &line("1", "Ada")).await;

    assert_eq!(states(&first), ["taken", "rejected"]);
    let ada = ingest.told_last("1").await;
    assert_eq!(first["outcomes"][0]["person_id"], json!(ada.person_id));
    assert_eq!(first["outcomes"][1]["column"], "name.display");
    assert_eq!(again, first);
    assert_eq!(states(&other), ["unchanged"]);

    let ingest = Box::pin(ingest.restart_with(Config::default())).await;
    let source = ingest.broker().connect_source("lines").await;
    assert_eq!(submit(&source, "e1", &both).await, first, "after a restart");
    assert_eq!(ingest.told().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn structured_mode_and_protobuf_say_the_same_as_binary_mode_and_json() {
    let ingest = start().await;
    let source = ingest.broker().connect_source("lines").await;
    let record: Value = serde_json::from_str(&line("1", "Ada")).unwrap();
    let event = json!({"specversion": "1.0", "type": "t", "source": "/hr/lines", "id": "e1",
                       "sequence": "4", "data": record});
    let mut structured = HeaderMap::new();
    structured.insert("content-type", "application/cloudevents+json");

    let answer = ask(&source, structured, event.to_string()).await;
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    let bare = ask(&source, HeaderMap::new(), event.to_string()).await;
    let binary = submit(&source, "e1", &line("1", "Ada")).await;
    let submission = SubmitRequest {
        source: "lines".to_owned(),
        records: vec![
            SubmittedRecord { json: line("1", "Old"), sequence: Some(4) },
            SubmittedRecord { json: line("2", "Grace"), sequence: None },
        ],
    };
    let protobuf =
        ask(&source, headers("e2", "application/protobuf"), submission.encode_to_vec()).await;

    assert_eq!(states(&answer), ["taken"]);
    assert_eq!(serde_json::from_slice::<Value>(&bare.payload).unwrap(), answer);
    assert_eq!(binary, answer);
    let kind = protobuf.headers.as_ref().unwrap().get("content-type").unwrap();
    assert_eq!(kind.as_str(), "application/protobuf");
    let outcomes = EventAnswer::decode(protobuf.payload).unwrap().outcomes;
    let outcomes: Vec<_> = outcomes.iter().map(SubmittedOutcome::state).collect();
    assert_eq!(outcomes, [SubmittedState::Late, SubmittedState::Taken]);
    ingest.stop().await;
}

#[tokio::test]
async fn a_publisher_sees_a_receipt_of_every_event_and_the_same_of_the_same() {
    let ingest = start().await;
    let mut publisher = Publisher::connect(&ingest).await;
    let json = || headers("e1", "application/json");

    let place = publisher.publish(Lane::Regular, json(), &line("1", "Ada")).await;
    let first = publisher.receipt().await;
    publisher.publish(Lane::Regular, json(), &line("1", "Ada")).await;
    let again = publisher.receipt().await;
    let unreadable = publisher.publish(Lane::Regular, HeaderMap::new(), "no event").await;
    let refusal = publisher.receipt().await;

    assert_eq!(answered(&first), [SubmittedState::Taken]);
    assert_eq!((first.event_source.as_str(), first.event_id.as_str()), ("/hr/lines", "e1"));
    assert_eq!((first.source.as_str(), first.sequence), ("lines", place));
    assert_eq!((again.answer, again.sequence), (first.answer, place + 1));
    assert_eq!((refused(&refusal), refusal.sequence), ("HRIS-101".to_owned(), unreadable));
    assert_eq!(ingest.told().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn what_waits_in_the_stream_is_taken_over_after_a_restart() {
    let ingest = start().await;
    let before = Publisher::connect(&ingest).await;
    // Nobody is there to take it over.
    let publish = async || {
        before.publish(Lane::Regular, headers("e1", "application/json"), &line("1", "Ada")).await;
    };
    let ingest = Box::pin(ingest.restarted_after(Config::default(), publish)).await;

    testkit::until("the event is taken over", async || {
        ingest.published::<IntakeReceived>().await.pop()
    })
    .await;

    // Whoever missed the receipt publishes the event again.
    let mut publisher = Publisher::connect(&ingest).await;
    publisher.publish(Lane::Regular, headers("e1", "application/json"), &line("1", "Ada")).await;
    assert_eq!(answered(&publisher.receipt().await), [SubmittedState::Taken]);
    assert_eq!(ingest.told().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn nobody_speaks_for_another_source_and_a_source_without_a_document_is_refused() {
    let ingest = start().await;
    let payroll = ingest.broker().connect_source("payroll").await;

    let forged = payroll.request_with_headers(
        upstream::request("lines"),
        headers("e1", "application/json"),
        line("1", "Ada").into(),
    );
    let forged = tokio::time::timeout(Duration::from_millis(300), forged).await;
    assert!(!matches!(forged, Ok(Ok(_))), "a source spoke for another");
    let named = SubmitRequest { source: "lines".to_owned(), records: Vec::new() };
    let own = |kind: &str, data: Vec<u8>| {
        let headers = headers("e1", kind);
        payroll.request_with_headers(upstream::request("payroll"), headers, data.into())
    };
    let named = own("application/protobuf", named.encode_to_vec()).await.unwrap();
    let unknown = own("application/json", line("1", "Ada").into_bytes()).await.unwrap();
    apply(&ingest, LINES).await.unwrap();
    let lines = ingest.broker().connect_source("lines").await;
    let closed = submit(&lines, "e1", &line("1", "Ada")).await;

    let refusal = EventAnswer::decode(named.payload).unwrap().refusal.unwrap();
    assert_eq!((refusal.code.as_str(), refusal.again), ("HRIS-104", false));
    let code = unknown.headers.as_ref().unwrap().get("Nats-Service-Error-Code").unwrap();
    assert_eq!(code.as_str(), "HRIS-102");
    assert_eq!(closed["refusal"]["code"], "HRIS-102");
    assert!(closed["refusal"]["reason"].as_str().unwrap().contains("accepts: [events]"));
    assert_eq!(ingest.told().await.len(), 0);

    // Nothing of that has used the event's id up.
    apply(&ingest, &document()).await.unwrap();
    assert_eq!(states(&submit(&lines, "e1", &line("1", "Ada")).await), ["taken"]);
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_at_either_door() {
    let ingest = start().await;
    let mut publisher = Publisher::connect(&ingest).await;
    let large = format!("{}{}", line("1", "Ada"), " ".repeat(512 * 1024));
    let many = format!("[{}{{}}]", "{},".repeat(1_000));

    for data in [&large, &many] {
        let answer = submit(&publisher.client, "e1", data).await;
        assert_eq!(answer["refusal"]["code"], "HRIS-103");
        publisher.publish(Lane::Regular, headers("e1", "application/json"), data).await;
        assert_eq!(refused(&publisher.receipt().await), "HRIS-103");
    }
    assert_eq!(ingest.told().await.len(), 0);
    ingest.stop().await;
}

#[tokio::test]
async fn a_leaver_flows_in_the_leaver_lane_while_a_file_is_held() {
    let ingest = start().await;
    let people: Vec<_> = (0..10).map(|id| line(&id.to_string(), "Name")).collect();
    let full = |people: &[String]| Upload {
        mapping: document(),
        ..Upload::lines("2026-03-02", lines(people))
    };
    ingest.import(full(&people)).await.unwrap();
    let summary = ingest.import(full(&people[..5])).await.unwrap();
    let run = summary.run_id.clone();
    assert!(summary.held.is_some(), "{summary:?}");
    let mut publisher = Publisher::connect(&ingest).await;

    publisher.publish(Lane::Leaver, headers("e1", "application/json"), &ended("1")).await;
    assert_eq!(answered(&publisher.receipt().await), [SubmittedState::Taken]);
    let left = submit(&publisher.client, "e2", &ended("2")).await;

    assert_eq!(states(&left), ["taken"]);
    for id in ["1", "2"] {
        let told = ingest.told_last(id).await;
        assert_eq!((told.change(), told.lane()), (ChangeKind::Left, WireLane::Leaver));
    }
    assert_eq!(ingest.held(&run).await.0.state, "held");
    ingest.stop().await;
}

#[tokio::test]
async fn a_wave_of_leavers_is_refused_and_the_same_event_taken_once_it_may() {
    let ingest = start().await;
    let source = ingest.broker().connect_source("lines").await;
    let all = |one: fn(&str) -> String| {
        let records: Vec<_> = (0..20).map(|id| one(&id.to_string())).collect();
        format!("[{}]", records.join(","))
    };
    submit(&source, "e1", &all(|id| line(id, "Name"))).await;

    let wave = submit(&source, "e2", &all(ended)).await;
    assert_eq!(wave["refusal"]["code"], "HRIS-105");
    assert_eq!(wave["refusal"]["again"], true);
    assert_eq!(ingest.told().await.len(), 20);
    let allowed = format!("{}  limits: {{pushed_leavers_percent: 100}}\n", document());
    apply(&ingest, &allowed).await.unwrap();

    assert_eq!(states(&submit(&source, "e2", &all(ended)).await), ["taken"; 20]);
    ingest.stop().await;
}

#[tokio::test]
async fn two_replicas_share_the_events_and_each_is_taken_once() {
    let ingest = start().await;
    let replica = ingest.replica(Config::default()).await;
    let mut publisher = Publisher::connect(&ingest).await;

    for id in 0..30 {
        let (id, name) = (id.to_string(), format!("s{id}"));
        // Twice, under one id.
        for _time in 0..2 {
            let headers = headers(&name, "application/json");
            publisher.publish(Lane::Regular, headers, &line(&id, "Name")).await;
        }
    }
    let requests = (30..60).map(|id| {
        let client = publisher.client.clone();
        async move { submit(&client, &format!("r{id}"), &line(&id.to_string(), "Name")).await }
    });
    let answers = futures::future::join_all(requests).await;
    let mut receipts = BTreeMap::<String, Vec<Option<EventAnswer>>>::new();
    for _receipt in 0..60 {
        let receipt = publisher.receipt().await;
        assert_eq!(answered(&receipt), [SubmittedState::Taken]);
        receipts.entry(receipt.event_id).or_default().push(receipt.answer);
    }

    // Which of them is too many for one moment is asked again.
    let busy = answers.iter().filter(|answer| answer["refusal"]["code"] == "HRIS-106").count();
    let taken = answers.iter().filter(|answer| answer["refusal"].is_null());
    assert!(taken.clone().all(|answer| states(answer) == ["taken"]));
    assert_eq!(taken.count() + busy, 30);
    assert_eq!(receipts.len(), 30);
    assert!(receipts.values().all(|answers| answers.len() == 2 && answers[0] == answers[1]));
    assert_eq!(ingest.told().await.len(), 60 - busy);

    // One of them alone goes on.
    replica.stop().await;
    assert_eq!(states(&submit(&publisher.client, "last", &line("60", "Name")).await), ["taken"]);
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_not_mapped_is_stored_nowhere() {
    const CANARY: &str = "canary-7d0c";
    let ingest = start().await;
    apply(&ingest, &lenient()).await.unwrap();
    let mut publisher = Publisher::connect(&ingest).await;
    let record = line("1", "Ada").replacen('{', &format!("{{\"salary\": \"{CANARY}\", "), 1);
    let wrong = record.replace("2020-01-06", CANARY);

    let answer = submit(&publisher.client, "e1", &record).await;
    assert_eq!(states(&answer), ["taken"]);
    submit(&publisher.client, "e2", &wrong).await;
    submit(&publisher.client, "e3", CANARY).await;
    for (id, data) in [("e4", record.as_str()), ("e5", &wrong), ("e6", CANARY)] {
        let mut headers = headers(id, "application/json");
        headers.insert("ce-extension", CANARY);
        publisher.publish(Lane::Regular, headers, data).await;
        publisher.receipt().await;
    }
    publisher.publish(Lane::Regular, HeaderMap::new(), CANARY).await;
    publisher.receipt().await;

    assert_eq!(ingest.tables_with(CANARY).await, Vec::<String>::new());
    assert!(ingest.tables_with("Ada").await.contains(&"people".to_owned()));
    ingest.stop().await;
}
