//! Credentials end, and are replaced while they are used.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;
use bus::accounts::Holder;
use proto::catalogue::Service;
use testkit::{Broker, until};
use tokio::time::Instant;

const LIFETIME: Duration = Duration::from_secs(3);
const DEADLINE: Duration = Duration::from_secs(60);
/// Events that are sent after the first credentials have ended.
const AFTERWARDS: u32 = 200;

fn holder() -> Holder {
    Holder::Service(Service::HrisIngest)
}

fn options(path: &std::path::Path) -> async_nats::ConnectOptions {
    bus::connect::options(Some(path), None)
        .custom_inbox_prefix(Service::HrisIngest.inbox_prefix())
        .max_reconnects(None)
        .reconnect_delay_callback(|_attempts| Duration::from_millis(50))
}

#[tokio::test]
async fn credentials_that_are_replaced_in_time_end_without_anything_being_lost() {
    let mut broker = Broker::start().await;
    let path = broker.write_credentials(&holder(), LIFETIME);
    let client = options(&path).connect(broker.server().url()).await.unwrap();
    let context = jetstream::new(client.clone());
    // Reconnecting is what their end looks like from here.
    let connects = || client.statistics().connects.load(Ordering::Relaxed);
    assert_eq!(connects(), 1);

    // The connection goes on with those that it was signed in with, until they end.
    broker.write_credentials(&holder(), Duration::from_secs(600));
    let (begin, mut sent, mut longest) = (Instant::now(), 0_u32, Duration::ZERO);
    let mut after = 0;
    while after < AFTERWARDS {
        assert!(begin.elapsed() < DEADLINE, "the broker closes no connection: {sent} were sent");
        after += u32::from(connects() > 1);
        let asked = Instant::now();
        let subject = format!("tenure.hris.v1.probe.sent.regular.{sent}");
        // As the relay does: what is not acknowledged is published again under the same id.
        loop {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", sent.to_string());
            let published =
                context.publish_with_headers(subject.clone(), headers, "probe".into()).await;
            let Ok(acknowledged) = published else { continue };
            if tokio::time::timeout(Duration::from_secs(1), acknowledged)
                .await
                .is_ok_and(|ack| ack.is_ok())
            {
                break;
            }
        }
        longest = longest.max(asked.elapsed());
        sent += 1;
    }

    let owner = jetstream::new(broker.owner().await);
    let stream = owner.get_stream("HRIS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, u64::from(sent));
    assert_eq!(connects(), 2, "the broker closes a connection whose credentials have ended");
    println!("{sent} events, none lost; the longest wait for an acknowledgement was {longest:?}");
}

#[tokio::test]
async fn credentials_that_have_ended_let_nobody_in() {
    let mut broker = Broker::start().await;
    let path = broker.write_credentials(&holder(), Duration::from_secs(2));
    let tried = Arc::new(AtomicUsize::new(0));
    let trying = Arc::clone(&tried);
    let client = options(&path)
        .reconnect_delay_callback(move |_attempts| {
            trying.fetch_add(1, Ordering::Relaxed);
            Duration::from_millis(50)
        })
        .connect(broker.server().url())
        .await
        .unwrap();

    until("the broker has closed the connection", async || {
        (client.connection_state() != State::Connected).then_some(())
    })
    .await;
    // The broker counts in whole seconds, and lets them in again within their last one.
    until("expired credentials are refused", async || {
        let again = bus::connect::options(Some(&path), None).connect(broker.server().url()).await;
        again.is_err().then_some(())
    })
    .await;
    let before = tried.load(Ordering::Relaxed);
    // Whoever tries a second time was not let in the first time.
    until("it has come back, and again", async || {
        (tried.load(Ordering::Relaxed) >= before + 2).then_some(())
    })
    .await;

    assert_ne!(client.connection_state(), State::Connected);
}
