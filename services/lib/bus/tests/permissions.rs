//! What a service's account may do on the broker: what the catalogue says, and nothing else.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, HeaderMap};
use bus::accounts;
use proto::catalogue::{self, ConsumerRow, STREAMS, Service};
use testkit::Broker;

/// How long the broker gets to answer what it must not answer.
const SILENCE: Duration = Duration::from_millis(150);

/// Whether anything answers a request.
async fn answered(client: &Client, subject: &str, payload: &str) -> bool {
    let request = client.request(subject.to_owned(), payload.to_owned().into());
    matches!(tokio::time::timeout(SILENCE, request).await, Ok(Ok(_answer)))
}

#[tokio::test]
async fn every_service_can_do_what_the_catalogue_says() {
    let broker = Broker::start().await;
    for service in Service::ALL {
        let client = broker.connect(service).await;
        let context = accounts::jetstream(client.clone());
        if let Some(stream) = catalogue::stream_of(service) {
            let subject = format!("tenure.{}.v1.test.made.regular.1", stream.token);
            let ack = context
                .publish_with_headers(subject, HeaderMap::new(), "1".into())
                .await
                .unwrap()
                .await
                .unwrap();
            assert_eq!(ack.stream, stream.name);
            context.get_stream(stream.name).await.unwrap();
        }
        for durable in catalogue::consumers_of(service).flat_map(ConsumerRow::durables) {
            let found: Result<jetstream::consumer::PullConsumer, _> =
                context.get_consumer_from_stream(&durable.name, durable.stream).await;
            assert_eq!(found.unwrap().cached_info().config.filter_subject, durable.filter);
        }
    }
}

#[tokio::test]
async fn a_service_is_refused_every_subject_beyond_its_catalogue_entry() {
    let broker = Broker::start().await;
    for service in Service::ALL {
        let client = broker.connect(service).await;
        for stream in STREAMS.iter().filter(|stream| stream.publisher != service) {
            let subject = format!("tenure.{}.v1.person.updated.leaver.1", stream.token);
            assert!(!answered(&client, &subject, "forged").await, "{service} wrote {subject}");
        }
        for stream in STREAMS {
            for api in ["STREAM.PURGE", "STREAM.DELETE", "STREAM.MSG.GET", "CONSUMER.LIST"] {
                for prefix in ["$JS.API", "TENURE.API"] {
                    let subject = format!("{prefix}.{api}.{}", stream.name);
                    assert!(!answered(&client, &subject, "").await, "{service} used {subject}");
                }
            }
            let create = format!("TENURE.API.CONSUMER.CREATE.{}.spy", stream.name);
            assert!(!answered(&client, &create, "{}").await, "{service} made a consumer");
        }
        for row in catalogue::CONSUMERS.iter().filter(|row| row.service != service) {
            for durable in row.durables() {
                let next =
                    format!("TENURE.API.CONSUMER.MSG.NEXT.{}.{}", durable.stream, durable.name);
                assert!(!answered(&client, &next, "{\"no_wait\":true}").await, "{service}: {next}");
            }
        }
    }
    for stream in STREAMS {
        let owner = broker.owner().await;
        let info = jetstream::new(owner).get_stream(stream.name).await.unwrap();
        assert_eq!(info.cached_info().state.messages, 0, "{} was written to", stream.name);
    }
}

#[tokio::test]
async fn a_service_hears_nothing_that_is_not_addressed_to_it() {
    let broker = Broker::start().await;
    let spy = broker.connect(Service::Audit).await;
    let mut heard = Vec::new();
    for subject in ["tenure.>", "_INBOX_provisioning.>", "$JS.>", ">"] {
        heard.push(spy.subscribe(subject).await.unwrap());
    }
    spy.flush().await.unwrap();
    let publisher = accounts::jetstream(broker.connect(Service::HrisIngest).await);

    let subject = "tenure.hris.v1.person.updated.regular.1";
    publisher.publish(subject, "1".into()).await.unwrap().await.unwrap();

    for mut subscription in heard {
        let message =
            tokio::time::timeout(SILENCE, futures::StreamExt::next(&mut subscription)).await;
        assert!(!matches!(message, Ok(Some(_))), "audit heard a message it did not pull");
    }
}

/// Inside one account this puts a message into a stream: the server publishes to the reply subject
/// of a pull whatever the consumer delivers.
#[tokio::test]
async fn the_reply_of_a_pull_cannot_be_a_subject_of_a_stream() {
    let broker = Broker::start().await;
    let publisher = accounts::jetstream(broker.connect(Service::HrisIngest).await);
    let subject = "tenure.hris.v1.person.updated.regular.1";
    publisher.publish(subject, "1".into()).await.unwrap().await.unwrap();
    let thief = broker.connect(Service::PolicyEvaluation).await;

    let next = "TENURE.API.CONSUMER.MSG.NEXT.HRIS.policy-evaluation-evaluate-people-regular";
    let forged = "tenure.provisioning.v1.person.settled.regular.1";
    thief.publish_with_reply(next, forged, "{\"batch\":1}".into()).await.unwrap();
    thief.flush().await.unwrap();

    // Answered in the order it was asked, so the forged pull has been dealt with.
    let context = accounts::jetstream(thief);
    let name = "policy-evaluation-evaluate-people-regular";
    let asked: Result<jetstream::consumer::PullConsumer, _> =
        context.get_consumer_from_stream(name, "HRIS").await;
    asked.unwrap();
    let owner = jetstream::new(broker.owner().await);
    for name in ["PROVISIONING", "POLICY"] {
        let stream = owner.get_stream(name).await.unwrap();
        assert_eq!(stream.cached_info().state.messages, 0, "a message was put into {name}");
    }
}
