//! Takes over what sources publish to `tenure.intake.<source>`, and tells each of its event by a receipt.

use std::collections::BTreeSet;

use bus::{Incoming, Intake, Outcome};
use domain::{Rejection, Version};
use proto::hris::v1 as wire;
use proto::hris::v1::IntakeReceived;
use proto::upstream;
use store::{Error, Store, Tx};

use crate::config::Config;
use crate::intake::event::{self, Event, Identity, Said};
use crate::intake::refusal::Refusal;
use crate::intake::take::{self, take};

/// A receipt commits together with what it tells.
#[derive(Debug)]
pub(crate) struct ReceiveIntake {
    config: Config,
    store: Store,
}

impl ReceiveIntake {
    pub(crate) const fn new(config: Config, store: Store) -> Self {
        Self { config, store }
    }

    async fn receive(&self, source: &str, message: &Incoming) -> Result<(), Error> {
        let event = event::read(message, source);
        let refusal = match &event.records {
            Ok(said) => match self.take(source, (&event.identity, said), message).await {
                Ok(()) => return Ok(()),
                Err(take::Error::Refused(refusal)) => refusal,
                Err(take::Error::Store(error)) if error.is_transient() => return Err(error),
                Err(take::Error::Store(error)) => {
                    tracing::error!(
                        "an event of source {source} failed: {}",
                        Rejection::park(error)
                    );
                    Refusal::Failed
                }
            },
            Err(refusal) => refusal.clone(),
        };
        self.refuse(source, &event, &refusal, message).await
    }

    async fn take(
        &self,
        source: &str,
        event: (&Identity, &[Said]),
        message: &Incoming,
    ) -> Result<(), take::Error> {
        let mut tx = self.store.begin().await?;
        let answer = take(&mut tx, self.store.clock(), &self.config, source, event).await?;
        let records = answer.outcomes.len();
        publish(&mut tx, source, event.0, answer, message)?;
        tx.commit().await?;
        telemetry::metrics().events_handled(upstream::CONSUMER, "handled", 1);
        tracing::info!("an event of source {source} with {records} records is taken over");
        Ok(())
    }

    async fn refuse(
        &self,
        source: &str,
        event: &Event,
        refusal: &Refusal,
        message: &Incoming,
    ) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        publish(&mut tx, source, &event.identity, refusal.into(), message)?;
        tx.commit().await?;
        telemetry::metrics().events_handled(upstream::CONSUMER, "refused", 1);
        tracing::info!("an event of source {source} is refused: {}", refusal.code());
        Ok(())
    }
}

fn publish(
    tx: &mut Tx,
    source: &str,
    event: &Identity,
    answer: wire::EventAnswer,
    message: &Incoming,
) -> Result<(), Error> {
    tx.publish(&IntakeReceived {
        receipt_id: tx.new_id().to_string(),
        version: Some(tx.next_version(Version::default()).into()),
        source: source.to_owned(),
        event_source: event.source.clone(),
        event_id: event.id.clone(),
        sequence: message.sequence,
        answer: Some(answer),
        received_at: Some(tx.now().into()),
    })
}

impl Intake for ReceiveIntake {
    async fn take(&self, messages: &[Incoming]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(messages.len());
        // What a source sent later does not overtake what has to come again.
        let mut waiting = BTreeSet::new();
        for message in messages {
            let Some(source) = upstream::source(&message.subject) else {
                // The broker lets no source publish there.
                tracing::error!("{} is a subject of no source: it is left out", message.subject);
                outcomes.push(Outcome::Handled);
                continue;
            };
            if waiting.contains(source) {
                outcomes.push(Outcome::Again(None));
                continue;
            }
            outcomes.push(match self.receive(source, message).await {
                Ok(()) => Outcome::Handled,
                Err(error) => {
                    tracing::warn!(
                        "an event of source {source} waits: {}",
                        Rejection::retry(error)
                    );
                    waiting.insert(source);
                    Outcome::Again(None)
                }
            });
        }
        outcomes
    }
}
