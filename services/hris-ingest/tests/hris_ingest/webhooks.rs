//! Messages that a source signs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hris_ingest::{Config, ScimConfig, WebhookConfig};
use proto::hris::v1::ApplySourceRequest;
use proto::hris::v1::source_service_client::SourceServiceClient;
use ring::hmac;
use serde_json::Value;

use crate::service::{Ingest, LINES, line};

const KEYS: [&[u8]; 3] = [
    b"the first key of the source",
    b"the second key, that follows",
    b"a key that is another's key",
];
const NOW: i64 = 1_772_442_000;

/// Settings by which a source sends messages, under the first two keys, whose files are read at the start.
fn config() -> (Config, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = |index: usize| {
        let path = folder.path().join(index.to_string());
        std::fs::write(&path, format!("whsec_{}\n", STANDARD.encode(KEYS[index]))).unwrap();
        path
    };
    let webhook = WebhookConfig { key_files: vec![file(0), file(1)] };
    let address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = Config {
        scim: ScimConfig { address, url: None },
        webhooks: BTreeMap::from([("lines".to_owned(), webhook)]),
        ..Config::default()
    };
    (config, folder)
}

async fn start() -> Ingest {
    let (config, _keys) = config();
    let ingest = Ingest::start_with(config).await;
    let mut client = SourceServiceClient::new(ingest.channel());
    client.apply_source(ApplySourceRequest { document: LINES.to_owned() }).await.unwrap();
    ingest
}

/// Sends a message, signed with a key; returns status and body.
async fn send(ingest: &Ingest, key: usize, (id, at): (&str, i64), body: &str) -> (u16, Value) {
    let signed = format!("{id}.{at}.{body}");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEYS[key]), signed.as_bytes());
    let request = testkit::http_client()
        .post(format!("http://{}/webhooks/lines", ingest.http()))
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(tag)))
        .body(body.to_owned());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_signed_message_is_taken_over_once_under_either_key() {
    let ingest = start().await;
    let list = format!("[{}, {{\"id\": \"3\"}}]", line("2", "Grace"));

    let first = send(&ingest, 0, ("m1", NOW), &line("1", "Ada")).await;
    let second = send(&ingest, 1, ("m2", NOW - 299), &list).await;
    // What was sent again is not taken over again, whatever it says.
    let again = send(&ingest, 0, ("m1", NOW + 60), &line("1", "Replayed")).await;
    let useless = send(&ingest, 0, ("m3", NOW), "[{}]").await;

    assert_eq!((first.0, &first.1["outcomes"][0]["state"]), (200, &"taken".into()));
    let states: Vec<_> =
        second.1["outcomes"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!((second.0, states), (200, vec![&Value::from("taken"), &Value::from("rejected")]));
    assert_eq!((again.0, &again.1["outcomes"]), (200, &Value::Array(Vec::new())));
    assert_eq!(useless.0, 422);
    assert_eq!(ingest.told().await.len(), 2);
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_by_the_source_near_now_changes_nobody() {
    let ingest = start().await;
    let ada = line("1", "Ada");

    assert_eq!(send(&ingest, 2, ("m1", NOW), &ada).await.0, 401);
    assert_eq!(send(&ingest, 0, ("m1", NOW - 301), &ada).await.0, 401);
    assert_eq!(send(&ingest, 0, ("m1", NOW + 301), &ada).await.0, 401);
    assert_eq!(send(&ingest, 0, ("m1", NOW), "not JSON").await.0, 400);
    assert_eq!(send(&ingest, 0, ("m1", NOW), &"x".repeat((1 << 20) + 1)).await.0, 413);
    let client = testkit::http_client();
    for path in ["lines", "nobody"] {
        let url = format!("http://{}/webhooks/{path}", ingest.http());
        assert_eq!(client.post(url).body(ada.clone()).send().await.unwrap().status(), 401);
    }

    assert_eq!(ingest.told().await.len(), 0);
    // None of that has used the message's id up.
    assert_eq!(send(&ingest, 0, ("m1", NOW), &ada).await.0, 200);
    ingest.stop().await;
}

#[tokio::test]
async fn a_message_that_is_replayed_is_taken_once_within_the_window_after_it_and_after_a_restart() {
    let ingest = start().await;
    let (ada, message) = (line("1", "Ada"), ("m1", NOW));
    let outcomes =
        |answer: &(u16, Value)| (answer.0, answer.1["outcomes"].as_array().map(Vec::len));

    assert_eq!(outcomes(&send(&ingest, 0, message, &ada).await), (200, Some(1)));
    assert_eq!(outcomes(&send(&ingest, 0, message, &ada).await), (200, Some(0)), "at once");
    ingest.advance_to("2026-03-02T09:04:00Z");
    assert_eq!(outcomes(&send(&ingest, 0, message, &ada).await), (200, Some(0)), "after 4 minutes");
    let (config, _keys) = config();
    let ingest = Box::pin(ingest.restart_with(config)).await;
    assert_eq!(outcomes(&send(&ingest, 0, message, &ada).await), (200, Some(0)), "restarted");
    ingest.advance_to("2026-03-02T09:06:00Z");
    assert_eq!(send(&ingest, 0, message, &ada).await.0, 401, "after 6 minutes");

    assert_eq!(ingest.told().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn a_flood_of_messages_is_answered_and_each_is_taken_once() {
    let ingest = start().await;
    let (ada, grace) = (line("1", "Ada"), line("2", "Grace"));

    let same = (0..50).map(|_number| send(&ingest, 0, ("same", NOW), &ada));
    let forged = (0..150).map(|_number| send(&ingest, 2, ("forged", NOW), &grace));
    let (same, forged) =
        tokio::join!(futures::future::join_all(same), futures::future::join_all(forged));

    let taken = |(_, body): &&(u16, Value)| !body["outcomes"].as_array().unwrap().is_empty();
    assert!(same.iter().all(|(status, _)| *status == 200));
    assert_eq!(same.iter().filter(taken).count(), 1);
    assert!(forged.iter().all(|(status, _)| *status == 401));
    assert_eq!(ingest.told().await.len(), 1);
    ingest.stop().await;
}

#[tokio::test]
async fn who_sends_a_body_without_end_is_hung_up_on_and_nobody_waits_for_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let ingest = start().await;
    let mut slow = tokio::net::TcpStream::connect(ingest.http()).await.unwrap();
    let head = "POST /webhooks/lines HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();

    assert_eq!(send(&ingest, 0, ("m1", NOW), &line("1", "Ada")).await.0, 200);
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.unwrap();

    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 408");
    ingest.stop().await;
}
