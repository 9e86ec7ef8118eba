//! The loop that answers requests over core NATS.

use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::outside::{Incoming, Reply, Responder};

/// Requests in hand; a further one is told that it is too many.
const REQUESTS_MAX: usize = 64;
/// How long to wait before the broker is asked again after it failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers requests until `drain`, then answers those that have arrived.
pub async fn respond<R: Responder>(client: Client, responder: &R, drain: CancellationToken) {
    while !drain.is_cancelled() {
        if let Err(error) = serve(&client, responder, &drain).await {
            tracing::warn!(%error, "requests on {} wait for the broker", R::SUBJECT);
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn serve<R: Responder>(
    client: &Client,
    responder: &R,
    drain: &CancellationToken,
) -> Result<(), Error> {
    let mut requests = client
        .queue_subscribe(R::SUBJECT, R::QUEUE.to_owned())
        .await
        .map_err(Error::during("listen for requests"))?;
    let mut in_hand = FuturesUnordered::new();
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = drain.cancelled(), if !draining => {
                draining = true;
                requests.drain().await.map_err(Error::during("stop listening for requests"))?;
            }
            Some(()) = in_hand.next() => {}
            request = requests.next() => match request {
                None => break,
                Some(request) if in_hand.len() >= REQUESTS_MAX => {
                    reply(client, &request, responder.busy()).await;
                }
                Some(request) => in_hand.push(async move {
                    let answer = responder.answer(Incoming::received(&request, 0)).await;
                    reply(client, &request, answer).await;
                }),
            },
        }
    }
    while in_hand.next().await.is_some() {}
    Ok(())
}

/// Who has not said where to answer does not want to know.
async fn reply(client: &Client, request: &async_nats::Message, answer: Reply) {
    let Some(to) = request.reply.clone() else { return };
    let (headers, payload) = answer.into_parts();
    let sent = client.publish_with_headers(to, headers, payload).await;
    if let Err(error) = sent {
        // The request comes again, and is answered the same.
        tracing::debug!(%error, "an answer was not sent");
    }
}
