//! What a service's account may do on the broker: what the catalogue says, and nothing else.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, HeaderMap};
use bus::accounts;
use domain::Lane;
use proto::catalogue::{self, STREAMS, Service};
use proto::upstream;
use testkit::Broker;

/// How long the broker gets for what must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the broker gets to answer what it must not answer.
const SILENCE: Duration = Duration::from_millis(150);

/// Whether anything answers a request.
async fn answered(client: &Client, subject: &str, payload: &str) -> bool {
    let request = client.request(subject.to_owned(), payload.to_owned().into());
    matches!(tokio::time::timeout(SILENCE, request).await, Ok(Ok(_answer)))
}

/// How many messages a stream holds.
async fn messages(broker: &Broker, stream: &str) -> u64 {
    let owner = jetstream::new(broker.owner().await);
    owner.get_stream(stream).await.expect("the stream is there").cached_info().state.messages
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
        for durable in catalogue::durables_of(service) {
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
        for source in Broker::SOURCES {
            for lane in Lane::ALL {
                let subject = upstream::intake(source, lane);
                assert!(!answered(&client, &subject, "forged").await, "{service} wrote {subject}");
            }
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
        for other in Service::ALL.into_iter().filter(|other| *other != service) {
            for durable in catalogue::durables_of(other) {
                let next =
                    format!("TENURE.API.CONSUMER.MSG.NEXT.{}.{}", durable.stream, durable.name);
                assert!(!answered(&client, &next, "{\"no_wait\":true}").await, "{service}: {next}");
            }
        }
    }
    for stream in STREAMS.iter().map(|stream| stream.name).chain([upstream::STREAM]) {
        assert_eq!(messages(&broker, stream).await, 0, "{stream} was written to");
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

#[tokio::test]
async fn a_source_publishes_under_its_own_name_alone() {
    let broker = Broker::start().await;
    let source = broker.connect_source("payroll").await;
    for lane in Lane::ALL {
        let published = jetstream::new(source.clone())
            .publish(upstream::intake("payroll", lane), "event".into())
            .await
            .unwrap();
        assert_eq!(published.await.unwrap().stream, upstream::STREAM);
    }

    let mut forged = vec!["tenure.hris.v1.person.updated.leaver.1".to_owned()];
    forged.extend(Lane::ALL.map(|lane| upstream::intake("lines", lane)));
    forged.extend(["INTAKE", "HRIS"].map(|stream| format!("$JS.API.STREAM.INFO.{stream}")));
    forged.extend(["INTAKE", "HRIS"].map(|stream| format!("TENURE.API.STREAM.INFO.{stream}")));
    for subject in forged {
        assert!(!answered(&source, &subject, "{}").await, "a source used {subject}");
    }
    assert_eq!(messages(&broker, upstream::STREAM).await, 2);
    assert_eq!(messages(&broker, "HRIS").await, 0);
}

#[tokio::test]
async fn a_source_is_answered_by_the_one_service_and_hears_its_own_receipts_alone() {
    let broker = Broker::start().await;
    let service = broker.connect(upstream::SERVICE).await;
    let mut requests = service.subscribe(upstream::REQUESTS).await.unwrap();
    service.flush().await.unwrap();
    let source = broker.connect_source("payroll").await;
    let mut receipts = source.subscribe(upstream::receipts("payroll")).await.unwrap();
    let mut spied = Vec::new();
    for subject in
        ["tenure.>", ">"].map(str::to_owned).into_iter().chain([upstream::receipts("lines")])
    {
        spied.push(source.subscribe(subject).await.unwrap());
    }
    source.flush().await.unwrap();

    let answering = async {
        let request = futures::StreamExt::next(&mut requests).await.unwrap();
        assert_eq!(upstream::source(&request.subject), Some("payroll"));
        service.publish(request.reply.unwrap(), "answer".into()).await.unwrap();
    };
    let request = source.request(upstream::request("payroll"), "event".into());
    let (answer, ()) = tokio::join!(request, answering);
    assert_eq!(answer.unwrap().payload, "answer");
    assert!(!answered(&source, &upstream::request("lines"), "event").await);

    let publisher = accounts::jetstream(service);
    for (name, receipt) in [("lines", "1"), ("payroll", "2")] {
        let subject = format!("tenure.hris.v1.intake.received.regular.{name}.{receipt}");
        publisher.publish(subject, receipt.into()).await.unwrap().await.unwrap();
    }
    let heard = tokio::time::timeout(PATIENCE, futures::StreamExt::next(&mut receipts)).await;
    assert_eq!(heard.expect("a receipt comes").unwrap().payload, "2");
    for mut subscription in spied {
        let message =
            tokio::time::timeout(SILENCE, futures::StreamExt::next(&mut subscription)).await;
        assert!(!matches!(message, Ok(Some(_))), "a source heard what is not its own");
    }
}

/// The answer to a request goes wherever the request says, within the account of who asked.
#[tokio::test]
async fn the_reply_of_a_request_cannot_be_a_subject_of_another_source() {
    let broker = Broker::start().await;
    let service = broker.connect(upstream::SERVICE).await;
    let mut requests = service.subscribe(upstream::REQUESTS).await.unwrap();
    service.flush().await.unwrap();
    let thief = broker.connect_source("payroll").await;

    for reply in [
        upstream::intake("lines", Lane::Leaver),
        "tenure.hris.v1.person.updated.regular.1".to_owned(),
    ] {
        let subject = upstream::request("payroll");
        thief.publish_with_reply(subject, reply, "event".into()).await.unwrap();
        thief.flush().await.unwrap();
        let request = futures::StreamExt::next(&mut requests).await.unwrap();
        service.publish(request.reply.unwrap(), "answer".into()).await.unwrap();
        service.flush().await.unwrap();
    }

    // Answered after what was published before it.
    let context = accounts::jetstream(service);
    context.get_stream("HRIS").await.unwrap();
    for stream in ["HRIS", upstream::STREAM] {
        assert_eq!(messages(&broker, stream).await, 0, "a message was put into {stream}");
    }
}
