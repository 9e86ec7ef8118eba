//! What a service's account may do on the broker: what the catalogue says, and nothing else.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use bus::accounts;
use domain::Lane;
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
